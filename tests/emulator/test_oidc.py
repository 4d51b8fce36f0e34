"""Providers that trust an OpenID Connect issuer, such as AWS STS with its JSON Web Tokens."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from emulator import jose
from emulator.workload import FakeClock, Workload
from google_auth_botocore.emulator import OidcProvider

JWT = "urn:ietf:params:oauth:token-type:jwt"
ISSUER = "https://issuer.example"
SUBJECT = "arn:aws:iam::123456789012:role/app"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
KEYS = {"keys": [jose.jwk(RSA, "rsa"), jose.jwk(P256, "p256"), jose.jwk(P384, "p384")]}


@pytest.fixture(name="oidc")
def _oidc(workload: Workload) -> OidcProvider:
    return workload.google.add_oidc_provider(ISSUER, jwks=KEYS)


def claims_of(provider: OidcProvider, clock: FakeClock, **changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token, with changes. A claim that is None is omitted."""
    now = int(clock.now)
    claims = {
        "iss": provider.issuer,
        "aud": f"https:{provider.audience}",
        "sub": SUBJECT,
        "iat": now,
        "exp": now + 300,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def exchange(
    workload: Workload, provider: OidcProvider, token: str, subject_token_type: str = JWT
) -> requests.Response:
    return workload.exchange(token, audience=provider.audience, subject_token_type=subject_token_type)


def rejection(reply: requests.Response) -> str:
    """Check that an exchange was rejected, and return the description."""
    body = reply.json()
    assert (reply.status_code, body["error"]) == (400, "invalid_grant")
    return str(body["error_description"])


@pytest.mark.parametrize(("key", "key_id"), [(RSA, "rsa"), (P256, "p256")], ids=["RS256", "ES256"])
def test_a_token_of_the_issuer_is_accepted(
    workload: Workload, oidc: OidcProvider, clock: FakeClock, key: jose.Key, key_id: str
) -> None:
    claims = claims_of(oidc, clock)
    reply = exchange(workload, oidc, jose.sign(claims, key, kid=key_id))

    info = workload.google.check_access_token(reply.json()["access_token"])
    assert info is not None
    assert info.principal == oidc.principal(SUBJECT)
    assert workload.google.calls[-1].assertion == claims


@pytest.mark.parametrize("token_type", [JWT, "urn:ietf:params:oauth:token-type:id_token"])
def test_both_token_types_are_accepted_for_a_jwt(
    workload: Workload, oidc: OidcProvider, clock: FakeClock, token_type: str
) -> None:
    assert exchange(workload, oidc, jose.sign(claims_of(oidc, clock), RSA), token_type).status_code == 200


def test_a_signed_aws_request_is_rejected(workload: Workload, oidc: OidcProvider) -> None:
    reply = workload.exchange(workload.signed(target=oidc.audience), audience=oidc.audience)

    assert reply.json() == {
        "error": "invalid_request",
        "error_description": 'Invalid value for "subject_token_type" for this provider.',
    }


def test_es384_is_rejected(workload: Workload, oidc: OidcProvider, clock: FakeClock) -> None:
    """AWS signs with RS256 or ES384. Google verifies RS256 and ES256."""
    reply = exchange(workload, oidc, jose.sign(claims_of(oidc, clock), P384, kid="p384"))

    assert rejection(reply) == "Invalid ID Token: the algorithm ES384 is not supported."


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), {"kid": "rsa"}),
        (ec.generate_private_key(ec.SECP256R1()), {"kid": "p256"}),
        (RSA, {"kid": "p256"}),
        (RSA, {"kid": ["rsa"]}),
        (RSA, {"alg": "ES256"}),
        (P384, {"alg": "ES256", "kid": "p384"}),
        (P256, {"alg": "RS256"}),
        (RSA, {"alg": "none"}),
        (RSA, {"alg": "HS256"}),
        (RSA, {"alg": None}),
    ],
)
def test_a_signature_by_none_of_the_issuer_s_keys_is_rejected(
    workload: Workload, oidc: OidcProvider, clock: FakeClock, key: jose.Key, header: dict[str, Any]
) -> None:
    reply = exchange(workload, oidc, jose.sign(claims_of(oidc, clock), key, **header))

    assert rejection(reply).startswith("Invalid ID Token: ")


@pytest.mark.parametrize(
    "token",
    [
        *("", "a.b", "a.b.c", "é.é.é"),
        *(f"{jose.encode(part)}.{jose.encode(part)}.eA" for part in (b"[]", rb'{"sub": "\ud800"}', b"[" * 100_000)),
    ],
    ids=["empty", "two parts", "not base64", "not ASCII", "list", "half of a surrogate pair", "deeply nested"],
)
def test_a_malformed_token_is_rejected(workload: Workload, oidc: OidcProvider, token: str) -> None:
    assert rejection(exchange(workload, oidc, token)) == "Invalid ID Token: not a JWT."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iss": "https://other.example"}, "The issuer in ID Token https://other.example does not match"),
        ({"iss": None}, "does not match"),
        ({"aud": "sts.amazonaws.com"}, "The audience in ID Token ['sts.amazonaws.com'] does not match"),
        ({"aud": None}, "The audience"),
        ({"aud": [{}]}, "The audience"),
        ({"exp": None}, "iat or exp is missing"),
        ({"iat": "now"}, "iat or exp is missing"),
    ],
)
def test_claims_are_checked(
    workload: Workload, oidc: OidcProvider, clock: FakeClock, changes: dict[str, Any], words: str
) -> None:
    assert words in rejection(exchange(workload, oidc, jose.sign(claims_of(oidc, clock, **changes), RSA)))


def test_a_token_is_valid_until_it_expires(workload: Workload, oidc: OidcProvider, clock: FakeClock) -> None:
    token = jose.sign(claims_of(oidc, clock), RSA)

    clock.now = int(clock.now) + 299
    assert exchange(workload, oidc, token).status_code == 200
    clock.now += 1
    assert "stale" in rejection(exchange(workload, oidc, token))
    clock.now -= 361
    assert "stale" in rejection(exchange(workload, oidc, token))


def test_a_token_with_a_lifetime_of_more_than_a_day_is_rejected(
    workload: Workload, oidc: OidcProvider, clock: FakeClock
) -> None:
    token = jose.sign(claims_of(oidc, clock, exp=int(clock.now) + 24 * 3600 + 1), RSA)

    assert "stale" in rejection(exchange(workload, oidc, token))


@pytest.mark.parametrize(
    ("allowed", "audience", "accepted"),
    [
        ((), "provider", True),
        ((), "provider with https:", True),
        ((), "sts", False),
        (("sts", "other"), "sts", True),
        (("sts", "other"), ["x", "other"], True),
        (("sts", "other"), "provider", False),
    ],
)
def test_the_audience_is_the_provider_s_name_unless_others_are_configured(
    workload: Workload, clock: FakeClock, allowed: tuple[str, ...], audience: str | list[str], accepted: bool
) -> None:
    provider = workload.google.add_oidc_provider(ISSUER, allowed_audiences=allowed, jwks=KEYS)
    audiences = {"provider": provider.audience, "provider with https:": f"https:{provider.audience}"}
    aud = audiences.get(audience, audience) if isinstance(audience, str) else audience

    reply = exchange(workload, provider, jose.sign(claims_of(provider, clock, aud=aud), RSA))

    assert (reply.status_code == 200) is accepted


def test_mapping_and_condition_can_use_the_claims(workload: Workload, clock: FakeClock) -> None:
    provider = workload.google.add_oidc_provider(
        ISSUER,
        attribute_mapping={"google.subject": "assertion.sub", "attribute.team": "assertion.tags.team"},
        attribute_condition="assertion.tags.team in ['a', 'b']",
        jwks=KEYS,
    )
    accepted, rejected = (
        exchange(workload, provider, jose.sign(claims_of(provider, clock, tags={"team": team}), RSA)) for team in "ac"
    )

    info = workload.google.check_access_token(accepted.json()["access_token"])
    assert info is not None
    assert provider.principal_set("team", "a") in info.members
    assert rejected.json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("issuer", ["", "issuer.example", "http://issuer.example", "ftp://127.0.0.1", "https://[x"])
def test_an_issuer_must_be_an_https_url_or_on_loopback(workload: Workload, issuer: str) -> None:
    with pytest.raises(ValueError, match=r"issuer|IPv6"):
        workload.google.add_oidc_provider(issuer)


class Issuer(BaseHTTPRequestHandler):
    """An issuer that serves the pages of a test."""

    pages: ClassVar[dict[str, Any]]

    def do_GET(self) -> None:
        status, body = (200, self.pages[self.path]) if self.path in self.pages else (404, {})
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(name="pages")
def _pages() -> Iterator[dict[str, Any]]:
    """The pages of an issuer on loopback. The `issuer` in its discovery document is its URL."""

    class Handler(Issuer):
        pages: ClassVar = {}

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    Handler.pages["/.well-known/openid-configuration"] = {"issuer": url, "jwks_uri": f"{url}/keys"}
    Handler.pages["/keys"] = KEYS
    yield Handler.pages
    server.shutdown()
    thread.join(60)
    assert not thread.is_alive()
    server.server_close()


DISCOVERY = "/.well-known/openid-configuration"


def test_the_issuer_s_keys_are_found_through_its_discovery_document(
    workload: Workload, clock: FakeClock, pages: dict[str, Any]
) -> None:
    provider = workload.google.add_oidc_provider(pages[DISCOVERY]["issuer"])
    token = jose.sign(claims_of(provider, clock), RSA, kid="rsa")
    assert exchange(workload, provider, token).status_code == 200

    pages["/keys"] = {"keys": [None, {}, {"kty": "RSA"}, {"kty": "RSA", "n": 1, "e": 1}, jose.jwk(P256)]}
    assert rejection(exchange(workload, provider, token)) == (
        "Invalid ID Token: no key of the issuer verifies its signature."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {DISCOVERY: {}},
        {DISCOVERY: []},
        {"issuer": "https://issuer.example"},
        {"jwks_uri": "http://issuer.example/keys"},
        {"jwks_uri": None},
        {"/keys": "text"},
        {"/keys": None},
    ],
)
def test_an_exchange_fails_if_the_issuer_s_keys_are_not_available(
    workload: Workload, clock: FakeClock, pages: dict[str, Any], changes: dict[str, Any]
) -> None:
    provider = workload.google.add_oidc_provider(pages[DISCOVERY]["issuer"])
    token = jose.sign(claims_of(provider, clock), RSA)
    for name, value in changes.items():
        (pages if name.startswith("/") else pages[DISCOVERY])[name] = value

    assert rejection(exchange(workload, provider, token)) == "Error connecting to the given credential's issuer."


def test_an_exchange_fails_if_the_issuer_is_unreachable(workload: Workload, clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    provider = workload.google.add_oidc_provider(f"http://127.0.0.1:{port}")

    reply = exchange(workload, provider, jose.sign(claims_of(provider, clock), RSA))

    assert rejection(reply) == "Error connecting to the given credential's issuer."


def test_urls_in_a_token_are_never_fetched(workload: Workload, oidc: OidcProvider, clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tempting:
        tempting.setblocking(False)
        issuer = f"http://127.0.0.1:{tempting.getsockname()[1]}"
        token = jose.sign(claims_of(oidc, clock, iss=issuer), RSA, jku=f"{issuer}/keys", x5u=f"{issuer}/cert")

        assert "does not match" in rejection(exchange(workload, oidc, token))
        assert exchange(workload, oidc, jose.sign(claims_of(oidc, clock), RSA, jku=issuer)).status_code == 200
        with pytest.raises(BlockingIOError):
            tempting.accept()

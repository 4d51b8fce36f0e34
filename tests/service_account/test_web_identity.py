"""The JWT with which AWS proves the caller's identity: standard verifiers accept it, and so does Google."""

from __future__ import annotations

import json
import pickle
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import botocore.session
import jwt
import pytest
import requests
from core.stand_in import Answer
from emulator.workload import CLOUD_PLATFORM, Workload
from records import recording

from google_auth_botocore import Credentials, FederationError, IDTokenCredentials
from google_auth_botocore.emulator import Emulator, Fault, OidcProvider
from google_auth_botocore.emulator.aws import WebIdentityIssuer
from service_account.conftest import CREATOR, Make

JWT = "urn:ietf:params:oauth:token-type:jwt"
ANN = "ann@example.com"
ROLE = "arn:aws:iam::123456789012:role/app"


@pytest.fixture(name="issuer")
def _issuer(google: Emulator, workload: Workload, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebIdentityIssuer]:
    """AWS STS of the workload's account, with the issuer's discovery documents."""
    with WebIdentityIssuer(google.aws_keys.find) as issuer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", issuer.url)
        yield issuer


@pytest.fixture(name="provider")
def _provider(google: Emulator, workload: Workload, issuer: WebIdentityIssuer) -> OidcProvider:
    """A provider like `gcloud iam workload-identity-pools providers create-oidc` creates, with an issuer and no audience."""
    provider = google.add_oidc_provider(issuer.url)
    google.grant(workload.account.email, CREATOR, provider.principal(ROLE))
    google.allow_domain_wide_delegation(workload.account.email, [CLOUD_PLATFORM])
    return provider


@pytest.fixture(name="credentials")
def _credentials(make: Make, provider: OidcProvider) -> Credentials:
    return make(audience=provider.audience, subject_token_type=JWT)


def proof(google: Emulator) -> str:
    """Return the last JWT that Google received."""
    [*_, form] = [call.form() for call in google.calls if call.path == "/v1/token"]
    assert form["subject_token_type"] == JWT
    return form["subject_token"]


def checked(token: str, issuer: str, audience: str) -> dict[str, Any]:
    """Verify the token with PyJWT and OpenID Connect Discovery 1.0, like a service that trusts the issuer; return the claims."""
    discovered = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    assert discovered["issuer"] == issuer
    key = jwt.PyJWKClient(discovered["jwks_uri"]).get_signing_key_from_jwt(token)
    required = ["iss", "sub", "aud", "iat", "exp", "jti"]
    return jwt.decode(token, key, ["RS256"], {"require": required}, issuer=issuer, audience=audience)


class TestToken:
    def test_an_oidc_verifier_accepts_it(
        self, google: Emulator, issuer: WebIdentityIssuer, provider: OidcProvider, credentials: Credentials
    ) -> None:
        """The verifier only knows the issuer's address and the audience."""
        credentials.refresh(None)

        token = proof(google)
        claims = checked(token, issuer.url, f"https:{provider.audience}")
        assert claims["sub"] == ROLE
        assert claims["exp"] - claims["iat"] == 300
        assert jwt.get_unverified_header(token)["alg"] == "RS256"

    @pytest.mark.parametrize("foreign", ["audience", "issuer", "key"])
    def test_an_oidc_verifier_rejects_other_tokens(
        self,
        google: Emulator,
        issuer: WebIdentityIssuer,
        provider: OidcProvider,
        credentials: Credentials,
        foreign: str,
    ) -> None:
        """This proves that the verifier can fail."""
        credentials.refresh(None)
        token, audience = proof(google), f"https:{provider.audience}"

        assert checked(token, issuer.url, audience)
        with WebIdentityIssuer(google.aws_keys.find) as other:
            wrong = {
                "audience": (token, issuer.url, audience.replace("/oidc", "/other")),
                "issuer": (token, other.url, audience),
                "key": (token.rpartition(".")[0] + "." + "A" * 342, issuer.url, audience),
            }[foreign]
            with pytest.raises(jwt.PyJWTError):
                checked(*wrong)

    def test_its_audience_is_the_default_audience_of_a_google_provider(
        self, google: Emulator, provider: OidcProvider, credentials: Credentials
    ) -> None:
        """The audience is `https:` and the provider's name, whichever form of the name the credentials got."""
        audience = f"https:{provider.audience}"
        for given in (provider.audience, audience, provider.audience.removeprefix("//iam.googleapis.com/")):
            Credentials(given, subject_token_type=JWT, token_url=google.token_url).refresh(None)
            assert jwt.decode(proof(google), options={"verify_signature": False})["aud"] == audience

    def test_neither_a_log_nor_an_error_contains_it(self, google: Emulator, credentials: Credentials) -> None:
        """The JWT is a secret for five minutes. Every logger is at DEBUG, and the server quotes the JWT."""
        shown: list[str] = []

        def quoting(url: str, method: str, body: bytes, headers: object) -> Answer:
            shown.extend(parse_qs(body.decode())["subject_token"])
            return Answer({"error": "invalid_grant", "error_description": f"What is {shown[-1]}?"}, 400)

        with recording() as records:
            with pytest.raises(FederationError, match=r"What is \S+\?") as caught:
                credentials.refresh(quoting)
            credentials.refresh(None)
        assert records.text
        for token in (shown[-1], proof(google)):
            assert token.count(".") == 2
            assert token not in records
            assert token not in str(caught.value)


def recreated(credentials: Credentials) -> Credentials:
    """Return the credentials as another process creates them, from the configuration."""
    loaded = pickle.loads(pickle.dumps(credentials))
    assert isinstance(loaded, Credentials)
    return loaded


class TestProof:
    """The JWT works for everything that a signed request works for."""

    @pytest.mark.parametrize("again", [False, True], ids=["here", "after a pickle"])
    def test_the_role_has_the_permissions_of_its_principal(
        self, google: Emulator, workload: Workload, provider: OidcProvider, credentials: Credentials, again: bool
    ) -> None:
        if again:
            credentials = recreated(credentials)
        email = workload.account.email

        access, user = credentials.get_token().value, credentials.with_subject(ANN).get_token().value
        id_token = IDTokenCredentials(credentials, "https://service.example", include_email=True).get_token().value
        signature = credentials.sign_bytes(b"message")

        assert [getattr(google.check_access_token(each), "principal", None) for each in (access, user)] == [email, ANN]
        assert jwt.decode(id_token, options={"verify_signature": False})["email"] == email
        assert google.check_signature(email, b"message", signature)
        federated = {call.principal for call in google.calls if call.path != "/token"}
        assert federated == {provider.principal(ROLE)}
        assert google.count("/v1/token") == 1

    def test_without_a_service_account_the_role_itself_has_access(
        self, google: Emulator, make: Make, provider: OidcProvider
    ) -> None:
        direct = make(audience=provider.audience, subject_token_type=JWT, service_account_email=None)

        info = google.check_access_token(direct.get_token().value)

        assert info is not None
        assert (info.principal, info.scopes) == (provider.principal(ROLE), (CLOUD_PLATFORM,))

    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("eu-central-1", "sts.eu-central-1.amazonaws.com"),
            ("us-east-1", "sts.us-east-1.amazonaws.com"),
            ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ],
    )
    @pytest.mark.parametrize("given", ["argument", "AWS_REGION", "AWS_DEFAULT_REGION", "session"])
    def test_the_regional_endpoint_is_called(
        self,
        issuer: WebIdentityIssuer,
        make: Make,
        provider: OidcProvider,
        monkeypatch: pytest.MonkeyPatch,
        region: str,
        host: str,
        given: str,
    ) -> None:
        """AWS supports this call only on regional endpoints. The test redirects it to the emulated issuer."""
        for name in ("AWS_REGION", "AWS_ENDPOINT_URL_STS"):
            monkeypatch.delenv(name)
        session, asked = botocore.session.Session(), []

        def redirect(**event: Any) -> None:
            asked.append(event["request"].url)
            event["request"].url = issuer.url

        session.register("before-send.sts.GetWebIdentityToken", redirect)
        if given == "session":
            session.set_config_variable("region", region)
        elif given != "argument":
            monkeypatch.setenv(given, region)
        arguments = {"region": region} if given == "argument" else {}

        make(audience=provider.audience, subject_token_type=JWT, session=session, **arguments).refresh(None)

        assert asked == [f"https://{host}/"]


class TestRejection:
    """Errors of Google and AWS, and the commands that fix them."""

    def rejected(self, credentials: Credentials) -> FederationError:
        with pytest.raises(FederationError) as caught:
            credentials.refresh(None)
        assert (caught.value.step, caught.value.retryable) == ("exchange", False)
        return caught.value

    def flags(self, error: FederationError, command: str) -> dict[str, str]:
        """Return the flags of the command at the end of the hint."""
        assert error.hint is not None
        words = shlex.split(error.hint[error.hint.index(command) :])
        start = command.split()
        assert words[: len(start)] == start
        name, *flags = words[len(start) :]
        return {"provider": name, **dict(flag.removeprefix("--").split("=", 1) for flag in flags)}

    UPDATE = "gcloud iam workload-identity-pools providers update-oidc"
    WHICH = {  # noqa: RUF012 - a table
        "provider": "projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/oidc"
    }

    def test_a_provider_for_other_audiences(
        self, google: Emulator, issuer: WebIdentityIssuer, provider: OidcProvider, credentials: Credentials
    ) -> None:
        google.add_oidc_provider(issuer.url, allowed_audiences=["sts.example"])

        error = self.rejected(credentials)

        assert error.reason == "invalid_grant"
        flags = self.flags(error, self.UPDATE)
        allowed = flags.pop("allowed-audiences")
        assert flags == self.WHICH
        google.add_oidc_provider(issuer.url, allowed_audiences=[allowed])
        credentials.refresh(None)

    def test_a_provider_for_the_issuer_of_another_account(
        self, google: Emulator, issuer: WebIdentityIssuer, provider: OidcProvider, credentials: Credentials
    ) -> None:
        google.add_oidc_provider("https://other.tokens.sts.global.api.aws")

        error = self.rejected(credentials)

        assert error.failure == "jwt-issuer-wrong"
        assert "aws iam get-outbound-web-identity-federation-info" in str(error.hint)
        flags = self.flags(error, self.UPDATE)
        assert flags == {**self.WHICH, "issuer-uri": "ISSUER"}
        google.add_oidc_provider(issuer.url)
        credentials.refresh(None)

    def test_a_condition_written_for_the_other_proof(
        self, google: Emulator, issuer: WebIdentityIssuer, provider: OidcProvider, credentials: Credentials
    ) -> None:
        """In a signed request, the caller is an assumed role. In the JWT, it is the role's ARN."""
        google.add_oidc_provider(issuer.url, attribute_condition="assertion.sub.contains('assumed-role/app')")

        error = self.rejected(credentials)

        assert error.reason == "unauthorized_client"
        assert "assertion.sub, which is the role's own ARN (arn:aws:iam::ACCOUNT:role/ROLE)" in str(error)
        assert self.flags(error, "gcloud iam workload-identity-pools providers describe") == self.WHICH
        google.add_oidc_provider(issuer.url, attribute_condition=f"assertion.sub == '{ROLE}'")
        credentials.refresh(None)

    def test_an_account_without_the_feature_with_the_error_code_in_botocore(
        self, google: Emulator, issuer: WebIdentityIssuer, credentials: Credentials
    ) -> None:
        """AWS's reference documents another error code. The hint is the same."""
        shape = "OutboundWebIdentityFederationDisabledException"
        code = botocore.session.Session().get_service_model("sts").shape_for(shape).metadata["error"]["code"]
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>Off.</Message></Error></ErrorResponse>"
        issuer.fail("/", Fault(403, body=body))

        with pytest.raises(FederationError) as caught:
            credentials.refresh(None)

        error = caught.value
        assert (error.step, error.reason, error.status_code, error.retryable) == ("aws", code, 403, False)
        assert error.failure == "outbound-identity-off"
        assert google.calls == []

    @pytest.mark.parametrize(
        ("action", "allowed"),
        [
            ("sts:GetWebIdentityToken", "sts:GetWebIdentityToken"),
            ("sts:TagGetWebIdentityToken", ["sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"]),
        ],
    )
    def test_a_role_without_the_permission(
        self, google: Emulator, issuer: WebIdentityIssuer, credentials: Credentials, action: str, allowed: object
    ) -> None:
        """AWS names the action. The hint contains a policy that allows it."""
        message = f"User: {ROLE} is not authorized to perform: {action} on resource: *"
        body = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>"
        issuer.fail("/", Fault(403, body=body))

        with pytest.raises(FederationError) as caught:
            credentials.refresh(None)

        assert caught.value.reason == "AccessDenied"
        command = shlex.split(str(caught.value.hint).partition("Run: ")[2])
        assert command[:3] == ["aws", "iam", "put-role-policy"]
        [statement] = json.loads(command[command.index("--policy-document") + 1])["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", allowed)
        assert google.calls == []

"""The entries of the metadata server, in the forms that clients request."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from emulator.workload import Workload
from service_account.conftest import Make

from cli.serve.conftest import ACCOUNT, get, server
from google_auth_botocore import Credentials
from google_auth_botocore.cli.serve._http import Reply
from google_auth_botocore.cli.serve._identity import Identity, identity
from google_auth_botocore.cli.serve._metadata import AccessTokenRequest, IDTokenRequest, answer

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
PROVIDER = "projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod"
EMAIL = "copycat@my-project.iam.gserviceaccount.com"
IDENTITY = Identity(EMAIL, ("scope-a", "scope-b"), "my-project", 123456789012, "googleapis.com")
ACCOUNT_AS_JSON = {"aliases": ["default"], "email": EMAIL, "scopes": ["scope-a", "scope-b"]}

PROJECT_AS_JSON = '{"numericProjectId": 123456789012, "projectId": "my-project"}'


def value_at(path: str, **query: str) -> str:
    reply = answer(IDENTITY, path, query)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.content_type) == (200, "application/text")
    return reply.body.decode()


def recursive(path: str, flag: str = "true") -> Any:
    reply = answer(IDENTITY, path, {"recursive": flag})
    assert isinstance(reply, Reply)
    assert (reply.status, reply.content_type) == (200, "application/json")
    return json.loads(reply.body)


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("/", "computeMetadata/\n"),
            ("/computeMetadata/v1/", "instance/\nproject/\nuniverse/\n"),
            ("/computeMetadata/v1/instance", "service-accounts/\n"),
            ("/computeMetadata/v1/project/project-id", "my-project"),
            ("/computeMetadata/v1/project/numeric-project-id", "123456789012"),
            ("/computeMetadata/v1/universe/universe-domain", "googleapis.com"),
            ("/computeMetadata/v1/universe/universe_domain", "googleapis.com"),
            ("/computeMetadata/v1/instance/service-accounts", f"{EMAIL}/\ndefault/\n"),
            ("/computeMetadata/v1/instance/service-accounts/", f"{EMAIL}/\ndefault/\n"),
            (f"{ACCOUNT}/", "aliases\nemail\nidentity\nscopes\ntoken\n"),
            (f"{ACCOUNT}/email", EMAIL),
            (f"{ACCOUNT}/aliases", "default\n"),
            (f"{ACCOUNT}/scopes", "scope-a\nscope-b\n"),
            (f"/computeMetadata/v1/instance/service-accounts/{EMAIL}/email", EMAIL),
        ],
    )
    def test_a_value_or_a_list_is_text(self, path: str, value: str) -> None:
        assert value_at(path) == value

    @pytest.mark.parametrize("account", ["default", EMAIL])
    @pytest.mark.parametrize("flag", ["true", "True"])
    def test_an_account_as_google_auth_requests_it(self, account: str, flag: str) -> None:
        assert recursive(f"/computeMetadata/v1/instance/service-accounts/{account}/", flag) == ACCOUNT_AS_JSON

    def test_accounts_keep_their_names(self) -> None:
        accounts = {EMAIL: ACCOUNT_AS_JSON, "default": ACCOUNT_AS_JSON}
        assert recursive("/computeMetadata/v1/instance/service-accounts/") == accounts

    def test_the_whole_tree_contains_no_token(self) -> None:
        assert recursive("/computeMetadata/v1/") == {
            "instance": {"serviceAccounts": {EMAIL: ACCOUNT_AS_JSON, "default": ACCOUNT_AS_JSON}},
            "project": {"numericProjectId": 123456789012, "projectId": "my-project"},
            "universe": {"universeDomain": "googleapis.com"},
        }

    @pytest.mark.parametrize(
        ("path", "query", "text"),
        [
            (f"{ACCOUNT}/email", {"alt": "json"}, f'"{EMAIL}"'),
            (f"{ACCOUNT}/scopes", {"alt": "json"}, '["scope-a", "scope-b"]'),
            ("/computeMetadata/v1/project/numeric-project-id", {"alt": "json"}, "123456789012"),
            ("/computeMetadata/v1/project/", {"alt": "json"}, '["numeric-project-id", "project-id"]'),
            ("/computeMetadata/v1/project/", {"alt": "JSON", "recursive": "true"}, PROJECT_AS_JSON),
            (
                "/computeMetadata/v1/project/",
                {"alt": "text", "recursive": "true"},
                "numeric-project-id 123456789012\nproject-id my-project\n",
            ),
            (
                "/computeMetadata/v1/instance/service-accounts/",
                {"alt": "text", "recursive": "true"},
                "".join(
                    f"{name}/aliases default\n{name}/email {EMAIL}\n{name}/scopes scope-a\n{name}/scopes scope-b\n"
                    for name in (EMAIL, "default")
                ),
            ),
            (f"{ACCOUNT}/email", {"alt": "text"}, EMAIL),
            (f"{ACCOUNT}/email", {"alt": "xml"}, EMAIL),
        ],
    )
    def test_a_client_chooses_the_format(self, path: str, query: dict[str, str], text: str) -> None:
        reply = answer(IDENTITY, path, query)
        assert isinstance(reply, Reply)
        assert (reply.status, reply.body.decode()) == (200, text)
        assert reply.content_type == ("application/json" if query["alt"].lower() == "json" else "application/text")

    @pytest.mark.parametrize(
        "path",
        [
            "/computeMetadata/v1beta1/",
            "/computeMetadata/v1/instance/zone",
            "/computeMetadata/v1/instance/service-accounts/other@p.iam.gserviceaccount.com/token",
            f"{ACCOUNT}/email/more",
            "/computeMetadata/v1//project/project-id",
            "/computeMetadata/v1/instance/../project/project-id",
        ],
    )
    def test_other_paths_are_not_found(self, path: str) -> None:
        reply = answer(IDENTITY, path, {})
        assert isinstance(reply, Reply)
        assert reply.status == 404

    @pytest.mark.parametrize(
        ("query", "scopes"),
        [
            ({}, ()),
            ({"scopes": ""}, ()),
            ({"scopes": "a,b"}, ("a", "b")),
            ({"scopes": "a b,"}, ("a", "b")),
            ({"audience": "x"}, ()),
        ],
        ids=str,
    )
    def test_a_token_has_the_requested_scopes(self, query: dict[str, str], scopes: tuple[str, ...]) -> None:
        assert answer(IDENTITY, f"{ACCOUNT}/token", query) == AccessTokenRequest(scopes)

    @pytest.mark.parametrize(("form", "email"), [("full", True), ("standard", False), (None, False)])
    def test_an_id_token_in_full_format_includes_the_email(self, form: str | None, email: bool) -> None:
        query = {"audience": "https://a", "licenses": "FALSE", **({"format": form} if form else {})}
        assert answer(IDENTITY, f"{ACCOUNT}/identity", query) == IDTokenRequest("https://a", email)

    @pytest.mark.parametrize("query", [{}, {"audience": ""}], ids=str)
    def test_an_id_token_requires_an_audience(self, query: dict[str, str]) -> None:
        reply = answer(IDENTITY, f"{ACCOUNT}/identity", query)
        assert isinstance(reply, Reply)
        assert (reply.status, reply.body) == (400, b"The parameter audience is missing.")


class TestIdentity:
    def test_it_is_that_of_the_service_account(self) -> None:
        made = Credentials(PROVIDER, EMAIL, scopes=["a", "b"], project_id="other", universe_domain="example.goog")
        assert identity(made) == Identity(EMAIL, ("a", "b"), "other", 123456789012, "example.goog")

    def test_without_a_service_account_it_has_a_name_that_is_not_an_address(self) -> None:
        """gcloud requires a name. If it is an address, google-auth looks up the trust boundary of the service account."""
        assert identity(Credentials(PROVIDER)) == Identity(
            "aws-pool.global.123456789012.workload.id.goog",
            (CLOUD_PLATFORM,),
            "123456789012",
            123456789012,
            "googleapis.com",
        )

    def test_the_project_is_configured_or_that_of_the_service_account_or_pool(self) -> None:
        assert identity(Credentials(PROVIDER, EMAIL)).project_id == "my-project"
        assert identity(Credentials(PROVIDER, "other@appspot.gserviceaccount.com")).project_id == "other"
        assert identity(Credentials(PROVIDER, "123456789012345678901")).project_id == "123456789012"
        assert identity(Credentials(PROVIDER, EMAIL, project_id="argument")).project_id == "argument"


class TestOnTheWire:
    def test_the_headers_are_those_of_a_metadata_server(self, port: int) -> None:
        answered = get(port, f"{ACCOUNT}/email")
        assert answered.headers.pop("date").endswith(" GMT")
        assert re.fullmatch("[0-9a-f]{16}", answered.headers.pop("etag"))
        assert answered.headers == {
            "metadata-flavor": "Google",
            "content-type": "application/text",
            "content-length": "42",
            "cache-control": "no-store",
            "server": "Metadata Server for VM",
            "x-xss-protection": "0",
            "x-frame-options": "SAMEORIGIN",
            "connection": "keep-alive",
        }
        assert (answered.status, answered.body) == (200, EMAIL)

    def test_the_address_may_be_percent_encoded(self, port: int) -> None:
        path = f"/computeMetadata/v1/instance/service-accounts/{EMAIL.replace('@', '%40')}/email"
        assert get(port, path).body == EMAIL

    @pytest.mark.parametrize("path", ["/", f"{ACCOUNT}/email", f"{ACCOUNT}/token", "/none"])
    def test_head_is_get_without_the_body(self, port: int, path: str) -> None:
        whole, head = get(port, path), get(port, path, method="HEAD")
        assert (head.status, head.body) == (whole.status, "")
        assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}

    @pytest.mark.parametrize(
        ("query", "scopes"), [("?scopes=openid%2Cemail", ("openid", "email")), ("", (CLOUD_PLATFORM,))]
    )
    def test_a_token_has_the_scopes_in_the_query(
        self, workload: Workload, port: int, query: str, scopes: tuple[str, ...]
    ) -> None:
        known = workload.google.check_access_token(get(port, f"{ACCOUNT}/token{query}").token)
        assert known is not None
        assert known.scopes == scopes

    def test_tokens_in_the_other_format(self, port: int) -> None:
        token = get(port, f"{ACCOUNT}/token").token
        name, *rest = get(port, f"{ACCOUNT}/token?alt=text").body.splitlines()
        assert name == f"access_token {token}"
        assert re.fullmatch("expires_in [0-9]+ token_type Bearer", " ".join(rest))
        id_token = get(port, f"{ACCOUNT}/identity?audience=https://a")
        as_json = get(port, f"{ACCOUNT}/identity?audience=https://a&alt=json")
        assert (json.loads(as_json.body), as_json.headers["content-type"]) == (id_token.body, "application/json")
        assert id_token.headers["etag"] == as_json.headers["etag"]

    def test_an_id_token_requires_a_service_account(self, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
        with server(make(service_account_email=None)) as port:
            answered = get(port, f"{ACCOUNT}/identity?audience=https://a")
        assert answered.status == 404
        assert "Set service_account_email" in answered.body
        assert capsys.readouterr().out == ""  # `print` is the server's way to warn here

"""The APIs that set up a federation, called over HTTP. Each reply is compared with Google's discovery documents."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from googleapiclient import discovery_cache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator import jose
from emulator.test_cli import running, shell
from emulator.workload import ROLE_ARN, FakeClock, Workload
from google_auth_botocore.emulator import AwsProvider, Emulator

NUMBER = "123456789012"
ACCOUNTS = "/v1/projects/my-project/serviceAccounts"
POOLS = "/v1/projects/my-project/locations/global/workloadIdentityPools"
POOL = f"projects/{NUMBER}/locations/global/workloadIdentityPools/new-pool"
PROVIDERS = f"{POOLS}/new-pool/providers"
EMAIL = "new-account@my-project.iam.gserviceaccount.com"
MEMBER = f"principalSet://iam.googleapis.com/{POOL}/attribute.aws_role/{ROLE_ARN}"
USER = "roles/iam.workloadIdentityUser"
AWS = {"aws": {"accountId": "123456789012"}}
SCOPE = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}


class Documents:
    """Google's discovery documents, from google-api-python-client."""

    def __init__(self) -> None:
        self._methods: list[tuple[str, re.Pattern[str], Mapping[str, Any], str | None]] = []
        for name in ("iam", "serviceusage", "cloudresourcemanager"):
            document = json.loads(discovery_cache.get_static_doc(name, "v1"))
            self._collect(document, document["schemas"])

    def _collect(self, resource: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
        for method in resource.get("methods", {}).values():
            path = re.sub(r"\{[^}]+\}", "[^/:]+", "/" + method.get("flatPath", method["path"]))
            answer = method.get("response", {}).get("$ref")
            self._methods.append((method["httpMethod"], re.compile(path), schemas, answer))
        for inner in resource.get("resources", {}).values():
            self._collect(inner, schemas)

    def check(self, method: str, path: str, answer: Any) -> None:
        """Check that a method exists at Google and that its reply has the form in Google's schema."""
        schemas, name = next(
            (schemas, name)
            for verb, pattern, schemas, name in self._methods
            if verb == method and pattern.fullmatch(path)
        )
        assert name is not None
        self._check_fields(answer, schemas[name], schemas, name)
        kind = answer.get("response", {}).get("@type", "").rpartition(".")[2]
        if kind in schemas:
            payload = {field: value for field, value in answer["response"].items() if field != "@type"}
            self._check_fields(payload, schemas[kind], schemas, kind)

    def _check_fields(self, value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any], where: str) -> None:
        if "$ref" in schema:
            self._check_fields(value, schemas[schema["$ref"]], schemas, where)
        elif "enum" in schema:
            assert value in schema["enum"], where
        elif schema["type"] == "object" and "properties" in schema:
            assert value.keys() <= schema["properties"].keys(), where
            for name, inner in value.items():
                self._check_fields(inner, schema["properties"][name], schemas, f"{where}.{name}")
        elif schema["type"] == "array":
            for each in value:
                self._check_fields(each, schema["items"], schemas, where)
        else:
            kinds = {"string": str, "boolean": bool, "integer": int, "object": dict, "any": object}
            assert isinstance(value, kinds[schema["type"]]), where


@dataclass
class Administrator:
    """A client of these APIs, by default with a token that has every permission."""

    google: Emulator
    session: requests.Session
    documents: Documents
    token: str | None

    def call(self, method: str, path: str, body: Any = None, **parameters: str) -> requests.Response:
        """Call a method, and check the form of its reply, which may be an error."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        reply = self.session.request(method, self.google.url + path, params=parameters, json=body, headers=headers)
        if reply.status_code == 200:
            self.documents.check(method, path, reply.json())
        else:
            error = reply.json()["error"]
            assert {"code", "message", "status"} <= error.keys() <= {"code", "message", "status", "details"}
            assert error["code"] == reply.status_code
        return reply

    def done(self, method: str, path: str, body: Any = None, **parameters: str) -> dict[str, Any]:
        """Call a method that succeeds. Return its reply, or the result of the operation that it starts."""
        reply = self.call(method, path, body, **parameters)
        assert reply.status_code == 200, reply.text
        answer = reply.json()
        if "operations/" not in answer.get("name", ""):
            return dict(answer)
        assert "done" not in answer
        finished = self.call("GET", f"/v1/{answer['name']}").json()
        assert finished["done"] is True
        return {name: value for name, value in finished["response"].items() if name != "@type"}

    def error(self, method: str, path: str, body: Any = None, **parameters: str) -> tuple[int, str]:
        """Call a method that fails. Return the HTTP status and the google.rpc.Code."""
        reply = self.call(method, path, body, **parameters).json()["error"]
        return reply["code"], reply["status"]

    def new_account(self) -> dict[str, Any]:
        """Create a service account."""
        return self.done("POST", ACCOUNTS, {"accountId": "new-account"})

    def new_provider(self, **fields: Any) -> dict[str, Any]:
        """Create a pool, and in it a provider with these fields, by default for AWS."""
        self.done("POST", POOLS, {}, workloadIdentityPoolId="new-pool")
        return self.done("POST", PROVIDERS, fields or AWS, workloadIdentityPoolProviderId="new-provider")


@pytest.fixture(scope="module", name="documents")
def _documents() -> Documents:
    return Documents()


@pytest.fixture(name="admin")
def _admin(google: Emulator, documents: Documents) -> Iterator[Administrator]:
    with requests.Session() as session:
        session.trust_env = False
        yield Administrator(google, session, documents, google.administrator_token(lifetime=40 * 86_400))


def exchange_at(workload: Workload, provider: str = f"{POOL}/providers/new-provider") -> requests.Response:
    """Exchange the workload's identity with a provider."""
    audience = f"//iam.googleapis.com/{provider}"
    return workload.exchange(workload.signed(target=audience), audience=audience)


def principal(workload: Workload, reply: requests.Response) -> str | None:
    """Return the principal of the token in a reply."""
    info = workload.google.check_access_token(reply.json()["access_token"])
    return None if info is None else info.principal


# Permissions


@pytest.mark.parametrize("token", [None, "made-up"])
def test_a_request_without_a_valid_token_is_rejected(admin: Administrator, token: str | None) -> None:
    admin.token = token

    for path in (ACCOUNTS, POOLS, "/v1/projects/my-project", "/v1/projects/my-project/services"):
        assert admin.error("GET", path) == (401, "UNAUTHENTICATED")


def test_a_workload_has_no_permission_to_set_up_anything(admin: Administrator, workload: Workload) -> None:
    """Impersonating a service account is all that it is granted."""
    admin.token = workload.federated_token()

    reply = admin.call("POST", ACCOUNTS, {"accountId": "new-account"})
    assert reply.status_code == 403
    assert reply.json()["error"]["details"][0]["reason"] == "IAM_PERMISSION_DENIED"
    assert reply.json()["error"]["details"][0]["metadata"] == {"permission": "iam.serviceAccounts.create"}
    assert admin.error("GET", POOLS) == (403, "PERMISSION_DENIED")


def test_an_administrator_may_not_impersonate(admin: Administrator, workload: Workload) -> None:
    """Owners lack the permission."""
    assert workload.iam("generateAccessToken", SCOPE, token=admin.token).status_code == 403


def test_an_unknown_project_looks_like_one_without_permission(admin: Administrator) -> None:
    for path in ("serviceAccounts", "locations/global/workloadIdentityPools", "services"):
        assert admin.error("GET", f"/v1/projects/no-project/{path}") == (403, "PERMISSION_DENIED")
    assert admin.error("GET", "/v1/projects/no-project") == (403, "PERMISSION_DENIED")


# Service accounts


def test_a_service_account_can_be_created_read_and_changed(admin: Administrator) -> None:
    described = {"displayName": "New", "description": "An account."}
    made = admin.done("POST", ACCOUNTS, {"accountId": "new-account", "serviceAccount": described})

    assert made["name"] == f"projects/my-project/serviceAccounts/{EMAIL}"
    assert (made["email"], made["projectId"]) == (EMAIL, "my-project")
    assert re.fullmatch(r"\d{21}", made["uniqueId"])
    assert made["displayName"] == "New"
    for name in (EMAIL, made["uniqueId"]):
        assert admin.done("GET", f"{ACCOUNTS}/{name}") == made
        assert admin.done("GET", f"/v1/projects/-/serviceAccounts/{name}") == made
    assert admin.done("GET", ACCOUNTS) == {"accounts": [made]}

    patch = {"serviceAccount": {"displayName": "Newer", "description": "not in the mask"}, "updateMask": "displayName"}
    assert admin.done("PATCH", f"{ACCOUNTS}/{EMAIL}", patch) == {**made, "displayName": "Newer"}
    changed = admin.done("PUT", f"{ACCOUNTS}/{EMAIL}", {"description": "Changed."})
    assert changed == {**made, "displayName": "Newer", "description": "Changed."}


def test_the_name_of_a_service_account_must_be_new(admin: Administrator) -> None:
    admin.new_account()

    reply = admin.call("POST", ACCOUNTS, {"accountId": "new-account"})
    assert (reply.status_code, reply.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert (
        reply.json()["error"]["message"]
        == "Service account new-account already exists within project projects/my-project."
    )


@pytest.mark.parametrize("name", ["", "short", "a" * 31, "Upper-case", "1-number", "with-end-"])
def test_the_name_of_a_service_account_follows_google_s_rules(admin: Administrator, name: str) -> None:
    assert admin.error("POST", ACCOUNTS, {"accountId": name}) == (400, "INVALID_ARGUMENT")


def test_the_display_name_of_a_service_account_is_limited_in_bytes(admin: Administrator) -> None:
    body = {"accountId": "new-account", "serviceAccount": {"displayName": "ü" * 51}}
    assert admin.error("POST", ACCOUNTS, body) == (400, "INVALID_ARGUMENT")
    assert admin.done("GET", ACCOUNTS) == {}


def test_an_unknown_service_account_is_not_found(admin: Administrator) -> None:
    """Without a project in the path, the error does not reveal whether the account exists."""
    admin.google.add_project("other-project", "42")
    admin.new_account()

    assert admin.error("GET", f"{ACCOUNTS}/{EMAIL}x") == (404, "NOT_FOUND")
    assert admin.error("GET", f"/v1/projects/other-project/serviceAccounts/{EMAIL}") == (404, "NOT_FOUND")
    assert admin.error("GET", f"/v1/projects/-/serviceAccounts/{EMAIL}x") == (403, "PERMISSION_DENIED")
    assert admin.error("DELETE", f"{ACCOUNTS}/{EMAIL}x") == (404, "NOT_FOUND")


def test_lists_have_pages(admin: Administrator) -> None:
    emails = [admin.done("POST", ACCOUNTS, {"accountId": f"account-{n}"})["email"] for n in range(5)]

    found: list[str] = []
    page: dict[str, str] = {}
    while not found or page:
        answer = admin.done("GET", ACCOUNTS, pageSize="2", **page)
        assert len(answer["accounts"]) <= 2
        found += [account["email"] for account in answer["accounts"]]
        page = {"pageToken": answer["nextPageToken"]} if "nextPageToken" in answer else {}
    assert found == emails
    assert admin.error("GET", ACCOUNTS, pageToken="x") == (400, "INVALID_ARGUMENT")


def test_a_deleted_service_account_can_be_restored(admin: Administrator, workload: Workload) -> None:
    """It keeps its bindings. A new account with the same name has another ID and no bindings."""
    account, token = workload.account, workload.federated_token()
    path = f"{ACCOUNTS}/{account.email}"
    assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == 200

    assert admin.done("DELETE", path) == {}
    assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == 403
    assert admin.error("GET", path) == (404, "NOT_FOUND")

    admin.google.add_service_account(account.email)
    assert admin.done("GET", path)["uniqueId"] != account.unique_id
    assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == 403
    undelete = f"/v1/projects/-/serviceAccounts/{account.unique_id}:undelete"
    assert admin.error("POST", undelete, {}) == (404, "NOT_FOUND")

    admin.done("DELETE", path)
    assert admin.done("POST", undelete, {})["restoredAccount"]["email"] == account.email
    assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == 200
    assert admin.error("POST", undelete, {}) == (404, "NOT_FOUND")


def test_a_disabled_service_account_gets_no_tokens_until_it_is_enabled(
    admin: Administrator, workload: Workload
) -> None:
    path, token = f"{ACCOUNTS}/{workload.account.email}", workload.federated_token()

    assert admin.done("POST", f"{path}:disable", {}) == {}
    rejected = workload.iam("generateAccessToken", SCOPE, token=token)
    assert (rejected.status_code, rejected.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert admin.done("GET", path)["disabled"] is True

    assert admin.done("POST", f"{path}:enable", {}) == {}
    assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == 200
    assert "disabled" not in admin.done("GET", path)


def test_the_reply_to_a_method_that_is_not_emulated_says_so(admin: Administrator) -> None:
    admin.new_account()

    reply = admin.call("GET", f"{ACCOUNTS}/{EMAIL}/keys")

    assert reply.status_code == 404
    assert reply.json()["error"]["message"] == f"The emulator does not serve GET {ACCOUNTS}/{EMAIL}/keys"


# Policies


@pytest.mark.parametrize("resource", [f"{ACCOUNTS}/{EMAIL}", "/v1/projects/my-project"])
def test_a_policy_is_replaced_only_if_its_etag_matches(admin: Administrator, resource: str) -> None:
    """Without an etag, any version is replaced."""
    admin.new_account()
    admin.done("POST", POOLS, {}, workloadIdentityPoolId="new-pool")
    empty = admin.done("POST", f"{resource}:getIamPolicy", {})
    assert empty == {"etag": "ACAB"}

    bindings = [{"role": USER, "members": [MEMBER, "user:me@example.com"]}]
    policy = {"version": 3, "bindings": bindings, "etag": empty["etag"]}
    done = admin.done("POST", f"{resource}:setIamPolicy", {"policy": policy})
    assert done == {"version": 1, "bindings": bindings, "etag": done["etag"]}
    assert done["etag"] != empty["etag"]
    assert admin.done("POST", f"{resource}:getIamPolicy", {}) == done

    reply = admin.call("POST", f"{resource}:setIamPolicy", {"policy": {**policy, "bindings": []}})
    assert (reply.status_code, reply.json()["error"]["status"]) == (409, "ABORTED")
    assert reply.json()["error"]["message"].startswith("There were concurrent policy changes. Please retry")
    assert admin.done("POST", f"{resource}:getIamPolicy", {}) == done

    overwritten = admin.done("POST", f"{resource}:setIamPolicy", {"policy": {"bindings": []}})
    assert overwritten.keys() == {"etag"}
    assert overwritten["etag"] not in {done["etag"], empty["etag"]}


def test_concurrent_policy_changes_are_not_lost(admin: Administrator) -> None:
    """One of them succeeds. The others get 409, read the policy again and retry."""
    admin.new_account()
    start = threading.Barrier(8)

    def grant(number: int) -> int:
        with requests.Session() as session:
            session.trust_env = False
            client = Administrator(admin.google, session, admin.documents, admin.token)
            for attempt in range(100):
                policy = client.done("POST", f"{ACCOUNTS}/{EMAIL}:getIamPolicy", {})
                if attempt == 0:
                    start.wait(timeout=30)
                members = [*(policy.get("bindings") or [{"members": []}])[0]["members"], f"user:{number}@example.com"]
                changed = {"bindings": [{"role": "roles/viewer", "members": members}], "etag": policy["etag"]}
                reply = client.call("POST", f"{ACCOUNTS}/{EMAIL}:setIamPolicy", {"policy": changed})
                if reply.status_code == 200:
                    return attempt
                assert reply.status_code == 409
        raise AssertionError("all attempts failed")

    with ThreadPoolExecutor(8) as threads:
        attempts = list(threads.map(grant, range(8)))

    assert attempts.count(0) == 1
    policy = admin.done("POST", f"{ACCOUNTS}/{EMAIL}:getIamPolicy", {})
    assert {f"user:{number}@example.com" for number in range(8)} == set(policy["bindings"][0]["members"])


@pytest.mark.parametrize(
    ("binding", "status"),
    [
        ({"role": USER, "members": ["someone"]}, 400),
        ({"role": USER, "members": [f"serviceAccount:{EMAIL}x"]}, 400),
        ({"role": "workloadIdentityUser", "members": [MEMBER]}, 400),
        ({"role": f"{USER}s", "members": [MEMBER]}, 400),
        ({"role": "roles/storage.admin", "members": [f"serviceAccount:{EMAIL}"]}, 400),
        ({"role": USER, "members": [MEMBER], "condition": {"expression": "true", "title": "always"}}, 501),
        ("binding", 400),
    ],
    ids=["kind", "service account", "role", "typing error", "role for buckets", "condition", "form"],
)
def test_an_invalid_binding_is_rejected(admin: Administrator, binding: Any, status: int) -> None:
    admin.new_account()

    reply = admin.call("POST", f"{ACCOUNTS}/{EMAIL}:setIamPolicy", {"policy": {"bindings": [binding]}})

    assert reply.status_code == status
    assert admin.done("POST", f"{ACCOUNTS}/{EMAIL}:getIamPolicy", {}) == {"etag": "ACAB"}


def test_set_iam_policy_requires_a_policy_and_no_other_field(admin: Administrator) -> None:
    admin.new_account()

    for body in ({}, {"policy": "x"}, {"policy": {}, "more": 1}):
        assert admin.error("POST", f"{ACCOUNTS}/{EMAIL}:setIamPolicy", body) == (400, "INVALID_ARGUMENT")


def test_grants_in_python_appear_in_the_policy(admin: Administrator, workload: Workload) -> None:
    policy = admin.done("POST", f"{ACCOUNTS}/{workload.account.email}:getIamPolicy", {})

    member = workload.provider.principal_set("aws_role", ROLE_ARN)
    assert policy["bindings"] == [{"role": USER, "members": [member]}]
    admin.done("POST", POOLS, {}, workloadIdentityPoolId="new-pool")
    workload.google.grant(workload.account.email, USER, MEMBER)
    resource = f"{ACCOUNTS}/{workload.account.email}"
    assert admin.error("POST", f"{resource}:setIamPolicy", {"policy": policy}) == (409, "ABORTED")


def test_a_role_on_a_project_applies_to_its_service_accounts(admin: Administrator, workload: Workload) -> None:
    account = admin.google.add_service_account("other@my-project.iam.gserviceaccount.com")
    foreign = admin.google.add_service_account("other@other-project.iam.gserviceaccount.com")
    token = workload.federated_token()
    assert workload.iam("generateAccessToken", SCOPE, token=token, account=account.email).status_code == 403

    bindings = [{"role": USER, "members": [workload.provider.principal_set()]}]
    admin.done("POST", "/v1/projects/my-project:setIamPolicy", {"policy": {"bindings": bindings}})

    assert workload.iam("generateAccessToken", SCOPE, token=token, account=account.email).status_code == 200
    assert workload.iam("generateAccessToken", SCOPE, token=token, account=foreign.email).status_code == 403


# Pools and providers


def test_a_pool_can_be_created_read_and_changed(admin: Administrator) -> None:
    """Its name has the project's number, even if it was created with the project's ID."""
    made = admin.done("POST", POOLS, {"displayName": "New"}, workloadIdentityPoolId="new-pool")

    assert made == {"name": POOL, "displayName": "New", "state": "ACTIVE"}
    assert admin.done("GET", f"{POOLS}/new-pool") == admin.done("GET", f"/v1/{POOL}") == made
    assert admin.done("GET", POOLS) == {"workloadIdentityPools": [made]}
    update = {"displayName": "not in the mask", "description": "A pool.", "disabled": True}
    changed = admin.done("PATCH", f"{POOLS}/new-pool", update, updateMask="description,disabled")
    assert changed == {**made, "description": "A pool.", "disabled": True}
    assert admin.done("PATCH", f"{POOLS}/new-pool", {}, updateMask="display_name,disabled").keys() == {
        "name",
        "description",
        "state",
    }


def test_v1beta_behaves_like_v1(admin: Administrator) -> None:
    beta = POOLS.replace("/v1/", "/v1beta/")
    headers = {"Authorization": f"Bearer {admin.token}"}
    reply = admin.session.post(f"{admin.google.url}{beta}?workloadIdentityPoolId=new-pool", json={}, headers=headers)

    assert reply.status_code == 200
    assert admin.done("GET", POOLS) == {"workloadIdentityPools": [{"name": POOL, "state": "ACTIVE"}]}


@pytest.mark.parametrize("mask", ["", "state", "description,mode"])
def test_an_invalid_update_mask_is_rejected(admin: Administrator, mask: str) -> None:
    admin.new_provider()

    for path in (f"{POOLS}/new-pool", f"{PROVIDERS}/new-provider"):
        assert admin.error("PATCH", path, {"description": "x"}, updateMask=mask) == (400, "INVALID_ARGUMENT")
        assert "description" not in admin.done("GET", path)


@pytest.mark.parametrize("identifier", ["", "aws", "a" * 33, "gcp-pool", "Pool", "pool_1"])
def test_names_of_pools_and_providers_follow_google_s_rules(admin: Administrator, identifier: str) -> None:
    admin.new_provider()

    pool = admin.error("POST", POOLS, {}, workloadIdentityPoolId=identifier)
    provider = admin.error("POST", PROVIDERS, AWS, workloadIdentityPoolProviderId=identifier)
    assert pool == provider == (400, "INVALID_ARGUMENT")


def test_names_of_pools_and_providers_must_be_new(admin: Administrator) -> None:
    admin.new_provider()

    pool = admin.error("POST", POOLS, {}, workloadIdentityPoolId="new-pool")
    provider = admin.error("POST", PROVIDERS, AWS, workloadIdentityPoolProviderId="new-provider")
    assert pool == provider == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_pool_or_provider_is_not_found(admin: Administrator, method: str) -> None:
    for path in (f"{POOLS}/no-pool", f"{POOLS}/no-pool/providers/no-provider"):
        body: dict[str, Any] | None = {} if method == "PATCH" else None
        assert admin.error(method, path, body) == (404, "NOT_FOUND")
    admin.done("POST", POOLS, {}, workloadIdentityPoolId="new-pool")
    assert admin.error("GET", f"{POOLS}/new-pool/operations/none") == (404, "NOT_FOUND")
    assert admin.error("POST", f"{POOLS}/no-pool:undelete", {}) == (404, "NOT_FOUND")
    assert admin.error("POST", f"{POOLS}/no-pool/providers", AWS, workloadIdentityPoolProviderId="new-provider") == (
        404,
        "NOT_FOUND",
    )


def test_providers_created_by_the_api_and_in_python_are_the_same(admin: Administrator, workload: Workload) -> None:
    """Exchanges work with both, and a change on one side is visible on the other."""
    condition = f"attribute.aws_role == '{ROLE_ARN}'"
    made = admin.new_provider(**AWS, attributeCondition=condition)
    python = admin.google.add_aws_provider(pool="python-pool", provider="python", attribute_condition=condition)
    read = admin.done("GET", f"/v1/{python.name}")

    assert made["name"] == f"{POOL}/providers/new-provider"
    assert {**made, "name": ""} == {**read, "name": ""}
    assert principal(workload, exchange_at(workload)) == (
        f"principal://iam.googleapis.com/{POOL}/subject/{workload.keys.arn}"
    )
    assert principal(workload, exchange_at(workload, python.name)) == python.principal(workload.keys.arn)

    other = "attribute.aws_role == 'another'"
    for name in (made["name"], python.name):
        admin.done("PATCH", f"/v1/{name}", {"attributeCondition": other}, updateMask="attributeCondition")
        assert exchange_at(workload, name).json()["error"] == "unauthorized_client"
    assert python.attribute_condition == other
    python.attribute_condition = None
    assert "attributeCondition" not in admin.done("GET", f"/v1/{python.name}")
    assert exchange_at(workload, python.name).status_code == 200


def test_removing_the_mapping_restores_the_default(admin: Administrator, workload: Workload) -> None:
    mapping = {"google.subject": "assertion.userid", "attribute.account": "assertion.account"}
    admin.new_provider(**AWS, attributeMapping=mapping)
    path = f"{PROVIDERS}/new-provider"
    assert str(principal(workload, exchange_at(workload))).endswith(f"/subject/{workload.keys.user_id}")

    admin.done("PATCH", path, {}, updateMask="attributeMapping")

    assert "attribute.aws_role" in admin.done("GET", path)["attributeMapping"]
    assert str(principal(workload, exchange_at(workload))).endswith(f"/subject/{workload.keys.arn}")


def test_the_trusted_aws_account_can_be_changed(admin: Administrator, workload: Workload) -> None:
    admin.new_provider(aws={"accountId": "999999999999"})
    assert exchange_at(workload).json()["error"] == "invalid_grant"

    admin.done("PATCH", f"{PROVIDERS}/new-provider", AWS, updateMask="aws.accountId")

    assert exchange_at(workload).status_code == 200


def test_an_oidc_provider_accepts_tokens_of_its_issuer(
    admin: Administrator, workload: Workload, clock: FakeClock
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    oidc = {"issuerUri": "https://issuer.example", "jwksJson": json.dumps({"keys": [jose.jwk(key)]})}
    made = admin.new_provider(oidc=oidc, attributeMapping={"google.subject": "assertion.sub"})
    assert made["oidc"] == oidc

    def exchange(audience: str) -> int:
        now = int(clock.now)
        claims = {"iss": oidc["issuerUri"], "aud": audience, "sub": "me", "iat": now, "exp": now + 300}
        return workload.exchange(
            jose.sign(claims, key),
            audience=f"//iam.googleapis.com/{made['name']}",
            subject_token_type="urn:ietf:params:oauth:token-type:jwt",
        ).status_code

    assert exchange(f"https://iam.googleapis.com/{made['name']}") == 200
    assert exchange("mine") == 400
    path = f"{PROVIDERS}/new-provider"
    changed = admin.done("PATCH", path, {"oidc": {"allowedAudiences": ["mine"]}}, updateMask="oidc.allowedAudiences")
    assert changed["oidc"] == {**oidc, "allowedAudiences": ["mine"]}
    assert exchange("mine") == 200


_MAPPED = {"attributeMapping": {"google.subject": "assertion.sub"}}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({**AWS, "oidc": {"issuerUri": "https://issuer.example"}, **_MAPPED}, 400),
        ({"aws": {"accountId": "12345"}}, 400),
        ({"aws": {}}, 400),
        ({"aws": "123456789012"}, 400),
        ({**AWS, "attributeMapping": {"attribute.role": "assertion.arn"}}, 400),
        ({**AWS, "attributeMapping": {"google.subject": "assertion."}}, 400),
        ({**AWS, "attributeMapping": {"google.subject": 1}}, 400),
        ({**AWS, "attributeMapping": {"google.subject": "'\ud800'"}}, 400),
        ({**AWS, "attributeCondition": "x =="}, 400),
        ({**AWS, "attributeCondition": "true || " * 600 + "true"}, 400),
        ({**AWS, "displayName": "x" * 33}, 400),
        ({**AWS, "disabled": "yes"}, 400),
        ({**AWS, "colour": "red"}, 400),
        ({"oidc": {"issuerUri": "https://issuer.example"}}, 400),
        ({"oidc": {"issuerUri": "http://issuer.example"}, **_MAPPED}, 400),
        ({"oidc": {"issuerUri": "https://issuer.example", "jwksJson": "{"}, **_MAPPED}, 400),
        ({"saml": {"idpMetadataXml": "<x/>"}}, 501),
    ],
    ids=[
        "nothing", "two kinds", "account", "no account", "type", "no subject", "mapping", "mapping to a number",
        "half of a surrogate pair", "condition", "long condition", "long name", "disabled", "unknown field", "no mapping", "issuer", "keys", "SAML",
    ],
)  # fmt: skip
def test_an_invalid_provider_is_rejected(admin: Administrator, fields: dict[str, Any], status: int) -> None:
    """This holds for creation and for updates."""
    admin.new_provider()
    path, before = f"{PROVIDERS}/new-provider", admin.done("GET", f"{PROVIDERS}/new-provider")

    assert admin.error("POST", PROVIDERS, fields, workloadIdentityPoolProviderId="another")[0] == status
    mask = ",".join(fields) or "aws"
    assert admin.error("PATCH", path, fields, updateMask=mask)[0] == status
    assert admin.done("GET", path) == before


def test_the_kind_of_a_provider_cannot_be_changed(admin: Administrator) -> None:
    admin.new_provider()

    update = {"oidc": {"issuerUri": "https://issuer.example"}, **_MAPPED}
    path = f"{PROVIDERS}/new-provider"
    assert admin.error("PATCH", path, update, updateMask="aws,oidc,attributeMapping") == (400, "INVALID_ARGUMENT")
    assert admin.done("GET", path)["aws"] == AWS["aws"]


# Disabled and deleted pools and providers


def test_a_deleted_pool_rejects_exchanges_and_tokens_until_it_is_restored(
    admin: Administrator, workload: Workload
) -> None:
    """The tokens of its identities work again after that."""
    admin.new_provider()
    admin.new_account()
    admin.google.grant(EMAIL, USER, MEMBER)
    token = exchange_at(workload).json()["access_token"]
    assert workload.iam("generateAccessToken", SCOPE, token=token, account=EMAIL).status_code == 200

    deleted = admin.done("DELETE", f"{POOLS}/new-pool")
    assert deleted["state"] == "DELETED"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", deleted["expireTime"])
    reply = exchange_at(workload)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_target")
    assert workload.iam("generateAccessToken", SCOPE, token=token, account=EMAIL).status_code == 401
    assert admin.error(
        "POST", PROVIDERS, AWS, workloadIdentityPoolProviderId="another"
    ) == (400, "FAILED_PRECONDITION")  # fmt: skip

    assert admin.done("POST", f"{POOLS}/new-pool:undelete", {}) == {"name": POOL, "state": "ACTIVE"}
    assert exchange_at(workload).status_code == 200
    assert workload.iam("generateAccessToken", SCOPE, token=token, account=EMAIL).status_code == 200


def test_tokens_of_a_disabled_pool_are_rejected_whatever_the_subject(admin: Administrator, workload: Workload) -> None:
    """The subject may look like a part of a principal's name, or like an e-mail address."""
    admin.new_provider(**AWS, attributeMapping={"google.subject": "'a/subject/\\n@b/' + assertion.account"})
    token = exchange_at(workload).json()["access_token"]
    assert admin.google.check_access_token(token) is not None

    admin.done("PATCH", f"{POOLS}/new-pool", {"disabled": True}, updateMask="disabled")

    assert admin.google.check_access_token(token) is None


def test_a_deleted_provider_rejects_exchanges_but_its_tokens_stay_valid(
    admin: Administrator, workload: Workload
) -> None:
    made = admin.new_provider()
    token = exchange_at(workload).json()["access_token"]
    path = f"{PROVIDERS}/new-provider"

    assert admin.done("DELETE", path)["state"] == "DELETED"
    assert exchange_at(workload).json()["error"] == "invalid_target"
    assert admin.google.check_access_token(token) is not None

    assert admin.done("POST", f"{path}:undelete", {}) == made
    assert exchange_at(workload).status_code == 200


@pytest.mark.parametrize("disabled", [POOL, f"{POOL}/providers/new-provider"], ids=["pool", "provider"])
def test_a_disabled_pool_or_provider_rejects_exchanges(admin: Administrator, workload: Workload, disabled: str) -> None:
    admin.new_provider()

    admin.done("PATCH", f"/v1/{disabled}", {"disabled": True}, updateMask="disabled")
    assert exchange_at(workload).json()["error"] == "invalid_target"
    admin.done("PATCH", f"/v1/{disabled}", {"disabled": False}, updateMask="disabled")
    assert exchange_at(workload).status_code == 200


def test_deleted_pools_and_providers_are_purged_after_thirty_days(admin: Administrator, clock: FakeClock) -> None:
    """Until then they can be read but not changed, and their names cannot be used again."""
    admin.new_provider()
    for collection, key, identifier, parameter, body in (
        (PROVIDERS, "workloadIdentityPoolProviders", "new-provider", "workloadIdentityPoolProviderId", AWS),
        (POOLS, "workloadIdentityPools", "new-pool", "workloadIdentityPoolId", {}),
    ):
        path = f"{collection}/{identifier}"
        assert admin.error("POST", f"{path}:undelete", {}) == (400, "FAILED_PRECONDITION")
        deleted = admin.done("DELETE", path)
        assert admin.done("GET", path) == deleted
        assert admin.done("GET", collection) == {}
        assert admin.done("GET", collection, showDeleted="true") == {key: [deleted]}
        assert admin.error("DELETE", path) == (400, "FAILED_PRECONDITION")
        update = {"description": "x"}
        assert admin.error("PATCH", path, update, updateMask="description") == (400, "FAILED_PRECONDITION")
        assert admin.error("POST", collection, body, **{parameter: identifier}) == (409, "ALREADY_EXISTS")

    clock.now += 30 * 86_400
    assert admin.error("GET", f"{POOLS}/new-pool") == (404, "NOT_FOUND")
    assert admin.error("GET", f"{PROVIDERS}/new-provider") == (404, "NOT_FOUND")
    admin.new_provider()


def test_adding_a_provider_in_python_replaces_a_deleted_pool(admin: Administrator, workload: Workload) -> None:
    provider = workload.provider
    admin.done("DELETE", f"/v1/{provider.pool_name}")
    assert workload.exchange().json()["error"] == "invalid_target"

    assert isinstance(workload.google.add_aws_provider(), AwsProvider)

    assert workload.exchange().status_code == 200


# Arbitrary requests

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_OIDC = {"oidc": {"issuerUri": "https://issuer.example", "allowedAudiences": ["a"], "jwksJson": "{}"}, **_MAPPED}
_BINDINGS = [{"role": USER, "members": ["user:me@example.com"]}]
_REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", ACCOUNTS, {"accountId": "new-account", "serviceAccount": {"displayName": "New"}}),
    ("PATCH", f"{ACCOUNTS}/{EMAIL}", {"serviceAccount": {"displayName": "New"}, "updateMask": "displayName"}),
    ("PUT", f"{ACCOUNTS}/{EMAIL}", {"displayName": "New"}),
    ("POST", f"{ACCOUNTS}/{EMAIL}:setIamPolicy", {"policy": {"bindings": _BINDINGS, "etag": "ACAB"}}),
    ("POST", f"{POOLS}?workloadIdentityPoolId=other-pool", {"displayName": "New", "disabled": True}),
    ("PATCH", f"{POOLS}/new-pool?updateMask=displayName,disabled", {"displayName": "New", "disabled": False}),
    ("POST", f"{PROVIDERS}?workloadIdentityPoolProviderId=other", {**AWS, **_MAPPED, "attributeCondition": "true"}),
    ("POST", f"{PROVIDERS}?workloadIdentityPoolProviderId=oidc", _OIDC),
    ("PATCH", f"{PROVIDERS}/new-provider?updateMask=aws.accountId,attributeMapping", {**AWS, **_MAPPED}),
    ("POST", "/v1/projects/my-project/services:batchEnable", {"serviceIds": ["iam.googleapis.com"]}),
]


@st.composite
def _altered(draw: st.DrawFn, body: Any) -> Any:
    """Return a body in which a part is replaced by arbitrary JSON."""
    if isinstance(body, dict) and body and draw(st.integers(0, 2)):
        name = draw(st.sampled_from(sorted(body)))
        return {**body, name: draw(_altered(body[name]))}
    if isinstance(body, list) and body and draw(st.booleans()):
        return [draw(_altered(body[0])), *body[1:]]
    return draw(_JSON)


@pytest.fixture(name="populated")
def _populated(admin: Administrator) -> Administrator:
    """An administrator's client, with an account and a provider to change."""
    admin.new_account()
    admin.new_provider()
    return admin


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize(("method", "path", "body"), _REQUESTS, ids=[f"{verb} {path}" for verb, path, _ in _REQUESTS])
def test_any_body_is_accepted_or_rejected_with_google_s_form_of_error(
    populated: Administrator, method: str, path: str, body: Any, data: st.DataObject
) -> None:
    """No body leads to an internal error."""
    altered = data.draw(_altered(body))
    path, _, query = path.partition("?")

    reply = populated.call(method, path, altered, **dict(parse_qsl(query)))

    assert reply.status_code in {200, 400, 403, 409}


# Projects and their APIs


def test_a_project_is_found_by_id_and_by_number(admin: Administrator) -> None:
    admin.google.add_project("other-project", "42")

    for name in ("other-project", "42"):
        shown = admin.done("GET", f"/v1/projects/{name}")
        assert (shown["projectId"], shown["projectNumber"]) == ("other-project", "42")
    admin.google.add_aws_provider(project_number="4711")
    assert admin.done("GET", "/v1/projects/4711")["projectNumber"] == "4711"


@pytest.mark.parametrize(("project_id", "number"), [("Project", "1"), ("project", "one"), ("1", "1")])
def test_an_invalid_project_is_rejected(google: Emulator, project_id: str, number: str) -> None:
    with pytest.raises(ValueError, match=r"is not the (id|number) of a project"):
        google.add_project(project_id, number)


def test_the_apis_of_a_project_must_be_enabled(admin: Administrator, workload: Workload) -> None:
    """Otherwise service accounts and pools can be neither created nor used."""
    google, services = admin.google, "/v1/projects/new-project/services"
    google.add_project("new-project", "42", services=[])
    provider = google.add_aws_provider(project_number="42")
    google.grant(workload.account.email, USER, provider.principal_set())
    reply = workload.exchange(workload.signed(target=provider.audience), audience=provider.audience)
    token = reply.json()["access_token"]

    for reply, service in (
        (admin.call("POST", "/v1/projects/42/serviceAccounts", {"accountId": "new-account"}), "iam.googleapis.com"),
        (admin.call("GET", f"/v1/{provider.name}"), "iam.googleapis.com"),
        (workload.iam("generateAccessToken", SCOPE, token=token), "iamcredentials.googleapis.com"),
    ):
        assert reply.status_code == 403
        error = reply.json()["error"]
        assert "API has not been used in project 42 before or it is disabled." in error["message"]
        detail = error["details"][0]
        assert detail["reason"] == "SERVICE_DISABLED"
        assert detail["metadata"] == {"consumer": "projects/42", "service": service}

    assert admin.done("GET", f"{services}/iam.googleapis.com")["state"] == "DISABLED"
    enabled = admin.done("POST", f"{services}/iam.googleapis.com:enable", {})
    assert enabled["service"]["state"] == "ENABLED"
    names = ["iam.googleapis.com", "iamcredentials.googleapis.com"]
    batch = admin.done("POST", f"{services}:batchEnable", {"serviceIds": names})
    assert [service["config"]["name"] for service in batch["services"]] == names
    listed = admin.done("GET", services, filter="state:ENABLED")["services"]
    assert [service["name"] for service in listed] == [f"projects/42/services/{name}" for name in names]
    assert admin.call("POST", "/v1/projects/42/serviceAccounts", {"accountId": "new-account"}).status_code == 200
    assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == 200

    again = admin.call("POST", f"{services}/iam.googleapis.com:enable", {}).json()
    assert (again["name"], again["done"]) == ("operations/noop.DONE_OPERATION", True)
    assert admin.done("POST", f"{services}/iamcredentials.googleapis.com:disable", {})["service"]["state"] == "DISABLED"
    assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == 403


def test_an_unknown_api_cannot_be_enabled(admin: Administrator) -> None:
    services = "/v1/projects/my-project/services"

    reply = admin.call("POST", f"{services}:batchEnable", {"serviceIds": ["iam.googleapis.com", "iam"]})
    assert reply.status_code == 403
    assert reply.json()["error"]["message"] == "Not found or permission denied for service(s): iam."
    assert admin.error("POST", f"{services}:batchEnable", {}) == (400, "INVALID_ARGUMENT")
    assert admin.error("GET", "/v1/operations/none") == (404, "NOT_FOUND")


# The command


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_gcloud_works_as_an_administrator_with_the_instructions(tmp_path: Path) -> None:
    with running("--project", "other-project", "--project-number", "42") as instructions:
        printed = shell(
            instructions,
            "as_admin gcloud projects describe other-project --format='value(projectNumber)'\n"
            "as_admin gcloud iam workload-identity-pools providers list --location=global"
            " --workload-identity-pool=aws-pool --format='value(name)'",
            tmp_path,
        )

    assert printed == "42\nprojects/42/locations/global/workloadIdentityPools/aws-pool/providers/prod\n"

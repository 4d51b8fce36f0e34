"""The members of IAM policies: IAM rejects members that cannot exist, in Python and over HTTP."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from emulator.workload import CLOUD_PLATFORM, Workload
from google_auth_botocore.emulator.storage import Storage

HOST = "iam.googleapis.com"
POOL = "projects/123456789012/locations/global/workloadIdentityPools/aws-pool"
MISSING = "projects/123456789012/locations/global/workloadIdentityPools/typo"
USER = "roles/iam.workloadIdentityUser"
UNKNOWN = "The member {} is of an unknown type. Please set a valid type prefix for the member."
SET = "Invalid principalSet member ({})."
NO_POOL = (
    "Identity Pool does not exist ({}). Please check that you specified a valid resource name as returned in the `name`"
    " attribute in the configuration API."
)


def set_policy(workload: Workload, member: str) -> tuple[int, str]:
    """Set the policy of the service account over HTTP, and return the status and the error message."""
    reply = workload.session.post(
        f"{workload.google.url}/v1/projects/-/serviceAccounts/{workload.account.email}:setIamPolicy",
        json={"policy": {"bindings": [{"role": USER, "members": [member]}]}},
        headers={"Authorization": f"Bearer {workload.google.administrator_token()}"},
    )
    error = reply.json().get("error", {})
    assert error.get("status", "INVALID_ARGUMENT") == "INVALID_ARGUMENT"
    return reply.status_code, error.get("message", "")


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("allusers", UNKNOWN),
        ("projectOwner:my-project", UNKNOWN),
        (f" principalSet://{HOST}/{POOL}/*", UNKNOWN),
        (f"principalSet://{HOST}/{POOL}/namespace/backend", SET),
        (f"principalSet://{HOST}/{POOL}/kubernetes.cluster/https://container.googleapis.com/v1/projects/p", SET),
        (
            f"principalSet://{HOST}/{POOL.replace('aws-pool', 'my-project.svc.id.goog')}/namespace/backend",
            NO_POOL.format(POOL.replace("aws-pool", "my-project.svc.id.goog")),
        ),
        # Terraform's pool ID, in place of the pool's name
        (f"principalSet://{HOST}/aws-pool/attribute.aws_role/r", UNKNOWN),
        (f"principalSet://{HOST}/{POOL[:-9]}", UNKNOWN),
        (f"principalset://{HOST}/{POOL}/*", UNKNOWN),
        (f"principalSet:{HOST}/{POOL}/*", UNKNOWN),
        (f"principalSet://sts.googleapis.com/{POOL}/*", UNKNOWN),
        (f"https://{HOST}/{POOL}/*", UNKNOWN),
        ("me@example.com", UNKNOWN),
        ("serviceaccount:me@example.com", UNKNOWN),
        ("", UNKNOWN),
        (f"principalSet://{HOST}/{POOL}/attributes.aws_role/r", SET),
        (f"principalSet://{HOST}/{POOL}/subject/me", SET),
        (f"principalSet://{HOST}/{POOL}/groups/g", SET),
        (f"principalSet://{HOST}/{POOL}/attribute.aws_role", SET),
        (f"principalSet://{HOST}/{POOL}/attribute.aws_role/", SET),
        (f"principalSet://{HOST}/{POOL}/attribute.Team/x", SET),
        (f"principalSet://{HOST}/{POOL}/providers/prod/*", SET),
        (f"principalSet://{HOST}/{POOL}/", SET),
        (f"principalSet://{HOST}/{POOL}", SET),
        (f"principal://{HOST}/{POOL}/attribute.aws_role/r", "Invalid principal member ({})."),
        (f"principal://{HOST}/{POOL}/subject/", "Invalid principal member ({})."),
        (f"principal://{HOST}/{POOL}/*", "Invalid principal member ({})."),
        (f"principalSet://{HOST}/{MISSING}/*", NO_POOL.format(MISSING)),
        (f"principal://{HOST}/{MISSING}/subject/me", NO_POOL.format(MISSING)),
        (
            f"principalSet://{HOST}/{POOL.replace('123456789012', '42')}/*",
            NO_POOL.format(POOL.replace("123456789012", "42")),
        ),
        (f"principalSet://{HOST}/{POOL.replace('global', 'us')}/*", NO_POOL.format(POOL.replace("global", "us"))),
        ("serviceAccount:my-project.svc.id.goog[ns/app]", NO_POOL.format("my-project.svc.id.goog")),
        (
            "serviceAccount:gone@my-project.iam.gserviceaccount.com",
            "Service account gone@my-project.iam.gserviceaccount.com does not exist.",
        ),
        ("user:me", "Invalid member ({}): it must contain an e-mail address or a domain."),
        ("domain:", "Invalid member ({}): it must contain an e-mail address or a domain."),
    ],
)
def test_a_member_that_iam_rejects_is_rejected_with_its_message(workload: Workload, member: str, message: str) -> None:
    expected = message.format(member)

    assert set_policy(workload, member) == (400, expected)
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        workload.google.grant(workload.account.email, USER, member)


@pytest.mark.parametrize(
    "member",
    [
        f"principalSet://{HOST}/{POOL}/*",
        f"principalSet://{HOST}/{POOL}/group/a/b",
        f"principalSet://{HOST}/{POOL.replace('123456789012', 'my-project')}/*",
        f"principalSet://{HOST}/{POOL}/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/app",
        f"principalSet://{HOST}/{POOL}/attribute.not_mapped_yet/x",
        f"principal://{HOST}/{POOL}/subject/AROAEXAMPLE:i-0abc",
        f"principal://{HOST}/locations/global/workforcePools/people/subject/me@example.com",
        f"principalSet://{HOST}/locations/global/workforcePools/people/group/g",
        "principalSet://cloudresourcemanager.googleapis.com/projects/123456789012/type/ServiceAccount",
        "principalSet://goog/group/g@example.com",
        "principal://goog/subject/me@example.com",
        "deleted:serviceAccount:gone@my-project.iam.gserviceaccount.com?uid=123",
        "user:me@example.com",
        "group:us@example.com",
        "domain:example.com",
        "allUsers",
        "allAuthenticatedUsers",
        f"deleted:principal://{HOST}/{MISSING}/subject/me",
        f"deleted:principalSet://{HOST}/{MISSING}/attribute.aws_role/r",
    ],
)
def test_other_members_are_accepted(workload: Workload, member: str) -> None:
    assert set_policy(workload, member)[0] == 200
    workload.google.grant(workload.account.email, USER, member)


def test_a_member_of_a_deleted_pool_is_rejected(workload: Workload) -> None:
    member = workload.provider.principal_set()
    reply = workload.session.delete(
        f"{workload.google.url}/v1/{POOL}", headers={"Authorization": f"Bearer {workload.google.administrator_token()}"}
    )
    assert reply.status_code == 200

    assert set_policy(workload, member) == (400, NO_POOL.format(POOL))


def test_addresses_are_stored_in_lower_case(workload: Workload) -> None:
    name, _, domain = workload.account.email.partition("@")
    assert set_policy(workload, f"serviceAccount:{name.upper()}@{domain}")[0] == 200

    policy = workload.session.post(
        f"{workload.google.url}/v1/projects/-/serviceAccounts/{workload.account.email}:getIamPolicy",
        headers={"Authorization": f"Bearer {workload.google.administrator_token()}"},
    ).json()

    assert policy["bindings"] == [{"role": USER, "members": [f"serviceAccount:{workload.account.email}"]}]


@pytest.mark.parametrize(("member", "status"), [("allUsers", 200), ("allAuthenticatedUsers", 403)])
def test_the_identities_of_pools_are_users_but_not_authenticated_users(
    workload: Workload, member: str, status: int
) -> None:
    assert set_policy(workload, member)[0] == 200

    assert workload.iam("generateAccessToken", {"scope": [CLOUD_PLATFORM]}).status_code == status


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (f"principalSet://{HOST}/{POOL}/*", None),
        ("projectViewer:my-project", None),
        ("allUsers", None),
        (f"principalSet://{HOST}/aws-pool/*", UNKNOWN),
        (f"principalSet://{HOST}/{POOL}/attributes.aws_role/r", SET),
        (f"principal://{HOST}/{MISSING}/subject/me", NO_POOL.format(MISSING)),
    ],
)
def test_the_members_of_a_bucket_s_policy_are_validated(workload: Workload, member: str, message: str | None) -> None:
    google = workload.google
    storage = Storage(google.check_access_token, google.check_signature, check_member=google.check_member)
    with storage:
        storage.create_bucket("bucket")
        reply = workload.session.put(
            f"{storage.url}/storage/v1/b/bucket/iam",
            json={"bindings": [{"role": "roles/storage.objectViewer", "members": [member]}]},
            headers={"Authorization": f"Bearer {workload.federated_token()}"},
        )

    if message is None:
        assert reply.status_code == 200
    else:
        assert (reply.status_code, reply.json()["error"]["message"]) == (400, message.format(member))


@pytest.mark.parametrize(
    "bindings", [5, ["x"], [{"role": "r", "members": "allUsers"}], [{"role": "r", "members": [1]}]]
)
def test_a_bucket_s_policy_of_the_wrong_form_is_rejected(workload: Workload, bindings: object) -> None:
    with Storage(workload.google.check_access_token, workload.google.check_signature) as storage:
        storage.create_bucket("bucket")
        reply = workload.session.put(
            f"{storage.url}/storage/v1/b/bucket/iam",
            json={"bindings": bindings},
            headers={"Authorization": f"Bearer {workload.federated_token()}"},
        )

    assert reply.status_code == 400


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_gcloud_cannot_bind_a_member_that_iam_rejects(workload: Workload, tmp_path: Path) -> None:
    google = workload.google
    storage = Storage(google.check_access_token, google.check_signature, check_member=google.check_member)
    with storage:
        storage.create_bucket("bucket")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {**google.gcloud_environment(), "CLOUDSDK_CONFIG": str(tmp_path)}
        environment["CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE"] = f"{storage.url}/storage/v1/"
        member = f"--member=principal://{HOST}/{MISSING}/subject/me"
        for resource in (
            ["iam", "service-accounts", "add-iam-policy-binding", workload.account.email],
            ["projects", "add-iam-policy-binding", "my-project", "--condition=None"],
            ["storage", "buckets", "add-iam-policy-binding", "gs://bucket"],
        ):
            done = subprocess.run(
                ["gcloud", *resource, "--role=roles/viewer", member, "--quiet"],
                check=False, env=environment, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            assert done.returncode == 1
            assert NO_POOL.format(MISSING) in done.stderr

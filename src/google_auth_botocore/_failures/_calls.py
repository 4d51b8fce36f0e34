"""Why an API rejects a call with the token. Only `doctor` makes such calls."""

from __future__ import annotations

import re

from google_auth_botocore._failures import _commands, _urls
from google_auth_botocore._failures._commands import account, evidence, settings
from google_auth_botocore._failures._entry import Failure, Remedy, Verdict, words
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._failures._names import OPEN_ID, USER
from google_auth_botocore._redaction import shown
from google_auth_botocore._settings import CLOUD_PLATFORM

_STEP = ("call",)
_BUCKET = re.compile(r"/(?:storage/v1/|download/storage/v1/|upload/storage/v1/)?b/([^/?]+)")
# The projects of gcloud's and the client libraries' own OAuth clients. A call without a quota project is charged to them.
_SHARED_PROJECTS = ("32555940559", "764086051850")
_QUOTA_ROLE = "roles/serviceusage.serviceUsageConsumer"


def _url(facts: Facts) -> str:
    return evidence(facts).call_url or ""


def _direct(facts: Facts) -> bool:
    return settings(facts).service_account is None


def _holder(facts: Facts) -> str:
    return _commands.member(facts) if _direct(facts) else f"serviceAccount:{account(facts)}"


def _bucket(facts: Facts) -> str:
    match = _BUCKET.search(_urls.parts(_url(facts)).path)
    return match[1] if match else "BUCKET"


def _requires_id_token(facts: Facts) -> Verdict:
    host = _urls.parts(_url(facts)).hostname or ""
    serverless = (
        re.search(r"\.(run\.app|cloudfunctions\.net)$", host) or "access token could not be verified" in facts.text
    )
    if facts.status not in (401, 403) or evidence(facts).target_audience or not serverless:
        return False
    return [facts.text, f"{host} is called with an access token."]


def _with_id_token(facts: Facts) -> Remedy:
    holder = f"serviceAccount:{account(facts)}"
    return Remedy(
        ["Pass --target-audience. In a program, use IDTokenCredentials."],
        gcloud=[
            _commands.bind(account(facts), OPEN_ID, _commands.member(facts)),
            _commands.command(
                "gcloud run services add-iam-policy-binding SERVICE", "--role=roles/run.invoker", f"--member={holder}"
            ),
        ],
        terraform=[
            _commands.resource(
                "google_cloud_run_v2_service_iam_member", name="SERVICE", role="roles/run.invoker", member=holder
            )
        ],
    )


def _no_quota_project(facts: Facts) -> bool:
    shared = any(f"in project {number} " in facts.text for number in _SHARED_PROJECTS)
    return shared or "requires a quota project" in facts.text


def _quota_project_denied(facts: Facts) -> bool:
    return "serviceusage.services.use" in facts.text or "USER_PROJECT_DENIED" in evidence(facts).reply


def _use_project(facts: Facts) -> Remedy:
    project = evidence(facts).quota_project or "PROJECT_ID"
    return Remedy(
        ["Set a quota project (--quota-project, or quota_project_id in the file), and let the identity use it."],
        gcloud=[
            _commands.command(
                "gcloud projects add-iam-policy-binding", project, f"--role={_QUOTA_ROLE}", f"--member={_holder(facts)}"
            )
        ],
        terraform=[
            _commands.resource("google_project_iam_member", project=project, role=_QUOTA_ROLE, member=_holder(facts))
        ],
    )


def _api_off(facts: Facts) -> bool:
    return "has not been used in project" in facts.text or '"SERVICE_DISABLED"' in evidence(facts).reply


def _enable(facts: Facts) -> Remedy:
    project = re.search(r"in project (\S+)", facts.text)
    api = re.search(r'"service": ?"([^"]+)"|apis/api/([^/]+)/', evidence(facts).reply)
    name = (api[1] or api[2]) if api else _urls.parts(_url(facts)).hostname or "API"
    return _commands.enable(name, project[1] if project else "PROJECT_ID")


def _bucket_with_acls(facts: Facts) -> Verdict:
    url = _urls.parts(_url(facts))
    of_storage = (url.hostname or "").endswith("storage.googleapis.com") or _BUCKET.search(url.path)
    if facts.status not in (403, 412) or not of_storage or not _direct(facts):
        return False
    return [
        facts.text,
        f"Direct resource access works only in buckets with uniform access, and {_bucket(facts)} is called without a service account.",
    ]


def _make_uniform(facts: Facts) -> Remedy:
    bucket = f"gs://{_bucket(facts)}"
    return Remedy(
        ["Turn on uniform access for the bucket, or impersonate a service account (--service-account)."],
        gcloud=[
            _commands.command("gcloud storage buckets update", bucket, "--uniform-bucket-level-access"),
            _commands.command(
                "gcloud storage buckets add-iam-policy-binding",
                bucket,
                "--role=roles/storage.objectViewer",
                f"--member={_commands.member(facts)}",
            ),
        ],
        terraform=[_commands.resource("google_storage_bucket", name=_bucket(facts), uniform_bucket_level_access=True)],
    )


def _federated(facts: Facts) -> Verdict:
    if facts.status != 401 or not _direct(facts):
        return False
    return [facts.text, "The token is a federated one: no service account is impersonated."]


def _impersonate(facts: Facts) -> Remedy:
    member = _commands.member(facts)
    return Remedy(
        ["Impersonate a service account (--service-account)."],
        gcloud=[_commands.bind("EMAIL", USER, member)],
        terraform=[_commands.binding("EMAIL", USER, member)],
    )


def _widen(facts: Facts) -> Remedy:
    return Remedy(
        [
            (
                f"Request the scope that the API's documentation names, or {CLOUD_PLATFORM}, which includes all APIs of Google Cloud "
                "(scopes=, --scopes)."
            )
        ],
        [_commands.doctor(facts, f"--scopes={CLOUD_PLATFORM}")],
    )


def _allow(facts: Facts) -> Remedy:
    holder = _holder(facts)
    return Remedy(
        ["Grant the role that the message or the API's documentation names."],
        gcloud=[
            _commands.command("gcloud projects add-iam-policy-binding PROJECT_ID", "--role=ROLE", f"--member={holder}")
        ],
        terraform=[_commands.resource("google_project_iam_member", project="PROJECT_ID", role="ROLE", member=holder)],
    )


def _fails(facts: Facts) -> Verdict:
    return [facts.text or f"{evidence(facts).unreachable}"]


ENTRIES = (
    Failure(
        "id-token-required",
        _STEP,
        _requires_id_token,
        "Cloud Run and Cloud Functions require an ID token for the service, which only a service account can get.",
        _with_id_token,
    ),
    Failure(
        "quota-project-missing",
        _STEP,
        _no_quota_project,
        "The call names no quota project, so it is charged to a project that belongs to Google.",
        _use_project,
    ),
    Failure(
        "quota-project-denied",
        _STEP,
        _quota_project_denied,
        "The identity lacks permission to charge calls to the quota project.",
        _use_project,
    ),
    Failure("target-api-disabled", _STEP, _api_off, "The API is not enabled in the project.", _enable),
    Failure(
        "bucket-with-acls",
        _STEP,
        _bucket_with_acls,
        "The bucket uses object ACLs, which cannot name a federated identity, or the identity lacks a role on the bucket.",
        _make_uniform,
    ),
    Failure(
        "federated-token-not-accepted",
        _STEP,
        _federated,
        "This API or method does not accept federated tokens.",
        _impersonate,
    ),
    Failure(
        "scopes-too-narrow",
        _STEP,
        words("insufficient authentication scopes"),
        "The token's scopes do not include this API.",
        _widen,
    ),
    Failure(
        "not-allowed",
        _STEP,
        lambda facts: facts.status == 403,
        "The token is valid, but its identity lacks permission for this call.",
        _allow,
    ),
    Failure(
        "call-fails",
        _STEP,
        _fails,
        "The call fails, but not because of the token.",
        lambda facts: Remedy(["Check the URL."], [_commands.command("curl -sI", shown(_url(facts)))]),
    ),
)

"""Why an API does not take the token, and what client libraries miss."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from google_auth_botocore._redaction import shown
from google_auth_botocore.cli.doctor import _commands, _google
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do
from google_auth_botocore.cli.doctor._seen import Seen

_STEP = "call"
_BUCKET = re.compile(r"/(?:storage/v1/|download/storage/v1/|upload/storage/v1/)?b/([^/?]+)")
# Of gcloud's and the libraries' own OAuth clients, to whose project a call without a quota project goes.
_NOBODYS = ("32555940559", "764086051850")


def _failed(seen: Seen, *statuses: int) -> bool:
    return seen.called is not None and seen.called.status in statuses


def _text(seen: Seen) -> str:
    return "" if seen.called is None else f"HTTP {seen.called.status}: {_google.message(seen)}"


def _cloud_run(seen: Seen) -> Iterator[str]:
    url = urlsplit(seen.options.call or "")
    serverless = re.search(r"\.(run\.app|cloudfunctions\.net)$", url.hostname or "")
    challenge = "access token could not be verified" in _text(seen)
    if _failed(seen, 401, 403) and not seen.options.target_audience and (serverless or challenge):
        yield _text(seen)
        yield f"{url.hostname} is called with an access token."


def _bucket(seen: Seen) -> str:
    match = _BUCKET.search(urlsplit(seen.options.call or "").path)
    return match[1] if match else "BUCKET"


def _bucket_with_acls(seen: Seen) -> Iterator[str]:
    url = urlsplit(seen.options.call or "")
    of_storage = (url.hostname or "").endswith("storage.googleapis.com") or _BUCKET.search(url.path)
    if _failed(seen, 403, 412) and of_storage and seen.account is None:
        yield _text(seen)
        yield f"Direct resource access works in buckets with uniform access alone; {_bucket(seen)} is called without a service account."


def _federated(seen: Seen) -> Iterator[str]:
    if _failed(seen, 401) and seen.account is None:
        yield _text(seen)
        yield "The token is a federated one: no service account is impersonated."


def _quota_project(seen: Seen) -> Iterator[str]:
    text = _text(seen)
    if "requires a quota project" in text or any(f"in project {number} " in text for number in _NOBODYS):
        yield text


def _quota_denied(seen: Seen) -> Iterator[str]:
    if "serviceusage.services.use" in _text(seen) or "USER_PROJECT_DENIED" in (seen.called.text if seen.called else ""):
        yield _text(seen)


def _use_project(seen: Seen) -> Mend:
    project = seen.credentials.quota_project_id or "PROJECT_ID"
    holder = f"serviceAccount:{seen.account}" if seen.account else _commands.member(seen)
    role = "roles/serviceusage.serviceUsageConsumer"
    return Mend(
        ["Name a quota project: --quota-project, or quota_project_id in the file."],
        gcloud=[
            _commands.command("gcloud projects add-iam-policy-binding", project, f"--role={role}", f"--member={holder}")
        ],
        terraform=[_commands.resource("google_project_iam_member", project=project, role=role, member=holder)],
    )


def _api_off(seen: Seen) -> Iterator[str]:
    if "has not been used in project" in _text(seen) or '"SERVICE_DISABLED"' in (
        seen.called.text if seen.called else ""
    ):
        yield _text(seen)


def _switch_on(seen: Seen) -> Mend:
    project = re.search(r"in project (\S+)", _text(seen))
    api = re.search(r'"service": ?"([^"]+)"|apis/api/([^/]+)/', seen.called.text if seen.called else "")
    name = (api[1] or api[2]) if api else urlsplit(seen.options.call).hostname or "API"
    return _commands.service(name, project[1] if project else "PROJECT_ID")


def _allow(seen: Seen) -> Mend:
    holder = f"serviceAccount:{seen.account}" if seen.account else _commands.member(seen)
    return Mend(
        ["Grant it the role that the message or the API's documentation names."],
        gcloud=[
            _commands.command("gcloud projects add-iam-policy-binding PROJECT_ID", "--role=ROLE", f"--member={holder}")
        ],
        terraform=[_commands.resource("google_project_iam_member", project="PROJECT_ID", role="ROLE", member=holder)],
    )


CAUSES: tuple[Cause, ...] = (
    Cause(
        "no-project",
        "project",
        "No project is given; client libraries that need one go and look for it, and may fail before the first call.",
        lambda seen: [] if _google.project_of(seen) else ["Neither --project nor GOOGLE_CLOUD_PROJECT is set."],
        do("Give project= to the client.", local=["export GOOGLE_CLOUD_PROJECT=PROJECT_ID"]),
        fatal=False,
    ),
    Cause(
        "wants-an-id-token",
        _STEP,
        "Cloud Run and functions want an ID token made out to the service, which only a service account gives.",
        _cloud_run,
        lambda seen: Mend(
            ["Give --target-audience; in a program, use IDTokenCredentials."],
            gcloud=[
                _commands.bind(seen.account or "EMAIL", _commands.OPEN_ID, _commands.member(seen)),
                f"gcloud run services add-iam-policy-binding SERVICE --role=roles/run.invoker --member=serviceAccount:{seen.account or 'EMAIL'}",
            ],
            terraform=[
                _commands.resource(
                    "google_cloud_run_v2_service_iam_member",
                    name="SERVICE",
                    role="roles/run.invoker",
                    member=f"serviceAccount:{seen.account or 'EMAIL'}",
                )
            ],
        ),
    ),
    Cause(
        "quota-project-missing",
        _STEP,
        "The call is charged to nobody's project: it names no quota project.",
        _quota_project,
        _use_project,
    ),
    Cause(
        "quota-project-denied",
        _STEP,
        "The identity may not charge calls to the quota project.",
        _quota_denied,
        _use_project,
    ),
    Cause("target-api-disabled", _STEP, "The API is not enabled in the project.", _api_off, _switch_on),
    Cause(
        "bucket-with-acls",
        _STEP,
        "The bucket goes by ACLs of its objects, which know no federated identity; or the role on it is missing.",
        _bucket_with_acls,
        lambda seen: Mend(
            ["Or impersonate: --service-account."],
            gcloud=[
                _commands.command(
                    "gcloud storage buckets update", f"gs://{_bucket(seen)}", "--uniform-bucket-level-access"
                ),
                _commands.command(
                    "gcloud storage buckets add-iam-policy-binding",
                    f"gs://{_bucket(seen)}",
                    "--role=roles/storage.objectViewer",
                    f"--member={_commands.member(seen)}",
                ),
            ],
            terraform=[
                _commands.resource("google_storage_bucket", name=_bucket(seen), uniform_bucket_level_access=True)
            ],
        ),
    ),
    Cause(
        "federated-token-refused",
        _STEP,
        "This API or method takes no federated tokens.",
        _federated,
        lambda seen: Mend(
            ["Impersonate a service account: --service-account."],
            gcloud=[_commands.bind("EMAIL", _commands.USER, _commands.member(seen))],
            terraform=[_commands.binding("EMAIL", _commands.USER, _commands.member(seen))],
        ),
    ),
    Cause(
        "not-allowed",
        _STEP,
        "The token is good, but its holder may not do this.",
        lambda seen: [_text(seen)] if _failed(seen, 403) else [],
        _allow,
    ),
    Cause(
        "call-fails",
        _STEP,
        "The call fails, but not for want of a token.",
        lambda seen: (
            [_text(seen) if seen.called else f"{seen.unreachable}"]
            if seen.called is None or not 200 <= seen.called.status < 300
            else []
        ),
        lambda seen: Mend(["Check the URL."], local=[_commands.command("curl -sI", shown(seen.options.call))]),
    ),
)

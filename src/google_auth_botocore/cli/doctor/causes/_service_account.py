"""Why a service account gives no token, where it is not its policy."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google_auth_botocore.cli._terraform_syntax import Block, Raw
from google_auth_botocore.cli.doctor import _commands
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do, said
from google_auth_botocore.cli.doctor._seen import Seen

_STEP = "service account"
_NUMBER = re.compile(r"in project (\S+)")


def _api_off(seen: Seen) -> Iterator[str]:
    if seen.reason == "SERVICE_DISABLED" or "has not been used in project" in seen.said:
        yield seen.said


def _switch_on(seen: Seen) -> Mend:
    match = _NUMBER.search(seen.said)
    api = "sts.googleapis.com" if seen.step == "exchange" else "iamcredentials.googleapis.com"
    return _commands.service(api, match[1] if match else _commands.number(seen))


def _too_long(seen: Seen) -> Iterator[str]:
    if "lifetime" in seen.said and seen.status == 400:
        yield seen.said
        yield f"A lifetime of {seen.options.lifetime or 'over 3600'} s is asked for."


def _extend(seen: Seen) -> Mend:
    constraint = "iam.allowServiceAccountCredentialLifetimeExtension"
    return Mend(
        ["Ask for 3600 s at most (--lifetime), or let the organization list the account; then up to 43200 s."],
        gcloud=[
            f"gcloud resource-manager org-policies allow {constraint} {seen.account} --organization=ORGANIZATION_ID",
        ],
        terraform=[
            _commands.resource(
                "google_org_policy_policy",
                _commands.inner(
                    "spec", _commands.inner("rules", _commands.inner("values", allowed_values=[seen.account]))
                ),
                name=f"organizations/ORGANIZATION_ID/policies/{constraint}",
                parent="organizations/ORGANIZATION_ID",
            )
        ],
    )


def _not_delegated(seen: Seen) -> Iterator[str]:
    if seen.step == "delegation" and seen.reason in ("unauthorized_client", "access_denied", "invalid_grant"):
        yield seen.said
        yield f"To act for {seen.options.subject}, with the scopes {','.join(seen.credentials.scopes or [_PLATFORM])}."


_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


def _delegate(seen: Seen) -> Mend:
    scopes = ",".join(seen.credentials.scopes or [_PLATFORM])
    return Mend(
        [
            "In admin.google.com, under Security, API controls, Domain-wide delegation, allow the client id these scopes: "
            + scopes,
            f"Check that {seen.options.subject} is a user of that domain.",
        ],
        gcloud=[f"gcloud iam service-accounts describe {seen.account} --format='value(uniqueId)'"],
        terraform=[
            Block(
                "output", ["client_id"], {"value": Raw(f"data.google_service_account.this.unique_id # {seen.account}")}
            )
        ],
    )


def _stripped(seen: Seen) -> Iterator[str]:
    if seen.status == 401 and "missing required authentication" in seen.said:
        yield seen.said


CAUSES: tuple[Cause, ...] = (
    *(
        Cause(
            "api-disabled",
            step,
            "The API is not enabled in the project that the message names.",
            _api_off,
            _switch_on,
        )
        for step in ("exchange", _STEP)
    ),
    Cause(
        "lifetime-too-long",
        _STEP,
        "The organization lets tokens of this account live an hour at most.",
        _too_long,
        _extend,
    ),
    Cause(
        "delegation-not-allowed",
        _STEP,
        "Google Workspace does not let the service account act for the user with these scopes.",
        _not_delegated,
        _delegate,
    ),
    Cause(
        "authorization-stripped",
        _STEP,
        "The Authorization header does not arrive: something on the way takes it off.",
        _stripped,
        do("Let the proxy pass it to iamcredentials.googleapis.com.", local=["env | grep -i _proxy"]),
    ),
    Cause(
        "argument-refused",
        _STEP,
        "The request lacks something, such as scopes.",
        said("Request contains an invalid argument"),
        do(
            "Check --scopes, --delegates and --target-audience.",
            local=["google-auth-botocore doctor --scopes=https://www.googleapis.com/auth/cloud-platform"],
        ),
    ),
)

"""What is wrong with the provider that the audience names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google_auth_botocore.cli._terraform_syntax import Block, Raw
from google_auth_botocore.cli.doctor import _commands
from google_auth_botocore.cli.doctor._cause import Cause, Mend, said
from google_auth_botocore.cli.doctor._seen import Seen

_STEP = "exchange"


def _out_of_service(seen: Seen) -> bool:
    return seen.reason == "invalid_target"


def _looked_up(seen: Seen) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The pool and the provider."""
    if not _out_of_service(seen):
        return None, None
    return seen.administrator.pool(seen.audience), seen.administrator.provider(seen.audience)


def _disabled(seen: Seen) -> Iterator[str]:
    for each in _looked_up(seen):
        if each and each.get("disabled"):
            yield seen.said
            yield f"{each['name']} is disabled."


def _enable(seen: Seen) -> Mend:
    pool, provider = _looked_up(seen)
    return Mend(
        gcloud=[
            *([_commands.pool(seen, "update", "--no-disabled")] if (pool or {}).get("disabled") else []),
            *([_commands.provider(seen, _update(seen), "--no-disabled")] if (provider or {}).get("disabled") else []),
        ],
        terraform=[_commands.aws_provider(seen, disabled=False)],
    )


def _deleted(seen: Seen) -> Iterator[str]:
    for each in _looked_up(seen):
        if each and each.get("state") == "DELETED":
            yield seen.said
            yield f"{each['name']} is deleted, and kept for 30 days."


def _undelete(seen: Seen) -> Mend:
    pool, provider = _looked_up(seen)
    of_pool, of_provider = ((each or {}).get("state") == "DELETED" for each in (pool, provider))
    return Mend(
        gcloud=[
            *([_commands.pool(seen, "undelete")] if of_pool else []),
            *([_commands.provider(seen, "undelete")] if of_provider else []),
        ],
        terraform=[
            _commands.inner(
                "import",
                to=Raw("google_iam_workload_identity_pool_provider.aws"),
                id=seen.audience.removeprefix("//iam.googleapis.com/"),
            )
        ],
    )


def _missing(seen: Seen) -> Iterator[str]:
    pool, provider = _looked_up(seen)
    if {} in (pool, provider):
        yield seen.said
        yield f"There is no {'provider' if pool else 'pool'} of this name: {seen.audience}"


def _update(seen: Seen) -> str:
    """gcloud's verb for a provider of this kind."""
    return "update-aws" if seen.request is not None else "update-oidc"


def _account_of(seen: Seen) -> str:
    parts = (seen.arn or "").split(":")
    return parts[4] if len(parts) > 4 else "ACCOUNT_ID"


def _trusting(seen: Seen) -> Block:
    """The provider, which trusts the account of the AWS identity."""
    return _commands.aws_provider(seen, _commands.inner("aws", account_id=_account_of(seen)))


CAUSES: tuple[Cause, ...] = (
    Cause(
        "audience-malformed",
        _STEP,
        "Google does not take the audience for the full name of a provider.",
        lambda seen: [seen.said] if 'Invalid value for "audience"' in seen.said else [],
        lambda seen: Mend(
            gcloud=[_commands.provider(seen, "describe", "--format=value(name)")],
            terraform=[_commands.AUDIENCE],
        ),
    ),
    Cause(
        "provider-disabled",
        _STEP,
        "The provider or its pool is disabled.",
        _disabled,
        _enable,
    ),
    Cause(
        "provider-deleted",
        _STEP,
        "The provider or its pool is deleted.",
        _deleted,
        _undelete,
    ),
    Cause(
        "provider-missing",
        _STEP,
        "There is no such provider: its name, its pool's or the project's number is wrong.",
        _missing,
        lambda seen: Mend(
            gcloud=[
                _commands.pools(seen),
                _commands.provider(seen, "create-aws", f"--account-id={_account_of(seen)}"),
            ],
            terraform=[_trusting(seen)],
        ),
    ),
    Cause(
        "provider-out-of-service",
        _STEP,
        "The provider or its pool is disabled or deleted, or was never there; an administrator can tell which.",
        lambda seen: [seen.said] if _out_of_service(seen) else [],
        lambda seen: Mend(
            ["With CLOUDSDK_AUTH_ACCESS_TOKEN=$(gcloud auth print-access-token) doctor looks by itself."],
            gcloud=[
                _commands.provider(seen, "describe"),
                _commands.provider(seen, "undelete"),
                _commands.provider(seen, _update(seen), "--no-disabled"),
            ],
            terraform=[_commands.aws_provider(seen, disabled=False)],
        ),
    ),
    Cause(
        "aws-account-not-trusted",
        _STEP,
        "The provider trusts another AWS account.",
        lambda seen: (
            [seen.said, *([f"AWS says: {seen.arn}"] if seen.arn else [])] if "AWS account" in seen.said else []
        ),
        lambda seen: Mend(
            ["If this account is to be trusted, and not that one:"],
            gcloud=[
                _commands.provider(seen, "describe", "--format=value(aws.accountId)"),
                _commands.provider(seen, "update-aws", f"--account-id={_account_of(seen)}"),
            ],
            aws=["aws sts get-caller-identity"],
            terraform=[_trusting(seen)],
        ),
    ),
    Cause(
        "provider-of-another-kind",
        _STEP,
        "The provider is not one for this proof of identity: AWS's signed request is for an AWS provider, a JWT for OIDC.",
        said('Invalid value for "subject_token_type"'),
        lambda seen: Mend(
            ["Name the other provider in the audience, or give --subject-token-type."],
            gcloud=[_commands.provider(seen, "describe", "--format=yaml(aws,oidc)")],
            terraform=[_trusting(seen)],
        ),
    ),
)

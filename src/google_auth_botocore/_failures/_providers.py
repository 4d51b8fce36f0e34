"""Why the provider that the audience names cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._commands import evidence, settings
from google_auth_botocore._failures._entry import Block, Failure, Raw, Remedy, Verdict, words
from google_auth_botocore._failures._facts import Facts

_STEP = ("exchange",)
_DOCTOR_LOOKS = "With CLOUDSDK_AUTH_ACCESS_TOKEN=$(gcloud auth print-access-token), doctor looks it up."


def _looked_up(facts: Facts) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    return evidence(facts).pool(), evidence(facts).provider()


def _disabled(facts: Facts) -> Verdict:
    names = [each["name"] for each in _looked_up(facts) if each and each.get("disabled")]
    return [facts.text, *(f"{name} is disabled." for name in names)] if names else False


def _enable(facts: Facts) -> Remedy:
    pool, provider = ((each or {}).get("disabled") for each in _looked_up(facts))
    return Remedy(
        ["Enable the provider or the pool."],
        gcloud=[
            *([_commands.pool(facts, "update", "--no-disabled")] if pool else []),
            *([_commands.provider(facts, _commands.update(facts), "--no-disabled")] if provider else []),
        ],
        terraform=[_commands.aws_provider(facts, disabled=False)],
    )


def _deleted(facts: Facts) -> Verdict:
    names = [each["name"] for each in _looked_up(facts) if each and each.get("state") == "DELETED"]
    return [facts.text, *(f"{name} is deleted, and kept for 30 days." for name in names)] if names else False


def _undelete(facts: Facts) -> Remedy:
    pool, provider = ((each or {}).get("state") == "DELETED" for each in _looked_up(facts))
    return Remedy(
        ["Undelete the provider or the pool."],
        gcloud=[
            *([_commands.pool(facts, "undelete")] if pool else []),
            *([_commands.provider(facts, "undelete")] if provider else []),
        ],
        terraform=[
            _commands.inner(
                "import",
                to=Raw("google_iam_workload_identity_pool_provider.aws"),
                id=settings(facts).audience.removeprefix("//iam.googleapis.com/"),
            )
        ],
    )


def _missing(facts: Facts) -> Verdict:
    pool, provider = _looked_up(facts)
    if {} not in (pool, provider):
        return False
    return [facts.text, f"There is no {'provider' if pool else 'pool'} of this name: {settings(facts).audience}"]


def _choose(facts: Facts) -> Remedy:
    """Return how to compare the audience with the existing names, before anything is created or restored."""
    pool, _ = _looked_up(facts)
    listed = _commands.list_providers(_commands.pool_name(facts), deleted=True) if pool else _commands.list_pools(facts)
    kind = ["create-oidc", "--issuer-uri=ISSUER"] if _commands.uses_jwt(facts) else ["create-aws"]
    more = kind[1:] or [f"--account-id={_commands.aws_account(facts)}"]
    return Remedy(
        ["Compare the audience with the names in the list. Create the provider only if it is missing."],
        gcloud=[listed, _commands.provider(facts, kind[0], *more)],
        terraform=[trusting(facts)],
    )


def trusting(facts: Facts) -> Block:
    """Return the Terraform resource of a provider that trusts the AWS identity."""
    if _commands.uses_jwt(facts):
        return _commands.aws_provider(facts, _commands.inner("oidc", issuer_uri="ISSUER"))
    return _commands.aws_provider(facts, _commands.inner("aws", account_id=_commands.aws_account(facts)))


def _look(facts: Facts) -> Remedy:
    listed = _commands.list_providers(_commands.pool_name(facts), deleted=True)
    return Remedy(
        [
            (
                "Compare the project number, the pool and the provider in the audience with the list, and check that pool and provider "
                "are enabled."
            )
        ],
        gcloud=[
            listed,
            _commands.list_pools(facts),
            _commands.provider(facts, "describe"),
            _commands.provider(facts, "undelete"),
            _commands.provider(facts, _commands.update(facts), "--no-disabled"),
        ],
        terraform=[_commands.aws_provider(facts, disabled=False)],
        more=[
            _DOCTOR_LOOKS,
            "If the provider is not in the list, correct the audience. If it is deleted, undelete it. If it is disabled, enable it.",
        ],
    )


def _another_account(facts: Facts) -> Verdict:
    if "AWS account" not in facts.text and "account id" not in facts.text.lower():
        return False
    arn = evidence(facts).arn
    return [facts.text, f"The AWS caller is {arn}."] if arn else True


ENTRIES = (
    Failure(
        "audience-malformed",
        _STEP,
        lambda facts: 'Invalid value for "audience"' in facts.text,
        "Google does not accept the audience as the full name of a provider.",
        lambda facts: Remedy(
            ["The audience must be the full name of a provider. Compare it with the name in the list."],
            gcloud=[
                _commands.list_providers(_commands.pool_name(facts)),
                _commands.provider(facts, "describe", "--format=value(name)"),
            ],
            terraform=[_commands.AUDIENCE_OUTPUT],
        ),
    ),
    Failure(
        "provider-out-of-service",
        _STEP,
        lambda facts: facts.reason == "invalid_target",
        "The provider or its pool does not exist, is disabled or is deleted. An administrator can find out which.",
        _look,
        variants=(
            Failure("provider-disabled", _STEP, _disabled, "The provider or its pool is disabled.", _enable),
            Failure("provider-deleted", _STEP, _deleted, "The provider or its pool is deleted.", _undelete),
            Failure(
                "provider-missing",
                _STEP,
                _missing,
                "There is no such provider: its name, the pool's or the project number is wrong.",
                _choose,
            ),
        ),
    ),
    Failure(
        "aws-account-not-trusted",
        _STEP,
        _another_account,
        "The provider trusts another AWS account.",
        lambda facts: Remedy(
            ["Compare the account that the provider trusts with the caller's."],
            gcloud=[
                _commands.provider(facts, "describe", "--format=value(aws.accountId)"),
                _commands.provider(facts, "update-aws", f"--account-id={_commands.aws_account(facts)}"),
            ],
            aws=[_commands.aws(facts, "sts get-caller-identity")],
            terraform=[trusting(facts)],
            more=["Change the provider only if it must trust this account instead of the other one."],
        ),
    ),
    Failure(
        "provider-of-another-kind",
        _STEP,
        words('Invalid value for "subject_token_type"'),
        "The provider does not accept this proof of identity: an AWS provider accepts AWS's signed request, an OIDC provider a JWT.",
        lambda facts: Remedy(
            ["Use another provider in the audience, or pass --subject-token-type (subject_token_type=)."],
            gcloud=[_commands.provider(facts, "describe", "--format=yaml(aws,oidc)")],
            terraform=[trusting(facts)],
        ),
    ),
)

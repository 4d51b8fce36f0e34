"""Why the Security Token Service gives no federated token."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google_auth_botocore.cli._mapping import AWS_ROLE, SHORT_SUBJECT
from google_auth_botocore.cli.doctor import _commands
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do, said
from google_auth_botocore.cli.doctor._seen import Seen

_STEP = "exchange"
_IAM_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d+:role/")


def _condition(seen: Seen) -> str | None:
    if seen.reason != "unauthorized_client":
        return None
    provider = seen.administrator.provider(seen.audience)
    return str(provider.get("attributeCondition", "")) if provider else ""


def _condition_on_iam_arn(seen: Seen) -> Iterator[str]:
    condition = _condition(seen)
    if condition and seen.request is not None and _IAM_ARN.search(condition):
        yield f"The condition compares with a role's own ARN: {condition}"
        yield f"AWS says: {seen.arn or 'arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME/SESSION'}"


def _condition_not_met(seen: Seen) -> Iterator[str]:
    condition = _condition(seen)
    if condition is not None:
        yield seen.said
        yield f"The condition: {condition}" if condition else "The condition can be read by an administrator alone."
        if seen.arn:
            yield f"assertion.arn is {seen.arn}" if seen.request else f"assertion.sub is {seen.arn}"


def _set_condition(seen: Seen) -> Mend:
    role = seen.role_arn or "arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME"
    condition = f"attribute.aws_role == '{role}'" if seen.request else f"assertion.sub == '{role}'"
    kind = "update-aws" if seen.request else "update-oidc"
    return Mend(
        ["If this identity is to be let in:"],
        gcloud=[
            _commands.provider(seen, "describe"),
            _commands.provider(seen, kind, f"--attribute-condition={condition}"),
        ],
        aws=["aws sts get-caller-identity"],
        terraform=[_commands.aws_provider(seen, attribute_condition=condition)],
    )


def _shorter_subject(seen: Seen) -> Mend:
    return Mend(
        [
            "A shorter name of the role's session (RoleSessionName) does it, too. Bindings to the subject change with it."
        ],
        gcloud=[
            _commands.provider(
                seen,
                "update-aws",
                f"--attribute-mapping=google.subject={SHORT_SUBJECT},attribute.aws_role={AWS_ROLE}",
            )
        ],
        terraform=[
            _commands.aws_provider(
                seen, attribute_mapping={"google.subject": SHORT_SUBJECT, "attribute.aws_role": AWS_ROLE}
            )
        ],
    )


CAUSES: tuple[Cause, ...] = (
    Cause(
        "condition-on-iam-arn",
        _STEP,
        "The attribute condition compares with the role's own ARN, but Google sees the one of its session.",
        _condition_on_iam_arn,
        _set_condition,
    ),
    Cause(
        "condition-not-met",
        _STEP,
        "The provider's attribute condition is not met by this identity.",
        _condition_not_met,
        _set_condition,
    ),
    Cause(
        "subject-too-long",
        _STEP,
        "The subject, which is the whole ARN of the session unless it is mapped, has over 127 bytes.",
        lambda seen: (
            [seen.said, *([f"{seen.arn} has {len(seen.arn)}."] if seen.arn else [])]
            if "google.subject exceeds" in seen.said
            else []
        ),
        _shorter_subject,
    ),
    Cause(
        "issuer-unreachable",
        _STEP,
        "The audience names an OIDC provider whose issuer Google can't reach.",
        said("credential's issuer"),
        lambda seen: Mend(
            ["Name the AWS provider in the audience, or mend the issuer."],
            gcloud=[_commands.provider(seen, "describe", "--format=value(oidc.issuerUri)")],
        ),
    ),
    Cause(
        "jwt-audience-refused",
        _STEP,
        "The provider does not take its own name for the audience of a JWT.",
        said("audience in ID Token"),
        lambda seen: Mend(
            gcloud=[_commands.provider(seen, "update-oidc", f"--allowed-audiences=https:{seen.audience}")],
            terraform=[
                _commands.aws_provider(seen, _commands.inner("oidc", allowed_audiences=[f"https:{seen.audience}"]))
            ],
        ),
    ),
    Cause(
        "jwt-issuer-wrong",
        _STEP,
        "The provider trusts another issuer than the AWS account's.",
        said("issuer in ID Token"),
        lambda seen: Mend(
            gcloud=[_commands.provider(seen, "update-oidc", "--issuer-uri=ISSUER")],
            aws=["aws iam get-outbound-web-identity-federation-info"],
            terraform=[_commands.aws_provider(seen, _commands.inner("oidc", issuer_uri="ISSUER"))],
        ),
    ),
    Cause(
        "no-scope",
        _STEP,
        "No scope is asked for.",
        said("Scope(s) must be provided"),
        do(
            "Give scopes; a proxy that takes the form's fields away does the same.",
            local=["google-auth-botocore doctor --scopes=https://www.googleapis.com/auth/cloud-platform"],
        ),
    ),
    Cause(
        "proof-rewritten",
        _STEP,
        "The signed request arrives in another form than it was sent in.",
        said("Invalid format of AWS credentials"),
        do(
            "Look for what rewrites requests on the way: middleware that signs or encodes, a proxy.",
            local=["env | grep -i _proxy"],
        ),
    ),
    Cause(
        "exchange-refused",
        _STEP,
        "The Security Token Service refuses.",
        lambda seen: [seen.said] if seen.error is not None else [],
        lambda seen: Mend(
            [getattr(seen.error, "hint", None) or "The message is all that is known."],
            gcloud=[_commands.provider(seen, "describe")],
        ),
    ),
)

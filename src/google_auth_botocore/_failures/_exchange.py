"""Google's Security Token Service rejects the exchange: mapping, condition, JWT, scopes."""

from __future__ import annotations

import re

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._commands import ROLE_PLACEHOLDER, evidence, settings
from google_auth_botocore._failures._entry import Failure, Remedy, Verdict, always, do, words
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._failures._names import AWS_ROLE, SHORT_SUBJECT
from google_auth_botocore._settings import CLOUD_PLATFORM

_STEP = ("exchange",)
_IDENTITY = "sts get-caller-identity"
_ARN_IN_CONDITION = re.compile(r"arn:aws[a-z-]*:iam::[0-9]+:role/")
# Google's messages about an expression of the attribute mapping that has no value, or one that is not a string.
_MAPPING = re.compile(r"mapped attribute|attribute mapping|Could not obtain a value for", re.IGNORECASE)


def _mapping(facts: Facts) -> dict[str, str]:
    """Return a mapping that works for every caller of this provider."""
    if _commands.uses_jwt(facts):
        return {"google.subject": "assertion.sub"}
    return {"google.subject": "assertion.arn", "attribute.aws_role": AWS_ROLE}


def _set_mapping(facts: Facts, mapping: dict[str, str]) -> str:
    values = ",".join(f"{name}={value}" for name, value in mapping.items())
    return _commands.provider(facts, _commands.update(facts), f"--attribute-mapping={values}")


def _wrong_mapping(facts: Facts) -> Verdict:
    if not _MAPPING.search(facts.text):
        return False
    mapping = (evidence(facts).provider() or {}).get("attributeMapping")
    return [facts.text, *(f"The provider maps {name} = {value}" for name, value in (mapping or {}).items())]


def _correct_mapping(facts: Facts) -> Remedy:
    mapping = _mapping(facts)
    claims = "assertion.sub" if _commands.uses_jwt(facts) else "assertion.arn, assertion.account and assertion.userid"
    return Remedy(
        [
            (
                "Correct the provider's attribute mapping: each expression must be a string for this caller, who has "
                f"{claims}."
            )
        ],
        gcloud=[
            _commands.provider(facts, "describe", "--format=yaml(attributeMapping)"),
            _set_mapping(facts, mapping),
        ],
        aws=[_commands.aws(facts, _IDENTITY)],
        terraform=[_commands.aws_provider(facts, attribute_mapping=mapping)],
        more=["The second command replaces the whole mapping with Google's default. Add your own attributes to it."],
    )


def _shorter_subject(facts: Facts) -> Remedy:
    subject = "assertion.sub.extract('role/{role}')" if _commands.uses_jwt(facts) else SHORT_SUBJECT
    mapping = {**_mapping(facts), "google.subject": subject}
    return Remedy(
        ["Map a shorter subject, or shorten the name of the role's session (RoleSessionName)."],
        gcloud=[_set_mapping(facts, mapping)],
        terraform=[_commands.aws_provider(facts, attribute_mapping=mapping)],
        more=["Bindings to the subject change with it."],
    )


def _subject_length(facts: Facts) -> Verdict:
    if "google.subject exceeds" not in facts.text:
        return False
    arn = evidence(facts).arn
    return [facts.text, f"{arn} has {len(arn)} bytes."] if arn else True


def _condition(facts: Facts) -> Verdict:
    if facts.reason != "unauthorized_client" or not (not facts.text or "condition" in facts.text):
        return False
    looked_up = evidence(facts)
    condition = (looked_up.provider() or {}).get("attributeCondition")
    seen = [facts.text] if facts.text else []
    seen.append(f"The condition: {condition}" if condition else "Only an administrator can read the condition.")
    if looked_up.arn:
        seen.append(f"{'assertion.sub' if _commands.uses_jwt(facts) else 'assertion.arn'} is {looked_up.arn}")
    return seen


def _condition_on_iam_arn(facts: Facts) -> Verdict:
    looked_up = evidence(facts)
    condition = str((looked_up.provider() or {}).get("attributeCondition", ""))
    if _commands.uses_jwt(facts) or not _ARN_IN_CONDITION.search(condition):
        return False
    return [
        f"The condition compares with the ARN of the IAM role: {condition}",
        f"The AWS caller is {looked_up.arn or 'arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME/SESSION'}.",
    ]


def _set_condition(facts: Facts) -> Remedy:
    jwt = _commands.uses_jwt(facts)
    role = (evidence(facts).arn if jwt else _commands.role_arn(facts)) or ROLE_PLACEHOLDER
    condition = f"assertion.sub == '{role}'" if jwt else f"attribute.aws_role == '{role}'"
    compare = (
        "Compare the provider's attribute condition with assertion.sub, which is the role's own ARN (arn:aws:iam::ACCOUNT:role/ROLE)."
        if jwt
        else "Compare the provider's attribute condition with the caller's ARN, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, which "
        "is not the role's."
    )
    return Remedy(
        [compare],
        gcloud=[
            _commands.provider(facts, "describe"),
            _commands.provider(facts, _commands.update(facts), f"--attribute-condition={condition}"),
        ],
        aws=[_commands.aws(facts, _IDENTITY)],
        terraform=[_commands.aws_provider(facts, attribute_condition=condition)],
        more=["The second command replaces the condition. Run it only if no other identity must meet it."],
    )


ENTRIES = (
    Failure(
        "subject-too-long",
        _STEP,
        _subject_length,
        "The subject, which by default is the whole ARN of the session, has more than 127 bytes.",
        _shorter_subject,
    ),
    Failure(
        "mapping-wrong",
        _STEP,
        _wrong_mapping,
        "An expression of the provider's attribute mapping has no value for this caller, or one that is not a string.",
        _correct_mapping,
    ),
    Failure(
        "condition-not-met",
        _STEP,
        _condition,
        "This identity does not meet the provider's attribute condition.",
        _set_condition,
        variants=(
            Failure(
                "condition-on-iam-arn",
                _STEP,
                _condition_on_iam_arn,
                "The attribute condition compares with the ARN of the IAM role, but Google sees the ARN of its session.",
                _set_condition,
            ),
        ),
    ),
    Failure(
        "issuer-unreachable",
        _STEP,
        words("credential's issuer"),
        "The audience names an OIDC provider whose issuer Google cannot reach.",
        lambda facts: Remedy(
            ["Use the AWS provider's audience, or make the issuer reachable."],
            gcloud=[_commands.provider(facts, "describe", "--format=value(oidc.issuerUri)")],
        ),
    ),
    Failure(
        "jwt-audience-rejected",
        _STEP,
        words("audience in ID Token"),
        "The provider does not accept its own name as the audience of a JWT.",
        lambda facts: Remedy(
            ["Add the provider's own name to its allowed audiences."],
            gcloud=[_commands.provider(facts, "update-oidc", f"--allowed-audiences=https:{settings(facts).audience}")],
            terraform=[
                _commands.aws_provider(
                    facts, _commands.inner("oidc", allowed_audiences=[f"https:{settings(facts).audience}"])
                )
            ],
        ),
    ),
    Failure(
        "jwt-issuer-wrong",
        _STEP,
        words("issuer in ID Token"),
        "The provider trusts another issuer, not the one of the AWS account.",
        lambda facts: Remedy(
            ["Set the provider's issuer to that of the AWS account."],
            gcloud=[_commands.provider(facts, "update-oidc", "--issuer-uri=ISSUER")],
            aws=[_commands.aws(facts, "iam get-outbound-web-identity-federation-info", region=False)],
            terraform=[_commands.aws_provider(facts, _commands.inner("oidc", issuer_uri="ISSUER"))],
            run=[
                _commands.aws(facts, "iam get-outbound-web-identity-federation-info", region=False),
                _commands.provider(facts, "update-oidc", "--issuer-uri=ISSUER"),
            ],
        ),
    ),
    Failure(
        "jwt-expired",
        _STEP,
        words("is stale to sign-in", "ID Token has expired", "Token expired"),
        "Google received the JWT after it had expired.",
        do("Check what delays requests to Google: AWS's JWT is valid for a few minutes. Do not reuse an old one."),
    ),
    Failure(
        "no-scope",
        _STEP,
        words("Scope(s) must be provided"),
        "The request has no scope.",
        lambda facts: Remedy(
            ["Pass scopes. If they are set, a proxy may have removed fields of the form."],
            local=[_commands.doctor(facts, f"--scopes={CLOUD_PLATFORM}")],
        ),
    ),
    Failure(
        "scope-invalid",
        (*_STEP, "delegation"),
        lambda facts: facts.reason == "invalid_scope" or "invalid scope" in facts.text.lower(),
        "Google does not know a requested scope.",
        do("Correct the scopes: https://developers.google.com/identity/protocols/oauth2/scopes lists them."),
    ),
    Failure(
        "proof-rewritten",
        _STEP,
        words("Invalid format of AWS credentials"),
        "The signed request was changed before it arrived at Google.",
        do(
            "Look for a proxy, or for middleware that signs or encodes requests: one of them rewrites the request.",
            local=[_commands.PROXIES],
        ),
    ),
    Failure(
        "exchange-rejected",
        _STEP,
        always,
        "The Security Token Service rejected the exchange.",
        lambda facts: Remedy(
            gcloud=[_commands.provider(facts, "describe")], more=["The message is all that is known."], run=()
        ),
    ),
)

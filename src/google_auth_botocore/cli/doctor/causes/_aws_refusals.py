"""Why AWS does not take a signature: asked by doctor itself, or, as Google tells it, by Google."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.cli._terraform_syntax import Raw
from google_auth_botocore.cli.doctor import _aws, _commands
from google_auth_botocore.cli.doctor._cause import Cause, Mend, do
from google_auth_botocore.cli.doctor._seen import Seen
from google_auth_botocore.cli.doctor.causes._network import SET_CLOCK, skewed

_IDENTITY = "aws sts get-caller-identity"
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_USUAL = "us-east-1"


def _refusal(seen: Seen) -> tuple[str | None, str]:
    """AWS's code and words, from whoever heard them; not about the date, which is mended on the way to Google."""
    if seen.error is not None:
        return getattr(seen.error, "aws_reason", None), seen.said
    if seen.aws is None or skewed(seen.aws.message):
        return None, ""
    return seen.aws.code, f"AWS says {seen.aws.code}: {seen.aws.message}"


def _code(*codes: str) -> Callable[[Seen], Iterable[str]]:
    def evidence(seen: Seen) -> Iterator[str]:
        code, text = _refusal(seen)
        if code in codes:
            yield text

    return evidence


def _skewed(seen: Seen) -> Iterator[str]:
    if seen.aws is not None and skewed(seen.aws.message):
        yield f"AWS says {seen.aws.code}: {seen.aws.message}"


def _frozen(seen: Seen) -> Iterator[str]:
    code, text = _refusal(seen)
    if code in _EXPIRED and seen.winner in _aws.AT_HAND:
        yield text
        yield f"The keys are from the {next((e.named for e in seen.sources if e.method == seen.winner), seen.winner)}."
        for each in seen.sources:
            if each.stated_by and each.method not in _aws.AT_HAND:
                yield f"{each.named} (by {each.stated_by}) renews its own, but is not asked."


def _region_not_enabled(seen: Seen) -> Iterator[str]:
    """The same keys are good in a region that every account has: Google is asked to say so."""
    code, text = _refusal(seen)
    if code != "InvalidClientTokenId" or seen.request is None or seen.request.region == _USUAL:
        return
    given = {name: getattr(seen.options, name) for name in ("profile", "assume_role")}
    elsewhere = Credentials(seen.audience, region=_USUAL, token_url=seen.credentials.info["token_url"], **given)
    with contextlib.suppress(FederationError):
        elsewhere.refresh(seen.recorder)
        yield text
        yield f"The same keys are good in {_USUAL}."


def _unreachable(seen: Seen) -> Iterator[str]:
    if seen.unreachable and seen.request is not None:
        yield f"{seen.request.url.partition('?')[0]}: {seen.unreachable}"


def _both(
    name: str, says: str, evidence: Callable[[Seen], Iterable[str]], mend: Callable[[Seen], Mend]
) -> Iterator[Cause]:
    for step in ("AWS caller", "exchange"):
        yield Cause(name, step, says, evidence, mend)


CAUSES: tuple[Cause, ...] = (
    Cause(
        "clock-skew",
        "AWS caller",
        "The clock of this machine is too far off for AWS. These credentials date their signature anew when they hear of it.",
        _skewed,
        SET_CLOCK,
        fatal=False,
    ),
    *_both(
        "secret-key-wrong",
        "The secret access key does not belong to the access key id, or a proxy changes signed headers.",
        _code("SignatureDoesNotMatch"),
        do(
            "Set the three of a set of keys again; AWS remembers a wrong one for some seconds.",
            local=["unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"],
            aws=["aws configure list", _IDENTITY],
        ),
    ),
    *_both(
        "keys-frozen",
        "The keys were copied once, to where nobody renews them, and have ended.",
        _frozen,
        do(
            "Let botocore find them at their source; to name it, set AWS_PROFILE.",
            local=["unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"],
            aws=["aws configure list", _IDENTITY],
        ),
    ),
    *_both(
        "keys-expired",
        "The keys have ended, and their source gives no new ones.",
        _code(*_EXPIRED),
        do("Renew them at their source.", aws=[_IDENTITY]),
    ),
    *_both(
        "region-not-enabled",
        "The account has not enabled the region, so AWS does not know the keys there.",
        _region_not_enabled,
        lambda seen: Mend(
            local=[f"export AWS_REGION={_USUAL}"],
            aws=[f"aws account enable-region --region-name {seen.request.region if seen.request else 'REGION'}"],
            terraform=[
                _commands.resource(
                    "aws_account_region",
                    region_name=seen.request.region if seen.request else "REGION",
                    enabled=True,
                )
            ],
        ),
    ),
    *_both(
        "keys-unknown",
        "AWS does not know these keys: deleted, of another partition, or with another set's session token.",
        _code("InvalidClientTokenId", "UnrecognizedClientException"),
        do(
            "Set the three of a set of keys again, or make new ones.",
            local=["unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"],
            aws=["aws configure list", "aws iam list-access-keys"],
        ),
    ),
    *_both(
        "caller-identity-denied",
        "A policy of a VPC endpoint or of the organization denies sts:GetCallerIdentity.",
        _code("AccessDenied", "AccessDeniedException"),
        do(
            aws=["aws ec2 describe-vpc-endpoints --filters Name=service-name,Values=com.amazonaws.REGION.sts"],
            terraform=[
                _commands.resource(
                    "aws_vpc_endpoint",
                    label="sts",
                    policy=Raw("data.aws_iam_policy_document.allow_get_caller_identity.json"),
                )
            ],
        ),
    ),
    *_both(
        "aws-refuses",
        "AWS does not take the signature.",
        lambda seen: [_refusal(seen)[1]] if _refusal(seen)[0] else [],
        do("Look the code up in the documentation of AWS STS.", aws=[_IDENTITY]),
    ),
    Cause(
        "aws-unreachable",
        "AWS caller",
        "AWS can't be asked from here who the keys belong to. A token can be had all the same: Google asks AWS itself.",
        _unreachable,
        do("Where AWS STS has another address here, give --aws-sts-endpoint.", aws=[_IDENTITY]),
        fatal=False,
    ),
)

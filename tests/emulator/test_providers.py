"""Attribute mappings, attribute conditions and their limits."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.workload import ROLE_ARN, Workload
from google_auth_botocore.emulator import AwsProvider, Emulator

ASSERTION = {
    "arn": f"{ROLE_ARN}/i-0abc",
    "account": "123456789012",
    "userid": "AROAEXAMPLE:i-0abc",
}


def provider(google: Emulator, **changes: Any) -> AwsProvider:
    return google.add_aws_provider(**changes)


def members(provider: AwsProvider, **assertion: str) -> frozenset[str]:
    return provider.identify({**ASSERTION, **assertion}).members


def test_names_have_the_documented_form(google: Emulator) -> None:
    names = provider(google, project_number="42", pool="aws-pool", provider="prod")

    pool = "iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/aws-pool"
    assert names.audience == f"//{pool}/providers/prod"
    assert names.principal("me") == f"principal://{pool}/subject/me"
    assert names.principal_set() == f"principalSet://{pool}/*"
    assert names.principal_set("aws_role", "r") == f"principalSet://{pool}/attribute.aws_role/r"
    assert names.principal_set("groups", "g") == f"principalSet://{pool}/group/g"


@pytest.mark.parametrize(
    ("arn", "role"),
    [
        (f"{ROLE_ARN}/i-0abc", ROLE_ARN),
        ("arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:user/ann"),
        (
            "arn:aws-cn:sts::123456789012:assumed-role/app/session",
            "arn:aws-cn:sts::123456789012:assumed-role/app",
        ),
    ],
)
def test_the_default_mapping_is_the_arn_and_the_role(google: Emulator, arn: str, role: str) -> None:
    """`attribute.aws_role` is the role's STS ARN, without a path and without the session."""
    default = provider(google)

    assert members(default, arn=arn) == {
        default.principal(arn),
        default.principal_set(),
        default.principal_set("aws_role", role),
    }


def test_a_custom_mapping_replaces_the_default(google: Emulator) -> None:
    custom = provider(
        google,
        attribute_mapping={
            "google.subject": "assertion.arn.extract('assumed-role/{role}/')",
            "google.groups": "['account-' + assertion.account]",
            "attribute.account": "assertion.account",
        },
    )

    assert members(custom) == {
        custom.principal("app"),
        custom.principal_set(),
        custom.principal_set("groups", "account-123456789012"),
        custom.principal_set("account", "123456789012"),
    }


@pytest.mark.parametrize(
    ("template", "extracted"),
    [
        ("'{all}'", "a/b/c"),
        ("'{first}/'", "a"),
        ("'a/{rest}'", "b/c"),
        ("'a/{middle}/'", "b"),
        ("'x/{nothing}'", ""),
        ("'a/{nothing}x'", ""),
    ],
)
def test_extract_follows_google_s_template_rules(google: Emulator, template: str, extracted: str) -> None:
    mapping = {
        "google.subject": "assertion.arn",
        "attribute.part": f"assertion.userid.extract({template})",
    }
    custom = provider(google, attribute_mapping=mapping)

    assert custom.principal_set("part", extracted) in members(custom, userid="a/b/c")


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("assertion.account == '123456789012'", True),
        ("assertion.arn.startsWith('arn:aws:sts::123456789012:assumed-role/app/')", True),
        (f"attribute.aws_role == '{ROLE_ARN}'", True),
        ("google.subject.contains('assumed-role') && !('admins' in google.groups)", True),
        ("attribute.aws_role in ['a', 'b']", False),
        ("attribute.aws_role == 'arn:aws:iam::123456789012:role/app'", False),
        ("assertion.no_such_field == 'x'", False),
        ("assertion.arn", False),
    ],
)
def test_a_condition_can_use_assertion_google_and_attribute(workload: Workload, condition: str, met: bool) -> None:
    """A condition that cannot be evaluated or is not a boolean counts as not met."""
    provider(workload.google, attribute_condition=condition)

    reply = workload.exchange()

    assert (reply.status_code == 200) is met
    if not met:
        assert reply.status_code == 400
        assert reply.json() == {
            "error": "unauthorized_client",
            "error_description": "The given credential is rejected by the attribute condition.",
        }


def test_a_subject_has_at_most_127_bytes(workload: Workload) -> None:
    prefix = "arn:aws:sts::123456789012:assumed-role/"
    for length, status in ((127, 200), (128, 400)):
        arn = prefix + ("r" * 60 + "/" + "s" * 64)[: length - len(prefix)]
        keys = workload.google.aws_keys.issue(arn)
        reply = workload.exchange(workload.signed(keys=keys))
        assert (len(arn), reply.status_code) == (length, status)
    assert reply.json() == {
        "error": "invalid_request",
        "error_description": (
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute"
            " mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes."
        ),
    }


def test_all_mapped_attributes_together_have_at_most_8192_bytes(workload: Workload) -> None:
    """The limit counts bytes, not characters: é has two."""
    mapping = {"google.subject": "'me'", "google.groups": "['" + "é" * 500 + "', 'x']"}
    mapping |= {f"attribute.a{number}": "'" + "x" * 1000 + "'" for number in range(7)}
    for last, status in ((189, 200), (190, 400)):
        provider(workload.google, attribute_mapping={**mapping, "attribute.last": "'" + "x" * last + "'"})
        reply = workload.exchange()
        assert reply.status_code == status
    assert reply.json() == {
        "error": "invalid_request",
        "error_description": "The size of all mapped attributes exceeds the 8192 bytes limit.",
    }


@pytest.mark.parametrize("expression", ["assertion.missing", "1 + 1", "''", "assertion.arn.nothing()"])
def test_a_subject_that_is_not_a_string_is_rejected(workload: Workload, expression: str) -> None:
    provider(workload.google, attribute_mapping={"google.subject": expression})

    reply = workload.exchange()

    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")
    assert "google.subject" in reply.json()["error_description"]


@pytest.mark.parametrize(
    "changes",
    [
        {"attribute_mapping": {"attribute.x": "assertion.arn"}},
        {"attribute_mapping": {"google.subject": "assertion."}},
        {"attribute_mapping": {"google.subject": "'" + "x" * 2048 + "'"}},
        {"attribute_mapping": {"google.subject": "assertion.arn", "google.other": "'x'"}},
        {"attribute_mapping": {"google.subject": "assertion.arn", "attribute.Upper": "'x'"}},
        {"attribute_mapping": {"google.subject": "assertion.arn", "attribute." + "x" * 101: "'x'"}},
        {
            "attribute_mapping": {
                "google.subject": "assertion.arn",
                **{f"attribute.a{number}": "'x'" for number in range(51)},
            }
        },
        {"account_id": "1234"},
        {"account_id": 123456789012},
        {"project_number": "my-project"},
        {"pool": "Aws"},
        {"provider": "prod/other"},
        {"attribute_condition": "assertion.arn =="},
        {"attribute_condition": "true" + " || true" * 600},
    ],
)
def test_an_invalid_provider_cannot_be_created(google: Emulator, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"google\.|attribute|condition|CEL|12 digits|name of a provider"):
        google.add_aws_provider(**changes)


def test_a_provider_at_every_limit_can_be_created(workload: Workload) -> None:
    provider(
        workload.google,
        attribute_mapping={
            "google.subject": "'" + "x" * 100 + "'" + " " * 1946,
            **{"attribute." + f"{number:0100}": "'x'" for number in range(50)},
        },
        attribute_condition="true" + " " * 4092,
    )

    assert workload.exchange().status_code == 200


def test_tokens_stay_valid_after_their_provider_is_disabled(workload: Workload) -> None:
    token = workload.federated_token()
    workload.provider.disabled = True

    assert workload.exchange().status_code == 400
    assert workload.google.check_access_token(token) is not None

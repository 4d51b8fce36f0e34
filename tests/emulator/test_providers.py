"""Attribute mappings, attribute conditions and their limits."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.workload import ROLE_ARN, Workload
from google_auth_botocore.emulator import AwsProvider, Emulator
from google_auth_botocore.emulator._errors import OAuthError

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
        "error_description": "The size of the entire mapped attributes exceeds the 8 KB limit.",
    }


NO_STRING = "The mapped attribute 'google.subject' must be of type STRING."
NO_VALUE = "Could not obtain a value for google.subject from the given credential."


@pytest.mark.parametrize(
    ("name", "expression", "description"),
    [
        ("google.subject", "assertion.arn.contains('app')", NO_STRING),
        ("google.subject", "1 + 1", NO_STRING),
        ("google.subject", "['me']", NO_STRING),
        ("google.subject", "{'me': 'me'}", NO_STRING),
        ("google.subject", "timestamp('2026-01-01T00:00:00Z')", NO_STRING),
        ("google.subject", "type(assertion)", NO_STRING),
        ("google.subject", "b'me'", NO_STRING),
        ("google.subject", "assertion.missing", NO_VALUE),
        ("google.subject", "assertion['missing']", NO_VALUE),
        ("google.subject", "assertion.arn.split('/')[7]", NO_VALUE),
        ("google.subject", "assertion.arn.split('/')[-1]", NO_VALUE),
        ("google.subject", "assertion.arn[0]", NO_VALUE),
        ("google.subject", "'me' * 2", NO_VALUE),
        ("google.subject", "'%s' % 1", NO_VALUE),
        ("google.subject", "''", NO_VALUE),
        ("google.subject", "null", NO_VALUE),
        ("google.subject", "assertion.arn + 1", NO_VALUE),
        ("google.subject", "assertion.arn.substring(4, 2)", NO_VALUE),
        ("attribute.team", "size(assertion.arn)", "The mapped attribute 'attribute.team' must be of type STRING."),
        ("google.groups", "assertion.arn", "The mapped attribute 'google.groups' must be of type LIST<STRING>."),
        ("google.groups", "{'a': 'b'}", "The mapped attribute 'google.groups' must be of type LIST<STRING>."),
        ("google.groups", "['a', 1]", "The elements in mapped attribute 'google.groups' must be of type STRING."),
    ],
)
def test_a_mapping_without_a_value_of_the_right_type_rejects_the_credential(
    workload: Workload, name: str, expression: str, description: str
) -> None:
    provider(workload.google, attribute_mapping={"google.subject": "assertion.arn", name: expression})

    reply = workload.exchange()

    assert reply.status_code == 400
    assert reply.json() == {"error": "unauthorized_client", "error_description": description}


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("attribute.team", "assertion.tags.team"),
        ("attribute.team", "assertion['team']"),
        ("attribute.team", "assertion.arn.split('/')[7]"),
        ("attribute.team", "null"),
        ("attribute.team", "assertion.email || assertion.arn"),
        ("attribute.team", "attribute.team"),
        ("google.groups", "assertion.groups"),
        ("google.groups", "null"),
    ],
)
def test_only_the_subject_must_have_a_value(google: Emulator, name: str, expression: str) -> None:
    """Released modules map claims that most credentials lack. A condition over such an attribute is not met."""
    mapping = {"google.subject": "assertion.account", name: expression}
    custom = provider(google, attribute_mapping=mapping)

    assert members(custom) == {custom.principal("123456789012"), custom.principal_set()}
    if name == "google.groups":
        provider(google, attribute_mapping=mapping, attribute_condition="google.groups == []").identify(ASSERTION)
    with pytest.raises(OAuthError, match="rejected by the attribute condition"):
        provider(google, attribute_mapping=mapping, attribute_condition=f"{name} != 'x' && {name} != []").identify(
            ASSERTION
        )


@pytest.mark.parametrize(
    ("expression", "subject"),
    [
        ("assertion.arn.split('/')[1]", "app"),
        ("assertion.userid.split(':')[0]", "AROAEXAMPLE"),
        ("assertion.arn.extract('assumed-role/{role}/').split('-')[0]", "app"),
        ("assertion.arn.split(':', 3)[2]", "sts::123456789012:assumed-role/app/i-0abc"),
        ("assertion.arn.split('/').join('~')", "arn:aws:sts::123456789012:assumed-role~app~i-0abc"),
        ("[assertion.account, 'x'].join()", "123456789012x"),
        ("assertion.userid.lowerAscii()", "aroaexample:i-0abc"),
        ("'É' + assertion.account.upperAscii()", "É123456789012"),
        ("'Éa'.lowerAscii()", "Éa"),
        ("assertion.arn.replace('/', '~', 1).substring(26)", "assumed-role~app/i-0abc"),
        ("assertion.arn.substring(0, 7)", "arn:aws"),
        ("assertion.arn.substring(assertion.arn.lastIndexOf('/') + 1)", "i-0abc"),
        ("assertion.arn.substring(0, assertion.arn.indexOf(':'))", "arn"),
        ("'  me '.trim() + 'abc'.charAt(1)", "meb"),
        ("has(assertion.sub) ? assertion.sub : assertion.account", "123456789012"),
        ("assertion.arn.startsWith('arn:aws:sts') ? 'sts' : assertion.missing", "sts"),
        ("assertion.account in ['123456789012'] ? 'mine' : 'theirs'", "mine"),
        ("['a', 'b'].filter(x, x != 'a').map(x, x + assertion.account)[0]", "b123456789012"),
        ("{'123456789012': 'prod'}[assertion.account]", "prod"),
        ("string(assertion.account.size()) + string(true) + string(1.5)", "12true1.5"),
        ("assertion['account']", "123456789012"),
        ("string(int(assertion.account) == 123456789012.0)", "true"),
        ("string(assertion.account == 123456789012)", "false"),
        ("string([1, 'a'] == [1.0, 'a'])", "true"),
        ("string('é'.size())", "1"),
        ("string(assertion.missing == 'x' || true)", "true"),
    ],
)
def test_a_mapping_can_use_the_functions_that_google_documents(google: Emulator, expression: str, subject: str) -> None:
    custom = provider(google, attribute_mapping={"google.subject": expression})

    assert custom.identify(ASSERTION).principal == custom.principal(subject)


@pytest.mark.parametrize(
    ("expression", "claim", "subject"),
    [
        ("assertion.claim[1]", ["a", "b"], "b"),
        ("assertion.claim.sub.split(':')[1]", {"sub": "a:b"}, "b"),
        ("assertion.claim == null ? 'none' : assertion.claim", None, "none"),
        ("string(assertion.claim)", 5, "5"),
        ("assertion.claim ? 'yes' : 'no'", True, "yes"),
        ("has(assertion.claim.more) ? 'yes' : 'no'", {}, "no"),
        ("'admin' in assertion.claim ? 'yes' : 'no'", ["admin"], "yes"),
        ("assertion['claim']['https://example.com/team']", {"https://example.com/team": "t"}, "t"),
    ],
)
def test_claims_may_have_any_json_value(google: Emulator, expression: str, claim: Any, subject: str) -> None:
    custom = provider(google, attribute_mapping={"google.subject": expression})

    assert custom.identify({"claim": claim}).principal == custom.principal(subject)


@pytest.mark.parametrize("claim", [2**70, 1e400, "text", ["a", [1, None]]])
def test_a_claim_that_cel_cannot_represent_rejects_the_credential(google: Emulator, claim: Any) -> None:
    custom = provider(google, attribute_mapping={"google.subject": "string(assertion.claim * 2)"})

    with pytest.raises(OAuthError, match="unauthorized_client"):
        custom.identify({"claim": claim})


UNMAPPED = "undeclared reference to 'attribute.team'"


@pytest.mark.parametrize(
    ("mapping", "condition", "message"),
    [
        (
            "assertion.arn.nothing()",
            None,
            "google.subject: ERROR: <expression>:1:15: undeclared reference to 'nothing'",
        ),
        ("concat(assertion.arn)", None, "undeclared reference to 'concat'"),
        ("assertion.arn.split()", None, "no matching overload for 'split' with 0 arguments"),
        ("sub", None, "undeclared reference to 'sub'"),
        ("google.subject", None, "undeclared reference to 'google'"),
        ("'\ud800'", None, "it contains half of a surrogate pair"),
        ("assertion.arn =", None, "ERROR: <expression>:1:15: Syntax error"),
        ("assertion.arn", "has(assertion)", "invalid argument to has() macro"),
        ("assertion.arn", "attribute.team == 'x'", f"condition: ERROR: <expression>:1:1: {UNMAPPED}"),
        ("assertion.arn", "has(attribute.team)", UNMAPPED),
        ("assertion.arn", "true || attribute['team'] == 'x'", UNMAPPED),
        ("assertion.arn", "['x'].exists(y, attribute.team == y)", UNMAPPED),
        ("assertion.arn", "['x'].exists(y, x == y)", "undeclared reference to 'x'"),
        ("assertion.arn", "repository == 'x'", "undeclared reference to 'repository'"),
        ("assertion.arn", "google.email == 'x'", "undeclared reference to 'google.email'"),
        ("assertion.arn", "(" * 2000 + "true" + ")" * 2000, "ERROR: <expression>"),
    ],
)
def test_expressions_are_compiled_when_the_provider_is_created(
    google: Emulator, mapping: str, condition: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=r"^Invalid attribute") as caught:
        provider(google, attribute_mapping={"google.subject": mapping}, attribute_condition=condition)

    assert message in str(caught.value)
    assert "celpy" not in str(caught.value)
    assert "lark" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("assertion.aud", "Custom mapped attributes must be in format 'attribute.{custom_attribute}'"),
        ("attribute.Team", "may only contain the characters [a-z0-9_]"),
        ("attribute.team-a", "may only contain the characters [a-z0-9_]"),
    ],
)
def test_an_invalid_key_of_a_mapping_is_rejected_as_google_does(google: Emulator, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^Invalid mapped attribute key: {name}") as caught:
        provider(google, attribute_mapping={"google.subject": "assertion.arn", name: "'x'"})

    assert message in str(caught.value)


def test_only_google_groups_bind_as_a_group(google: Emulator) -> None:
    """A custom attribute may be called groups, too."""
    custom = provider(
        google,
        attribute_mapping={
            "google.subject": "assertion.account",
            "google.groups": "['g']",
            "attribute.groups": "'a'",
        },
    )
    pool = f"principalSet://iam.googleapis.com/{custom.pool_name}"

    assert {f"{pool}/group/g", f"{pool}/attribute.groups/a"} <= members(custom)
    assert f"{pool}/group/a" not in members(custom)
    assert custom.principal_set("groups", "a") == f"{pool}/attribute.groups/a"
    assert custom.principal_set("google.groups", "g") == f"{pool}/group/g"


@pytest.mark.parametrize("condition", [None, "true", "'x' == 'x'"])
@pytest.mark.parametrize("issuer", ["https://token.actions.githubusercontent.com", "https://gitlab.com"])
def test_an_issuer_that_all_its_customers_share_requires_a_condition(
    google: Emulator, issuer: str, condition: str | None
) -> None:
    with pytest.raises(ValueError, match=r"^The attribute condition must reference one of the provider's claims"):
        google.add_oidc_provider(issuer, attribute_condition=condition)

    google.add_oidc_provider(issuer, attribute_condition="assertion.repository_owner == 'me'")


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
    with pytest.raises(ValueError, match=r"google\.|attribute|condition|12 digits|name of a provider"):
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

"""Workload identity pool providers: they map a verified assertion to a principal, or reject it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from google_auth_botocore.emulator import _cel
from google_auth_botocore.emulator import _provider_texts as texts
from google_auth_botocore.emulator._errors import OAuthError

# Source: https://iam.googleapis.com/$discovery/rest?version=v1 (WorkloadIdentityPoolProvider.attributeMapping)
_ACCOUNT = "assertion.arn.extract('{account_arn}assumed-role/')"
_ROLE = "assertion.arn.extract('assumed-role/{role_name}/')"
AWS_ATTRIBUTE_MAPPING = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": (
        f"assertion.arn.contains('assumed-role') ? {_ACCOUNT} + 'assumed-role/' + {_ROLE} : assertion.arn"
    ),
}

_MAX_SUBJECT_BYTES = 127
_MAX_ATTRIBUTES_BYTES = 8192
_MAX_CUSTOM_ATTRIBUTES = 50
_MAX_MAPPING_CHARACTERS = 2048
_MAX_CONDITION_CHARACTERS = 4096
_ATTRIBUTE = re.compile(r"google\.(subject|groups)|attribute\.[a-z0-9_]{1,100}")

AUDIENCE = re.compile(
    r"//iam\.googleapis\.com/projects/(?P<number>[0-9]+)/locations/global"
    r"/workloadIdentityPools/(?P<pool>[a-z0-9-]+)/providers/(?P<provider>[a-z0-9-]+)"
)


@dataclass(frozen=True)
class FederatedIdentity:
    """The identity that Google assigns in an exchange.

    Attributes:
        principal: `principal://…/subject/…`.
        members: every member name with which an IAM binding can match this identity.
    """

    principal: str
    members: frozenset[str] = field(repr=False)


@dataclass
class Provider:
    """The base of all kinds of providers. A change takes effect with the next exchange.

    Attributes:
        project_number: the project's number, not its ID.
        pool: the ID of the workload identity pool.
        provider: the ID of the provider in the pool.
        attribute_mapping: a CEL expression over `assertion` for each Google attribute (`google.subject`,
            `google.groups`, `attribute.NAME`).
        attribute_condition: a CEL expression over `assertion`, `google` and `attribute` that must be true.
        disabled: whether it is disabled. Exchanges with a disabled provider fail; tokens already issued stay valid.
        display_name: its display name.
        description: its description.
        purge_time: for a deleted provider, when it can no longer be undeleted, in seconds since the epoch; otherwise
            None.
    """

    project_number: str
    pool: str
    provider: str
    attribute_mapping: Mapping[str, str]
    attribute_condition: str | None = None
    disabled: bool = False
    display_name: str = field(default="", kw_only=True)
    description: str = field(default="", kw_only=True)
    purge_time: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the name, the mapping and the condition, as Google does when a provider is created.

        Raises:
            ValueError: one of them breaks a rule or a limit.
        """
        if not AUDIENCE.fullmatch(self.audience):
            raise ValueError(f"{self.name!r} is not the name of a provider: projects/NUMBER/…/providers/ID")
        if "google.subject" not in self.attribute_mapping:
            raise ValueError(texts.NO_SUBJECT)
        attributes = [
            name.removeprefix("attribute.") for name in self.attribute_mapping if name.startswith("attribute.")
        ]
        if len(attributes) > _MAX_CUSTOM_ATTRIBUTES:
            raise ValueError(texts.TOO_MANY_ATTRIBUTES.format(maximum=_MAX_CUSTOM_ATTRIBUTES))
        # That a mapping may refer to the mapped attributes is not documented. Google accepts `attribute.sub=attribute.sub`, which is in
        # released modules: terraform-google-modules/terraform-example-foundation (gitlab-oidc), Cyclenerd/wif-github and wif-gitlab.
        variables = {"assertion": None, "attribute": attributes}
        for name, expression in self.attribute_mapping.items():
            if not _ATTRIBUTE.fullmatch(name):
                text = texts.INVALID_KEY_CHARACTERS if name.startswith("attribute.") else texts.INVALID_KEY
                raise ValueError(text.format(name=name))
            problem = _problem(expression, _MAX_MAPPING_CHARACTERS, variables)
            if problem:
                raise ValueError(texts.INVALID_MAPPING.format(name=name, problem=problem))
        if self.attribute_condition:
            variables["google"] = ["subject", "groups"]  # an unmapped google.groups is an empty list
            problem = _problem(self.attribute_condition, _MAX_CONDITION_CHARACTERS, variables)
            if problem:
                raise ValueError(texts.INVALID_CONDITION.format(problem=problem))

    @property
    def in_service(self) -> bool:
        """Whether it is neither disabled nor deleted."""
        return not self.disabled and self.purge_time is None

    @property
    def pool_name(self) -> str:
        """The pool's resource name: `projects/NUMBER/locations/global/workloadIdentityPools/POOL`."""
        return f"projects/{self.project_number}/locations/global/workloadIdentityPools/{self.pool}"

    @property
    def name(self) -> str:
        """The provider's resource name, as gcloud prints it."""
        return f"{self.pool_name}/providers/{self.provider}"

    @property
    def audience(self) -> str:
        """The provider's full resource name, which is the audience of a token exchange."""
        return f"//iam.googleapis.com/{self.name}"

    def principal(self, subject: str) -> str:
        """Return the IAM member for the identity with this subject."""
        return f"principal://iam.googleapis.com/{self.pool_name}/subject/{subject}"

    def principal_set(self, attribute: str | None = None, value: str | None = None) -> str:
        """Return the IAM member for all identities of the pool, or for those with an attribute value.

        Args:
            attribute: the name without its `attribute.` prefix, or `google.groups`. `groups` is a custom attribute if the
                provider maps one of this name, otherwise `google.groups`.
            value: value of the attribute, or name of the group.

        Raises:
            ValueError: only one of attribute and value is given.
        """
        if (attribute is None) != (value is None):
            raise ValueError("pass both an attribute and its value, such as 'aws_role' and a role's ARN, or neither")
        base = f"principalSet://iam.googleapis.com/{self.pool_name}"
        if attribute is None:
            return f"{base}/*"
        is_custom = f"attribute.{attribute}" in self.attribute_mapping
        if attribute == "google.groups" or (attribute == "groups" and not is_custom):
            return f"{base}/group/{value}"
        return f"{base}/attribute.{attribute}/{value}"

    def identify(self, assertion: Mapping[str, Any]) -> FederatedIdentity:
        """Map a verified assertion to an identity.

        Raises:
            OAuthError: the mapping fails or exceeds a limit, or the condition is not met.
        """
        values = {name: self._map(name, expression, assertion) for name, expression in self.attribute_mapping.items()}
        mapped = {name: value for name, value in values.items() if value is not None}
        subject = mapped["google.subject"]
        if len(subject.encode()) > _MAX_SUBJECT_BYTES:
            raise OAuthError("invalid_request", texts.SUBJECT_TOO_LONG.format(maximum=_MAX_SUBJECT_BYTES))
        strings = [text for value in mapped.values() for text in ([value] if isinstance(value, str) else value)]
        if sum(len(text.encode()) for text in strings) > _MAX_ATTRIBUTES_BYTES:
            raise OAuthError("invalid_request", texts.TOO_LARGE)
        attributes = {
            name.removeprefix("attribute."): value for name, value in mapped.items() if name.startswith("attribute.")
        }
        groups = mapped.get("google.groups", [])
        self._check_condition(
            {
                "assertion": assertion,
                "google": {"subject": subject, "groups": groups},
                "attribute": attributes,
            }
        )
        members = {
            self.principal(subject),
            self.principal_set(),
            *(self.principal_set("google.groups", group) for group in groups),
            *(self.principal_set(name, value) for name, value in attributes.items()),
        }
        return FederatedIdentity(self.principal(subject), frozenset(members))

    def _map(self, name: str, expression: str, assertion: Mapping[str, Any]) -> Any:
        """Return the value of an attribute; None: the credential has none.

        Only google.subject must have a value. Google does not document this for the other attributes, but released modules map
        claims that most credentials lack, such as `environment` (the modules that `__post_init__` names, and GitLab's documentation).
        """
        try:
            # That a mapped attribute has no value in another mapping is assumed.
            value = _cel.evaluate(expression, {"assertion": assertion, "attribute": {}})
        except _cel.CelError:
            value = None
        if name == "google.subject" and value in (None, ""):
            raise OAuthError("unauthorized_client", texts.NO_SUBJECT_VALUE)
        if name == "google.groups" and isinstance(value, list):
            if not all(isinstance(group, str) for group in value):
                raise OAuthError("unauthorized_client", texts.WRONG_ELEMENTS.format(name=name))
        elif value is not None and (name == "google.groups" or not isinstance(value, str)):
            kind = texts.LIST_OF_STRINGS if name == "google.groups" else "STRING"
            raise OAuthError("unauthorized_client", texts.WRONG_TYPE.format(name=name, kind=kind))
        return value

    def _check_condition(self, variables: Mapping[str, Any]) -> None:
        if not self.attribute_condition:
            return
        try:
            met = _cel.evaluate(self.attribute_condition, variables) is True
        except _cel.CelError:
            met = False
        if not met:
            raise OAuthError("unauthorized_client", "The given credential is rejected by the attribute condition.")


def _problem(expression: object, maximum: int, variables: Mapping[str, Collection[str] | None]) -> str | None:
    """Return what is wrong with an expression; None: it is valid.

    Args:
        expression: the expression, which should be a string.
        maximum: the maximum number of characters.
        variables: the names of the variables, and the fields of each; None: it may have any field.
    """
    if not isinstance(expression, str):
        return "it is not a string"
    if len(expression) > maximum:
        return texts.TOO_LONG.format(maximum=maximum)
    try:
        expression.encode()
    except UnicodeEncodeError:
        return "it contains half of a surrogate pair"
    try:
        _cel.check(expression, variables)
    except _cel.CelError as error:
        return str(error)
    return None


@dataclass
class AwsProvider(Provider):
    """A provider that trusts one AWS account.

    Attributes:
        account_id: the account, 12 digits.
    """

    account_id: str = ""

    def __post_init__(self) -> None:
        """Check the account, too.

        Raises:
            ValueError: it is not a string of 12 digits.
        """
        super().__post_init__()
        if not re.fullmatch(r"'[0-9]{12}'", repr(self.account_id)):  # the quotes exclude an int
            raise ValueError(f"the AWS account must be a string of 12 digits, not {self.account_id!r}")

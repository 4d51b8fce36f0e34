"""How Google sees the AWS role: the attribute mapping, the condition and the value to bind, for either proof.

https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds#mappings-and-conditions and
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
"""

from __future__ import annotations

import re

from google_auth_botocore._failures import _names
from google_auth_botocore.cli.config import _setup_partition as partitions

# Google accepts 127 bytes in google.subject.
SUBJECT_LIMIT = 127
# AWS accepts 64 characters in the name of a role session.
_SESSION_LIMIT = 64
_REQUEST_TAGS = "assertion['https://sts.amazonaws.com/'].request_tags"


class SignedRequest:
    """The proof is a signed GetCallerIdentity request. Google sees the session's ARN, which never contains the role's path."""

    def __init__(self, account: str, partition: str, role: str) -> None:
        self._account, self._partition, self._role = account, partition, role

    def _arn(self, partition: str) -> str:
        return f"arn:{partition}:sts::{self._account}:assumed-role/{self._role}"

    @property
    def role(self) -> str:
        """The value of attribute.aws_role, and so of the condition and the binding."""
        return self._arn(partitions.in_arns(self._partition))

    @property
    def mapping(self) -> dict[str, str]:
        """The attribute mapping: Google's default, but with a shorter subject if the default could exceed the limit."""
        known = self._partition != partitions.OF_ACCOUNT
        arn = self._arn(self._partition if known else partitions.LONGEST)
        subject = "assertion.arn"
        if _with_session(arn) > SUBJECT_LIMIT:
            # The unique id of the role, and the session: at most 21 + 1 + 64 characters, even for the longest names.
            long = _with_session(self._role) > SUBJECT_LIMIT
            subject = "assertion.userid" if long else _names.SHORT_SUBJECT
        return {"google.subject": subject, "attribute.aws_role": _names.AWS_ROLE}


class Jwt:
    """The proof is a JWT from AWS. Its subject is the ARN of the role, without a session.

    AWS does not document whether the subject contains the role's path. The name of a role is unique in its account, so both
    forms mean the same role, and the mapping removes the path.
    """

    def __init__(self, account: str, partition: str, role: str, tags: tuple[str, ...]) -> None:
        self._account, self._partition, self._path_and_name, self._tags = account, partition, role.lstrip("/"), tags

    def _arn(self, name: str) -> str:
        return f"arn:{partitions.in_arns(self._partition)}:iam::{self._account}:role/{name}"

    @property
    def role(self) -> str:
        """The value of attribute.aws_role, and so of the condition and the binding."""
        return self._arn(self._path_and_name.rpartition("/")[2])

    @property
    def mapping(self) -> dict[str, str]:
        """The attribute mapping: the role, and the tags that the workload sends with each request."""
        role = "assertion.sub"
        if "/" in self._path_and_name:
            role = f"assertion.sub == '{self._arn(self._path_and_name)}' ? '{self.role}' : assertion.sub"
        tags = {f"attribute.{attribute(tag)}": f"{_REQUEST_TAGS}['{tag}']" for tag in self._tags}
        return {"google.subject": role, "attribute.aws_role": role, **tags}


def attribute(tag: str) -> str:
    """Return the name of the attribute for a tag. Google accepts lower-case letters, digits and underscores."""
    return re.sub("[^a-z0-9_]", "_", tag.lower())


def _with_session(role: str) -> int:
    return len(role) + 1 + _SESSION_LIMIT

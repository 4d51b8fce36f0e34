"""The evidence that `doctor` looks up. The core looks up nothing, so for its errors every answer is "not known"."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Binding(NamedTuple):
    """One member of one role in an IAM policy."""

    role: str
    member: str


class Source(NamedTuple):
    """One source in botocore's chain.

    Attributes:
        method: botocore's name for it.
        name: A description of it.
        configured_by: The variable, file or profile that configures it. None: it is not configured.
    """

    method: str
    name: str
    configured_by: str | None


class Metadata(NamedTuple):
    """What instance metadata replied to a plain request.

    Attributes:
        endpoint: The address of instance metadata.
        request: The request.
        status: HTTP status. None: there was no reply.
        text: What happened.
        expected: Whether this machine should have instance metadata.
        disabled: Whether the environment turns instance metadata off.
        proxied: Whether the environment sends requests to it through a proxy.
    """

    endpoint: str
    request: str
    status: int | None
    text: str
    expected: bool
    disabled: bool
    proxied: bool


class Evidence:
    """Everything that `doctor` may look up. None and empty answers mean "not known".

    Attributes:
        arn: ARN of the AWS caller, from AWS's reply or from its JWT.
        principal: The principal that Google sees.
        sts_url: URL of the signed request. None for a JWT.
        sts_region: Region of the signature.
        has_administrator: Whether an administrator's token is set.
        clock_offset: Seconds by which the servers' clocks are ahead of this machine's. Negative: they are behind.
        sources: The sources in botocore's chain.
        container: The variable that shows that this is an AWS container.
        project: The default project of client libraries.
        quota_project: The project to charge.
        target_audience: Audience of the requested ID token.
        call_url: URL of the requested call.
        reply: Body of the reply to the call.
        given_audience: The audience as the user wrote it.
        unreachable: Why there was no reply from AWS or from the call.
    """

    arn: str | None = None
    principal: str | None = None
    sts_url: str | None = None
    sts_region: str | None = None
    has_administrator: bool = False
    clock_offset: float | None = None
    sources: Sequence[Source] = ()
    container: str | None = None
    project: str | None = None
    quota_project: str | None = None
    target_audience: str | None = None
    call_url: str | None = None
    reply: str = ""
    given_audience: str | None = None
    unreachable: str | None = None

    def metadata(self) -> Metadata | None:
        """Return what instance metadata replied."""
        return None

    def pool(self) -> Mapping[str, Any] | None:
        """Return the pool as the IAM API shows it. An empty mapping: it does not exist."""
        return None

    def provider(self) -> Mapping[str, Any] | None:
        """Return the provider as the IAM API shows it. An empty mapping: it does not exist."""
        return None

    def account(self, name: str) -> Mapping[str, Any] | None:
        """Return the service account as the IAM API shows it. An empty mapping: it does not exist."""
        del name
        return None

    def bindings(self, account: str) -> Sequence[Binding] | None:
        """Return the bindings on the service account."""
        del account
        return None

    def project_bindings(self, account: str) -> Sequence[Binding]:
        """Return the bindings on the service account's project."""
        del account
        return ()

    def accepted_in(self, region: str) -> bool:
        """Return whether AWS accepts the same keys in another region."""
        del region
        return False


NOTHING = Evidence()

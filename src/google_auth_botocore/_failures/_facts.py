"""The facts of one failure: what was attempted, what the reply was, and what was configured. They contain no secrets."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from google_auth_botocore._failures._evidence import Evidence
    from google_auth_botocore._settings import Settings

# The steps of getting a token that call IAM Credentials, those that call any of Google's services, and all of them.
IAM = ("impersonation", "id_token", "signing", "delegation")
GOOGLE = ("exchange", *IAM)
EVERY = ("aws", *GOOGLE)

# The origins of settings that are neither in an environment variable nor in a file.
ARGUMENT, DEFAULT = "argument", "default"


class Setting(NamedTuple):
    """An AWS setting, and where it comes from.

    Attributes:
        value: Its value.
        origin: `ARGUMENT` (of `Credentials`, or a flag of the command), `DEFAULT`, the name of an environment variable,
            or the path of a file.
        section: The section of the file, without brackets.
        line: The line of the file.
    """

    value: str
    origin: str
    section: str | None = None
    line: int | None = None

    @property
    def variable(self) -> str | None:
        """The environment variable that it comes from. None: it comes from elsewhere."""
        return self.origin if self.origin.isupper() and self.section is None else None

    @property
    def file(self) -> str | None:
        """The file that it comes from. None: it comes from elsewhere."""
        return self.origin if self.section is not None else None


class Keys(NamedTuple):
    """What is known about the AWS keys.

    Attributes:
        source: botocore's name for the source that they came from, such as `env` or `iam-role`.
        temporary: Whether the access key id is that of temporary keys.
        has_session_token: Whether there is a session token.
        assumed_role: ARN of the assumed role without its session, if the configuration names the role.
    """

    source: str | None = None
    temporary: bool = False
    has_session_token: bool = False
    assumed_role: str | None = None


NO_KEYS = Keys()


class Facts(NamedTuple):
    """The facts of one failure.

    Attributes:
        step: The step that failed: one of `EVERY`, or `configuration`, or, in `doctor`, `call`.
        failure: The id of the failure, if the code that detected it knows which one it is.
        reason: The server's code, or the class of the exception.
        kinds: The class of the exception and its base classes, by name.
        status: HTTP status of the reply.
        aws_reason: AWS's code in a reply of Google's Security Token Service, or in AWS's own reply to `doctor`.
        permission: The IAM permission that the caller lacks.
        text: The message of the server or of botocore, redacted.
        rejected_date: Whether AWS or Google found the date of a signature or an assertion too old or too new.
        transient: Whether another attempt may succeed.
        url: The endpoint.
        provider: botocore's name for the source of keys that failed.
        file: The file that could not be used.
        detail: The setting or the library at fault, or the kind of failure, as the code that detected it names it.
        settings: The settings of the requested token.
        profile: The AWS profile. The code that detects the failure sets it only if it is an argument; `completed` adds it otherwise.
        region: The AWS region. It is set in the same way as the profile.
        role: ARN of the role that was set in code.
        keys: What is known about the keys.
        evidence: What `doctor` looked up. None: the failure happened outside of `doctor`.
    """

    step: str
    failure: str | None = None
    reason: str | None = None
    kinds: tuple[str, ...] = ()
    status: int | None = None
    aws_reason: str | None = None
    permission: str | None = None
    text: str = ""
    rejected_date: bool = False
    transient: bool = False
    url: str | None = None
    provider: str | None = None
    file: str | None = None
    detail: str | None = None
    settings: "Settings | None" = None
    profile: Setting | None = None
    region: Setting | None = None
    role: str | None = None
    keys: Keys = NO_KEYS
    evidence: "Evidence | None" = None


def argument(value: str | None) -> Setting | None:
    """Return a setting that was passed as an argument. None: it was not passed."""
    return None if value is None else Setting(value, ARGUMENT)

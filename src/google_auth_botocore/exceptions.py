"""The exceptions, and the google-auth exceptions that they derive from.

The tree::

    google.auth.exceptions.GoogleAuthError
    ├── RefreshError
    │   └── FederationError                     a step of getting a token failed
    │       └── TransientFederationError        … and the next attempt may succeed
    ├── TransportError
    │   └── TransientFederationError            (the same class, so that every library retries it)
    └── DefaultCredentialsError, ValueError
        └── ConfigurationError                  an argument or a configuration file is wrong

`Credentials.refresh` and everything that needs a token raise `FederationError`. `ConfigurationError`
is raised when an object is created, before anything is signed or sent.

The messages say what failed, what was seen and how to fix it. A link to the troubleshooting page and a command are on their own
lines. They contain no key, token or signature, even if a server's reply did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.auth import exceptions

if TYPE_CHECKING:
    from google_auth_botocore._failures._facts import Facts


# The troubleshooting page of the main branch. Errors of released versions link to it, so no id is ever removed from it.
# Here and not in `_failures`, because an error must not import anything.
_PAGE = "https://github.com/google-auth-botocore/google-auth-botocore/blob/main/.github/troubleshooting.md"


class ConfigurationError(exceptions.DefaultCredentialsError, ValueError):
    """An argument, an `external_account` file or a pickle cannot be used. It is raised when the object is created.

    Args:
        message: What is wrong and how to fix it, in whole sentences. A command is in its last line, after `Run: `.
        failure: See the attribute. The link to its section of the troubleshooting page is added to the message.

    Attributes:
        failure: Name of the failure, as `google-auth-botocore doctor` prints it.
    """

    def __init__(self, message: str, *, failure: str = "configuration-wrong") -> None:
        # copy and pickle create the exception from a message that has the link, and set the attribute afterwards.
        if f"\nMore: {_PAGE}#" not in message:
            sentences, run, command = message.partition("\nRun: ")
            message = f"{sentences}\nMore: {_PAGE}#{failure}{run}{command}"
        super().__init__(message)  # type: ignore[no-untyped-call]  # google-auth has no types here
        self.failure = failure


class FederationError(exceptions.RefreshError):
    """A step from the AWS identity to a Google token failed.

    Args:
        message: What failed and what was seen, in whole sentences.
        step: See the attribute; the same for the other arguments.
        reason: See the attribute.
        status_code: See the attribute.
        hint: See the attribute. It is appended to the message.
        aws_reason: See the attribute.
        retryable: Whether the same request may succeed the next time.
        failure: See the attribute.

    Attributes:
        step: The step that failed: `"aws"`, `"exchange"`, `"impersonation"`, `"id_token"`, `"signing"` or `"delegation"`.
        reason: The server's own code (`"invalid_grant"`, `"PERMISSION_DENIED"`, …), or the class of
            botocore's exception. None if there is neither.
        status_code: HTTP status of the reply. None if there was no reply.
        hint: How to fix it: sentences, a link to the failure's section of the troubleshooting page, and a command if there is one.
            The link and the command are on their own lines, and the command is the last one. None for an unknown failure.
        aws_reason: The code with which AWS rejected the subject token that Google sent it (`"ExpiredToken"`, …).
        failure: Name of the failure, as `google-auth-botocore doctor` prints it.
    """

    # Not in the instance's dictionary: a pickle has no private classes.
    __slots__ = ("_facts",)

    def __init__(
        self,
        message: object,
        *,
        step: str | None = None,
        reason: str | None = None,
        status_code: int | None = None,
        hint: str | None = None,
        aws_reason: str | None = None,
        retryable: bool = False,
        failure: str | None = None,
    ) -> None:
        # copy and pickle create the exception from `args`, which may not be text, and set the attributes afterwards.
        if isinstance(message, str) and hint:
            message = f"{message} {hint}"
        super().__init__(message, retryable=retryable)  # type: ignore[no-untyped-call]  # google-auth has no types here
        self.step = step
        self.reason = reason
        self.status_code = status_code
        self.hint = hint
        self.aws_reason = aws_reason
        self.failure = failure
        self._facts: Facts | None = None

    def __copy__(self) -> FederationError:
        """Return a copy with the same facts, which a pickle leaves out."""
        copied = type(self)(*self.args)
        vars(copied).update(vars(self))
        copied._facts = self._facts
        return copied


class TransientFederationError(FederationError, exceptions.TransportError):
    """A temporary failure: no connection, a timeout, HTTP 408, 429 or 5xx.

    `retryable` is True. Storage, BigQuery and google-api-core retry a `TransportError` whose first argument is
    a `ConnectionError`, and gcsfs retries a `RefreshError`: this is both.
    """

    def __init__(
        self,
        message: object,
        *,
        step: str | None = None,
        reason: str | None = None,
        status_code: int | None = None,
        hint: str | None = None,
        aws_reason: str | None = None,
        failure: str | None = None,
    ) -> None:
        super().__init__(
            message,
            step=step,
            reason=reason,
            status_code=status_code,
            hint=hint,
            aws_reason=aws_reason,
            retryable=True,
            failure=failure,
        )
        if isinstance(message, str):
            self.args: tuple[object, ...] = (ConnectionError(self.args[0]),)

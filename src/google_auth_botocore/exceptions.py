"""What can go wrong, and what catches it.

The tree::

    google.auth.exceptions.GoogleAuthError
    ├── RefreshError
    │   └── FederationError                     a step on the way to a token failed
    │       └── TransientFederationError        … and may well work the next time
    ├── TransportError
    │   └── TransientFederationError            (the same class: every library's own retry sees it)
    └── DefaultCredentialsError, ValueError
        └── ConfigurationError                  an argument or a configuration file is wrong

`Credentials.refresh` and everything that needs a token raise `FederationError`. `ConfigurationError`
is raised when an object is built, before anything is signed or sent.

The messages are sentences that say what happened, what was seen and what to do. They hold no key, token
or signature, whatever a server wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.auth import exceptions

if TYPE_CHECKING:
    from google_auth_botocore._failures._facts import Facts


class ConfigurationError(exceptions.DefaultCredentialsError, ValueError):
    """An argument or an `external_account` file is invalid; raised when the object is built.

    Args:
        message: What is wrong and how to fix it, in whole sentences.
        failure: See the attribute.

    Attributes:
        failure: Name of the failure, as `google-auth-botocore doctor` prints it.
    """

    def __init__(self, message: str, *, failure: str = "configuration-wrong") -> None:
        super().__init__(message)  # type: ignore[no-untyped-call]  # google-auth has no types here
        self.failure = failure


class FederationError(exceptions.RefreshError):
    """A step on the way from the AWS identity to a Google token failed.

    Args:
        message: What happened and what was seen, in whole sentences.
        step: See the attribute; the same for the other arguments.
        reason: See the attribute.
        status_code: See the attribute.
        hint: See the attribute; it ends the text of the exception.
        aws_reason: See the attribute.
        retryable: Whether the same request may work when it is made again.
        failure: See the attribute.

    Attributes:
        step: Where the way ended: `"aws"`, `"exchange"`, `"impersonation"`, `"id_token"`, `"signing"` or `"delegation"`.
        reason: The server's own code (`"invalid_grant"`, `"PERMISSION_DENIED"`, …), or the class of
            botocore's exception; None where there is none.
        status_code: HTTP status of the reply, None where there was none.
        hint: How to fix it: sentences, and a command in a line of its own if there is one; None for an unknown failure.
        aws_reason: The code that AWS gave Google for a subject token that it rejected (`"ExpiredToken"`, …).
        failure: Name of the known failure, as `google-auth-botocore doctor` prints it; None for any other.
    """

    # Not in the instance's dictionary: a pickle holds no private classes.
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
        # A message that isn't text comes from copy or pickle, which build the exception from `args`
        # and set the attributes afterwards.
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
    """A failure that may be over at the next try: no connection, a timeout, HTTP 408, 429 or 5xx.

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

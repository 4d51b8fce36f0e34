"""Replace the HTTP sessions of botocore's metadata fetchers, which hide why a request failed."""

from typing import Any, NamedTuple

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

from google_auth_botocore._aws import errors, foreign_exceptions


class Outcome(NamedTuple):
    """The outcome of one request: a reply, or an exception."""

    request: Any
    reply: Any
    error: Exception | None

    @property
    def description(self) -> str:
        seen = str(self.error) if self.reply is None else f"{self.request.url} answered HTTP {self.reply.status_code}"
        return f"{self.request.method}: {seen}".rstrip(".")


class TransparentHttp:
    """Replaces a fetcher's HTTP session, and lets foreign exceptions propagate.

    The session wraps any exception that is raised while it sends, and the fetcher treats the wrapper as a lost connection.
    """

    def __init__(self, http: Any) -> None:
        self._http = http

    def send(self, request: Any) -> Any:
        try:
            return self._http.send(request)
        except Exception as error:
            foreign = foreign_exceptions.foreign(error, None)
            if foreign is None or foreign is error:
                raise
        raise foreign


class ObservedHttp(TransparentHttp):
    """Also records the outcome of each request. For one call of a fetcher."""

    def __init__(self, http: Any) -> None:
        super().__init__(http)
        self.outcomes: list[Outcome] = []

    def send(self, request: Any) -> Any:
        last = self.outcomes[-1].error if self.outcomes else None
        if last is not None and unreachable(last):
            raise last  # botocore would continue without a token, and wait for another connection just as long
        try:
            reply = super().send(request)
        except Exception as error:
            self.outcomes.append(Outcome(request, None, error))
            raise
        self.outcomes.append(Outcome(request, reply, None))
        return reply


def unreachable(error: Exception | None) -> bool:
    """Return whether there was nothing to connect to."""
    return isinstance(error, (ConnectTimeoutError, EndpointConnectionError)) and not errors.out_of_resources(error)

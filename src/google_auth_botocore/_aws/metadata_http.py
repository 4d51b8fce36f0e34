"""botocore's HTTP session for metadata services, whose fetchers hide what failed."""

from typing import Any, NamedTuple

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

from google_auth_botocore._aws import errors, foreign_exceptions


class Outcome(NamedTuple):
    """What became of one request: a reply, or the exception."""

    request: Any
    reply: Any
    error: Exception | None

    @property
    def description(self) -> str:
        seen = str(self.error) if self.reply is None else f"{self.request.url} answered HTTP {self.reply.status_code}"
        return f"{self.request.method}: {seen}".rstrip(".")


class HonestHttp:
    """Takes the place of a fetcher's HTTP session, and lets other people's exceptions through.

    The session wraps whatever is raised while it sends, and the fetcher takes that for a lost connection.
    """

    def __init__(self, http: Any) -> None:
        self._http = http

    def send(self, request: Any) -> Any:
        try:
            return self._http.send(request)
        except Exception as error:
            strange = foreign_exceptions.foreign(error, None)
            if strange is None or strange is error:
                raise
        raise strange


class ObservedHttp(HonestHttp):
    """Also notes what became of each request. For one call of a fetcher."""

    def __init__(self, http: Any) -> None:
        super().__init__(http)
        self.outcomes: list[Outcome] = []

    def send(self, request: Any) -> Any:
        last = self.outcomes[-1].error if self.outcomes else None
        if last is not None and unreachable(last):
            raise last  # botocore goes on without a token, and would wait as long again for a connection
        try:
            reply = super().send(request)
        except Exception as error:
            self.outcomes.append(Outcome(request, None, error))
            raise
        self.outcomes.append(Outcome(request, reply, None))
        return reply


def unreachable(error: Exception | None) -> bool:
    """Whether there was nothing to connect to."""
    return isinstance(error, (ConnectTimeoutError, EndpointConnectionError)) and not errors.exhausted(error)

"""AWS's side: lists a bucket, and writes objects into it."""

from __future__ import annotations

import threading

from copycat.objects import DestinationObject
from copycat.settings import Settings


class S3:
    """A bucket in S3. Its threads share it; each request is tried again during an outage.

    Args:
        settings: of the run.
        stop: when it is set, every method raises `StoppedError`.
        connections: requests at once.
    """

    def __init__(self, settings: Settings, stop: threading.Event, connections: int = 1) -> None:
        raise NotImplementedError

    def page(
        self, prefix: str, after: str = "", token: str | None = None
    ) -> tuple[list[DestinationObject], str | None]:
        """List up to 1,000 objects in the order of their keys' UTF-8 bytes.

        Args:
            prefix: only keys that begin with it.
            after: only keys after this one.
            token: of the page before; None for the first page.

        Returns:
            The objects (possibly none), and the token of the next page; None: this was the last one.

        Raises:
            SetupError: There is no such bucket, or no permission (`s3:ListBucket`).
            OutageError: S3 did not answer for minutes.
            StoppedError: *stop* was set.
        """
        raise NotImplementedError

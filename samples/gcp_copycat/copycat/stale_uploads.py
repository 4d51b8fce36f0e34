"""Aborts unfinished multipart uploads that earlier runs left behind, for example because they were killed."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator

from copycat.errors import CopyCatError
from copycat.prefetch import Prefetcher
from copycat.progress import Log
from copycat.s3 import S3
from copycat.settings import Settings
from copycat.stopping import StopCondition

_POLL = 0.2
# All objects are copied by now, so a long outage of S3 is not worth waiting for.
_OUTAGE_LIMIT = 20.0


def abort_stale_uploads(
    settings: Settings, started: dt.datetime | None, stop: threading.Event, stop_condition: StopCondition, log: Log
) -> None:
    """Abort stale uploads after a complete run, unless the run must stop. An error only causes a warning.

    Args:
        settings: settings of the run.
        started: when the run started. None: some objects have failed.
        stop: once this is set, the requests are abandoned.
        stop_condition: tells whether the run must stop.
        log: log for the aborted uploads.
    """
    s3 = S3(settings, stop, outage_limit=_OUTAGE_LIMIT)
    aborted = Prefetcher(abort_uploads(s3, settings.destination_prefix, started), stop)
    try:
        while not aborted.ended and not stop_condition.reason():
            for key in aborted.next(_POLL):
                log.write(
                    logging.DEBUG, "aborted", f"aborted an unfinished upload of an earlier run: {key}", {"key": key}
                )
    except CopyCatError as error:
        log.write(logging.WARNING, "uploads", f"gcp_copycat: cannot abort unfinished uploads of earlier runs: {error}")


def abort_uploads(s3: S3, prefix: str, started: dt.datetime | None) -> Iterator[str]:
    """Abort uploads that are no longer needed, and yield their keys.

    An upload is aborted if CopyCat has written its object, and one of these is true:

    - The object was written after the upload was created, so the upload can no longer be completed: its condition would fail.
    - The upload was created before this run, and no object has failed.

    An upload is kept if S3 does not have its object, because another job may resume it.

    Args:
        s3: destination bucket.
        prefix: prefix of the keys.
        started: when the run started. None: some objects have failed.
    """
    for upload in s3.uploads(prefix):
        found = s3.head(upload.key)
        if found is None or found.origin is None:
            continue
        # S3 states the time of an object in whole seconds.
        superseded = found.modified is not None and upload.initiated.replace(microsecond=0) <= found.modified
        if superseded or (started is not None and upload.initiated < started):
            s3.abort(upload.key, upload.upload_id)
            yield upload.key

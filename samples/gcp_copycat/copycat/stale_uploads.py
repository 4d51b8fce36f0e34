"""Aborts the unfinished uploads that earlier runs, killed ones for example, have left behind."""

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
# Everything is copied by now: an outage of S3 is not waited for.
_OUTAGE_LIMIT = 20.0


def abort_stale_uploads(
    settings: Settings, started: dt.datetime | None, stop: threading.Event, stop_condition: StopCondition, log: Log
) -> None:
    """Sweep after a run that has come to its end, until the run must end. What cannot be aborted is no failure.

    Args:
        settings: of the run.
        started: when it began; None: some objects have failed.
        stop: is set when the run ends.
        stop_condition: tells when it must.
        log: is told what was done.
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
        log.write(logging.WARNING, "uploads", f"gcp_copycat: unfinished uploads of earlier runs may be left: {error}")


def abort_uploads(s3: S3, prefix: str, started: dt.datetime | None) -> Iterator[str]:
    """Abort uploads that serve nothing any more; yield their keys.

    These are uploads of objects that CopyCat has written. If the object was written after the upload was begun, the
    condition of its completion no longer holds: the reply to its creation was lost, for example. If all objects are as they
    should be, no upload of an earlier run is needed. Uploads of objects that S3 does not have stay: another job may go on
    with them.

    Args:
        s3: the destination.
        prefix: of the keys.
        started: when the run began; None: some objects have failed.
    """
    for upload in s3.uploads(prefix):
        found = s3.head(upload.key)
        if found is None or found.origin is None:
            continue
        # S3 tells the time of an object in whole seconds.
        superseded = found.modified is not None and upload.initiated.replace(microsecond=0) <= found.modified
        if superseded or (started is not None and upload.initiated < started):
            s3.abort(upload.key, upload.upload_id)
            yield upload.key

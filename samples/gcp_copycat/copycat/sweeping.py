"""Aborts the unfinished uploads that earlier runs, killed ones for example, have left behind."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator

from copycat.endings import Stopper
from copycat.errors import CopyCatError
from copycat.listing import Ahead
from copycat.progress import Log
from copycat.s3 import S3
from copycat.settings import Settings

_POLL = 0.2
# Everything is copied by now: an outage of S3 is not waited for.
_PATIENCE = 20.0


def sweep_up(
    settings: Settings, started: dt.datetime | None, stop: threading.Event, stopper: Stopper, log: Log
) -> None:
    """Sweep after a run that has come to its end, until the run must end. What cannot be swept is no failure.

    Args:
        settings: of the run.
        started: when it began; None: some objects have failed.
        stop: is set when the run ends.
        stopper: tells when it must.
        log: is told what was done.
    """
    side = S3(settings, stop, patience=_PATIENCE)
    swept = Ahead(sweep(side, settings.destination_prefix, started), stop)
    try:
        while not swept.ended and not stopper.reason():
            for key in swept.next(_POLL):
                log.write(
                    logging.DEBUG, "aborted", f"aborted an unfinished upload of an earlier run: {key}", {"key": key}
                )
    except CopyCatError as error:
        log.write(logging.WARNING, "uploads", f"gcp_copycat: unfinished uploads of earlier runs may be left: {error}")


def sweep(side: S3, prefix: str, started: dt.datetime | None) -> Iterator[str]:
    """Abort uploads that serve nothing any more; yield their keys.

    These are uploads of objects that S3 has. If the object was written after the upload was begun, the condition of its
    completion no longer holds. If all objects are as they should be, no upload of an earlier run is needed. Uploads of
    objects that S3 does not have stay: another job may go on with them.

    Args:
        side: the destination.
        prefix: of the keys.
        started: when the run began; None: some objects have failed.
    """
    for upload in side.uploads(prefix):
        found = next((each for each in side.page(upload.key)[0] if each.key == upload.key), None)
        if found is None:
            continue
        if upload.initiated <= found.last_modified or (started is not None and upload.initiated < started):
            side.abort(upload.key, upload.upload_id)
            yield upload.key

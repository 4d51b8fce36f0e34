"""A run: what is listed is compared, handed to workers and noted, until all is done or the run is cut short."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copycat import listing, multipart
from copycat.checkpoint import Frontier, Position
from copycat.compare import Decision, decide
from copycat.errors import CopyCatError, CopyError, OutageError, SetupError, StoppedError, WrongAnswerError
from copycat.listing import Ahead
from copycat.manifest import entry
from copycat.objects import Outcome, Result, SourceObject, Task
from copycat.places import PlaceError
from copycat.progress import Log, Progress
from copycat.records import Records
from copycat.s3 import S3
from copycat.settings import Options, Settings
from copycat.summary import Summary
from copycat.workers import Threads, Workers
from google_auth_botocore import ConfigurationError, FederationError

DONE, FAILED, WRONG, LATER = 0, 1, 2, 75
_POLL = 0.2
_SAVE_EVERY = 10.0
# After a signal: time for what is under way to be given up, and for the manifest and the checkpoint to be written.
_GRACE, _SAVING = 5.0, 2.5
# Without a signal, S3 may be away meanwhile.
_PATIENT_SAVING = 120.0


class Stopper:
    """Why a run is to end early: a signal, or its deadline.

    Args:
        seconds: until the deadline; None: there is none.
        clock: returns seconds.

    Attributes:
        signal: the number of the signal that has come; 0: none.
    """

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.signal = 0
        self._clock = clock
        # Ending takes a part of the time that there is.
        self._reserve = None if seconds is None else min(_GRACE + _SAVING, max(1.0, seconds / 5))
        self._end = None if seconds is None else clock() + seconds

    def reason(self) -> tuple[int, str] | None:
        """Return the exit code and the message, if the run is to end."""
        if self.signal:
            return 128 + self.signal, "interrupted; what is there will be skipped the next time"
        if self._end is not None and self._reserve is not None and self._clock() >= self._end - self._reserve:
            return LATER, "the deadline has come; start it again, and it goes on where it was"
        return None

    def seconds_to_end(self) -> tuple[float, float]:
        """Return how long the workers, and how long manifest and checkpoint may take."""
        left = _GRACE + _SAVING
        if self._end is not None and not self.signal:
            left = min(left, max(0.5, self._end - self._clock() - 0.1))
        return left * _GRACE / (_GRACE + _SAVING), left * _SAVING / (_GRACE + _SAVING)


@dataclass(frozen=True)
class Ended:
    """How a run has ended.

    Attributes:
        code: the exit code.
        message: why it was cut short, or what was wrong; None: nothing.
        summary: what happened to the objects.
    """

    code: int
    message: str | None
    summary: Summary


def run(settings: Settings, options: Options, stopper: Stopper, log: Log) -> Ended:
    """Copy what there is to copy. Every error becomes an exit code and a message."""
    stop = threading.Event()
    # In a thread: S3 may be silent when the checkpoint is read, and a signal or the deadline ends the run all the same.
    opening = Ahead(_records(settings, options, log, stopper), stop)
    try:
        while not (opened := opening.next(_POLL)):
            if reason := stopper.reason():
                return Ended(*reason, Summary())
    except PlaceError as error:
        return Ended(LATER if error.transient else WRONG, str(error), Summary())
    except ConfigurationError as error:
        return Ended(WRONG, str(error), Summary())
    finally:
        stop.set()
    progress = Progress(options, log)
    try:
        return _Run(settings, options, stopper, log, progress, opened[0]).run()
    finally:
        progress.close()


def _records(settings: Settings, options: Options, log: Log, stopper: Stopper) -> Iterator[Records]:
    yield Records(settings, options, log, lambda: bool(stopper.signal))


class _Run:
    def __init__(
        self, settings: Settings, options: Options, stopper: Stopper, log: Log, progress: Progress, records: Records
    ) -> None:
        self._settings = settings
        self._options = options
        self._stopper = stopper
        self._log = log
        self._progress = progress
        self._records = records
        self._summary = Summary(records.earlier)
        self._frontier = Frontier(records.start)
        self._filter = listing.Filter.of(options)
        self._names = 0
        self._started = dt.datetime.now(dt.timezone.utc)
        self._stop = threading.Event()
        self._workers: Workers | None = None
        self._end: tuple[int, str] | None = None

    def run(self) -> Ended:
        complete = False
        try:
            complete = self._copy_all()
            if complete and not self._end:
                self._sweep()
        except StoppedError:
            pass
        except OutageError as error:
            self._end_with(LATER, f"{error} Start it again later, and it goes on where it was.")
        except (SetupError, FederationError, ConfigurationError) as error:
            self._end_with(WRONG, str(error))
        except WrongAnswerError as error:
            self._end_with(LATER, f"The listing cannot be read: {error}. Start it again later.")
        except CopyError as error:  # the buckets' names are at fault, or the region: each listing would be rejected
            self._end_with(WRONG, f"The buckets cannot be listed: {error}.")
        except Exception as error:  # noqa: BLE001 - whatever it is, what was done is noted, and the message says so
            self._end_with(FAILED, f"unexpected {type(error).__name__}: {error}")
        self._stop.set()
        for_workers, for_saving = self._stopper.seconds_to_end()
        if self._workers is not None:
            for done in self._workers.close(for_workers):
                self._note(done.number, done.task.source, done.result)
        self._records.close(
            self._frontier.position, _PATIENT_SAVING if complete and not self._end else for_saving, complete=complete
        )
        return self._ended()

    def _copy_all(self) -> bool:
        """Return whether the end of the listing was reached and everything has ended."""
        found = listing.tasks(self._settings, self._chosen, self._records.start.after, self._stop)
        page: deque[Task] = deque()
        save = time.monotonic() + _SAVE_EVERY
        while True:
            self._end = self._end or self._stopper.reason()
            if self._end:
                return False
            self._progress.show(self._summary)
            if time.monotonic() >= save:
                save = time.monotonic() + _SAVE_EVERY
                self._records.save(self._frontier.position)
            while page and (self._workers is None or self._workers.has_room()):
                self._begin(page.popleft())
            busy = self._workers is not None and self._workers.is_busy()
            if not page:
                if found.ended and not busy:
                    return True
                page.extend(task for tasks in found.next(0 if busy else _POLL) for task in tasks)
                # A page whose objects are all left out is followed by the next one at once.
                if not busy:
                    continue
            if self._workers is not None:
                full = not self._workers.has_room()
                for done in self._workers.collect(_POLL if full or not page else 0):
                    self._note(done.number, done.task.source, done.result)

    def _sweep(self) -> None:
        """Abort the uploads that earlier runs left behind for objects that S3 has by now."""
        if self._settings.dry_run or self._summary.objects[Outcome.FAILED]:
            return
        side, prefix = S3(self._settings, self._stop), self._settings.destination_prefix
        swept = Ahead(multipart.sweep(side, prefix, self._started), self._stop)
        try:
            while not swept.ended and not self._stopper.reason():
                swept.next(_POLL)
        except CopyCatError as error:  # every object is there all the same
            self._log.write(logging.WARNING, "sweep", f"gcp_copycat: Unfinished uploads may be left: {error}")

    def _chosen(self, source: SourceObject) -> bool:
        """Called by the thread that lists."""
        if not self._filter.has_name(source.name):
            return False
        self._names += 1
        return self._filter.has_age(source)

    def _begin(self, task: Task) -> None:
        source = task.source
        number = self._frontier.begin(source.name)
        decision = decide(source, task.destination, check_metadata=self._settings.check_metadata)
        if decision is Decision.SKIP or (decision is Decision.COPY and self._settings.dry_run):
            outcome = Outcome.SKIPPED if decision is Decision.SKIP else Outcome.COPIED
            etag = task.destination.etag if task.destination and decision is Decision.SKIP else None
            self._note(
                number,
                source,
                Result(
                    source.name,
                    task.key,
                    outcome,
                    generation=source.generation,
                    size=source.size,
                    crc32c=source.crc32c,
                    etag=etag,
                ),
            )
            return
        if self._workers is None:
            self._workers = self._new_workers()
        self._workers.add(number, task)

    def _new_workers(self) -> Workers:
        if self._options.dask:
            from copycat.dask_workers import DaskWorkers  # noqa: PLC0415 - Dask is needed for this alone

            return DaskWorkers(self._options.dask, self._settings, self._options.dask_workers, self._progress.add)
        if self._settings.processes == 1:
            return Threads(self._settings, self._progress.add)
        from copycat.processes import Processes  # noqa: PLC0415 - Lambda lacks a part of multiprocessing

        return Processes(self._settings, self._progress.add)

    def _note(self, number: int, source: SourceObject, result: Result) -> None:
        failed = result.outcome is Outcome.FAILED
        if failed and result.transient and (self._end or self._stop.is_set()):
            return  # it was given up because the run ends
        if failed and (result.transient or result.configuration):
            code = LATER if result.transient else WRONG
            later = " Start it again later, and it goes on where it was." if result.transient else ""
            self._end_with(code, f"{result.reason}{later}")
        self._frontier.end(number, there=not failed)
        self._summary.add(result)
        found = entry(source, result, dry_run=self._settings.dry_run)
        # What ends the run is named once, at its end.
        self._log.object(found, logging.DEBUG if result.transient or result.configuration else None)
        self._records.add(found)

    def _end_with(self, code: int, message: str) -> None:
        if self._end is None:
            self._end = code, message
            if self._workers is not None:
                self._workers.stop()

    def _ended(self) -> Ended:
        code, message = self._end or (DONE, None)
        if not self._end and self._summary.objects[Outcome.FAILED]:
            code = FAILED
        elif not self._end and self._is_empty() and not self._options.allow_empty:
            place = f"gs://{self._settings.source}"
            what = f"begins with {self._settings.prefix!r}" if self._settings.prefix else "is there"
            also = " and has a name that --include and --exclude allow" if self._filter.has_patterns else ""
            code = FAILED
            message = f"In {place}, no object {what}{also}. If this is right, use --allow-empty."
        if self._records.error and code == DONE:
            code = FAILED
        if self._records.error:
            message = f"{message} {self._records.error}" if message else str(self._records.error)
        return Ended(code, message, self._summary)

    def _is_empty(self) -> bool:
        return not self._names and self._records.start == Position()

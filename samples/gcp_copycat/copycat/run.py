"""The main loop of a run: compares the listed objects, passes them to workers and records the results."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from copycat import listing
from copycat.checkpoint import Frontier, Position
from copycat.compare import Decision, decide
from copycat.denied import Denials
from copycat.errors import CopyError, InvalidResponseError, OutageError, SetupError, StoppedError
from copycat.manifest import entry
from copycat.object_filter import Filter
from copycat.objects import Outcome, Result, SourceObject, Task
from copycat.prefetch import Prefetcher
from copycat.progress import Log, Progress
from copycat.record_files import RecordFileError
from copycat.records import Records
from copycat.settings import Options, Settings
from copycat.stale_uploads import abort_stale_uploads
from copycat.stopping import INCOMPLETE, SETUP_FAILED, SUCCESS, TRY_AGAIN, RunResult, StopCondition
from copycat.summary import Summary
from copycat.workers import ThreadWorkers, Workers
from google_auth_botocore import ConfigurationError, FederationError

_POLL = 0.2
_SAVE_EVERY = 10.0
# Seconds for writing the manifest after a complete run, which may include an outage of S3.
_SAVING_LIMIT = 120.0


def run(settings: Settings, options: Options, stop_condition: StopCondition, log: Log) -> RunResult:
    """Run the copy. Every error becomes an exit code and a message.

    Args:
        settings: settings of the run.
        options: options of the run.
        stop_condition: tells whether the run must stop early.
        log: log of the run.
    """
    stop = threading.Event()
    # Read the checkpoint in a thread, so that a signal or the deadline ends the run even if S3 does not respond.
    opening = Prefetcher(_records(settings, options, log, stop_condition), stop)
    try:
        while not (opened := opening.next(_POLL)):
            if reason := stop_condition.reason():
                return RunResult(*reason, Summary())
    except RecordFileError as error:
        return RunResult(TRY_AGAIN if error.transient else SETUP_FAILED, str(error), Summary())
    except ConfigurationError as error:
        return RunResult(SETUP_FAILED, str(error), Summary())
    finally:
        stop.set()
    progress = Progress(options, log)
    try:
        return _Run(settings, options, stop_condition, log, progress, opened[0]).run()
    finally:
        progress.close()


def _records(settings: Settings, options: Options, log: Log, stop_condition: StopCondition) -> Iterator[Records]:
    yield Records(settings, options, log, lambda: bool(stop_condition.signal))


class _Run:
    def __init__(
        self,
        settings: Settings,
        options: Options,
        stop_condition: StopCondition,
        log: Log,
        progress: Progress,
        records: Records,
    ) -> None:
        self._settings = settings
        self._options = options
        self._stop_condition = stop_condition
        self._log = log
        self._progress = progress
        self._records = records
        self._summary = Summary(records.earlier)
        self._frontier = Frontier(records.start)
        self._filter = Filter.from_options(options)
        self._names = 0
        self._started = datetime.now(timezone.utc)
        self._stop = threading.Event()
        self._workers: Workers | None = None
        self._end: tuple[int, str] | None = None
        self._denials = Denials()
        # Denied objects are logged once it is known whether all objects lack the same permission, which ends the run.
        self._pending_denials: list[dict[str, Any]] = []

    def run(self) -> RunResult:
        complete = False
        try:
            complete = self._copy_all()
            if complete and not self._end and not self._settings.dry_run:
                self._abort_stale_uploads()
        except StoppedError:
            pass
        except OutageError as error:
            self._stop_run(TRY_AGAIN, f"{error} Start it again later to continue.")
        except InvalidResponseError as error:
            self._stop_run(TRY_AGAIN, f"{error} Start it again later to continue.")
        except (SetupError, CopyError, FederationError, ConfigurationError) as error:
            self._stop_run(SETUP_FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - any other exception ends the run, and what was done is recorded
            self._stop_run(INCOMPLETE, f"unexpected {type(error).__name__}: {error}")
        self._stop.set()
        stopping_time, saving_time = self._stop_condition.seconds_to_end()
        if self._workers is not None:
            for done in self._workers.close(stopping_time):
                self._record(done.number, done.task.source, done.result)
        self._records.close(
            self._frontier.position, _SAVING_LIMIT if complete and not self._end else saving_time, complete=complete
        )
        return self._result()

    def _copy_all(self) -> bool:
        """Copy objects. Return whether all of the listing was processed."""
        found = listing.tasks(self._settings, self._is_selected, self._records.start.after, self._stop)
        page: deque[Task] = deque()
        save = time.monotonic() + _SAVE_EVERY
        while True:
            self._end = self._end or self._stop_condition.reason()
            if self._end:
                return False
            self._progress.show(self._summary)
            if time.monotonic() >= save:
                save = time.monotonic() + _SAVE_EVERY
                self._records.save(self._frontier.position)
            while page and (self._workers is None or self._workers.has_room()):
                self._start(page.popleft())
            busy = self._workers is not None and self._workers.is_busy()
            if not page:
                if found.ended and not busy:
                    return True
                page.extend(task for tasks in found.next(0 if busy else _POLL) for task in tasks)
                # If the page has no selected objects, get the next one at once.
                if not busy:
                    continue
            if self._workers is not None:
                full = not self._workers.has_room()
                for done in self._workers.collect(_POLL if full or not page else 0):
                    self._record(done.number, done.task.source, done.result)

    def _abort_stale_uploads(self) -> None:
        """Abort the uploads that earlier runs left behind, after all objects are finished."""
        started = None if self._summary.objects[Outcome.FAILED] else self._started
        abort_stale_uploads(self._settings, started, self._stop, self._stop_condition, self._log)
        if self._stop_condition.signal:
            self._end = self._stop_condition.reason()

    def _is_selected(self, source: SourceObject) -> bool:
        """Return whether to copy an object. The listing thread calls this."""
        if not self._filter.matches_name(source.name):
            return False
        self._names += 1
        return self._filter.is_recent(source)

    def _start(self, task: Task) -> None:
        source = task.source
        number = self._frontier.begin(source.name)
        decision = decide(source, task.destination, check_metadata=self._settings.check_metadata)
        if decision is Decision.SKIP or (decision is Decision.COPY and self._settings.dry_run):
            outcome = Outcome.SKIPPED if decision is Decision.SKIP else Outcome.COPIED
            etag = task.destination.etag if task.destination and decision is Decision.SKIP else None
            self._record(
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
            from copycat.dask_workers import DaskWorkers  # noqa: PLC0415 - Dask is only needed here

            return DaskWorkers(self._options.dask, self._settings, self._options.dask_workers, self._progress.add)
        if self._settings.processes == 1:
            return ThreadWorkers(self._settings, self._progress.add)
        from copycat.processes import ProcessWorkers  # noqa: PLC0415 - parts of multiprocessing do not work on Lambda

        return ProcessWorkers(self._settings, self._progress.add)

    def _record(self, number: int, source: SourceObject, result: Result) -> None:
        failed = result.outcome is Outcome.FAILED
        if failed and result.transient and (self._end or self._stop.is_set()):
            return  # the task was abandoned because the run ends
        if failed and (result.transient or result.configuration):
            code = TRY_AGAIN if result.transient else SETUP_FAILED
            later = " Start it again later to continue." if result.transient else ""
            self._stop_run(code, f"{result.reason}{later}")
        self._frontier.finish(number, copied=not failed)
        self._summary.add(result)
        self._denials.add(result)
        level = logging.ERROR if failed else logging.DEBUG
        if result.transient or result.configuration:
            level = logging.DEBUG  # the reason that ends the run is logged once, at its end
        if self._log.is_enabled(level) or self._records.has_manifest:
            found = entry(source, result, dry_run=self._settings.dry_run)
            self._records.add(found)
            if result.denied is not None:
                self._pending_denials.append(found)
            else:
                self._log.object(found, level)
        denied = self._denials.common_cause(complete=False)
        if denied:
            self._stop_run(SETUP_FAILED, denied)
        elif not self._denials.undecided:
            self._log_pending_denials(logging.ERROR)

    def _log_pending_denials(self, level: int) -> None:
        for found in self._pending_denials:
            self._log.object(found, level)
        self._pending_denials.clear()

    def _stop_run(self, code: int, message: str) -> None:
        if self._end is None:
            self._end = code, message
            if self._workers is not None:
                self._workers.stop()

    def _result(self) -> RunResult:
        denied = self._denials.common_cause(complete=not self._end)
        if denied and not self._end:
            self._end = SETUP_FAILED, denied
        self._log_pending_denials(logging.DEBUG if denied else logging.ERROR)
        code, message = self._end or (SUCCESS, None)
        if not self._end and self._summary.objects[Outcome.FAILED]:
            code = INCOMPLETE
        elif not self._end and self._is_empty() and not self._options.allow_empty:
            code = INCOMPLETE
            conditions = [f"begins with {self._settings.prefix!r}"] if self._settings.prefix else []
            conditions += ["matches --include and --exclude"] if self._filter.has_patterns else []
            bucket = f"gs://{self._settings.source}"
            found = f"No object in {bucket} {' and '.join(conditions)}" if conditions else f"{bucket} has no objects"
            message = f"{found}. If that is expected, use --allow-empty."
        if self._records.error and code == SUCCESS:
            code = INCOMPLETE
        if self._records.error:
            message = f"{message} {self._records.error}" if message else str(self._records.error)
        return RunResult(code, message, self._summary)

    def _is_empty(self) -> bool:
        return not self._names and self._records.start == Position()

"""Runs the copy on the workers of a Dask cluster. Each uses its own AWS identity and Google credentials.

Each batch is submitted to a chosen worker, and results arrive one by one. If a worker is lost, its finished objects are known,
and only the others are reassigned. Dask alone would repeat whole batches.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import pickle
import pkgutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import copycat
from copycat.dask_batches import Call, end_run, stop_run
from copycat.dispatch import FinishedTask
from copycat.errors import OutageError, SetupError
from copycat.objects import Result, Task
from copycat.settings import Settings
from copycat.workers import DispatchedWorkers

_PER_WORKER = 16
_CONNECT_TIMEOUT = "20s"
_WORKERS_INTERVAL = 1.0
_POLL = 0.2
# The run ends if the cluster has no worker for this many seconds.
_OUTAGE_LIMIT = 600.0
# The run ends after this many lost workers in a row without a result in between.
_MAX_DEATHS_IN_A_ROW = 30


class DaskWorkers(DispatchedWorkers[str, "tuple[str, Any]"]):
    """Workers on a cluster. New workers are used as they join; the tasks of lost ones are reassigned.

    Args:
        address: address of the scheduler.
        settings: settings of the run.
        concurrency: objects copied concurrently by all workers together. None: 16 by each.
        progress: called with the number of bytes that S3 has received.

    Raises:
        SetupError: Dask is not installed, or there is no scheduler at the address.
    """

    def __init__(
        self, address: str, settings: Settings, concurrency: int | None, progress: Callable[[int], object]
    ) -> None:
        try:
            import distributed  # noqa: PLC0415
        except ImportError as error:
            raise SetupError("Dask is not installed. Install it: pip install distributed") from error
        try:
            self._client: Any = distributed.Client(address, timeout=_CONNECT_TIMEOUT, set_as_default=False)
            count = len(self._client.nthreads())
        except (OSError, ValueError) as error:
            raise SetupError(f"Cannot connect to a Dask scheduler at {address}: {error}") from error
        threads = max(1, concurrency // max(1, count)) if concurrency else _PER_WORKER
        super().__init__(threads, limit=2 * threads * max(1, count))
        self._run = uuid.uuid4().hex
        self._share = replace(settings, workers=threads, processes=1)
        self._progress = progress
        # By worker: the futures of its batches, and the numbers of their tasks.
        self._batches: dict[str, dict[Any, list[int]]] = {}
        self._deaths = 0
        self._seen = time.monotonic()
        self._closed = threading.Event()
        with tempfile.TemporaryDirectory() as folder:
            self._client.register_plugin(
                distributed.diagnostics.plugin.UploadFile(str(_zipped(Path(folder)))), self._run
            )
        self._client.subscribe_topic(self._run, lambda event: self._inbox.put(("results", event[1])))
        threading.Thread(target=self._watch_workers, name="dask", daemon=True).start()

    def collect(self, seconds: float) -> list[FinishedTask]:
        """Return finished tasks. Wait at most this many seconds for one.

        Raises:
            SetupError: The workers cannot start to copy.
            OutageError: The connection to the scheduler was lost, or the cluster has had no worker for minutes.
        """
        found = super().collect(seconds)
        if not self._stopped and time.monotonic() - self._seen > _OUTAGE_LIMIT:
            raise OutageError("The Dask cluster has had no worker for minutes.")
        return found

    def _assign_tasks(self) -> None:
        for worker in self._batches:
            self._submit(worker, self._dispatcher.batch(worker))

    def stop(self) -> None:
        """Abandon unfinished tasks."""
        if self._stopped:
            return
        self._stopped = True
        self._dispatcher.clear()
        # In a thread, because the call waits for every worker, and one may not respond.
        threading.Thread(target=self._stop_run, name="dask", daemon=True).start()

    def close(self, seconds: float) -> list[FinishedTask]:
        """Stop the work on the cluster. Return the last results."""
        end = time.monotonic() + seconds
        self.stop()
        found: list[FinishedTask] = []
        while self._dispatcher.busy and time.monotonic() < end:
            found += self.collect(_POLL)
        self._closed.set()
        closing = threading.Thread(target=self._disconnect, name="dask", daemon=True)
        closing.start()
        closing.join(max(0.5, end - time.monotonic()))
        return found

    def _submit(self, worker: str, tasks: list[tuple[int, Task]]) -> None:
        if not tasks:
            return
        # The scheduler unpickles what is submitted, and does not have this package. So submit bytes; the worker unpickles them,
        # which calls `copy_batch`.
        call = pickle.dumps(Call(self._run, self._share, worker, tasks))
        future = self._client.submit(
            pickle.loads, call,
            workers=[worker], allow_other_workers=False, pure=False, retries=0, key=f"copy-{uuid.uuid4().hex}",
        )  # fmt: skip
        self._batches[worker][future] = [number for number, _ in tasks]
        future.add_done_callback(lambda ended: self._inbox.put(("ended", (worker, ended))))

    def _handle(self, event: tuple[str, Any]) -> list[FinishedTask]:
        kind, content = event
        if kind == "workers":
            return self._update_workers(content)
        if kind == "disconnected":
            raise OutageError(f"The connection to the Dask scheduler was lost: {content}")
        if kind == "results":
            worker, results, progress = pickle.loads(content)  # noqa: S301 - sent by the workers, which run this process's code
            self._progress(progress)
            return self._results(worker, results)
        worker, future = content
        numbers = self._batches.get(worker, {}).pop(future, [])
        if future.status == "finished":
            # The results came before this. If one was lost, a worker checks the object again.
            self._dispatcher.requeue(worker, numbers)
            if self._stopped:
                self._dispatcher.clear()
        if future.status == "error" and not self._stopped:
            error = future.exception()
            raise SetupError(f"The Dask worker {worker} cannot copy: {error}")
        return []

    def _results(self, worker: str, results: Iterable[tuple[int, Result]]) -> list[FinishedTask]:
        found = self._dispatcher.done(worker, results)
        if found:
            self._deaths = 0
        return found

    def _update_workers(self, connected: set[str]) -> list[FinishedTask]:
        found: list[FinishedTask] = []
        if connected:
            self._seen = time.monotonic()
        for worker in connected - self._batches.keys():
            self._batches[worker] = {}
            self._dispatcher.add_worker(worker)
        for worker in self._batches.keys() - connected:
            futures = self._batches.pop(worker)
            if futures:
                self._client.cancel(list(futures), asynchronous=False, force=True)
            failed = self._dispatcher.remove_worker(worker)
            if self._stopped:
                self._dispatcher.clear()
                continue
            found += failed
            self._deaths = 0 if failed else self._deaths + 1
            if self._deaths >= _MAX_DEATHS_IN_A_ROW:
                raise SetupError(f"{self._deaths} Dask workers in a row were lost without a result.")
        return found

    def _watch_workers(self) -> None:
        """Keep reporting which workers the cluster has."""
        while not self._closed.is_set():
            try:
                self._inbox.put(("workers", set(self._client.nthreads())))
            except Exception as error:  # noqa: BLE001 - a lost connection raises various exceptions
                self._inbox.put(("disconnected", error))
                return
            self._closed.wait(_WORKERS_INTERVAL)

    def _stop_run(self) -> None:
        with contextlib.suppress(Exception):  # the scheduler may be gone, and then the workers are gone too
            self._client.run(stop_run, self._run, on_error="ignore")

    def _disconnect(self) -> None:
        with contextlib.suppress(Exception):
            self._client.run(end_run, self._run, on_error="ignore")
            self._client.unregister_worker_plugin(self._run)
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)


def _zipped(folder: Path) -> Path:
    """Write this package to a zip file whose name has a hash of its content. The package itself may be in a zip file."""
    content = io.BytesIO()
    digest = hashlib.sha256()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ["__init__", *sorted(each.name for each in pkgutil.iter_modules(copycat.__path__))]:
            source = pkgutil.get_data("copycat", f"{name}.py") or b""
            digest.update(source)
            archive.writestr(f"copycat/{name}.py", source)
    target = folder / f"copycat-{digest.hexdigest()[:12]}.zip"
    target.write_bytes(content.getvalue())
    return target

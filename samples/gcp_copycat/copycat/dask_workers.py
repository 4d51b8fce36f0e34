"""Workers of a Dask cluster, each with an AWS identity and Google credentials of its own.

Dask is told which worker each batch is for, and results come one by one. So what a lost worker had done is known, and
only the rest is given to others: Dask alone would do whole batches again.
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
from copycat.dask_batches import Call, forget_crews, stop_crews
from copycat.dispatch import Done
from copycat.errors import OutageError, SetupError
from copycat.objects import Result, Task
from copycat.settings import Settings
from copycat.workers import WorkersElsewhere

_PER_WORKER = 16
_CONNECT = "20s"
_LOOK = 1.0
_POLL = 0.2
# With no worker for so long, the run ends: start it again when the cluster has some.
_PATIENCE = 600.0
# Deaths in a row without a result between them.
_DEATHS_IN_A_ROW = 30


class DaskWorkers(WorkersElsewhere[str, "tuple[str, Any]"]):
    """Workers on a cluster. Those that come are used, and those that go are replaced by the others.

    Args:
        address: of the scheduler.
        settings: of the run.
        at_once: objects at once on all workers together; None: 16 on each.
        progress: is told of bytes that S3 has received.

    Raises:
        SetupError: Dask is not installed, or there is no scheduler.
    """

    def __init__(
        self, address: str, settings: Settings, at_once: int | None, progress: Callable[[int], object]
    ) -> None:
        try:
            import distributed  # noqa: PLC0415
        except ImportError as error:
            raise SetupError("Dask is not installed. Install it: pip install distributed") from error
        try:
            self._client: Any = distributed.Client(address, timeout=_CONNECT, set_as_default=False)
            count = len(self._client.nthreads())
        except (OSError, ValueError) as error:
            raise SetupError(f"There is no Dask scheduler at {address}: {error}") from error
        threads = max(1, at_once // max(1, count)) if at_once else _PER_WORKER
        super().__init__(threads, limit=2 * threads * max(1, count))
        self._run = uuid.uuid4().hex
        self._share = replace(settings, workers=threads, processes=1)
        self._progress = progress
        # By worker: the futures of its batches, with the numbers of their tasks.
        self._batches: dict[str, dict[Any, list[int]]] = {}
        self._deaths = 0
        self._seen = time.monotonic()
        self._closed = threading.Event()
        with tempfile.TemporaryDirectory() as folder:
            self._client.register_plugin(
                distributed.diagnostics.plugin.UploadFile(str(_zipped(Path(folder)))), self._run
            )
        self._client.subscribe_topic(self._run, lambda event: self._inbox.put(("results", event[1])))
        threading.Thread(target=self._look, name="dask", daemon=True).start()

    def collect(self, seconds: float) -> list[Done]:
        """Return tasks that have ended; wait for one, but not longer than this.

        Raises:
            SetupError: No worker can begin to work.
            OutageError: The scheduler is gone, or there has been no worker for minutes.
        """
        found = super().collect(seconds)
        if not self._stopped and time.monotonic() - self._seen > _PATIENCE:
            raise OutageError("The Dask cluster has had no worker for minutes.")
        return found

    def _hand_out(self) -> None:
        for worker in self._batches:
            self._submit(worker, self._dispatcher.batch(worker))

    def stop(self) -> None:
        """Give up what has not ended."""
        if self._stopped:
            return
        self._stopped = True
        self._dispatcher.clear()
        # It waits for every worker, and one may be silent.
        threading.Thread(target=self._stop_crews, name="dask", daemon=True).start()

    def close(self, seconds: float) -> list[Done]:
        """End the work on the cluster; return the last results."""
        end = time.monotonic() + seconds
        self.stop()
        found: list[Done] = []
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
        # The scheduler reads what is submitted, and lacks this package. So it gets bytes: to load them is to copy.
        call = pickle.dumps(Call(self._run, self._share, worker, tasks))
        future = self._client.submit(
            pickle.loads, call,
            workers=[worker], allow_other_workers=False, pure=False, retries=0, key=f"copy-{uuid.uuid4().hex}",
        )  # fmt: skip
        self._batches[worker][future] = [number for number, _ in tasks]
        future.add_done_callback(lambda ended: self._inbox.put(("ended", (worker, ended))))

    def _received(self, told: tuple[str, Any]) -> list[Done]:
        kind, what = told
        if kind == "workers":
            return self._look_at(what)
        if kind == "gone":
            raise OutageError(f"The Dask scheduler is gone: {what}")
        if kind == "results":
            worker, results, progress = pickle.loads(what)  # noqa: S301 - of the workers, which run what this process says
            self._progress(progress)
            return self._results(worker, results)
        worker, future = what
        numbers = self._batches.get(worker, {}).pop(future, [])
        if future.status == "finished":
            # The results came before. If one was lost on its way, a worker looks again.
            self._dispatcher.again(worker, numbers)
            if self._stopped:
                self._dispatcher.clear()
        if future.status == "error" and not self._stopped:
            error = future.exception()
            raise SetupError(f"The Dask worker {worker} cannot copy: {error}")
        return []

    def _results(self, worker: str, results: Iterable[tuple[int, Result]]) -> list[Done]:
        found = self._dispatcher.done(worker, results)
        if found:
            self._deaths = 0
        return found

    def _look_at(self, there: set[str]) -> list[Done]:
        found: list[Done] = []
        if there:
            self._seen = time.monotonic()
        for worker in there - self._batches.keys():
            self._batches[worker] = {}
            self._dispatcher.join(worker)
        for worker in self._batches.keys() - there:
            futures = self._batches.pop(worker)
            if futures:
                self._client.cancel(list(futures), asynchronous=False, force=True)
            failed = self._dispatcher.leave(worker)
            if self._stopped:
                self._dispatcher.clear()
                continue
            found += failed
            self._deaths = 0 if failed else self._deaths + 1
            if self._deaths >= _DEATHS_IN_A_ROW:
                raise SetupError(f"{self._deaths} Dask workers ended one after another without a result.")
        return found

    def _look(self) -> None:
        """Find out again and again which workers there are."""
        while not self._closed.is_set():
            try:
                self._inbox.put(("workers", set(self._client.nthreads())))
            except Exception as error:  # noqa: BLE001 - whatever the connection's end raises
                self._inbox.put(("gone", error))
                return
            self._closed.wait(_LOOK)

    def _stop_crews(self) -> None:
        with contextlib.suppress(Exception):  # the scheduler may be gone, and then the workers are
            self._client.run(stop_crews, self._run, on_error="ignore")

    def _disconnect(self) -> None:
        with contextlib.suppress(Exception):
            self._client.run(forget_crews, self._run, on_error="ignore")
            self._client.unregister_worker_plugin(self._run)
        with contextlib.suppress(Exception):
            self._client.close(timeout=2)


def _zipped(folder: Path) -> Path:
    """Write this package into a zip whose name tells its content; it may be in a zip itself."""
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

"""Decides which worker gets which tasks, and what happens to them when a worker dies. It starts and sends nothing itself."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from copycat.objects import DestinationObject, Outcome, Result, Task

_W = TypeVar("_W", bound=Hashable)
# An object may crash its worker. After two deaths, a worker gets the object alone, so that others are not blamed. After three
# more deaths the object fails. One death proves nothing: a worker can be killed for other reasons.
_MAX_SHARED_DEATHS = 2
_MAX_DEATHS = _MAX_SHARED_DEATHS + 3
# Tasks assigned per thread, so that no thread waits for its next task. Beyond one task per thread, their total size in bytes
# is limited, so that no worker has a queue of large objects while another one is idle.
_TASKS_PER_THREAD = 16
_MAX_QUEUED_BYTES = 32 << 20


@dataclass(frozen=True)
class FinishedTask:
    """A finished task.

    Attributes:
        number: number of the task, as it was added.
        task: the task.
        result: what happened to the object.
    """

    number: int
    task: Task
    result: Result


@dataclass
class _Assignment:
    number: int
    task: Task
    deaths: int = 0


@dataclass
class _Worker:
    assigned: dict[int, _Assignment] = field(default_factory=dict)
    size: int = 0
    # It has only one task, which may have killed a worker.
    alone: bool = False


class Dispatcher(Generic[_W]):
    """Assigns tasks to workers.

    Args:
        threads: number of tasks that a worker processes concurrently.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._workers: dict[_W, _Worker] = {}
        self._waiting: deque[_Assignment] = deque()
        # Tasks that several workers had when they died. Each is assigned alone, so the next death shows whether it is the cause.
        self._suspects: deque[_Assignment] = deque()

    @property
    def waiting(self) -> int:
        """Number of tasks that are not assigned to a worker."""
        return len(self._waiting) + len(self._suspects)

    @property
    def busy(self) -> bool:
        """Whether there are unfinished tasks."""
        return bool(self.waiting or any(worker.assigned for worker in self._workers.values()))

    def add(self, number: int, task: Task) -> None:
        """Add a task."""
        self._waiting.append(_Assignment(number, task))

    def add_worker(self, worker: _W) -> None:
        """Add a worker."""
        self._workers[worker] = _Worker()

    def batch(self, name: _W) -> list[tuple[int, Task]]:
        """Assign tasks to a worker. Return them in the order in which the worker must start them."""
        worker = self._workers[name]
        batch: list[_Assignment] = []
        size = worker.size
        if worker.alone and worker.assigned:
            return []
        worker.alone = False
        if self._suspects and not any(other.alone for other in self._workers.values()):
            # This worker gets no more tasks until it is idle, and then only this one.
            if worker.assigned:
                return []
            worker.alone = True
            batch.append(self._suspects.popleft())
        while self._waiting and not worker.alone:
            count = len(worker.assigned) + len(batch)
            if count >= self._threads and (count >= _TASKS_PER_THREAD * self._threads or size >= _MAX_QUEUED_BYTES):
                break
            batch.append(self._waiting.popleft())
            size += batch[-1].task.source.size
        for assigned in batch:
            worker.assigned[assigned.number] = assigned
            worker.size += assigned.task.source.size
        return [(assigned.number, assigned.task) for assigned in batch]

    def done(self, name: _W, results: Iterable[tuple[int, Result]]) -> list[FinishedTask]:
        """Record results of a worker. Return the tasks that they finish; repeated results are ignored."""
        worker = self._workers.get(name, _Worker())
        found = []
        for number, result in results:
            assigned = worker.assigned.pop(number, None)
            if assigned is not None:
                worker.size -= assigned.task.source.size
                found.append(FinishedTask(number, assigned.task, result))
        return found

    def remove_worker(self, name: _W) -> list[FinishedTask]:
        """Remove a worker that is gone, and requeue its tasks. Return the tasks that have failed."""
        worker = self._workers.pop(name)
        failed, retried = [], []
        for position, assigned in enumerate(worker.assigned.values()):
            # The worker started its tasks in order, so those further back were not started.
            if position < self._threads:
                assigned.deaths += 1
            # The worker may have written the object before it died.
            assigned.task = dataclasses.replace(assigned.task, destination=_to_be_checked(assigned.task))
            if assigned.deaths < _MAX_SHARED_DEATHS:
                retried.append(assigned)
            elif assigned.deaths < _MAX_DEATHS:
                self._suspects.append(assigned)
            else:
                failed.append(FinishedTask(assigned.number, assigned.task, _failed_by_deaths(assigned.task)))
        self._waiting.extendleft(reversed(retried))
        return failed

    def requeue(self, name: _W, numbers: Iterable[int]) -> None:
        """Requeue tasks of a worker for which no result has arrived."""
        worker = self._workers.get(name, _Worker())
        for assigned in [worker.assigned.pop(number) for number in numbers if number in worker.assigned]:
            worker.size -= assigned.task.source.size
            assigned.task = dataclasses.replace(assigned.task, destination=_to_be_checked(assigned.task))
            self._waiting.appendleft(assigned)

    def clear(self) -> None:
        """Drop the tasks that are not assigned."""
        self._waiting.clear()
        self._suspects.clear()


def _to_be_checked(task: Task) -> DestinationObject:
    """Return a destination that makes the worker send a HEAD request to S3 before it copies the object."""
    return DestinationObject(task.key, task.source.size, "", task.source.updated, "")


def _failed_by_deaths(task: Task) -> Result:
    return Result(
        task.source.name,
        task.key,
        Outcome.FAILED,
        f"{_MAX_DEATHS} worker processes died while copying it",
        task.source.generation,
        task.source.size,
    )

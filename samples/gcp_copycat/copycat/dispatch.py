"""Which worker has which tasks, and what happens to them when it dies. Pure: it starts nothing and sends nothing."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from copycat.objects import DestinationObject, Outcome, Result, Task

_W = TypeVar("_W", bound=Hashable)
# After two deaths a worker gets an object alone: the others that it worked on are not to blame. After three more, and
# with no other object to blame, the object is what kills them. A worker may also be killed by chance, so one is no proof.
_DEATHS_TOGETHER = 2
_DEATHS = _DEATHS_TOGETHER + 3
# Tasks for each thread that a worker may have at once, so that none waits for the next; and the bytes of all of them
# beyond one per thread, so that no worker has a queue of large objects while another one is idle.
_PER_THREAD = 16
_BYTES = 32 << 20


@dataclass(frozen=True)
class Done:
    """A task that has ended.

    Attributes:
        number: the one it was added with.
        task: the task.
        result: how it ended.
    """

    number: int
    task: Task
    result: Result


@dataclass
class _Given:
    number: int
    task: Task
    deaths: int = 0


@dataclass
class _Worker:
    given: dict[int, _Given] = field(default_factory=dict)
    size: int = 0
    # It has a task that may kill it, and nothing else.
    alone: bool = False


class Dispatcher(Generic[_W]):
    """Hands out tasks.

    Args:
        threads: tasks that a worker works on at once.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._workers: dict[_W, _Worker] = {}
        self._waiting: deque[_Given] = deque()
        # Those during which so many workers died that the next death shall show whether they are the cause.
        self._suspects: deque[_Given] = deque()

    @property
    def waiting(self) -> int:
        """How many tasks no worker has."""
        return len(self._waiting) + len(self._suspects)

    @property
    def busy(self) -> bool:
        """Whether there are tasks that have not ended."""
        return bool(self.waiting or any(worker.given for worker in self._workers.values()))

    def add(self, number: int, task: Task) -> None:
        """Take a task."""
        self._waiting.append(_Given(number, task))

    def join(self, worker: _W) -> None:
        """Take a new worker."""
        self._workers[worker] = _Worker()

    def batch(self, name: _W) -> list[tuple[int, Task]]:
        """Return the tasks that a worker gets now, in the order in which it is to begin them."""
        worker = self._workers[name]
        batch: list[_Given] = []
        size = worker.size
        if worker.alone and worker.given:
            return []
        worker.alone = False
        if self._suspects and not any(other.alone for other in self._workers.values()):
            # This worker gets no more until it is idle, and then this task alone.
            if worker.given:
                return []
            worker.alone = True
            batch.append(self._suspects.popleft())
        while self._waiting and not worker.alone:
            count = len(worker.given) + len(batch)
            if count >= self._threads and (count >= _PER_THREAD * self._threads or size >= _BYTES):
                break
            batch.append(self._waiting.popleft())
            size += batch[-1].task.source.size
        for given in batch:
            worker.given[given.number] = given
            worker.size += given.task.source.size
        return [(given.number, given.task) for given in batch]

    def done(self, name: _W, results: Iterable[tuple[int, Result]]) -> list[Done]:
        """Note results of a worker. Those that are known are left out."""
        worker = self._workers.get(name, _Worker())
        found = []
        for number, result in results:
            given = worker.given.pop(number, None)
            if given is not None:
                worker.size -= given.task.source.size
                found.append(Done(number, given.task, result))
        return found

    def leave(self, name: _W) -> list[Done]:
        """Note that a worker is gone. Its tasks are given to others; return those that have failed."""
        worker = self._workers.pop(name)
        failed, again = [], []
        for position, given in enumerate(worker.given.values()):
            # It began them in order, so those further behind had not begun.
            if position < self._threads:
                given.deaths += 1
            # It may be in S3, although the worker did not live to say so.
            given.task = dataclasses.replace(given.task, destination=_unknown(given.task))
            if given.deaths < _DEATHS_TOGETHER:
                again.append(given)
            elif given.deaths < _DEATHS:
                self._suspects.append(given)
            else:
                failed.append(Done(given.number, given.task, _killer(given.task)))
        self._waiting.extendleft(reversed(again))
        return failed

    def again(self, name: _W, numbers: Iterable[int]) -> None:
        """Give tasks to others, or to the same worker again, if no result of them has come."""
        worker = self._workers.get(name, _Worker())
        for given in [worker.given.pop(number) for number in numbers if number in worker.given]:
            worker.size -= given.task.source.size
            given.task = dataclasses.replace(given.task, destination=_unknown(given.task))
            self._waiting.appendleft(given)

    def clear(self) -> None:
        """Forget the tasks that no worker has."""
        self._waiting.clear()
        self._suspects.clear()


def _unknown(task: Task) -> DestinationObject:
    """Return what makes a worker ask S3 (HEAD) before it copies."""
    return DestinationObject(task.key, task.source.size, "", task.source.updated, "")


def _killer(task: Task) -> Result:
    return Result(
        task.source.name,
        task.key,
        Outcome.FAILED,
        f"{_DEATHS} worker processes died while they copied it",
        task.source.generation,
        task.source.size,
    )

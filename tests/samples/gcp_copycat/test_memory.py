"""copycat.memory: the memory of a process stays near its budget."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading

import pytest
from copycat.memory import MemoryBudget

from samples.conftest import SAMPLE

# Threads take turns with 8 MiB, the size of a part. The budget of 8 MiB allows only one at a time.
_TURNS = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from copycat.memory import MemoryBudget

budget = MemoryBudget(8 << 20, threading.Event())

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def work():
    for _ in range(4):
        with budget.reserve(8 << 20):
            piece = bytearray(b"x") * (8 << 20)
            del piece

threads = [threading.Thread(target=work) for _ in range(16)]
before = resident()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print((resident() - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not keep large pieces")
def test_threads_release_the_memory_of_copied_parts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TURNS, str(SAMPLE)], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 24


def test_a_buffer_is_reused_by_one_borrower_at_a_time() -> None:
    budget = MemoryBudget(100, threading.Event())
    with budget.borrow(40) as one, budget.borrow(40) as two:
        assert one is not two
        assert (len(one), len(two)) == (40, 40)
        known = {id(one), id(two)}
    with budget.borrow(40) as one, budget.borrow(40) as two:
        assert {id(one), id(two)} == known


def test_idle_buffers_count_and_are_dropped_when_memory_is_needed() -> None:
    budget = MemoryBudget(100, threading.Event())
    with budget.borrow(40), budget.borrow(40):
        pass
    with budget.reserve(30):
        assert sum(map(len, budget._idle)) == 40
    with budget.borrow(70) as room:
        assert len(room) == 70
        assert budget._idle == []
    with budget.borrow(400) as room:
        assert len(room) == 400
    assert budget._idle == []

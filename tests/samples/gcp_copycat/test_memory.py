"""The memory of a process stays near its budget."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading

import pytest
from copycat.memory import MemoryBudget

from samples.conftest import SAMPLE

# Threads take turns with pieces of 8 MiB, the size of a part: one at a time, by a budget of 8 MiB.
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
def test_threads_keep_no_memory_of_parts_that_they_have_copied() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TURNS, str(SAMPLE)], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 24


def test_room_is_lent_again_and_only_one_borrower_has_it() -> None:
    budget = MemoryBudget(100, threading.Event())
    with budget.borrow(40) as one, budget.borrow(40) as two:
        assert one is not two
        assert (len(one), len(two)) == (40, 40)
        known = {id(one), id(two)}
    with budget.borrow(40) as one, budget.borrow(40) as two:
        assert {id(one), id(two)} == known


def test_room_that_nobody_has_counts_and_is_given_up_for_what_is_needed() -> None:
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

"""The demo of gcp_copycat, as `nox -s demo` runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import demo_files
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from samples.conftest import SAMPLE

COMMAND = [sys.executable, str(SAMPLE / "demo.py")]


@pytest.mark.slow
def test_the_demo_runs_and_all_its_checks_pass() -> None:
    """The exit code is 0 only if all of its checks pass."""
    run = subprocess.run(COMMAND, capture_output=True, text=True, timeout=300, check=False)

    # On a Python version that they no longer support, Google's libraries print a warning of two lines.
    errors = re.sub(r".*FutureWarning: You are using a .*\n.*\n", "", run.stderr)
    assert (run.returncode, errors) == (0, ""), run.stdout
    assert "different             none" in run.stdout
    assert "FAILED" not in run.stdout
    assert run.stdout.count("\n  ok ") == int(re.findall(r"^All (\d+) checks passed\.", run.stdout, re.MULTILINE)[0])


def test_the_demo_names_an_existing_section_of_the_readme() -> None:
    [section] = re.findall(r'see "([^"]*)" in README\.md', (SAMPLE / "demo.py").read_text(encoding="utf-8"))
    readme = (SAMPLE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"\n## {section}\n" in readme


def test_no_object_is_most_of_what_is_copied_even_if_a_library_is_huge(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"module{number:04}.py").write_bytes(b"x" * 20_000)
    with (tmp_path / "library.so").open("wb") as file:
        file.truncate(200 << 20)
    objects = list(demo_files.contents(tmp_path))
    sizes = {name: len(content) for name, content, _ in objects}
    assert len(sizes) == len(objects) > 400
    archives = [size for name, size in sizes.items() if name.startswith("archives/")]
    # From 8 MiB on, an object is copied in several parts.
    assert all(8 << 20 < size <= 9 << 20 for size in archives)
    assert max(sizes.values()) < 0.3 * sum(sizes.values())


def test_the_packages_of_the_demo_are_small() -> None:
    """moto's extra `server` alone has 230 MB of packages, for services that the sandbox does not use."""
    sizes = {name: size_on_disk(name) for name in installed_with("google-auth-botocore", "copycat", "sandbox")}
    assert {"botocore", "flask", "google-cloud-storage", "moto"} <= sizes.keys()
    assert sum(sizes.values()) < 140 << 20, sorted(sizes.items(), key=lambda item: -item[1])[:10]


def installed_with(name: str, *extras: str) -> set[str]:
    """Return this package and all that it requires, directly and indirectly."""
    pending, seen = [(name, extra) for extra in ("", *extras)], set[tuple[str, str]]()
    while pending:
        name, extra = package = pending.pop()
        if package in seen:
            continue
        seen.add(package)
        for requirement in map(Requirement, distribution(name).requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                pending += [(canonicalize_name(requirement.name), each) for each in ("", *requirement.extras)]
    return {name for name, _ in seen}


def size_on_disk(name: str) -> int:
    """Return the bytes of a package's files, without those that Python compiles."""
    return sum(file.size or 0 for file in distribution(name).files or () if file.suffix != ".pyc")


@contextmanager
def running_demo(line: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo in a separate session, and wait until it has printed a line that begins with this text."""
    demo = subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    with demo:
        assert demo.stdout is not None
        try:
            while not (read := demo.stdout.readline()).startswith(line):
                assert read, "the demo ended early"
            yield demo
        finally:
            demo.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups and signals like these")
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("line", ["This demo takes", "$ gcp_copycat"])
def test_a_signal_stops_the_demo_and_every_process_that_it_started(number: signal.Signals, line: str) -> None:
    with running_demo(line) as demo:
        assert demo.stdout is not None
        if number == signal.SIGINT:  # from a terminal, which signals all processes
            os.killpg(demo.pid, number)
        else:
            demo.send_signal(number)
        # The output ends when the last process that can write to it has ended, also one that the demo left running.
        output = demo.stdout.read()
        assert demo.wait(timeout=30) == 128 + number, output
    assert "Stopped. No emulator is running any more" in output
    assert "Traceback" not in output

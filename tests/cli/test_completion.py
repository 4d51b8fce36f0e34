"""Completion with Tab in real shells, in a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.conftest import Run, command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudoterminal")

PROGRAM = Path(sys.executable).parent / "google-auth-botocore"
# How to start each shell without the user's files.
SHELLS = {"bash": ["bash", "--norc", "--noprofile"], "zsh": ["zsh", "-f"]}
LOAD = {
    "bash": 'eval "$(google-auth-botocore completion bash)"',
    "zsh": 'autoload -U compinit && compinit -u -d "$HOME/dump" && eval "$(google-auth-botocore completion zsh)"',
}


class Terminal:
    """A shell in a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Return what the shell printed, up to the pattern."""
        printed, end = "", time.monotonic() + 60
        while not re.search(pattern, printed):
            ready, _, _ = select.select([self._descriptor], [], [], max(0, end - time.monotonic()))
            assert ready, f"there is no {pattern!r} in {printed!r}"
            printed += os.read(self._descriptor, 65536).decode(errors="replace")
        return printed


@contextmanager
def terminal(shell: str, home: Path) -> Iterator[Terminal]:
    """Start a shell that has loaded the completion."""
    end, inner = pty.openpty()
    environment = {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TERM": "xterm",
        "PS1": "> ",
        "LC_ALL": "C.UTF-8",
    }
    process = subprocess.Popen(
        [*SHELLS[shell], "-i"], stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True
    )
    os.close(inner)
    try:
        found = Terminal(end)
        found.type(f"{LOAD[shell]}; echo lo''aded\r")
        found.wait_for("loaded\r")
        yield found
    finally:
        process.kill()
        process.wait(60)
        os.close(end)


CASES = pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("doc", "doctor"),
        ("config che", "check"),
        ("token --quota-project-", "--quota-project-id"),
        ("config setup --format terr", "terraform"),
        ("token --profile sandb", "sandbox"),
    ],
)


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile sandbox]\nregion = us-east-1\n")
    return tmp_path


@pytest.mark.slow
@CASES
@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_a_command_a_flag_and_a_value(shell: str, typed: str, completed: str, home: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    with terminal(shell, home) as found:
        found.type(f"google-auth-botocore {typed}\t")
        found.wait_for(re.escape(completed))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@CASES
def test_fish_completes_the_same(typed: str, completed: str, home: Path) -> None:
    done = subprocess.run(
        [
            "fish",
            "--no-config",
            "-c",
            f"google-auth-botocore completion fish | source; complete -C 'google-auth-botocore {typed}'",
        ],
        capture_output=True,
        text=True,
        env={"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": str(home)},
        check=True,
        timeout=60,
    )
    assert completed in re.split(r"\s", done.stdout)


def completions(line: str, tmp_path: Path) -> list[str]:
    """Return the words that argcomplete prints for a line, as the code for bash requests them."""
    path = tmp_path / "completions"
    done = command(
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_IFS="\n",
        _ARGCOMPLETE_STDOUT_FILENAME=str(path),
        _ARGCOMPLETE_COMP_WORDBREAKS=" \t\n",
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
    )
    assert (done.returncode, done.stdout) == (0, "")
    return path.read_text().split("\n")


class TestWords:
    def test_commands(self, tmp_path: Path) -> None:
        words = [word.strip() for word in completions("google-auth-botocore ", tmp_path)]
        assert {"token", "id-token", "doctor", "config", "executable", "serve", "completion", "--version"} <= {*words}

    def test_flags_of_a_command_in_a_command(self, tmp_path: Path) -> None:
        assert completions("google-auth-botocore config create --for", tmp_path) == ["--force "]

    def test_profiles(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "config"
        path.write_text("[profile sandbox]\nregion = us-east-1\n[profile production]\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
        assert completions("google-auth-botocore token --profile sa", tmp_path) == ["sandbox "]

    def test_without_argcomplete_no_command_runs(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The hook of another installation may be active in the shell."""
        monkeypatch.setitem(sys.modules, "argcomplete", None)
        monkeypatch.setenv("_ARGCOMPLETE", "1")
        assert run("config", "create", "--audience=x") == (1, "", "")


class TestCommand:
    @pytest.mark.parametrize("shell", [*SHELLS, "fish"])
    def test_the_code_completes_this_command(self, run: Run, shell: str) -> None:
        done = run("completion", shell)
        assert (done.code, done.error) == (0, "")
        assert "google-auth-botocore" in done.out
        assert "_ARGCOMPLETE" in done.out

    def test_another_shell(self, run: Run) -> None:
        done = run("completion", "bahs")
        assert done.code == 2
        assert done.error.endswith("\nDid you mean bash?\n")

    def test_without_argcomplete_the_error_says_how_to_install_it(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "argcomplete", None)
        done = run("completion", "bash")
        assert (done.code, done.out) == (2, "")
        assert done.error.endswith("\nRun: pip install 'google-auth-botocore[completion]'\n")

"""`serve --background`, and the older `serve &`: what a shell evaluates, and how long the server runs."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from variations import few

from cli.conftest import Run
from cli.serve.conftest import PATIENCE, TOKEN, arguments, get
from cli.serve.test_unusual_environments import eventually

GET = (
    "import os, urllib.request\n"
    f"url = 'http://' + os.environ['GCE_METADATA_HOST'] + '{TOKEN}'\n"
    "request = urllib.request.Request(url, headers={'Metadata-Flavor': 'Google'})\n"
    "print(urllib.request.urlopen(request).status)\n"
)
ASK = shlex.join([sys.executable, "-c", GET])
SHELLS = [
    "sh",
    *(
        pytest.param(each, marks=pytest.mark.slow)
        for each in ("bash", "dash", "zsh", "ksh", "mksh")
        if shutil.which(each)
    ),
]


# Wait until the server has printed the variables and closed its standard output.
LINGER = 'while [ "$(readlink /proc/$!/fd/1)" != /dev/null ]; do sleep 0.05; done'
AMPERSANDS = [
    pytest.param(form, id=name, marks=() if "linger" in name else pytest.mark.slow)
    for name, form in {
        "the subshell lingers": f'eval "$({{}} & {LINGER})"',
        "the subshell around it lingers": f'eval "$( ({{}} & {LINGER}); sleep 0.3 )"',
        "through a filter": 'eval "$( ({} &) | grep -v ^# | cat )"',
        "through a filter, and the subshell lingers": f'eval "$( ({{}} & {LINGER}) | grep -v ^# )"',
        "with --background": 'eval "$({} --background & sleep 0.3)"',
        "more open files": 'exec 3>&1 4>&2; eval "$({} &)"',
    }.items()
]


@pytest.fixture(name="command")
def _command(flags: list[str]) -> str:
    return shlex.join(arguments(*flags, "--background"))


def run(script: str, shell: str = "sh", code: int = 0) -> str:
    """Run a script, and return its output."""
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == code, done.stderr
    return done.stdout


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # A zombie has exited. In a container, there may be no process that reaps it.
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def variables(printed: IO[str]) -> dict[str, str]:
    """Read the variables from the output of `serve`, without waiting for its end."""
    lines: list[str] = []
    while not (lines and lines[-1].startswith("unset ")):
        lines.append(printed.readline())
        assert lines[-1], lines
    return dict(line.strip().rpartition(" ")[2].split("=", 1) for line in lines if "=" in line)


@pytest.fixture(name="taken")
def _taken() -> Iterator[int]:
    """A port that another program uses."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


class TestEval:
    @pytest.mark.parametrize("shell", SHELLS)
    def test_the_server_answers_at_once(self, command: str, shell: str) -> None:
        script = f'eval "$({command})" && {ASK}; {ASK}; env; kill $GOOGLE_AUTH_BOTOCORE_PID'
        lines = run(script, shell).splitlines()
        assert lines[:2] == ["200", "200"]
        assert any(line.startswith("GCE_METADATA_HOST=127.0.0.1:") for line in lines)
        assert not any(line.startswith("GOOGLE_AUTH_BOTOCORE_PID") for line in lines)

    @pytest.mark.parametrize(
        "form",
        few(
            [
                'eval "$({})"',
                'eval "$({} | grep -v ^#)"',
                'eval "$({} || echo exit 9)"',
                'v=$({}); eval "$v"',
                'eval "$(eval "{}")"',
                '{} > "$HOME/vars"; . "$HOME/vars"',
            ],
            2,
        ),
    )
    def test_it_serves_until_the_script_exits_and_no_longer(self, command: str, form: str) -> None:
        text = command.replace('"', "'") if 'eval "{}"' in form else command
        script = f"{form.format(text)}\nsleep 0.3; {ASK}; echo $GOOGLE_AUTH_BOTOCORE_PID $GCE_METADATA_HOST"
        status, line = run(script).splitlines()
        process, host = line.split()
        assert status == "200"
        eventually(lambda: not exists(int(process)))
        with pytest.raises(ConnectionRefusedError):
            get(int(host.rpartition(":")[2]), TOKEN)

    def test_a_killed_script_leaves_no_server(self, command: str) -> None:
        script = f'eval "$({command})"; echo $GOOGLE_AUTH_BOTOCORE_PID; read line'
        with subprocess.Popen(
            ["sh", "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            server = int(process.stdout.readline())
            assert exists(server)
            process.kill()
            eventually(lambda: not exists(server))

    def test_it_keeps_no_file_of_its_caller_open(self, command: str, tmp_path: Path) -> None:
        """Otherwise, reading the output of the script would block until the server exits."""
        script = (
            f'exec 3>&1 4>&2 5>"$HOME/file"; eval "$({command})"; ls -l /proc/$GOOGLE_AUTH_BOTOCORE_PID/fd; sleep 0'
        )
        started = time.monotonic()
        shown = run(script)
        assert time.monotonic() - started < PATIENCE / 2
        assert "file" not in shown
        assert "pipe:" not in shown

    def test_signals_of_the_terminal_do_not_reach_it(self, command: str) -> None:
        script = f'eval "$({command})"; echo $GOOGLE_AUTH_BOTOCORE_PID; trap "" INT; kill -INT 0; {ASK}'
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE, start_new_session=True
        )
        assert done.stdout.split()[1:] == ["200"]

    @pytest.mark.parametrize("before", ["", "trap '' TERM INT HUP; "], ids=["", "the caller ignores the signal"])
    def test_kill_stops_it(self, command: str, before: str) -> None:
        script = (
            f'{before}eval "$({command})"; kill $GOOGLE_AUTH_BOTOCORE_PID\n'
            "while kill -0 $GOOGLE_AUTH_BOTOCORE_PID 2>/dev/null && ! grep -q 'State:.Z' /proc/$GOOGLE_AUTH_BOTOCORE_PID/status\n"
            "do sleep 0.05; done; echo ended"
        )
        assert run(script) == "ended\n"

    def test_it_serves_a_program_that_reads_the_variables_until_that_exits(self, flags: list[str]) -> None:
        program = (
            "import subprocess, sys\n"
            "print(subprocess.run(sys.argv[1:], capture_output=True, text=True, check=True).stdout, flush=True)\n"
            "sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, *arguments(*flags, "--background")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            lines = variables(process.stdout)
            server = int(lines["GOOGLE_AUTH_BOTOCORE_PID"])
            assert get(int(lines["GCE_METADATA_HOST"].rpartition(":")[2]), TOKEN).status == 200
            process.stdin.close()
            process.wait(PATIENCE)
            eventually(lambda: not exists(server))


class TestFailures:
    @pytest.mark.parametrize("shell", SHELLS)
    @pytest.mark.parametrize("more", few(["--port={taken}", "--audience=x", "--port=x", "--no-such-flag"]))
    def test_the_eval_fails(self, command: str, taken: int, shell: str, more: str) -> None:
        for form in ('eval "$({})"', 'v="$({})" && eval "$v"', 'set -e; eval "$({})"; true'):
            script = form.format(f"{command} {more.format(taken=taken)}")
            done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE)
            assert (done.returncode != 0, done.stdout) == (True, "")
            assert "google-auth-botocore" in done.stderr

    def test_a_failure_exports_nothing(self, command: str, taken: int) -> None:
        shown = run(f'eval "$({command} --port={taken})"; env; echo pid=$GOOGLE_AUTH_BOTOCORE_PID.')
        assert "GCE_METADATA" not in shown
        assert "pid=." in shown

    def test_background_and_a_command_exclude_each_other(self, run: Run, flags: list[str]) -> None:
        done = run("serve", *flags, "--background", "--", "true")
        assert done.code == 2
        assert "--background cannot be combined with a command" in done.error

    def test_false_is_printed_only_for_an_eval(self, run: Run) -> None:
        for given in (
            ["token", "--background"],
            ["serve", "--audience=x"],
            ["serve", "--audience=x", "--", "a", "--background"],
        ):
            done = run(*given)
            assert (done.code, done.out) == (2, "")

    def test_a_closed_pipe_leaves_no_server(self, flags: list[str]) -> None:
        end, pipe = os.pipe()
        os.close(end)
        with os.fdopen(pipe, "wb") as unread:
            done = subprocess.run(
                arguments(*flags, "--background"), stdout=unread, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
            )
        assert (done.returncode, done.stderr) == (141, b"")
        mine = [path for path in Path("/proc").glob("[0-9]*/cmdline") if all(f.encode() in _read(path) for f in flags)]
        assert mine == []


def _read(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


class TestAmpersand:
    """`eval "$(google-auth-botocore serve &)"`, which an older README recommended."""

    @pytest.mark.parametrize("form", ['eval "$({} &)"', *AMPERSANDS])
    def test_the_caller_does_not_wait_for_it_and_it_exits(self, flags: list[str], form: str) -> None:
        command = form.format(shlex.join(arguments(*flags)))
        shell = "bash" if shutil.which("bash") else "sh"
        status, process = run(f"{command}; {ASK}; echo $GOOGLE_AUTH_BOTOCORE_PID", shell).splitlines()
        assert status == "200"
        eventually(lambda: not exists(int(process)))

    def test_it_exits_even_if_another_process_adopts_it(self, flags: list[str]) -> None:
        """A process of the same session may adopt orphans, such as process 1 of a container."""
        adopter = (
            "import ctypes, subprocess, sys; ctypes.CDLL(None).prctl(36, 1); "
            "sys.exit(subprocess.run(sys.argv[1:]).returncode)"
        )
        script = f'eval "$({shlex.join(arguments(*flags))} &)"; {ASK}; echo $GOOGLE_AUTH_BOTOCORE_PID'
        status, process = run(shlex.join([sys.executable, "-c", adopter, "sh", "-c", script])).splitlines()
        assert status == "200"
        eventually(lambda: not exists(int(process)))

    def test_it_serves_while_the_script_runs(self, flags: list[str]) -> None:
        """It closes the pipes that the caller may wait for, but not standard error if that is a file."""
        command = shlex.join(arguments(*flags))
        listed = "readlink /proc/$GOOGLE_AUTH_BOTOCORE_PID/fd/*"
        script = f'exec 3>&1 4>&2; eval "$({command} 2>"$HOME/errors" &)"; sleep 0.5; {ASK}; {listed}'
        status, *files = run(script).splitlines()
        assert status == "200"
        assert [each for each in files if each.startswith("pipe:")] == []
        assert [each for each in files if each.endswith("/errors")]

    def test_a_logger_that_reads_the_output_is_not_taken_for_a_shell(self, flags: list[str], tmp_path: Path) -> None:
        """`serve | tee log`: the server continues after it has closed its output."""
        log = tmp_path / "log"
        script = f"{shlex.join(arguments(*flags))} 2>{tmp_path}/errors | tee {log}"
        with subprocess.Popen(
            ["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            lines = variables(process.stdout)
            server, port = int(lines["GOOGLE_AUTH_BOTOCORE_PID"]), int(lines["GCE_METADATA_HOST"].rpartition(":")[2])
            time.sleep(0.5)
            assert get(port, TOKEN).status == 200
            assert Path(f"/proc/{server}/fd/2").readlink() == tmp_path / "errors"
            os.kill(server, signal.SIGTERM)
            process.wait(PATIENCE)

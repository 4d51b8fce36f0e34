"""`serve -- COMMAND`: the command receives each signal exactly once, and job control of the shell works."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.serve.conftest import PATIENCE, arguments, run

python = (sys.executable, "-c")
# Counts each signal that arrives, until SIGUSR1: "ready", then one line such as {"SIGTERM": 1}.
COUNT = """
import collections, json, signal, sys, time
counts = collections.Counter()
done = False
def count(number, frame):
    global done
    counts[signal.Signals(number).name] += 1
    done = done or number == signal.SIGUSR1
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), count)
print("ready", flush=True)
while not done:
    time.sleep(0.01)
print(dict(counts), flush=True)
"""


@contextlib.contextmanager
def counting(flags: list[str], *names: str, before: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """Run a command that counts signals, in a new process group together with the server."""
    process = subprocess.Popen(
        [*before, *arguments(*flags, "--", *python, COUNT, *names, "SIGUSR1")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def counted(process: subprocess.Popen[str]) -> dict[str, int]:
    """Stop the command with SIGUSR1, and return the counts of the other signals."""
    assert process.stdout is not None
    settle()
    process.send_signal(signal.SIGUSR1)
    line = process.stdout.readline()
    return {name: int(count) for name, count in re.findall(r"'(\w+)': (\d+)", line) if name != "SIGUSR1"}


def settle() -> None:
    """Wait longer than a duplicate signal would take to arrive."""
    time.sleep(0.5)


def children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


class TestOnce:
    NAMES = (
        "SIGTERM",
        "SIGINT",
        "SIGHUP",
        "SIGQUIT",
        "SIGUSR2",
        "SIGALRM",
        "SIGWINCH",
        "SIGCONT",
        "SIGPROF",
        "SIGRTMIN",
    )

    @pytest.mark.parametrize("to", ["the server", "the group", "each process", "the command"])
    def test_any_sender_and_target(self, flags: list[str], to: str) -> None:
        with counting(flags, *self.NAMES) as process:
            for name in self.NAMES:
                number = getattr(signal, name)
                if to == "the server":
                    process.send_signal(number)
                elif to == "the group":
                    os.killpg(process.pid, number)
                else:  # as systemd does, and tools that kill a tree of processes
                    group = children(process.pid)
                    chosen = [process.pid, *group] if to == "each process" else group[:1]
                    for each in chosen:
                        os.kill(each, number)
            assert counted(process) == dict.fromkeys(self.NAMES, 1)

    @pytest.mark.slow
    def test_repeated_signals(self, flags: list[str]) -> None:
        with counting(flags, "SIGTERM", "SIGINT") as process:
            for send in (os.killpg, os.kill, os.killpg):
                send(process.pid, signal.SIGTERM)
                settle()
                send(process.pid, signal.SIGINT)
                settle()
            assert counted(process) == {"SIGTERM": 3, "SIGINT": 3}

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
    def test_timeout(self, flags: list[str], name: str) -> None:
        """timeout(1) sends the signal to its child, and then to the group of both."""
        timeout = shutil.which("timeout")
        if timeout is None:
            pytest.skip("this system has no timeout(1)")
        with counting(flags, name, before=(timeout, "600")) as process:
            assert process.stdout is not None
            # It does the same when it receives a signal as at its timeout.
            process.send_signal(getattr(signal, name))
            settle()
            os.kill(children(process.pid)[0], signal.SIGUSR1)
            assert process.stdout.readline().startswith(f"{{'{name}': 1, ")

    def test_a_signal_by_process_name(self, flags: list[str]) -> None:
        """The probe process of GroupSignalDetector does not match the name of the server."""
        with counting(flags, "SIGTERM") as process:
            mine = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            for each in [process.pid, *children(process.pid)[1:]]:
                if b"serve" in Path(f"/proc/{each}/cmdline").read_bytes():
                    assert each == process.pid, mine
                    os.kill(each, signal.SIGTERM)
            assert counted(process) == {"SIGTERM": 1}

    def test_a_signal_that_the_caller_ignores_stays_ignored(self, flags: list[str]) -> None:
        ignoring = (
            "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
        )
        show = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
        done = subprocess.run(
            [*python, ignoring, *arguments(*flags, "--", *python, show)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout) == (0, "True\n")

    def test_a_caller_that_ignores_sigchld_gets_the_exit_code(self, flags: list[str]) -> None:
        ignoring = (
            "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
        )
        command = [*python, ignoring, *arguments(*flags, "--", "sh", "-c", "exit 7")]
        done = subprocess.run(command, check=False, timeout=PATIENCE)
        assert done.returncode == 7

    def test_nested_servers(self, flags: list[str]) -> None:
        with counting([*flags, "--", *arguments(*flags)], "SIGTERM", "SIGUSR2") as process:
            os.killpg(process.pid, signal.SIGTERM)
            process.send_signal(signal.SIGUSR2)
            assert counted(process) == {"SIGTERM": 1, "SIGUSR2": 1}

    def test_without_cat(self, flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        with counting(flags, "SIGTERM", "SIGUSR2") as process:
            os.killpg(process.pid, signal.SIGTERM)
            process.send_signal(signal.SIGUSR2)
            assert counted(process) == {"SIGTERM": 1, "SIGUSR2": 1}

    def test_no_process_is_left_behind(self, flags: list[str]) -> None:
        done = run(*flags, "--", "sh", "-c", "echo $PPID")
        assert done.returncode == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(int(done.stdout), 0)


class Terminal:
    """An interactive bash on a new pseudo-terminal."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._text = ""
        self.shell, self._master = pty.fork()
        if self.shell == 0:
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**environment, "PS1": "<%> ", "TERM": "dumb"})
        attributes = termios.tcgetattr(self._master)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self._master, termios.TCSANOW, attributes)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, pattern: str) -> str:
        """Read the output until a pattern matches, and return it. It is not searched again."""
        last = time.monotonic() + PATIENCE
        while True:
            match = re.search(pattern, self._text)
            if match:
                shown, self._text = self._text[: match.end()], self._text[match.end() :]
                return shown
            assert time.monotonic() < last, f"no {pattern!r} in {self._text!r}"
            if select.select([self._master], [], [], 0.2)[0]:
                try:
                    self._text += os.read(self._master, 4096).decode(errors="replace")
                except OSError:
                    pytest.fail(f"the shell has exited: {self._text!r}")

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.shell, signal.SIGKILL)
        os.close(self._master)
        os.waitpid(self.shell, 0)


@pytest.fixture(name="terminal")
def _terminal() -> Iterator[Terminal]:
    if shutil.which("bash") is None:
        pytest.skip("this system has no bash")
    terminal = Terminal(dict(os.environ))
    # Turn readline off, so that only the output of programs is shown.
    terminal.type("set +o emacs +o vi; PS1='<%> '; echo on''ly\n")
    terminal.until("only")
    terminal.until("<%> ")
    yield terminal
    terminal.close()


@pytest.fixture(name="serving")
def _serving(flags: list[str]) -> str:
    """The text to type before a command, to run it with `serve`."""
    return shlex.join(arguments(*flags, "--"))


class TestTerminal:
    def test_keyboard_signals_reach_the_command_once(self, terminal: Terminal, serving: str) -> None:
        terminal.type(f"{serving} {shlex.join([*python, COUNT, 'SIGINT', 'SIGQUIT', 'SIGUSR1'])} &\n")
        terminal.until("ready")
        terminal.type("fg\n")
        terminal.until("python")
        settle()
        terminal.type("\x03")
        settle()
        terminal.type("\x1c")
        settle()
        terminal.type("\x03")
        settle()
        terminal.type("\x1a")
        terminal.until("Stopped")
        terminal.type("kill -USR1 %1; fg\n")
        shown = terminal.until(r"\{[^}]*\}")
        assert "'SIGINT': 2" in shown
        assert "'SIGQUIT': 1" in shown
        terminal.until("<%> ")

    @pytest.mark.slow
    def test_a_signal_to_a_job_arrives_once(self, terminal: Terminal, serving: str) -> None:
        """bash sends it to the group."""
        terminal.type(f"{serving} {shlex.join([*python, COUNT, 'SIGTERM', 'SIGUSR1'])} &\n")
        terminal.until("ready")
        terminal.type("kill %1; sleep 0.5; kill -USR1 %1; wait\n")
        assert "'SIGTERM': 1" in terminal.until(r"\{[^}]*\}")

    @pytest.mark.parametrize(
        "stop", ["STOP", *(pytest.param(each, marks=pytest.mark.slow) for each in ("TSTP", "TTIN"))]
    )
    def test_a_command_that_stops_itself_returns_the_terminal(
        self, terminal: Terminal, serving: str, stop: str
    ) -> None:
        terminal.type(f"{serving} sh -c 'kill -{stop} $$; read line; echo \"continued: $line\"; exit 3'\n")
        terminal.until("Stopped")
        terminal.until("<%> ")
        terminal.type("echo mi''ne\n")
        terminal.until("mine")
        terminal.type("fg\n")
        terminal.until("sh -c")
        terminal.type("hello\n")
        terminal.until("continued: hello")
        terminal.until("<%> ")
        terminal.type('echo "code $?"\n')
        terminal.until("code 3")

    @pytest.mark.slow
    def test_ctrl_z_and_fg(self, terminal: Terminal, serving: str) -> None:
        for _ in range(2):
            terminal.type(f"{serving} cat\n")
            terminal.type("one\n")
            terminal.until("one")
            for word in ("two", "three"):
                terminal.type("\x1a")
                terminal.until("Stopped")
                terminal.until("<%> ")
                terminal.type("fg\n")
                terminal.until("cat")
                terminal.type(f"{word}\n")
                terminal.until(word)
            terminal.type("\x04")
            terminal.until("<%> ")

    @pytest.mark.slow
    def test_bg_continues_and_stops_at_terminal_input(self, terminal: Terminal, serving: str) -> None:
        terminal.type(f"{serving} sh -c 'kill -STOP $$; echo in the back''ground; read line; echo got $line'\n")
        terminal.until("Stopped")
        terminal.type("bg\n")
        terminal.until("in the background")
        settle()
        terminal.type("\n")
        terminal.until("Stopped")
        terminal.type("fg\n")
        terminal.until("sh -c")
        terminal.type("it\n")
        terminal.until("got it")

    def test_suspend_in_a_shell_run_by_serve(self, terminal: Terminal, serving: str) -> None:
        terminal.type(f"PS1='<in> ' {serving} bash --norc --noprofile +o emacs -i\n")
        terminal.until("<in> ")
        for _ in range(2):
            terminal.type("suspend\n")
            terminal.until("Stopped")
            terminal.until("<%> ")
            terminal.type("echo ou''ter\n")
            terminal.until("outer")
            terminal.type("fg\n")
            terminal.until("bash --norc")
            terminal.type("echo in''ner\n")
            terminal.until("inner")
            terminal.until("<in> ")
        # Job control inside that shell also works.
        terminal.type("cat\n")
        terminal.type("one\n")
        terminal.until("one")
        terminal.type("\x1a")
        terminal.until("Stopped")
        terminal.until("<in> ")
        terminal.type("fg\n")
        terminal.until("cat")
        terminal.type("\x04")
        terminal.until("<in> ")
        terminal.type("exit 5\n")
        terminal.until("<%> ")
        terminal.type('echo "code $?"\n')
        terminal.until("code 5")

    @pytest.mark.slow
    def test_a_pager_in_the_same_pipeline_reads_the_keys(self, terminal: Terminal, serving: str) -> None:
        terminal.type(f"{serving} echo from the command | sh -c 'cat; read key < /dev/tty; echo \"pressed $key\"'\n")
        terminal.until("from the command")
        terminal.type("q\n")
        terminal.until("pressed q")
        terminal.until("<%> ")


def test_a_stop_without_a_terminal_does_not_stop_the_server(flags: list[str]) -> None:
    """As cpulimit and debuggers do. The server continues, and notices the exit."""
    program = (
        "import os, signal, subprocess, sys\n"
        "subprocess.Popen(['sh', '-c', f'sleep 0.6; kill -CONT {os.getpid()}'])\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\n"
        "print('continued')\n"
        "sys.exit(4)\n"
    )
    done = run(*flags, "--", *python, program)
    assert (done.returncode, done.stdout) == (4, "continued\n")


# A server with a slow answer, which a second signal would cut off.
SLOW_APPLICATION = """
import asyncio, os, sys, uvicorn
async def application(scope, receive, send):
    if scope["type"] != "http": return
    print("received", flush=True)
    await asyncio.sleep(2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})
server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error", lifespan="off"))
async def main():
    serving = asyncio.ensure_future(server.serve())
    while not server.started: await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "name"),
    [
        *(
            (how, name)
            for how in ("timeout", "the group", "the server", "each process")
            for name in ("SIGTERM", "SIGINT")
        ),
        ("ctrl-c", "SIGINT"),
    ],
)
def test_uvicorn_answers_the_request_in_flight(flags: list[str], how: str, name: str) -> None:
    """A second SIGINT would make uvicorn drop it."""
    number = signal.Signals[name]
    before = ["timeout", "600"] if how == "timeout" else []
    terminal, ours = pty.openpty()
    lead = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    command = [*python, lead, *before, *arguments(*flags, "--", *python, SLOW_APPLICATION)]
    process = subprocess.Popen(command, stdin=ours, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert process.stdout.readline() == "received\n"
                if how == "ctrl-c":
                    os.write(terminal, b"\x03")
                elif how == "the group":
                    os.killpg(process.pid, number)
                elif how == "each process":
                    for each in [process.pid, *children(process.pid)]:
                        os.kill(each, number)
                else:
                    process.send_signal(number)
                reply = b"".join(iter(lambda: connection.recv(4096), b""))
            assert reply.endswith(b"done")
            process.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            os.close(terminal)
            os.close(ours)

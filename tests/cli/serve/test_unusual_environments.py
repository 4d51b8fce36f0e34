"""`serve` without standard streams, without a home directory, as process 1, and in user namespaces."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from variations import few

from cli.serve.conftest import PATIENCE, arguments, connect, exchange, request
from google_auth_botocore.cli.serve import _connection_owner, _other_credentials

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"
GET = (
    "import os, urllib.request\n"
    f"url = 'http://' + os.environ['GCE_METADATA_HOST'] + '{TOKEN}'\n"
    "print(urllib.request.urlopen(urllib.request.Request(url, headers={'Metadata-Flavor': 'Google'})).status)\n"
)
# Run the command as user 12345, who has no user name. Import its modules first, because that user may not read them.
AS_12345 = """
import encodings.ascii, encodings.idna, encodings.latin_1, fcntl, os, resource, sys
import botocore.credentials, botocore.session, google.auth.transport.requests, requests
from google_auth_botocore.cli import main
os.setgroups([]); os.setgid(12345); os.setuid(12345)
sys.exit(main(sys.argv[1:]))
"""


def run(*command: str, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command. A variable that is None is removed from the environment."""
    changed = {**os.environ, **environment}
    return subprocess.run(
        command,
        env={name: value for name, value in changed.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("closed", few(["<&- >&- 2>&-", ">&-", "<&-", "2>&-", "<&- 2>&-", ">&- 2>&-"], 2))
def test_a_command_is_served_without_standard_streams(flags: list[str], tmp_path: Path, closed: str) -> None:
    out = tmp_path / "out"
    program = f"import sys; sys.stdout = open({str(out)!r}, 'w'); {GET}".replace("\n", "; ").rstrip("; ")
    done = run("sh", "-c", f'exec "$@" {closed}', "sh", *arguments(*flags, "--", sys.executable, "-c", program))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert out.read_text() == "200\n"


@pytest.mark.parametrize("closed", few(["<&- >&- 2>&-", "", ">&-", ">&- 2>&-"]))
def test_without_a_command_it_serves_on_the_given_port(flags: list[str], closed: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *arguments(*flags, f"--port={port}")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    with process:
        try:
            eventually(lambda: serves(port))
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def serves(port: int) -> bool:
    try:
        with connect(port) as connection:
            return exchange(connection, request(port, TOKEN)).status == 200
    except ConnectionRefusedError:
        return False


def eventually(happened: Callable[[], bool]) -> None:
    last = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < last
        time.sleep(0.02)


@as_root
@pytest.mark.parametrize(
    ("home", "chosen"),
    few(
        [
            (None, None),
            ("{unreadable}", "{unreadable}/gcloud"),
            ("", None),
            ("/nonexistent", None),
            ("relative", None),
            ("{unreadable}", None),
            (None, "{unreadable}/gcloud"),
        ],
        2,
    ),
)
def test_without_a_user_name_and_a_readable_home_directory(
    flags: list[str], tmp_path: Path, home: str | None, chosen: str | None
) -> None:
    unreadable = tmp_path / "unreadable"
    unreadable.mkdir(mode=0o700)
    places = [None if each is None else each.format(unreadable=unreadable) for each in (home, chosen)]
    command = [sys.executable, "-c", AS_12345, "serve", *flags, "--", "id", "-u"]
    done = run(
        *command, HOME=places[0], CLOUDSDK_CONFIG=places[1], AWS_CONFIG_FILE=None, AWS_SHARED_CREDENTIALS_FILE=None
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "12345\n", "")


def test_invalid_files_of_gcloud_are_ignored(flags: list[str]) -> None:
    cached = Path(os.environ["CLOUDSDK_CONFIG"], "gce")
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"\xff\xfe")
    (cached.parent / "active_config").write_bytes(b"\xff")
    assert run(*arguments(*flags, "--", "true")).returncode == 0
    assert _other_credentials.warnings({"CLOUDSDK_CONFIG": str(cached.parent)}) == []


def unshared(*flags: str) -> list[str]:
    """Return the start of a command that runs in new namespaces."""
    if shutil.which("unshare") is None or run("unshare", *flags, "true").returncode:
        pytest.skip("this system does not support these namespaces")
    return ["unshare", *flags]


PROCESS_1 = ("--pid", "--fork", "--kill-child")


class TestProcess1:
    @pytest.mark.parametrize(("program", "code"), few([("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]))
    @pytest.mark.parametrize("more", [(), ("--mount-proc",)], ids=["", "its own proc"])
    def test_exit_codes(self, flags: list[str], more: tuple[str, ...], program: str, code: int) -> None:
        done = run(*unshared(*PROCESS_1, *more), *arguments(*flags, "--", "sh", "-c", program))
        assert (done.returncode, done.stdout, done.stderr) == (code, "", "")

    def test_orphaned_processes_are_reaped(self, flags: list[str]) -> None:
        program = (
            "import os, pathlib, time\n"
            "for _ in range(20):\n"
            "    if os.fork() == 0:\n"
            "        if os.fork() == 0: os._exit(0)\n"
            "        os._exit(0)\n"
            "    os.wait()\n"
            "def zombies():\n"
            "    stats = [path.read_text() for path in pathlib.Path('/proc').glob('[0-9]*/stat')]\n"
            "    return [stat for stat in stats if stat.rpartition(')')[2].split()[0] == 'Z']\n"
            "last = time.monotonic() + 10\n"
            "while zombies() and time.monotonic() < last: time.sleep(0.01)\n"
            "print(zombies())\n"
        )
        done = run(*unshared(*PROCESS_1, "--mount-proc"), *arguments(*flags, "--", sys.executable, "-c", program))
        assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")

    @pytest.mark.parametrize("name", few(["TERM", "INT", "HUP", "USR2"]))
    def test_signals_reach_the_command_once(self, flags: list[str], name: str) -> None:
        program = (
            "import os, signal, time\n"
            "got = []\n"
            f"signal.signal(signal.SIG{name}, lambda number, frame: got.append(number))\n"
            f"os.kill(1, signal.SIG{name})\n"
            "last = time.monotonic() + 10\n"
            "while not got and time.monotonic() < last: time.sleep(0.01)\n"
            "time.sleep(0.5)\n"
            "print(len(got))\n"
        )
        done = run(*unshared(*PROCESS_1), *arguments(*flags, "--", sys.executable, "-c", program))
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
    def test_without_a_command_a_signal_stops_it(self, flags: list[str], number: signal.Signals) -> None:
        process = subprocess.Popen(
            [*unshared(*PROCESS_1), *arguments(*flags)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        with process:
            try:
                assert process.stdout is not None
                while not process.stdout.readline().startswith("unset "):
                    assert process.poll() is None
                first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
                os.kill(int(first), number)
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()


class TestUserNamespaces:
    @pytest.mark.parametrize("mapping", [(), ("--map-user=65534",)], ids=["nobody is mapped", "65534 is mapped"])
    def test_it_does_not_start_if_users_cannot_be_distinguished(
        self, flags: list[str], mapping: tuple[str, ...]
    ) -> None:
        done = run(*unshared("--user", *mapping), *arguments(*flags, "--", "true"))
        assert (done.returncode, done.stdout) == (2, "")
        assert "cannot be distinguished" in done.stderr
        assert "--any-user" in done.stderr

    def test_it_starts_with_any_user(self, flags: list[str]) -> None:
        done = run(*unshared("--user"), *arguments(*flags, "--any-user", "--", sys.executable, "-c", GET))
        assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")

    def test_it_starts_for_a_mapped_user(self, flags: list[str]) -> None:
        done = run(*unshared("--user", "--map-root-user"), *arguments(*flags, "--", sys.executable, "-c", GET))
        assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")

    def test_without_user_namespaces_the_id_65534_is_an_ordinary_user(self) -> None:
        assert Path("/proc/self/uid_map").read_text().split() != [
            "0",
            "0",
            "4294967295",
        ] or not _connection_owner.is_shared_id(65534)

    @pytest.mark.parametrize(
        ("users", "overflow", "user", "shared"),
        [
            ("0 0 4294967295\n", "65534\n", 65534, False),
            ("", "65534\n", 65534, True),
            ("0 1000 1\n1 100000 65536\n", "65534\n", 65534, True),
            ("0 1000 1\n1 100000 65536\n", "65534\n", 0, False),
            ("0 1000 1\n", "99\n", 99, True),
            ("0 1000 1\n", "99\n", 65534, False),
            ("0 0 2147483648\n2147483648 2147483648 2147483647\n", "65534\n", 65534, False),
            ("?", "?", 65534, True),
            (None, None, 65534, False),
        ],
    )
    def test_shared_ids_according_to_the_kernel(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        users: str | None,
        overflow: str | None,
        user: int,
        shared: bool,
    ) -> None:
        for name, text in (("_UID_MAP", users), ("_OVERFLOW_UID", overflow)):
            monkeypatch.setattr(_connection_owner, name, tmp_path / name)
            if text is not None:
                (tmp_path / name).write_text(text)
        assert _connection_owner.is_shared_id(user) is shared

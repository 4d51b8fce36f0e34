"""`serve -- COMMAND` and `serve` alone: environment, signals, exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from emulator.workload import Workload
from variations import few

from cli.conftest import Run
from cli.serve.conftest import PATIENCE, TOKEN, Serve, arguments, connect, get, run
from google_auth_botocore import Credentials
from google_auth_botocore.cli.serve import _command, _job_control

SHOW = "import json, os, sys; print(json.dumps(dict(os.environ)))"
# Prints the signals that arrive, until SIGUSR1.
WAIT = """
import signal, sys
awaited = {getattr(signal, name) for name in sys.argv[1:]}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
print("ready", flush=True)
arrived = []
while "SIGUSR1" not in arrived:
    arrived.append(signal.Signals(signal.sigwait(awaited)).name)
    print(arrived[-1], flush=True)
sys.exit(len(arrived))
"""
FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"]
python = (sys.executable, "-c")


class TestEnvironment:
    def test_a_command_finds_the_server_in_every_language(self, flags: list[str], workload: Workload) -> None:
        environment = {**os.environ, "GOOGLE_APPLICATION_CREDENTIALS": "/none", "NO_GCE_CHECK": "true", "OTHER": "kept"}
        done = run(*flags, "--", *python, SHOW, env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        address = found["GCE_METADATA_HOST"]
        assert address.startswith("127.0.0.1:")
        assert (found["GCE_METADATA_IP"], found["GCE_METADATA_ROOT"]) == (address, address)
        assert found["METADATA_SERVER_DETECTION"] == "assume-present"
        assert found["CLOUDSDK_CORE_ACCOUNT"] == workload.account.email
        assert found["OTHER"] == "kept"
        assert not found.keys() & {"GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK", "GOOGLE_CLOUD_PROJECT"}

    def test_projects_come_from_the_flags(self, flags: list[str]) -> None:
        done = run(*flags, "--project=mine", "--quota-project=billed", "--", *python, SHOW)
        found = json.loads(done.stdout)
        assert (found["GOOGLE_CLOUD_PROJECT"], found["GOOGLE_CLOUD_QUOTA_PROJECT"]) == ("mine", "billed")

    @pytest.mark.parametrize(
        ("flag", "environment", "project"),
        few(
            [
                (["--quota-project=of-flag"], {"GOOGLE_CLOUD_QUOTA_PROJECT": "of-environment"}, "of-flag"),
                ([], {"GOOGLE_CLOUD_QUOTA_PROJECT": ""}, "of-file"),
                ([], {}, "of-file"),
                ([], {"GOOGLE_CLOUD_QUOTA_PROJECT": "of-environment"}, "of-environment"),
            ],
            2,
        ),
    )
    def test_the_quota_project_is_that_of_default(
        self, flags: list[str], tmp_path: Path, flag: list[str], environment: dict[str, str], project: str
    ) -> None:
        """Flag, environment, file."""
        file = tmp_path / "config.json"
        configuration = {**Credentials(flags[0].partition("=")[2]).info, "quota_project_id": "of-file"}
        file.write_text(json.dumps(configuration))

        done = run(f"--config={file}", *flag, "--", *python, SHOW, env={**os.environ, **environment})

        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["GOOGLE_CLOUD_QUOTA_PROJECT"] == project

    @pytest.mark.slow
    def test_the_project_is_that_of_default(self, flags: list[str], tmp_path: Path) -> None:
        """Flag, environment, file."""
        file = tmp_path / "config.json"
        configuration = {**Credentials(flags[0].partition("=")[2]).info, "project_id": "of-file"}
        file.write_text(json.dumps(configuration))
        for flag, environment, project in [
            ((), {}, "of-file"),
            ((), {"GCLOUD_PROJECT": "legacy"}, "legacy"),
            ((), {"GCLOUD_PROJECT": "legacy", "GOOGLE_CLOUD_PROJECT": "of-environment"}, "of-environment"),
            (("--project=of-flag",), {"GOOGLE_CLOUD_PROJECT": "of-environment"}, "of-flag"),
        ]:
            done = run(f"--config={file}", *flag, "--", *python, SHOW, env={**os.environ, **environment})
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["GOOGLE_CLOUD_PROJECT"] == project
            doctor = [sys.executable, "-m", "google_auth_botocore", "doctor", "--offline", f"--config={file}", *flag]
            report = subprocess.run(
                doctor, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
            assert f"{project}, from {next(iter(reversed(environment)), 'the file') if not flag else '--project'}" in (
                report.stdout
            )

    @pytest.mark.parametrize(
        ("present", "then"),
        few(
            [
                ("a.example, localhost", "a.example,localhost,127.0.0.1"),
                ("", "127.0.0.1,localhost"),
                ("*", "*"),
            ]
        ),
    )
    def test_no_proxy_is_used_for_it(self, flags: list[str], present: str, then: str) -> None:
        environment = {**os.environ, "HTTP_PROXY": "http://127.0.0.1:1", "no_proxy": present, "NO_PROXY": present}
        found = json.loads(run(*flags, "--", *python, SHOW, env=environment).stdout)
        assert (found["no_proxy"], found["NO_PROXY"]) == (then, then)

    def test_a_shell_evaluates_what_is_printed(self, flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """The server continues in the background, but closes its output."""
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/none")
        script = f'eval "$({shlex.join(arguments(*flags))} &)"; {shlex.join([*python, SHOW])}; kill $GOOGLE_AUTH_BOTOCORE_PID'
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True)
        found = json.loads(done.stdout)
        assert found["GCE_METADATA_HOST"].startswith("127.0.0.1:")
        assert not found.keys() & {"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_AUTH_BOTOCORE_PID"}

    def test_the_output_contains_no_secret(self, serve: Serve, workload: Workload) -> None:
        with serve() as serving:
            for secret in (workload.keys.secret_access_key, workload.keys.session_token or ""):
                assert secret not in serving.printed

    def test_gcloud_forgets_that_there_was_no_metadata_server(self, flags: list[str]) -> None:
        cached = Path(os.environ["CLOUDSDK_CONFIG"], "gce")
        cached.parent.mkdir(parents=True)
        for text, stays in (("True", True), ("False", False)):
            cached.write_text(text)
            assert run(*flags, "--", "true").returncode == 0
            assert cached.exists() is stays

    @pytest.mark.parametrize("place", ["{CLOUDSDK_CONFIG}", "{HOME}/.config/gcloud"])
    def test_a_warning_names_user_credentials_that_clients_prefer(self, flags: list[str], place: str) -> None:
        path = Path(place.format(**os.environ), "application_default_credentials.json")
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        done = run(*flags, "--", "true")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == (
            f"google-auth-botocore: {path} exists. Clients prefer it to a metadata server. "
            "Remove it if they should use the server.\n"
        )


class TestExitCode:
    @pytest.mark.parametrize(
        ("program", "code"),
        few([("exit 7", 7), ("kill -TERM $$", 143), ("", 0), ("exit 127", 127), ("kill -KILL $$", 137)], 2),
    )
    def test_the_exit_code_is_that_of_the_command(self, flags: list[str], program: str, code: int) -> None:
        done = run(*flags, "--", "sh", "-c", program)
        assert (done.returncode, done.stdout, done.stderr) == (code, "", "")

    def test_a_command_that_does_not_exist(self, flags: list[str], tmp_path: Path) -> None:
        for name in ("no-such-command", str(tmp_path / "none")):
            done = run(*flags, "--", name)
            assert (done.returncode, done.stdout) == (127, "")
            assert done.stderr == (
                f"google-auth-botocore: Cannot run {name!r}: No such file or directory. Check its name and PATH.\n"
            )

    def test_a_command_that_is_not_executable(self, flags: list[str], tmp_path: Path) -> None:
        done = run(*flags, "--", str(tmp_path))
        assert done.returncode == 126
        assert done.stderr.startswith(f"google-auth-botocore: Cannot run {str(tmp_path)!r}: Permission denied. Pass ")

    def test_the_command_gets_its_arguments_and_streams_unchanged(self, flags: list[str]) -> None:
        program = "import sys; print(sys.argv[1:], sys.stdin.read())"
        done = run(*flags, "--", *python, program, "--port", "x", "--", "-h", input="typed")
        assert done.stdout == "['--port', 'x', '--', '-h'] typed\n"

    def test_the_server_stops_with_the_command(self, flags: list[str]) -> None:
        """Even if a process that the command left behind still has a connection."""
        program = (
            "import os, socket, subprocess, sys\n"
            "host, port = os.environ['GCE_METADATA_HOST'].split(':')\n"
            "left = socket.create_connection((host, int(port)))\n"
            "subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'],\n"
            "                 stdin=left, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[left.fileno()])\n"
            "print(port)\n"
        )
        done = run(*flags, "--", *python, program)
        assert (done.returncode, done.stderr) == (0, "")
        with pytest.raises(ConnectionRefusedError):
            connect(int(done.stdout))


@contextlib.contextmanager
def waiting(
    flags: list[str], *names: str, start: tuple[str, ...] = (), stdin: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a command until it is ready to receive signals."""
    process = subprocess.Popen(
        [*start, *arguments(*flags, "--", *python, WAIT, *names, "SIGUSR1")],
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=not start,
    )
    with process:
        try:
            assert out(process).readline() == "ready\n"
            yield process
        finally:
            process.kill()


def out(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


class TestSignals:
    def test_the_command_receives_signals(self, flags: list[str]) -> None:
        with waiting(flags, *FORWARDED) as process:
            for name in (*FORWARDED, "SIGUSR1"):
                process.send_signal(getattr(signal, name))
                assert out(process).readline() == f"{name}\n"
            assert process.wait(PATIENCE) == len(FORWARDED) + 1

    def test_a_signal_that_cannot_be_sent_does_not_block_the_others(self) -> None:
        """The command may run as another user, as with sudo."""
        sent = []

        class Child:
            pid = os.getpid()

            def send_signal(self, number: int) -> None:
                sent.append(number)
                raise PermissionError

        with _job_control.GroupSignalDetector() as detector:
            _command._forward(Child(), {signal.SIGHUP, signal.SIGTERM}, detector)  # type: ignore[arg-type]
        assert set(sent) == {signal.SIGHUP, signal.SIGTERM}

    def test_the_command_is_served_until_it_exits(self, flags: list[str]) -> None:
        """A command may need a token while it shuts down."""
        program = (
            "import os, signal, urllib.request\n"
            f"url = 'http://' + os.environ['GCE_METADATA_HOST'] + '{TOKEN}'\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
            "print('ready', flush=True)\n"
            "signal.sigwait({signal.SIGTERM})\n"
            "request = urllib.request.Request(url, headers={'Metadata-Flavor': 'Google'})\n"
            "print(urllib.request.urlopen(request).status)\n"
        )
        process = subprocess.Popen(
            arguments(*flags, "--", *python, program), stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        with process:
            assert out(process).readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            assert out(process).read() == "200\n"
            assert process.wait(PATIENCE) == 0

    def test_a_command_terminated_by_a_signal_gives_the_exit_code_of_a_shell(self, flags: list[str]) -> None:
        with waiting(flags) as process:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 128 + signal.SIGTERM

    def test_ctrl_c_arrives_once(self, flags: list[str]) -> None:
        """The terminal sends it to both processes. Many programs abort their clean-up on a second one."""
        terminal, ours = pty.openpty()
        take_terminal = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        try:
            with waiting(flags, "SIGINT", "SIGQUIT", start=(*python, take_terminal), stdin=ours) as process:
                os.write(terminal, b"\x03")
                assert out(process).readline() == "SIGINT\n"
                process.send_signal(signal.SIGUSR1)
                assert out(process).read() == "SIGUSR1\n"
        finally:
            os.close(terminal)
            os.close(ours)

    def test_an_ignored_signal_stays_ignored(self, flags: list[str]) -> None:
        """As with nohup."""
        script = ("sh", "-c", 'trap "" HUP; exec "$@"', "sh")
        with subprocess.Popen(
            [*script, *arguments(*flags)], stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            printed = out(process).read()
            port = int(printed.split("GCE_METADATA_HOST=127.0.0.1:")[1].split("\n")[0])
            process.send_signal(signal.SIGHUP)
            assert get(port, TOKEN).status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


class TestFlags:
    def test_a_chosen_port(self, serve: Serve) -> None:
        with serve() as first:
            port = first.port
        with serve(f"--port={port}") as second:
            assert second.port == port

    def test_a_port_in_use(self, run: Run, serve: Serve, flags: list[str]) -> None:
        with serve() as serving:
            done = run("serve", *flags, f"--port={serving.port}")
        assert (done.code, done.out) == (2, "")
        assert done.error == (
            f"google-auth-botocore: Cannot serve: port {serving.port} of 127.0.0.1 is in use by another process. Pass another "
            "--port, or --port 0 for any free port.\nMore: https://github.com/google-auth-botocore/google-auth-botocore/blob/main/"
            ".github/troubleshooting.md#port-unavailable\n"
        )

    @pytest.mark.parametrize("port", ["-1", "65536", "http"])
    def test_an_invalid_port(self, run: Run, flags: list[str], port: str) -> None:
        done = run("serve", *flags, f"--port={port}")
        assert done.code == 2
        assert done.error.endswith(f"error: argument --port: invalid port {port!r}: must be 0-65535\n")

    @pytest.mark.parametrize("words", [["gcloud", "storage", "ls"], ["gcloud", "--", "true"], ["--"]])
    def test_a_command_without_dashes_before_it(self, run: Run, words: list[str]) -> None:
        """Flags before the dashes belong to `serve`. Without dashes, the command might lose its own flags."""
        done = run("serve", *words)
        assert (done.code, done.out) == (2, "")
        assert done.error == (
            f"google-auth-botocore: There is no -- before the command: {' '.join(words)}. Put the command after it, as in "
            "`serve --config FILE -- gcloud storage ls`.\nMore: https://github.com/google-auth-botocore/google-auth-botocore/blob/"
            "main/.github/troubleshooting.md#configuration-wrong\n"
        )

    def test_without_an_identity_the_server_does_not_start(self, run: Run) -> None:
        assert run("serve", "--", "true").code == 2

    def test_help_is_ascii_and_fits_a_terminal(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        text = run("serve", "--help").out
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
        assert text.startswith("usage: google-auth-botocore serve [flags] [-- COMMAND ...]\n")

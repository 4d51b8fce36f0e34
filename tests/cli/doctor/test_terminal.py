"""What doctor prints on a terminal while it waits, and how wide its report is."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from variations import few

from cli.conftest import command
from cli.doctor.cases import POOL
from cli.doctor.sandbox import NOWHERE, Sandbox
from google_auth_botocore.cli.doctor._recorder import Recorder
from google_auth_botocore.cli.doctor._waiting import Waiting, waiting

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")

if sys.platform != "win32":
    from cli.doctor.terminal import Terminal, terminal

AUDIENCE = f"--audience={POOL}/providers/prod"
PASSWORD = "password-of-the-proxy"


@pytest.fixture(name="silent_proxy")
def _silent_proxy() -> Iterator[str]:
    """The address of a proxy that accepts connections and never replies."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def keys(proxy: str) -> dict[str, str]:
    names = ("HTTPS_PROXY", "https_proxy")
    return {
        **dict.fromkeys(names, f"http://ann:{PASSWORD}@{proxy}"),
        "NO_PROXY": "",
        "no_proxy": "",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x" * 40,
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def waiting_doctor(proxy: str, *flags: str, columns: int = 100) -> Iterator[Terminal]:
    """Run doctor on a terminal, up to the step in which it waits for Google."""
    flags = (AUDIENCE, f"--aws-sts-endpoint={NOWHERE}", *flags)
    with terminal("doctor", *flags, columns=columns, environment=keys(proxy)) as started:
        yield started


class TestWaiting:
    def test_the_line_names_the_server_the_proxy_and_the_time_left(self, silent_proxy: str) -> None:
        with waiting_doctor(silent_proxy) as started:
            text = started.read_until(" s left")
            assert re.search(rf"trying sts\.googleapis\.com through proxy {silent_proxy}, [0-9]+ s left", text)
            assert PASSWORD not in text
            # The rows of the earlier steps have been printed.
            assert "  warning AWS caller" in text

    def test_an_interrupt_erases_the_line(self, silent_proxy: str) -> None:
        with waiting_doctor(silent_proxy) as started:
            started.read_until(" s left")
            started.process.send_signal(signal.SIGINT)
            text = started.read_until("Traceback")
            assert started.process.wait(60) == 130
            assert "Traceback" not in text
            assert not any("trying" in line for line in started.screen)

    @pytest.mark.parametrize("columns", [30, 20])
    def test_on_a_narrow_terminal_the_line_is_cut_and_the_time_is_kept(self, silent_proxy: str, columns: int) -> None:
        with waiting_doctor(silent_proxy, columns=columns) as started:
            line = re.split("[\r\n]", started.read_until(" s left"))[-1]
            assert re.fullmatch(r"trying[a-z. ]*\.\.\., [0-9]+ s left", line)
            assert len(line) < columns

    def test_sigterm_erases_the_line_and_ends_the_process(self, silent_proxy: str) -> None:
        with waiting_doctor(silent_proxy) as started:
            started.read_until(" s left")
            started.process.terminate()
            started.read_until("Traceback")
            assert started.process.wait(60) == -signal.SIGTERM
            assert not any("trying" in line for line in started.screen)

    def test_a_resized_terminal_gets_rows_of_its_new_width(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
            with waiting_doctor(address, f"--token-url=http://{address}/v1/token") as started:
                started.read_until(f"trying {address}, ")
                started.resize(50)
                server.accept()[0].close()
                started.read_until("has a Date header")
                assert "  unknown clock\n    no reply has a Date header" in "\n".join(started.screen)

    def test_the_line_is_erased_before_the_next_row(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
            with waiting_doctor(address, f"--token-url=http://{address}/v1/token") as started:
                started.read_until(f"trying {address}, ")
                server.accept()[0].close()
                started.read_until("has a Date header")
                rows = [line for line in started.screen if "unknown clock" in line]
                assert rows == ["  unknown clock           no reply has a Date header"]

    @pytest.mark.parametrize("flag", ["--json", "--offline"])
    def test_nothing_is_added_to_json_and_to_a_quick_report(self, silent_proxy: str, flag: str) -> None:
        with terminal("doctor", AUDIENCE, "--offline", flag, environment=keys(silent_proxy)) as started:
            text = started.read_until("no such words")
            assert "\r" not in text
            assert flag != "--json" or json.loads(text)["exit_code"] == 0

    def test_a_pipe_gets_the_rows_only(self, silent_proxy: str) -> None:
        done = command(
            "doctor", AUDIENCE, f"--aws-sts-endpoint={NOWHERE}", "--offline", COLUMNS="200", **keys(silent_proxy)
        )
        assert "\r" not in done.stdout
        assert done.stderr == ""
        # A link is never broken.
        assert max(len(line) for line in done.stdout.splitlines() if "https://" not in line) <= 80


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestPlace:
    def test_json_on_standard_output_leaves_the_line_to_the_terminal_on_standard_error(self) -> None:
        output, errors = _Screen(), _Screen()
        line = waiting(output, errors, is_report=False)
        with line.step("exchange", 30):
            line._waits[-1] = line._waits[-1]._replace(since=0.0)
            line._draw()
        assert output.getvalue() == ""
        assert "waiting in step: exchange" in errors.getvalue()

    def test_a_log_gets_one_line_for_a_long_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        output, errors, now = _Screen(), _Screen(), [0.0]
        line = waiting(output, errors, is_report=True)
        line._clock = lambda: now[0]
        with line.step("exchange", 30):
            for now[0] in (1.0, 6.0, 7.0):
                line._draw()
            with line.trying("sts.googleapis.com", 10):
                now[0] = 13.0
                line._draw()
        assert output.getvalue() == ""
        assert errors.getvalue() == "waiting in step: exchange, 24 s left\ntrying sts.googleapis.com, 4 s left\n"

    def test_nothing_is_added_to_json_in_a_pipe(self) -> None:
        output, errors = io.StringIO(), io.StringIO()
        line = waiting(output, errors, is_report=False)
        assert line._stream is None


def test_an_ignored_sigterm_stays_ignored() -> None:
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Waiting(_Screen()).running():
            os.kill(os.getpid(), signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_a_step_without_a_limit_shows_the_time_that_has_passed() -> None:
    now = [0.0]
    screen = _Screen()
    line = Waiting(screen, lambda: now[0])
    with line.step("AWS source", None), line.trying("to get keys from credential_process", None):
        now[0] = 12.0
        line._draw()
    assert screen.getvalue().startswith("trying to get keys from credential_process, 12 s so far\r")


def test_a_request_has_the_limit_of_its_step_if_that_ends_first() -> None:
    now = [0.0]
    screen = _Screen()
    line = Waiting(screen, lambda: now[0])
    with line.step("exchange", 30):
        now[0] = 25.0
        with line.trying("sts.googleapis.com", 10):
            now[0] = 26.0
            line._draw()
        now[0] = 28.0
        line._draw()
    assert [part.strip() for part in screen.getvalue().split("\r") if part.strip()] == [
        "trying sts.googleapis.com, 4 s left",
        "waiting in step: exchange, 2 s left",
    ]


class TestWidth:
    @pytest.mark.parametrize("columns", few([30, 200, 40, 60, 100], 2))
    def test_the_report_is_as_wide_as_the_terminal(self, silent_proxy: str, columns: int) -> None:
        with terminal("doctor", AUDIENCE, "--offline", columns=columns, environment=keys(silent_proxy)) as started:
            lines = started.read_until("no such words").splitlines()
        long = [
            line
            for line in lines
            if len(line) >= columns and " " in line.strip() and "$" not in line and "--" not in line
        ]
        assert long == []
        assert max(map(len, lines)) > min(columns * 0.7, 120)

    def test_an_explanation_is_as_wide_as_the_terminal(self) -> None:
        with terminal("doctor", "--explain", "upstream connect error", columns=150) as started:
            text = started.read_until("no such words")
        assert "Google's server is failing at the moment." in text
        assert "Nothing is wrong with the request, and the next attempt may succeed." in text


class TestVerbose:
    def test_the_requests_of_each_step_are_printed(self, sandbox: Sandbox) -> None:
        report = sandbox.diagnose("--verbose")
        assert re.search(r"> POST http://127\.0\.0\.1:\d+/v1/token: HTTP 200, [0-9.]+ s", " ".join(report.text.split()))
        requests = {step["step"]: step["requests"] for step in report.document["steps"]}
        assert len(requests["exchange"]) == 2
        assert requests["configuration"] == []
        assert "botocore" in report.document["surroundings"][0]

    def test_settings_are_named_and_secrets_are_not_shown(self, sandbox: Sandbox) -> None:
        sandbox.set(
            AWS_PROFILE="",
            GOOGLE_API_KEY="AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe",
            AWS_STS_REGIONAL_ENDPOINTS="legacy",
        )
        text = sandbox.diagnose("--verbose").text
        assert "  AWS_PROFILE: set, but empty\n" in text
        assert "  GOOGLE_API_KEY: set\n" in text
        assert f"  AWS_REGION: {os.environ['AWS_REGION']}\n" in text

    def test_a_request_that_fails_has_its_error(self, silent_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://ann:{PASSWORD}@127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "")
        recorder = Recorder()
        with pytest.raises(OSError, match="proxy"):
            recorder.send("GET", f"http://sts.example.com/?{silent_proxy}", headers={})
        [line] = recorder.requests
        assert re.fullmatch(r"GET http://sts\.example\.com/ through proxy 127\.0\.0\.1:1: ProxyError, [0-9.]+ s", line)


def test_rows_are_printed_as_they_come(silent_proxy: str) -> None:
    """Also in a pipe, whose reader may be the log of a CI job."""
    flags = ["doctor", AUDIENCE, f"--aws-sts-endpoint={NOWHERE}"]
    with subprocess.Popen(
        [sys.executable, "-m", "google_auth_botocore", *flags],
        stdout=subprocess.PIPE,
        env={**os.environ, **keys(silent_proxy)},
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        # This row is there while the command waits for the silent proxy.
        while lines[-1] and not lines[-1].startswith("  warning AWS caller"):
            lines.append(process.stdout.readline())
        assert lines[-1]
        assert process.poll() is None
        process.kill()

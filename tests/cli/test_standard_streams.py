"""The command with standard streams that are closed, or that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from emulator.workload import Workload
from variations import few

from cli.serve.conftest import PATIENCE

PROVIDER = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider"
CLOSED = {0: "<&-", 1: ">&-", 2: "2>&-"}


def run_closed(arguments: list[str], *streams: int) -> subprocess.CompletedProcess[str]:
    """Run the command with standard streams that are really closed, not redirected to the null device."""
    redirections = " ".join(CLOSED[stream] for stream in streams)
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "google_auth_botocore", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


class TestOutput:
    @pytest.mark.parametrize("others", few([[], [2], [0], [0, 2]], 2), ids=str)
    def test_a_token_without_standard_output_is_an_error(self, flags: list[str], others: list[int]) -> None:
        done = run_closed(["token", *flags], 1, *others)
        assert (done.returncode, done.stdout) == (74, "")
        assert done.stderr == (
            "" if 2 in others else "google-auth-botocore: Cannot write the output: standard output is closed.\n"
        )

    @pytest.mark.parametrize(
        "arguments",
        few([["serve", "--background"], ["--version"], ["--help"], ["config", "create", f"--audience={PROVIDER}"]], 2),
        ids=str,
    )
    def test_other_output_without_standard_output_is_an_error(self, flags: list[str], arguments: list[str]) -> None:
        more = flags if arguments[0] == "serve" else []
        assert run_closed([*arguments, *more], 1).returncode == 74

    def test_the_command_works_without_standard_input(self, flags: list[str], workload: Workload) -> None:
        done = run_closed(["token", *flags], 0)
        assert (done.returncode, done.stderr) == (0, "")
        assert workload.google.check_access_token(done.stdout.strip())


class TestErrors:
    @pytest.mark.parametrize("streams", few([[2], [0, 2]]), ids=str)
    @pytest.mark.parametrize(
        "arguments",
        few(
            [
                ["token", "--audience=x"],
                ["no-such-command"],
                ["serve", "--port=x"],
                ["token", "--no-such-flag"],
                ["serve", "--audience=x"],
                ["doctor", "--audience=x"],
                ["config", "check", "/none"],
            ],
            3,
        ),
        ids=str,
    )
    def test_no_error_is_printed_on_standard_output(self, arguments: list[str], streams: list[int]) -> None:
        done = run_closed(arguments, *streams)
        assert done.returncode in {1, 2}
        assert "google-auth-botocore:" not in done.stdout
        assert "usage:" not in done.stdout

    def test_a_token_is_printed_without_standard_error(self, flags: list[str], workload: Workload) -> None:
        done = run_closed(["token", *flags], 2)
        assert done.returncode == 0
        assert workload.google.check_access_token(done.stdout.strip())

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_an_error_that_cannot_be_written_does_not_change_the_exit_code(self) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "google_auth_botocore", "token", "--audience=x"],
                stdout=subprocess.PIPE,
                stderr=full,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                check=False,
                timeout=PATIENCE,
            )
        assert (done.returncode, done.stdout) == (2, b"")

"""`nox -s live` as it is, with the emulator and moto in place of the accounts, and the real gcloud and aws."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from administrator import Administrator, is_here, web_identity_issuer

from google_auth_botocore.emulator.sandbox import Sandbox
from samples import addresses

ROOT = Path(__file__).parents[2]
PROJECT, NUMBER, ACCOUNT = "live-project", "210987654321", "123456789012"
REGION = "eu-central-1"  # of an `Administrator`


def nox(directory: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """Start the session in this environment, without installing anything."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "nox", "--noxfile", str(ROOT / "noxfile.py"), "--sessions", "live"),
            *("--no-venv", "--no-install", "--", str(directory), *options),
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group of processes that a test can interrupt
    )


@dataclass
class Live(Administrator):
    """A sandbox, and the session in it."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the session. Only addresses differ from a run with accounts."""
        google = self.sandbox.google.url
        redirects = {
            **addresses.of_sandbox(self.sandbox),
            **{f"https://{api}.googleapis.com/": f"{google}/" for api in ("iam", "cloudresourcemanager")},
            f"https://sts.{REGION}.amazonaws.com/": f"{self.sandbox.aws.url}/",
        }
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {**self.environment, "PATH": path, **addresses.redirect_children(redirects, self.home)}

    @property
    def report(self) -> str:
        return (self.home / "out" / "report.md").read_text(encoding="utf-8")

    def start(self, *options: str, **more: str) -> subprocess.Popen[str]:
        """Start the session, with pauses and a patience that are enough for the emulator."""
        return nox(self.home / "out", {**self.variables, **more}, "--pause=1", "--patience=40", *options)

    def leftovers(self) -> str:
        """What is in both accounts."""
        return self.google_resources(PROJECT) + self.shell(
            f"gcloud storage buckets list --project={PROJECT} --format='value(name)'\n"
            "aws iam list-roles --query='Roles[].RoleName' --output=text"
        )


@contextlib.contextmanager
def started(live: Live) -> Iterator[subprocess.Popen[str]]:
    """Run the session. At the end, whatever is left of it is killed."""
    with live.start() as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(name="live")
def _live(tmp_path: Path) -> Iterator[Live]:
    with Sandbox() as sandbox, web_identity_issuer(sandbox):
        sandbox.google.add_project(PROJECT, NUMBER, ["serviceusage.googleapis.com", "storage.googleapis.com"])
        (tmp_path / "administrator").mkdir()
        yield Live(sandbox, tmp_path / "administrator", PROJECT)


@is_here
@pytest.mark.slow
class TestSession:
    @pytest.mark.timeout(880)  # it starts gcloud a hundred times
    def test_every_step_passes_and_nothing_is_left(self, live: Live) -> None:
        before = live.leftovers()
        with started(live) as process:
            output, _ = process.communicate(timeout=800)
        assert process.returncode == 0, output
        report = live.report
        assert report.startswith("# nox -s live: passed\n")
        assert report.count("| ok |") == 21
        assert "Outbound web identity federation was off" in report
        for secret in (
            PROJECT,
            NUMBER,
            ACCOUNT,
            "ADMINISTRATOR",
            live.variables["CLOUDSDK_AUTH_ACCESS_TOKEN"],
            "eyJ",
            "ya29",
        ):
            assert secret not in report + output
        assert live.leftovers() == before
        assert [path.name for path in (live.home / "out").iterdir()] == ["report.md"]

    @pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no groups of processes")
    def test_ctrl_c_tears_down_and_a_second_one_does_not_stop_that(self, live: Live) -> None:
        before = live.leftovers()
        lines = []
        with started(live) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if "set up direct access" in line or "Stopped by" in line:
                    os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) != 0
        output = "".join(lines)
        assert "# nox -s live: stopped by SIGINT" in live.report, output
        assert "nothing is left" in live.report
        assert live.leftovers() == before


class TestSkip:
    """Without accounts, the session is skipped."""

    def skipped(self, directory: Path, **more: str) -> str:
        process = nox(directory, {**os.environ, **more})
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        assert "Session live skipped" in output
        assert 'see "Run it with real accounts" in .github/CONTRIBUTING.md' in output
        assert not directory.exists()
        return output

    def test_without_a_token_nothing_is_installed(self, tmp_path: Path) -> None:
        assert "CLOUDSDK_AUTH_ACCESS_TOKEN is not set" in self.skipped(tmp_path / "out")

    def test_everything_that_is_missing_is_named(self, tmp_path: Path) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        output = self.skipped(tmp_path / "out", CLOUDSDK_AUTH_ACCESS_TOKEN="ya29.x", PATH=path)
        assert "CLOUDSDK_CORE_PROJECT or GOOGLE_CLOUD_PROJECT is not set" in output
        assert "AWS_REGION" in output
        assert "There are no AWS credentials" in output
        assert "ya29" not in output

    def test_contributing_says_how_to_run_it(self) -> None:
        text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
        assert "\n## Run it with real accounts\n" in text

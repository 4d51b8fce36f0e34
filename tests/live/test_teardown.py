"""What a run leaves is in its report, with the commands that delete it. Programs in place of gcloud and aws fail."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from live.__main__ import _tear_down
from live.conftest import ACCOUNTS, program
from live.report import FAILED, OK, Report, Result
from live.test_waiting import FakeClock
from live.throwaway import Throwaway
from live.waiting import Patience

NUMBER = '*"projects describe"*) echo 210987654321;;'


@pytest.fixture(name="report")
def _report(tmp_path: Path) -> Report:
    report = Report(tmp_path / "out" / "report.md")
    report.redaction.add(ACCOUNTS)
    return report


def text(report: Report) -> str:
    return report.path.read_text(encoding="utf-8")


def test_after_a_complete_teardown_the_scripts_are_deleted(resources: Throwaway, report: Report) -> None:
    _tear_down(resources, report, Patience(FakeClock()))
    assert not report.failed
    assert "passed" in text(report).splitlines()[0]
    assert not resources.folder.exists()


def test_a_service_account_that_cannot_be_deleted_is_left(resources: Throwaway, report: Report, programs: Path) -> None:
    email = f"{resources.name}@secret-project.iam.gserviceaccount.com"
    denied = f'*"delete {email}"*) echo "PERMISSION_DENIED for [alice@example.com]" >&2; exit 1;; *"email={email} "*yesno*) echo "exists google-auth-botocore config setup for secret-project";; *"email={email}"*) echo {email};;'
    program(programs, "gcloud", f"{NUMBER} {denied} *describe*) echo NOT_FOUND >&2; exit 1;;")
    report.undo = tuple(resources.undo())
    _tear_down(resources, report, Patience(FakeClock()))
    assert report.failed
    found = text(report)
    assert f"service account {resources.name}@$PROJECT.iam.gserviceaccount.com" in found
    assert (
        f"gcloud iam service-accounts delete {resources.name}@$PROJECT.iam.gserviceaccount.com --project=$PROJECT"
        in found
    )
    assert "bash account/teardown.sh" in found
    assert "PERMISSION_DENIED for [[e-mail]]" in found
    assert f"bucket gs://{resources.name}" not in found
    # The scripts are kept, and the other set-ups were torn down.
    assert (resources.folder / "account" / "teardown.sh").exists()
    assert (programs / "calls").read_text().count(f"get-role --role-name={resources.name}-direct") >= 1


def test_a_pool_that_is_still_listed_is_deleted_by_another_attempt(
    resources: Throwaway, report: Report, programs: Path
) -> None:
    seen = programs / "seen"
    pool = (
        f'*"pools describe {resources.name}"*) [ -e {seen} ] || {{ touch {seen}; echo ACTIVE; exit; }}; echo DELETED;;'
    )
    program(programs, "gcloud", f"{NUMBER} {pool} *describe*) echo NOT_FOUND >&2; exit 1;;")
    clock = FakeClock()
    for each in resources.setups:  # only the check of what is left describes the pool
        (each.folder / "teardown.sh").write_text("")
    _tear_down(resources, report, Patience(clock))
    assert clock.time > 0
    assert [each.state for each in report.results] == [OK]


def test_a_resource_that_cannot_be_looked_up_may_be_left(resources: Throwaway, report: Report, programs: Path) -> None:
    program(programs, "gcloud", '*) echo "ERROR: the access token has expired" >&2; exit 1;;')
    _tear_down(resources, report, Patience(FakeClock()))
    assert [each.state for each in report.results] == [FAILED]
    assert f"workload identity pool {resources.name} (ERROR: the access token has expired)" in text(report)


def test_a_bucket_of_another_user_is_not_deleted(programs: Path, tmp_path: Path) -> None:
    program(programs, "gcloud", '*"buckets create"*) echo "HTTPError 409: not available" >&2; exit 1;; *) ;;')
    resources = Throwaway(ACCOUNTS, tmp_path / "out")
    resources.print_scripts()
    with pytest.raises(Exception, match="409"):
        resources.create_bucket()
    resources.left()
    calls = (programs / "calls").read_text()
    assert "buckets describe" not in calls
    assert "storage rm" not in calls


def test_names_of_two_runs_differ(tmp_path: Path) -> None:
    assert Throwaway(ACCOUNTS, tmp_path).name != Throwaway(ACCOUNTS, tmp_path).name


def test_the_report_has_no_secret_and_no_account(report: Report) -> None:
    error = (
        f"AccessDenied: User: {ACCOUNTS.caller} of 123456789012, secret-project (210987654321) with {ACCOUNTS.secrets[0]}, "
        f"{ACCOUNTS.secrets[1]}, ASIAIOSFODNN7EXAMPLE and bob@example.com in {Path.home()}/work"
    )
    report.add(Result("a | step", FAILED, error, detail=f"{error}\n```\nya29.another-token\n```"))
    found = text(report)
    for secret in (
        *ACCOUNTS.secrets,
        "alice",
        "123456789012",
        "secret-project",
        "210987654321",
        "ASIA",
        "bob@",
        "ya29",
    ):
        assert secret not in found
    assert str(Path.home()) not in found
    assert "gab-live-0123@$PROJECT.iam.gserviceaccount.com" in report.redaction(
        "gab-live-0123@secret-project.iam.gserviceaccount.com"
    )


def test_the_report_of_a_run_that_was_killed_has_the_commands(resources: Throwaway, report: Report) -> None:
    report.undo = tuple(resources.undo())
    report.add(Result("a step", OK))
    assert "not finished" in text(report)
    assert "bash jwt/teardown.sh" in text(report)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_lets_the_command_that_runs_finish_and_no_other_start(name: str, tmp_path: Path) -> None:
    script = tmp_path / "setup.sh"
    script.write_text(
        'set -euo pipefail\nbash -c "touch started; until [ -e go ]; do sleep 0.05; done; touch finished"\ntouch next\n'
    )
    run = (
        "import subprocess, sys\nfrom pathlib import Path\nfrom live import shell\nfrom live.stopping import Signals\n"
        "script, send = Path(sys.argv[1]), subprocess.Popen.send_signal\n"
        "def sent(self, number):\n    send(self, number)\n    (script.parent / 'go').touch()\n"
        "subprocess.Popen.send_signal = sent\nsignals = Signals()\nprint('ready', flush=True)\n"
        "with signals:\n    shell.run(script)\nprint(signals.first.name)\n"
    )
    paths = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths}\n{run}", str(script)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        while not (tmp_path / "started").exists():
            assert process.poll() is None
        process.send_signal(getattr(signal, name))
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert output == f"{name}\n"
    assert (tmp_path / "finished").exists()
    assert not (tmp_path / "next").exists()

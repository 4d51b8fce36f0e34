"""gcp_copycat on an EC2 instance, as a systemd unit."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from google_auth_botocore.emulator.aws import InstanceMetadata
from samples.conftest import SAMPLE, commands, stand_in
from samples.deploy.conftest import DEPLOY, PROGRAM, World, printed, role_of
from samples.deploy.hosts import (
    EVERYTHING,
    UNITS,
    USER_DATA,
    files_of_the_program,
    mib,
    required_mib,
    settings_of_the_instance,
)

HOST = "ec2"
ROLE = role_of(HOST)


def test_the_instance_copies_as_its_role(world: World) -> None:
    with InstanceMetadata(lambda: world.issue("i-0a1b2c3d4e5f60718"), role="copycat-ec2") as imds:
        code, err = world.copy(settings_of_the_instance() | imds.environment())
    assert code == 0, err
    assert (world.seen, world.copied) == (f"{ROLE}/i-0a1b2c3d4e5f60718", EVERYTHING)


def test_the_instance_gets_the_program_and_nothing_else() -> None:
    page = DEPLOY / "ec2"
    uploads = [words for words in printed(page / "README.md", "aws") if words[1:3] == ["s3", "cp"]]
    downloads = {words[-2]: words[-1] for words in commands(USER_DATA) if words[:3] == ["aws", "s3", "cp"]}
    assert {words[-1] for words in uploads} == set(downloads)
    [of_the_program] = [words for words in uploads if (page / words[-2]).resolve() == SAMPLE]
    files = [str(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("*") if path.is_file()]
    sent = {file for file in files if _is_sent(file, of_the_program)}
    assert "gcp_copycat.py" in sent
    assert sent == {str(path.relative_to(SAMPLE)) for path in files_of_the_program()}
    place = downloads[f"s3://{PROGRAM}/gcp-copycat/"]
    assert unit("gcp-copycat.service")["ExecStart"] == [f"/opt/gcp-copycat/bin/python {place}gcp_copycat.py"]


def test_the_unit_has_its_user_its_settings_and_a_disk() -> None:
    service = unit("gcp-copycat.service")
    [user] = service["User"]
    [added] = [words for words in commands(USER_DATA) if words[0] == "useradd"]
    assert (added[-1], user) == ("gcp-copycat", "gcp-copycat")
    assert service["EnvironmentFile"] == ["/etc/gcp-copycat.env"]
    [folder] = service["StateDirectory"]
    for name in ("CHECKPOINT", "MANIFEST"):
        assert settings_of_the_instance()[f"GCP_COPYCAT_{name}"].startswith(f"/var/lib/{folder}/")
    assert mib(service["MemoryMax"][0]) >= required_mib(settings_of_the_instance())
    assert int(service["TimeoutStopSec"][0]) > 10


def test_the_first_start_installs_every_unit() -> None:
    lines = commands(USER_DATA)
    named = {word.rpartition("/")[2] for words in lines for word in words}
    assert {path.name for path in UNITS.iterdir()} <= named
    assert ["systemctl", "enable", "--now", "gcp-copycat.timer"] in lines


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units_and_finds_them_hardened(tmp_path: Path) -> None:
    for path in UNITS.glob("gcp-copycat.*"):
        text = path.read_text().replace("/opt/gcp-copycat/bin/python", sys.executable)
        (tmp_path / path.name).write_text(text)
    files = [str(tmp_path / name) for name in ("gcp-copycat.service", "gcp-copycat.timer")]
    for arguments in (["verify", *files], ["security", "--offline=yes", "--threshold=20", files[0]]):
        done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "gcp-copycat" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("result", "value"), [("success", "0"), ("exit-code", "1"), ("oom-kill", "1"), ("timeout", "1")]
)
def test_each_run_reports_whether_it_failed(tmp_path: Path, result: str, value: str) -> None:
    """Run the unit's command as systemd does. A program in place of `aws` records its arguments."""
    [line] = unit("gcp-copycat.service")["ExecStopPost"]
    [[shell, flag, script]] = commands(line.replace("$$", "$"))
    assert recorded(tmp_path, [shell, flag, script], SERVICE_RESULT=result) == metric(value)


@pytest.mark.parametrize("broken", ["dnf", "useradd", "python3.11"])
def test_a_first_start_that_fails_reports_it(tmp_path: Path, broken: str) -> None:
    """Run the real script with fake system programs, one of which fails."""
    for name in ("dnf", "useradd", "python3.11"):
        stand_in(tmp_path, name, f"exit {int(name == broken)}")
    script = USER_DATA.partition("/opt/gcp-copycat/bin/pip")[0]
    assert recorded(tmp_path, ["sh", "-c", script]) == metric("1")


def recorded(folder: Path, command: list[str], **variables: str) -> list[str]:
    """Run a command and return the arguments of the last call of `aws`."""
    stand_in(folder, "aws", f'printf "%s\\n" "$@" > {folder}/called')
    subprocess.run(command, env={"PATH": f"{folder}:/usr/bin:/bin", **variables}, check=False, timeout=60)
    return (folder / "called").read_text().splitlines()


def metric(value: str) -> list[str]:
    namespace = ["--namespace", "gcp-copycat", "--metric-name", "failed"]
    return ["cloudwatch", "put-metric-data", *namespace, "--value", value]


def unit(name: str) -> dict[str, list[str]]:
    """Return the settings of a unit from all its sections."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def _is_sent(file: str, words: list[str]) -> bool:
    """Return whether `aws s3 cp --recursive` sends a file: the last filter that matches decides."""
    sent = True
    for flag, pattern in itertools.pairwise(words):
        if flag in {"--include", "--exclude"} and fnmatchcase(file, pattern):
            sent = flag == "--include"
    return sent

"""The table of failures, word for word: the only place where its texts are compared."""

from __future__ import annotations

import difflib
import inspect
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from google_auth_botocore import FederationError
from google_auth_botocore._failures._bindings import ROLES
from google_auth_botocore._failures._entry import Failure, Remedy
from google_auth_botocore._failures._facts import ARGUMENT, EVERY, GOOGLE, IAM, Facts, Keys, Setting
from google_auth_botocore._failures._libraries import ENTRIES as LIBRARIES
from google_auth_botocore._failures._table import TABLE, WARNINGS
from google_auth_botocore._google.api import GoogleClient
from google_auth_botocore._settings import Settings

# To update this file: WRITE_TABLE=1 pytest tests/failures -m "not slow". Review its diff before you commit it.
TEXTS = Path(__file__).with_name("table.txt")
PROVIDER = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws/providers/prod"
SETTINGS = Settings(PROVIDER, "sa@my-project.iam.gserviceaccount.com", subject="ann@example.com", lifetime=7200)
KEYS = Keys("env", temporary=True, has_session_token=True, assumed_role="arn:aws:sts::123456789012:assumed-role/app")


def facts(entry: Failure) -> Facts:
    """Return representative facts for an entry."""
    return Facts(
        entry.steps[0],
        url="https://sts.googleapis.com/v1/token",
        settings=SETTINGS,
        profile=Setting("team", ARGUMENT),
        region=Setting("eu-central-1", "AWS_REGION"),
        keys=KEYS,
    )


def entries() -> Iterator[tuple[str, Failure]]:
    """Yield every entry with its place in the table: its step and id, and for a variant also the id of its entry."""
    for entry in (*TABLE, *WARNINGS, *LIBRARIES):
        yield f"{entry.steps[0]}: {entry.id}", entry
        yield from ((f"{entry.steps[0]}: {entry.id}, {variant.id}", variant) for variant in entry.variants)


def remedy(entry: Failure) -> Remedy:
    return entry.remedy(facts(entry))


@pytest.fixture(autouse=True)
def _no_aws_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/home/ann/.aws/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/home/ann/.aws/credentials")


def test_the_texts_of_the_table() -> None:
    lines = []
    for place, entry in entries():
        lines += [f"{place} ({', '.join(entry.steps)})", f"  {entry.meaning}"]
        lines += [f"  > {line}" for line in (remedy(entry).hint(entry.id) or "").splitlines()]
        lines.append("")
    text = "\n".join(lines)
    if os.environ.get("WRITE_TABLE"):
        TEXTS.write_text(text, encoding="utf-8")
    expected = TEXTS.read_text(encoding="utf-8")
    assert text == expected, "\n".join(difflib.unified_diff(expected.splitlines(), text.splitlines(), lineterm=""))


def test_every_step_of_a_call_to_google_has_entries_roles_and_a_description() -> None:
    calls = inspect.getsource(GoogleClient)
    assert set(re.findall(r'\b(?:Call|_call_iam)\(\s*"(\w+)"', calls)) == set(GOOGLE)
    assert ROLES.keys() == set(IAM)
    for step in EVERY:
        assert f'`"{step}"`' in (FederationError.__doc__ or "")


def test_ids_are_unique_in_each_step() -> None:
    for table in (TABLE, WARNINGS, LIBRARIES):
        seen = [(entry.id, step) for entry in table for step in entry.steps]
        # One failure is recognised in two ways.
        assert len(seen) - len(set(seen)) <= 1


@pytest.mark.parametrize(("place", "entry"), list(entries()), ids=[place for place, _ in entries()])
def test_a_hint_has_at_most_three_lines_and_ends_with_its_command(place: str, entry: Failure) -> None:
    hint = remedy(entry).hint(entry.id)
    if hint is None:
        assert entry.id in ("exchange-rejected", "rejected"), place
        return
    if not remedy(entry).sentences:
        # Only doctor finds these: no error has such a hint.
        assert place.endswith(f", {entry.id}")
        return
    sentences, link, *command = hint.split("\n")
    assert sentences.strip()[-1] in ".:" or not command
    assert link.startswith("More: https://")
    assert len(command) <= 1
    assert all(each.startswith("Run: ") for each in command)


@pytest.mark.parametrize(("place", "entry"), list(entries()), ids=[place for place, _ in entries()])
def test_a_shell_can_split_every_command_and_aws_commands_have_the_profile(place: str, entry: Failure) -> None:
    found = remedy(entry)
    for command in (*found.local, *found.gcloud, *found.aws):
        words = shlex.split(command)
        assert words, place
        if words[0] == "aws" and words[1] in ("sts", "account", "organizations"):
            assert words[words.index("--profile") + 1] == "team"


def _gcloud_commands() -> set[tuple[str, ...]]:
    found = set()
    for _, entry in entries():
        for command in remedy(entry).gcloud:
            words = shlex.split(re.sub(r"\$\(.*\)", "x", command))
            flags = sorted(word.partition("=")[0] for word in words if word.startswith("--"))
            verbs = [word for word in words[1:] if re.fullmatch("[a-z][a-z0-9-]+", word)]
            found.add((*verbs[:6], *flags))
    return found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.parametrize("words", sorted(_gcloud_commands()), ids=" ".join)
def test_gcloud_knows_the_command_and_its_flags(words: tuple[str, ...]) -> None:
    verbs = [word for word in words if not word.startswith("--")]
    for count in range(len(verbs), 1, -1):
        done = subprocess.run(
            ["gcloud", *verbs[:count], "--help"], capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    for flag in words[len(verbs) :]:
        # The help names `--no-x` only if that is the flag's default.
        assert any(
            form in done.stdout for form in (flag, flag.replace("--no-", "--[no-]"), flag.replace("--no-", "--"))
        ), flag

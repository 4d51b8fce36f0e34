"""The table of failures, word for word: the only place where its texts are compared."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from google_auth_botocore._failures._entry import Failure, Remedy
from google_auth_botocore._failures._facts import ARGUMENT, Facts, Keys, Setting
from google_auth_botocore._failures._table import TABLE, WARNINGS
from google_auth_botocore._settings import Settings

# To write it anew: WRITE_TABLE=1 pytest tests/failures/test_table.py. Read the difference before you commit it.
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
    """Return every entry and its place: its id, after the one that it is a variant of."""
    for entry in (*TABLE, *WARNINGS):
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
        lines += [f"  > {line}" for line in (remedy(entry).hint or "").splitlines()]
        lines.append("")
    text = "\n".join(lines)
    if os.environ.get("WRITE_TABLE"):
        TEXTS.write_text(text, encoding="utf-8")
    expected = TEXTS.read_text(encoding="utf-8")
    assert text == expected, "\n".join(difflib.unified_diff(expected.splitlines(), text.splitlines(), lineterm=""))


def test_ids_are_unique_in_each_step() -> None:
    for table in (TABLE, WARNINGS):
        seen = [(entry.id, step) for entry in table for step in entry.steps]
        # A failure may be recognised in two ways.
        assert len(seen) - len(set(seen)) <= 1


@pytest.mark.parametrize(("place", "entry"), list(entries()), ids=[place for place, _ in entries()])
def test_a_hint_is_one_line_or_two_and_ends_with_its_command(place: str, entry: Failure) -> None:
    hint = remedy(entry).hint
    if hint is None:
        assert entry.id in ("exchange-refused", "refused"), place
        return
    sentences, _, command = hint.partition("\n")
    assert sentences.strip()[-1] in ".:" or not command
    assert not command or command.startswith("Run: ")
    assert "\n" not in command


@pytest.mark.parametrize(("place", "entry"), list(entries()), ids=[place for place, _ in entries()])
def test_every_command_can_be_split_by_a_shell_and_has_the_profile(place: str, entry: Failure) -> None:
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
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on this machine")
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

"""The README of gcp_copycat has the options, exit codes, manifest fields and sizes of the program."""

from __future__ import annotations

import datetime as dt
import re
import signal
from collections.abc import Iterator

import pytest
from copycat import arguments, machine, manifest, metadata, multipart, stopping
from copycat.objects import Outcome, Result, SourceObject

from samples.conftest import SAMPLE, blocks, commands

README = (SAMPLE / "README.md").read_text(encoding="utf-8")
# Only for tests without a cloud.
NOT_IN_THE_README = {"--help", "--token-url", "--iam-credentials-endpoint", "--storage-endpoint"}


def rows(header: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table with this header."""
    [table] = re.findall(rf"^\| {header} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    for line in table.splitlines():
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def options_of_the_help(capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        arguments.parse(["--help"], {})
    return set(re.findall(r"^ +(?:-h, )?(--[\w-]+)", capsys.readouterr().out, re.MULTILINE))


def test_the_readme_has_every_option_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    options = options_of_the_help(capsys)
    in_the_readme = {flag for row in rows("option") for flag in re.findall(r"`(--[\w-]+)", row[0])}
    assert in_the_readme == options - NOT_IN_THE_README
    assert set(re.findall(r"`(--[a-z][\w-]+)", README)) <= options


def test_the_readme_has_the_defaults() -> None:
    settings, _ = arguments.parse(["--source=a", "--destination=b", "--audience=c"], {})
    by_option = {flag: row[1] for row in rows("option") for flag in re.findall(r"`(--[\w-]+)", row[0])}
    assert f"default: {settings.workers}" in by_option["--workers"]
    assert settings.memory == min(512 << 20, machine.memory() // 4)
    assert "512 MiB, or a quarter of the memory" in by_option["--memory"]


def test_the_readme_has_every_field_of_the_manifest() -> None:
    in_the_readme = {name for row in rows("field") for name in re.findall(r"`(\w+)`", row[0])}
    source = SourceObject("a", 1, 1, 1, dt.datetime.now(dt.timezone.utc))
    result = Result("a", "a", Outcome.COPIED)
    assert in_the_readme == set(manifest.entry(source, result, dry_run=True))


def test_the_readme_has_every_exit_code() -> None:
    codes = {int(code) for row in rows("exit code") for code in re.findall(r"\d+", row[0])}
    assert codes == {
        stopping.SUCCESS,
        stopping.INCOMPLETE,
        stopping.SETUP_FAILED,
        stopping.TRY_AGAIN,
        128 + signal.SIGINT,
        128 + signal.SIGTERM,
    }


def test_the_readme_has_every_outcome() -> None:
    assert [row[0] for row in rows("outcome")] == [outcome.value for outcome in Outcome]


def test_the_readme_has_the_sizes() -> None:
    assert multipart.MAX_SINGLE_PUT == 8 << 20
    assert multipart.part_size(78 << 30) == 8 << 20 < multipart.part_size(79 << 30)
    assert multipart.part_size(5 << 40) == 525 << 20
    assert metadata.LIMIT == 2048
    assert metadata.encode_name("Stadt") == "_53tadt"
    assert "(`Stadt` is `_53tadt`)" in README


def test_the_example_is_accepted() -> None:
    [words] = [words for words in commands(blocks(SAMPLE / "README.md", "sh")[0]) if words[0] == "python"]
    settings, _ = arguments.parse(words[2:], {"GCP_COPYCAT_AUDIENCE": "x"})
    assert (settings.source, settings.destination, settings.prefix) == ("my-gcs-bucket", "my-s3-bucket", "reports/")

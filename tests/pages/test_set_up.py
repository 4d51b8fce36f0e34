"""What the README tells a newcomer to ask administrators for is what `config setup` prints."""

from __future__ import annotations

import re
import shlex

import pytest

from google_auth_botocore import cli
from pages.markdown import README, blocks

PERMISSION = re.compile(r"\b(?:roles/[\w.]+\w|[a-z0-9]+:[A-Z]\w+|\w+\.googleapis\.com)\b")


def test_the_readme_names_the_permissions_and_hosts_that_config_setup_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [command] = [block.text for block in blocks(README, "sh") if "config setup" in block.text]
    _, *arguments = shlex.split(command.replace("\\\n", ""))
    assert cli.main(arguments) == 0
    printed = " ".join(line.removeprefix("#") for line in capsys.readouterr().out.split("\n\n")[0].splitlines())
    section = README.read_text(encoding="utf-8").split("\n## Set up\n")[1].split("\n## ")[0]
    assert len(PERMISSION.findall(printed)) > 8
    assert set(PERMISSION.findall(section)) == set(PERMISSION.findall(printed))

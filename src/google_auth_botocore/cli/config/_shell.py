"""The six steps for a shell: to be pasted, or as a script."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Sequence

from google_auth_botocore.cli.config._plan import Plan
from google_auth_botocore.cli.config._steps import Command, Step, steps

_WIDTH = 79
_FILL = 70  # a line of a command may be indented, and have something at its end

_HEAD = """\
#!/usr/bin/env bash
# Lets an AWS role use Google Cloud: {role}
# May be run again: what is there stays, and the provider is set anew.
set -euo pipefail
export AWS_PAGER='' CLOUDSDK_CORE_DISABLE_PROMPTS=1

exists() {{ "$@" >/dev/null 2>&1; }}
is() {{ [ "$1" = "$2" ] || {{ echo "The $3 is '$1', not $2." >&2; exit 1; }}; }}

account=$(aws sts get-caller-identity --query Account --output text)
is "$account" {account} 'AWS account'
number=$(gcloud projects describe {project} \\
  --format='value(projectNumber)')
is "$number" {number} 'project number'
"""


def commands(plan: Plan) -> str:
    """Commands to be run one after the other, by hand."""
    return "\n".join(_text(step, [_line(each.words) for each in step.commands]) for step in steps(plan))


def script(plan: Plan) -> str:
    """A script for bash that may be run again, and stops at the first failure."""
    head = _HEAD.format(
        role=plan.aws_role,
        account=shlex.quote(plan.aws_account),
        project=shlex.quote(plan.project),
        number=shlex.quote(plan.project_number),
    )
    return "\n".join([head, *(_text(step, [_again(each) for each in step.commands]) for step in steps(plan))])


def _text(step: Step, lines: Sequence[str]) -> str:
    comment = textwrap.wrap(f"{step.title}. {step.reason}", _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*(f"# {line}" for line in comment), *lines, ""])


def _again(command: Command) -> str:
    """A command that does no harm where its work is done."""
    if not command.there:
        return _line(command.words)
    there = " ||\n".join(_indented(["exists", *each]) for each in command.there).lstrip()
    if command.update is None:
        return f"{there} ||\n{_indented(command.words)}"
    return f"if {there}; then\n{_indented(command.update)}\nelse\n{_indented(command.words)}\nfi"


def _indented(words: Sequence[str]) -> str:
    return textwrap.indent(_line(words), "  ")


def _line(words: Sequence[str]) -> str:
    """Words as a shell splits them again, in as many lines as it takes."""
    lines = [""]
    for word in map(_quoted, words):
        if lines[-1] and len(lines[-1]) + len(word) > _FILL:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _quoted(word: str) -> str:
    """A word of a command; of a flag, its value is quoted alone."""
    flag, equals, value = word.partition("=")
    if not (equals and flag.startswith("--")):
        return shlex.quote(word)
    # Where nothing in it is special between them, double quotes read better around single ones.
    double = "'" in value and not re.search(r'["$`\\!]', value)
    return f'{flag}="{value}"' if double else f"{flag}={shlex.quote(value)}"

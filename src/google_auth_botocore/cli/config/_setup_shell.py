"""Print the six steps as shell commands to paste, or as a script."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Sequence

from google_auth_botocore.cli.config._setup_plan import Plan
from google_auth_botocore.cli.config._setup_steps import Command, Step, steps

_WIDTH = 79
# Leaves room for indentation, and for ` \\` or ` ||` at the end of the line.
_COMMAND_WIDTH = 70

_HEAD = """\
#!/usr/bin/env bash
# Lets an AWS role use Google Cloud: {role}
# Can be run repeatedly: keeps existing resources, updates the provider.
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
    """Return commands to run one after the other by hand."""
    return "\n".join(_text(step, [_line(each.words) for each in step.commands]) for step in steps(plan))


def script(plan: Plan) -> str:
    """Return a bash script that can be run repeatedly, and stops at the first failure."""
    head = _HEAD.format(
        role=plan.aws_role,
        account=shlex.quote(plan.aws_account),
        project=shlex.quote(plan.project),
        number=shlex.quote(plan.project_number),
    )
    return "\n".join([head, *(_text(step, [_idempotent(each) for each in step.commands]) for step in steps(plan))])


def _text(step: Step, lines: Sequence[str]) -> str:
    comment = textwrap.wrap(
        f"{step.title}. {step.explanation}", _WIDTH - 2, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join([*(f"# {line}" for line in comment), *lines, ""])


def _idempotent(command: Command) -> str:
    """Return a command that keeps or updates the resource if it already exists."""
    if not command.existence_checks:
        return _line(command.words)
    exists = " ||\n".join(_indented(["exists", *check]) for check in command.existence_checks).lstrip()
    if command.update is None:
        return f"{exists} ||\n{_indented(command.words)}"
    return f"if {exists}; then\n{_indented(command.update)}\nelse\n{_indented(command.words)}\nfi"


def _indented(words: Sequence[str]) -> str:
    return textwrap.indent(_line(words), "  ")


def _line(words: Sequence[str]) -> str:
    """Return the words of a command, quoted for a shell and wrapped."""
    lines = [""]
    for word in map(_quoted, words):
        if lines[-1] and len(lines[-1]) + len(word) > _COMMAND_WIDTH:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _quoted(word: str) -> str:
    """Quote a word for a shell. Of a flag with a value, only the value is quoted."""
    flag, equals, value = word.partition("=")
    if not (equals and flag.startswith("--")):
        return shlex.quote(word)
    # Double quotes are easier to read around single quotes, if no character is special within them.
    double = "'" in value and not re.search(r'["$`\\!]', value)
    return f'{flag}="{value}"' if double else f"{flag}={shlex.quote(value)}"

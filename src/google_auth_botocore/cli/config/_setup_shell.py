"""Print steps as shell commands to paste, or as a script."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable, Sequence

from google_auth_botocore.cli.config import _setup_functions as functions
from google_auth_botocore.cli.config import _setup_partition as partitions
from google_auth_botocore.cli.config import _setup_requirements
from google_auth_botocore.cli.config._setup_plan import Plan
from google_auth_botocore.cli.config._setup_steps import Command, Resource, Step, steps

_WIDTH = 79
# Leaves room for indentation, and for ` \\` or ` ||` at the end of the line.
_COMMAND_WIDTH = 70
_VARIABLES = {
    partitions.PARTITION: "${partition}",
    partitions.DNS_SUFFIX: "${suffix}",
    partitions.ISSUER: "${issuer}",
}
_GET_PARTITION = "partition=$(aws sts get-caller-identity --query Arn --output text |\n  cut -d: -f2)\n"
_GET_SUFFIX = """\
case $partition in
aws-cn) suffix=amazonaws.com.cn ;;
*) suffix=amazonaws.com ;;
esac
"""

_HEAD = """\
#!/usr/bin/env bash
{comment}
set -euo pipefail
export AWS_PAGER='' CLOUDSDK_CORE_DISABLE_PROMPTS=1

{functions}
account=$(aws sts get-caller-identity --query Account --output text)
is "$account" {account} 'AWS account'
number=$(gcloud projects describe {project} \\
  --format='value(projectNumber)')
is "$number" {number} 'project number'
{created}"""


def commands(plan: Plan) -> str:
    """Return commands to run one after the other by hand."""
    texts = [
        step_text(step.title, step.explanation, [*map(line, step.commands), *_attachment(step)]) for step in steps(plan)
    ]
    return "\n".join([comment(_setup_requirements.lines(plan)) + "\n", *variables("".join(texts)), *texts])


def script(plan: Plan) -> str:
    """Return a bash script that can be run repeatedly, and stops at the first failure."""
    about = [
        f"Lets an AWS role use Google Cloud: {plan.role_name}",
        "Can be run repeatedly: keeps existing resources, and updates the provider and the role that it created.",
        *_setup_requirements.lines(plan),
    ]
    texts = [
        step_text(
            step.title,
            step.explanation,
            [*(_idempotent(plan, each) for each in step.commands), *_attachment(step)],
        )
        for step in steps(plan)
    ]
    return "\n".join([head(plan, about, "".join(texts)), *texts])


def head(plan: Plan, about: Sequence[str], text: str) -> str:
    """Return the start of a script: comments, checks of the accounts, and the functions and variables that the text uses."""
    start = _HEAD.format(
        comment=comment(about),
        functions="".join(f"{function}\n" for function in functions.used(text)),
        account=shlex.quote(plan.aws_account),
        project=shlex.quote(plan.project),
        number=shlex.quote(plan.project_number),
        created=f"{functions.created(plan)}\n" if "$created" in text else "",
    )
    assignments = variables(text)
    if not assignments and plan.partition != partitions.OF_ACCOUNT:
        return f"{start}{_GET_PARTITION}is \"$partition\" {plan.partition} 'AWS partition'\n"
    return start + "".join(assignments)


def comment(sentences: Sequence[str]) -> str:
    """Return comment lines, each sentence wrapped."""
    wrapped = (textwrap.wrap(each, _WIDTH - 2, break_long_words=False, break_on_hyphens=False) for each in sentences)
    return "\n".join(f"# {each}" for lines in wrapped for each in lines)


def step_text(title: str, explanation: str, lines: Iterable[str]) -> str:
    """Return a step: its comment and its commands."""
    return "\n".join([comment([f"{title}. {explanation}"]), *lines, ""])


def _attachment(step: Step) -> list[str]:
    """Return comment lines: how a workload gets the role, and the commands for it, which the reader completes."""
    if step.attachment is None:
        return []
    text, todo, names = step.attachment
    if todo:
        text += f" Replace {', '.join(names)}, and run:" if names else " Run:"
    return [comment([text]), *(textwrap.indent(words_line(words), "#   ") for words in todo)]


def line(command: Command) -> str:
    """Return a command, quoted for a shell and wrapped."""
    if command.variable is None:
        return words_line(command.words)
    return assignment(command.variable, command.words)


def words_line(words: Sequence[str]) -> str:
    """Return the words of a command, quoted for a shell and wrapped."""
    lines = [""]
    for word in map(_quoted, words):
        if lines[-1] and len(lines[-1]) + len(word) > _COMMAND_WIDTH:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def indented(words: Sequence[str]) -> str:
    """Return a command, quoted, wrapped and indented."""
    return textwrap.indent(words_line(words), "  ")


def note(text: str) -> str:
    """Return the command that prints a sentence on standard error, wrapped and indented."""
    return indented(["note", *text.split()])


def variables(text: str) -> list[str]:
    """Return the commands that set the variables in the text."""
    suffix = _VARIABLES[partitions.DNS_SUFFIX] in text
    used = suffix or _VARIABLES[partitions.PARTITION] in text
    return [*([_GET_PARTITION] if used else []), *([_GET_SUFFIX] if suffix else [])]


def assignment(variable: str, words: Sequence[str]) -> str:
    """Return a command that sets a variable to the output of another command."""
    return f"{variable}=$({words_line(words)})"


def _idempotent(plan: Plan, command: Command) -> str:
    """Return a command that keeps or updates the resource if it already exists."""
    if command.resource is not None:
        return _converging(plan, command.words, command.resource)
    if not command.existence_checks:
        return line(command)
    exists = " ||\n".join(indented(["exists", *check]) for check in command.existence_checks).lstrip()
    return f"{exists} ||\n{indented(command.words)}"


def _converging(plan: Plan, create: Sequence[str], resource: Resource) -> str:
    """Return commands that create a resource, or change it if this set-up created it. Others' resources stay as they are."""
    if resource.kind == "role":
        exists, ours = functions.read_role(plan), '[ "$role" = "$created" ]'
        others = note(f"The role {plan.role_name} existed. Its trust policy is left alone.")
    else:
        # A provider that accepts no token is not in use.
        unused = f"[[ $provider == *' {functions.kind(plan)} false' ]]"
        exists, ours = functions.read_provider(plan), f"{functions.for_role(plan)} ||\n  {unused}"
        others = (
            note(f"The provider {plan.provider} is for other roles. Pass another one with --provider.") + "\n  exit 1"
        )
    undelete = [] if resource.undelete is None else [f"{indented(['exists', *resource.undelete])} || true"]
    cases = functions.branches(
        (f'[ -z "${resource.kind}" ]', indented(create)),
        (ours, "\n".join([*undelete, indented(resource.update)])),
        ("", others),
    )
    return f"{assignment(resource.kind, exists)}\n{cases}"


def _quoted(word: str) -> str:
    """Quote a word for a shell. Of a flag with a value, only the value is quoted."""
    flag, equals, value = word.partition("=")
    if not (equals and flag.startswith("--")):
        return _value(word)
    return f"{flag}={_value(value)}"


def _value(value: str) -> str:
    """Quote a value, with a variable for each placeholder. A value with a placeholder is always quoted, because of its `<`."""
    # Double quotes are easier to read around single quotes, if no character is special within them.
    double = "'" in value and not re.search(r'["$`\\!]', value)
    text = f'"{value}"' if double else shlex.quote(value)
    for placeholder, variable in _VARIABLES.items():
        text = text.replace(placeholder, variable if double else f"'\"{variable}\"'")
    return re.sub("^''(?=\")|(?<=\")''$", "", text)

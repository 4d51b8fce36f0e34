"""The shell functions of the scripts, and the shell patterns for what `config setup` created.

A script changes or deletes only what it created. A service account and an AWS role have a description that says so. A provider
has a condition that accepts only the role.
"""

from __future__ import annotations

import re
import shlex

from google_auth_botocore.cli.config._setup_plan import Plan
from google_auth_botocore.cli.config._setup_steps import POOLS, description, provider_place

IS = """is() { [ "$1" = "$2" ] || { echo "The $3 is '$1', not $2." >&2; exit 1; }; }"""
# Room for `elif` and `; then`.
_WIDTH = 65
EXISTS = """exists() { "$@" >/dev/null 2>&1; }"""
_NOTE = """note() { echo "$*" >&2; }"""
# The error texts are gcloud's for IAM, gcloud's for Cloud Storage, and AWS's. Any other error stops the script: "cannot be read" does
# not mean "does not exist".
_FOUND = """\
# Prints what a command reads, and nothing if the resource does not exist.
found() {
  local error
  { error=$("$@" 2>&1 >&3) && return; } 3>&1
  case $error in
  *NOT_FOUND* | *' not found: 404'* | *NoSuchEntity*) ;;
  *SERVICE_DISABLED*) note "Skipped, because its API is disabled: $*" ;;
  *) note "$error" && return 1 ;;
  esac
}"""
_BINDINGS = """\
# Prints a role and a member on each line.
bindings() {
  found "$@" --flatten='bindings[].members' \\
    --format='value[separator=" "](bindings.role,bindings.members)'
}"""
_BOUND = """bound() { grep -qxF -e "$1 $2" <<<"$policy"; }"""
# Who else can use the service account, which is then kept with its roles. Its roles on itself do not count, and neither do the
# roles and members after the first argument.
_OTHERS = """\
others() {
  local itself=" serviceAccount:$1"
  local -a own=()
  shift
  while [ $# -gt 0 ]; do
    own+=(-e "$1 $2")
    shift 2
  done
  grep -vxF "${own[@]}" <<<"$policy" | grep -vF -e "$itself" || true
}"""
# The role may be in any partition.
_FOR_ROLE = """\
for_role() {
  [[ $1 == *" $2 attribute.aws_role == '"*":$3:"*"role/$4'" ]]
}"""
# If the list cannot be read, the pool is not empty.
_EMPTY = """\
empty() {
  local left
  left=$(gcloud iam workload-identity-pools providers list "$@" \\
    --format='value(name)') && [ -z "$left" ]
}"""
_ALL = (EXISTS, IS, _NOTE, _FOUND, _BINDINGS, _BOUND, _OTHERS, _FOR_ROLE, _EMPTY)


def used(text: str) -> list[str]:
    """Return the functions that a script's text calls, and those that they call."""
    functions: list[str] = [IS]
    for function in reversed(_ALL):
        name = function[: function.index("()")].splitlines()[-1]
        called = rf"^(?!#).*?(^|\(|if |&& |\|\| |\{{ ) *{name} "
        if function not in functions and re.search(called, "\n".join([text, *functions]), re.MULTILINE):
            functions.append(function)
    return [each for each in _ALL if each in functions]


def read_provider(plan: Plan) -> list[str]:
    """Return the command that prints a provider's state, kind and condition."""
    fields = "state,aws.accountId.yesno(yes=aws,no=oidc),attributeCondition"
    return ["found", *POOLS, "providers", "describe", *provider_place(plan), f"--format=value[separator=' ']({fields})"]


def read_role(plan: Plan) -> list[str]:
    """Return the command that prints the description of the AWS role."""
    return [
        "found",
        "aws",
        "iam",
        "get-role",
        f"--role-name={plan.role_name}",
        "--query=Role.Description",
        "--output=text",
    ]


def for_role(plan: Plan) -> str:
    """Return the condition that the provider that was read is for this role."""
    start = f'for_role "$provider" {kind(plan)} {plan.aws_account} '
    return (
        f"{start}{plan.role_name}" if len(start) + len(plan.role_name) < _WIDTH else f"{start}\\\n    {plan.role_name}"
    )


def kind(plan: Plan) -> str:
    """Return the kind of provider, as `read_provider` prints it."""
    return "oidc" if plan.jwt else "aws"


def created(plan: Plan) -> str:
    """Return the command that sets the variable `created` to the description of what this set-up creates."""
    return f"created={shlex.quote(description(plan))}"


def branches(*cases: tuple[str, str]) -> str:
    """Return an `if` command. The last condition is empty if the case is the `else`."""
    lines = []
    for number, (condition, commands) in enumerate(cases):
        lines += [f"{'elif' if number else 'if'} {condition}; then" if condition else "else", commands]
    return "\n".join([*lines, "fi"])

"""Print the steps that undo a set-up, in reverse order, as shell commands to paste or as a script."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from google_auth_botocore.cli.config import _setup_functions as functions
from google_auth_botocore.cli.config import _setup_requirements
from google_auth_botocore.cli.config._setup_plan import Plan
from google_auth_botocore.cli.config._setup_shell import (
    assignment,
    comment,
    head,
    indented,
    note,
    step_text,
    variables,
    words_line,
)
from google_auth_botocore.cli.config._setup_steps import (
    ACCOUNTS,
    POOLS,
    Grant,
    account_grants,
    pool_place,
    provider_place,
    resource_grants,
)

_ALONE = '[ -z "$others" ]'


class _Part(NamedTuple):
    """A part of a step: the commands to paste, and the lines of the script, which run them only if they are necessary."""

    commands: Sequence[Sequence[str]]
    script: str


class _Step(NamedTuple):
    """One step: its title, an explanation, and its parts."""

    title: str
    explanation: str
    parts: Sequence[_Part]


def commands(plan: Plan) -> str:
    """Return commands to run one after the other by hand."""
    texts = [
        _text(n, step, [words_line(words) for part in step.parts for words in part.commands])
        for n, step in _steps(plan)
    ]
    return "\n".join([comment(_about(plan)) + "\n", *variables("".join(texts)), *texts])


def script(plan: Plan) -> str:
    """Return a bash script that can be run repeatedly, and stops at the first failure."""
    about = [
        f"Undoes the set-up of the AWS role {plan.role_name}. Can be run repeatedly.",
        "Deletes the service account and the role only if `config setup` created them, and the provider only if it is for the role.",
        *_about(plan),
    ]
    texts = [_text(n, step, [part.script for part in step.parts]) for n, step in _steps(plan)]
    return "\n".join([head(plan, about, "".join(texts)), *texts])


def _text(number: int, step: _Step, lines: Sequence[str]) -> str:
    return step_text(f"{number}. {step.title}", step.explanation, lines)


def _about(plan: Plan) -> list[str]:
    return [
        *_setup_requirements.of_teardown(plan),
        "The APIs stay enabled, because other programs may use them.",
        (
            f"Google keeps a deleted pool or provider for 30 days. Until then, its id cannot be used for a new one: undelete {plan.pool}, "
            "as the script of `config setup` does, or choose another id."
        ),
    ]


def _steps(plan: Plan) -> list[tuple[int, _Step]]:
    return list(enumerate([_bindings(plan), _provider(plan), _pool(plan), _account(plan), _role(plan)], 1))


def _if(conditions: Sequence[str], words: Sequence[str]) -> str:
    return functions.branches((" &&\n  ".join(conditions), indented(words)))


def _bindings(plan: Plan) -> _Step:
    # A binding to a deleted account stays in the policy, so the bindings are removed first.
    if plan.email is None:
        parts = [_unbind(grant, []) for grant in resource_grants(plan)]
        return _Step("The bindings", "They are removed before what they name.", parts)
    *roles, use = account_grants(plan)
    own = [each for each in roles if each.member == plan.principal_set]
    shared = [each for each in roles if each not in own] + resource_grants(plan)
    text = "They are removed before what they name. Keep the service account's roles if others use it."
    return _Step(
        "The bindings",
        text,
        [
            _unbind_role(plan, str(plan.email), use, own),
            *(_unbind(each, []) for each in own),
            *(_unbind(each, [_ALONE]) for each in shared),
        ],
    )


def _unbind_role(plan: Plan, email: str, use: Grant, own: Sequence[Grant]) -> _Part:
    """Return the part that removes the role's permission to use the service account, and finds out who else has one."""
    fields = "--format=value[separator=' '](email.yesno(yes=exists),description)"
    read = ["found", *ACCOUNTS, "list", f"--project={plan.project}", f"--filter=email={email}", fields]
    remove = use.words("remove-iam-policy-binding")
    lines = [
        assignment("workload", read),
        "policy=",
        f'if [ -n "$workload" ]; then\n{textwrap.indent(_policy(use), "  ")}\nfi',
        _if([_bound(use)], remove),
        assignment("others", ["others", email, *(word for each in (use, *own) for word in (each.role, each.member))]),
    ]
    return _Part([remove], "\n".join(lines))


def _unbind(grant: Grant, conditions: Sequence[str]) -> _Part:
    remove = grant.words("remove-iam-policy-binding")
    # The service account's policy was read for the role's permission, and is empty if there is no service account.
    read = [] if grant.group == ACCOUNTS else [_policy(grant)]
    return _Part([remove], "\n".join([*read, _if([*conditions, _bound(grant)], remove)]))


def _policy(grant: Grant) -> str:
    return assignment("policy", ["bindings", *grant.words("get-iam-policy")])


def _bound(grant: Grant) -> str:
    return indented(["bound", grant.role, grant.member]).lstrip()


def _provider(plan: Plan) -> _Step:
    delete = [*POOLS, "providers", "delete", *provider_place(plan)]
    kept = note(f"The provider {plan.provider} is for other roles. It is kept.")
    cases = functions.branches(
        ("[[ $provider != ACTIVE* ]]", "  :"), (functions.for_role(plan), indented(delete)), ("", kept)
    )
    script = f"{assignment('provider', functions.read_provider(plan))}\n{cases}"
    return _Step("The provider", "After this, the workload gets no more tokens.", [_Part([delete], script)])


def _pool(plan: Plan) -> _Step:
    where = pool_place(plan)
    delete = [*POOLS, "delete", plan.pool, *where]
    read = ["found", *POOLS, "describe", plan.pool, *where, "--format=value(state)"]
    empty = indented(["empty", f"--workload-identity-pool={plan.pool}", *where]).lstrip()
    remove = _if(['[ "$pool" = ACTIVE ]', empty], delete)
    part = _Part([delete], f"{assignment('pool', read)}\n{remove}")
    return _Step("The pool", "Keep it if it has other providers, which other workloads use.", [part])


def _account(plan: Plan) -> _Step:
    if plan.email is None:
        return _Step("No service account", "None was created.", [])
    delete = [*ACCOUNTS, "delete", plan.email, f"--project={plan.project}"]
    cases = functions.branches(
        ('[ -z "$workload" ]', "  :"),
        (f'{_ALONE} && [ "$workload" = "exists $created" ]', indented(delete)),
        ("", note(f"The service account {plan.service_account} existed, or others use it. It is kept.")),
    )
    explanation = "Keep it if it existed before, or if other programs use it."
    return _Step("The service account", explanation, [_Part([delete], cases)])


def _role(plan: Plan) -> _Step:
    if plan.leaves_role:
        return _Step("The AWS role existed", f"{plan.role_name} is left alone.", [])
    text = "AWS rejects this while the role is in an instance profile or has other policies. Remove these first."
    if plan.jwt:
        text += " The issuer of the account's JWTs stays enabled."
    name = f"--role-name={plan.role_name}"
    parts = [_delete_policy(name, policy) for policy in plan.role_policies]
    delete = ["aws", "iam", "delete-role", name]
    cases = functions.branches(
        ('[ -z "$role" ]', "  :"),
        ('[ "$role" = "$created" ]', indented(delete)),
        ("", note(f"The role {plan.role_name} existed. It is kept.")),
    )
    script = f"{assignment('role', functions.read_role(plan))}\n{cases}"
    return _Step("The AWS role", text, [*parts, _Part([delete], script)])


def _delete_policy(name: str, policy: str) -> _Part:
    of_role = [name, f"--policy-name={policy}"]
    delete = ["aws", "iam", "delete-role-policy", *of_role]
    read = ["found", "aws", "iam", "get-role-policy", *of_role, "--query=PolicyName", "--output=text"]
    remove = _if(['[ -n "$policy" ]'], delete)
    return _Part([delete], f"{assignment('policy', read)}\n{remove}")

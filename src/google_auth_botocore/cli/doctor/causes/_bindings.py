"""Why the AWS identity may not use the service account: what its policy says, against what Google sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from google_auth_botocore.cli.doctor import _commands, _google
from google_auth_botocore.cli.doctor._administrator import TOKEN, Binding
from google_auth_botocore.cli.doctor._cause import Cause, Mend
from google_auth_botocore.cli.doctor._seen import Seen
from google_auth_botocore.cli.doctor.causes import _members
from google_auth_botocore.cli.doctor.causes._instances import wrong_role

_STEP = "service account"
_LOOK = f"With {TOKEN}=$(gcloud auth print-access-token) doctor looks into the policy by itself."

Test = Callable[[Seen, Binding], str | None]


def _denied(seen: Seen) -> bool:
    return seen.status in (403, 404) and seen.step in ("impersonation", "id_token", "delegation")


def _role(seen: Seen) -> str:
    """The least role that allows the step."""
    if seen.options.delegates or seen.step == "delegation":
        return _commands.CREATOR
    return _commands.OPEN_ID if seen.step == "id_token" else _commands.USER


def _roles(seen: Seen) -> set[str]:
    """All roles that allow the step."""
    every = {_commands.USER, _commands.CREATOR, _commands.OPEN_ID}
    if seen.options.delegates or seen.step == "delegation":
        return {_commands.CREATOR}
    return every if seen.step == "id_token" else every - {_commands.OPEN_ID}


def _account(seen: Seen) -> str:
    """Whose policy lets the AWS identity in."""
    return next(iter(seen.options.delegates or ()), None) or seen.account or ""


def _candidates(seen: Seen) -> list[Binding]:
    """The bindings on the account that somebody may have meant for this identity."""
    bindings = seen.administrator.bindings(_account(seen)) if _denied(seen) else None
    return [each for each in bindings or [] if each.role in _roles(seen)]


def _evidence(seen: Seen, binding: Binding, why: str) -> Iterator[str]:
    yield f"Granted on {_account(seen)}: {binding.role}"
    yield f"to: {binding.member}"
    yield f"{why}."
    yield from _sees(seen)


def _sees(seen: Seen) -> Iterator[str]:
    for member in _google.members(seen):
        yield f"Google sees: {member}"


def _each_binding(test: Test) -> Callable[[Seen], Iterable[str]]:
    def evidence(seen: Seen) -> Iterator[str]:
        for binding in _candidates(seen):
            why = test(seen, binding)
            if why:
                yield from _evidence(seen, binding, why)
                return

    return evidence


def _replace(test: Test) -> Callable[[Seen], Mend]:
    """The wrong bindings out, the right one in."""

    def mend(seen: Seen) -> Mend:
        # Nothing is taken away from whoever may be somebody else.
        wrong = [each for each in _candidates(seen) if test(seen, each)] if seen.role_arn else []
        first = [_commands.unbind(_account(seen), each.role, each.member) for each in wrong]
        return _commands.grant(seen, _role(seen), *first)

    return mend


def _missing_account(seen: Seen) -> Iterator[str]:
    if _denied(seen) and seen.administrator.account(_account(seen)) == {}:
        yield seen.said
        yield f"There is no service account {_account(seen)}."


def _disabled_account(seen: Seen) -> Iterator[str]:
    account = seen.administrator.account(_account(seen)) if _denied(seen) else None
    if account and account.get("disabled"):
        yield f"{_account(seen)} is disabled."


def _broken_chain(seen: Seen) -> Iterator[str]:
    """A service account on the way that may not use the next."""
    hops = list(seen.options.delegates or ()) if _denied(seen) else []
    for hop, account in zip(hops, [*hops[1:], seen.account or ""], strict=False):
        bindings = seen.administrator.bindings(account)
        # A member goes by its address alone.
        if bindings is not None and "@" in hop and Binding(_commands.CREATOR, f"serviceAccount:{hop}") not in bindings:
            yield f"On {account}, {_commands.CREATOR} is not granted to serviceAccount:{hop}."


def _another_role(seen: Seen) -> Iterator[str]:
    """The right member, but a role that does not allow it."""
    if not _denied(seen):
        return
    for each in seen.administrator.bindings(_account(seen)) or []:
        if each.member in _google.members(seen) and each.role not in _roles(seen):
            yield f"On {_account(seen)}, {each.member} has {each.role} alone."


def _on_project(seen: Seen) -> Iterator[str]:
    for each in _project_grants(seen):
        yield f"Granted on the project {_commands.project_of(_account(seen))}: {each.role}"
        yield f"to: {each.member}"
        yield from _sees(seen)


def _project_grants(seen: Seen) -> list[Binding]:
    """What was granted on the project, and was to let this identity use the account."""
    if not _denied(seen):
        return []
    return [
        each
        for each in seen.administrator.project_bindings(_account(seen))
        if each.role in _roles(seen)
        and any(
            test(seen, each)
            for test in (
                _members.the_account,
                _members.by_project_id,
                _members.by_iam_arn,
                _members.with_path,
                _members.by_letter_case,
            )
        )
    ]


def _off_project(seen: Seen) -> Mend:
    project = _commands.project_of(_account(seen))
    first = [
        _commands.command(
            f"gcloud projects remove-iam-policy-binding {project}", f"--role={each.role}", f"--member={each.member}"
        )
        for each in _project_grants(seen)
    ]
    return _commands.grant(seen, _role(seen), *first)


def _not_bound(seen: Seen) -> Iterator[str]:
    if _denied(seen):
        yield seen.said
        yield from _sees(seen)
        if seen.administrator.bindings(_account(seen)) == []:
            yield f"The policy of {_account(seen)} is empty."


def _bind(seen: Seen) -> Mend:
    looks = [] if seen.administrator.there else [f"gcloud iam service-accounts get-iam-policy {_account(seen)}"]
    todo = "A new grant takes up to 5 minutes to be seen."
    return _commands.grant(seen, _role(seen), *looks, todo=todo if seen.administrator.there else f"{todo} {_LOOK}")


CAUSES: tuple[Cause, ...] = (
    Cause(
        "account-missing",
        _STEP,
        "There is no such service account.",
        _missing_account,
        lambda seen: Mend(
            gcloud=[
                f"gcloud iam service-accounts list --project={_commands.project_of(_account(seen))} --format='value(email)'",
                f"gcloud iam service-accounts create {_account(seen).partition('@')[0]} --project={_commands.project_of(_account(seen))}",
            ],
            terraform=[
                _commands.resource(
                    "google_service_account",
                    account_id=_account(seen).partition("@")[0],
                    project=_commands.project_of(_account(seen)),
                )
            ],
        ),
    ),
    Cause(
        "account-disabled",
        _STEP,
        "The service account is disabled.",
        _disabled_account,
        lambda seen: Mend(
            gcloud=[f"gcloud iam service-accounts enable {_account(seen)}"],
            terraform=[_commands.resource("google_service_account", disabled=False)],
        ),
    ),
    Cause(
        "delegate-not-bound",
        _STEP,
        "A service account on the way has not the role on the next.",
        _broken_chain,
        _bind,
    ),
    Cause(
        "grant-not-seen-yet",
        _STEP,
        "The policy is right, but Google does not go by it yet.",
        _each_binding(_members.right),
        lambda seen: Mend(
            ["Try again in 5 minutes."], gcloud=[f"gcloud iam service-accounts get-iam-policy {_account(seen)}"]
        ),
    ),
    Cause(
        "letter-case-in-binding",
        _STEP,
        "The binding differs from the identity in the case of letters.",
        _each_binding(_members.by_letter_case),
        _replace(_members.by_letter_case),
    ),
    Cause(
        "project-id-in-binding",
        _STEP,
        "The binding has the project's id, where its number belongs.",
        _each_binding(_members.by_project_id),
        _replace(_members.by_project_id),
    ),
    Cause(
        "wrong-role-arn-in-binding",
        _STEP,
        "The binding has the role's own ARN (iam), but Google sees the one of its session (sts).",
        _each_binding(_members.by_iam_arn),
        _replace(_members.by_iam_arn),
    ),
    Cause(
        "path-in-binding",
        _STEP,
        "The ARN in the binding has the role's path or a session in it; Google sees neither.",
        _each_binding(_members.with_path),
        _replace(_members.with_path),
    ),
    Cause(
        "attribute-not-mapped",
        _STEP,
        "The binding goes by an attribute that the provider does not map.",
        _each_binding(_members.not_mapped),
        _replace(_members.not_mapped),
    ),
    Cause(
        "granted-to-the-account",
        _STEP,
        "The role was granted to the service account itself; it belongs on it, to the AWS identity.",
        _each_binding(_members.the_account),
        _replace(_members.the_account),
    ),
    Cause(
        "granted-on-the-project",
        _STEP,
        "The role was granted on the project, not on the account.",
        _on_project,
        _off_project,
    ),
    Cause(
        "wrong-role-in-binding",
        _STEP,
        "The AWS identity is bound, but to a role that does not allow this.",
        _another_role,
        _bind,
    ),
    wrong_role(_STEP, fatal=True),
    Cause(
        "another-identity-in-binding",
        _STEP,
        "Another identity is bound to the account, not this one.",
        _each_binding(_members.another),
        _bind,
    ),
    Cause(
        "not-bound",
        _STEP,
        "The AWS identity has not the role on the service account, or there is no such account.",
        _not_bound,
        _bind,
    ),
    Cause(
        "refused",
        _STEP,
        "Google refuses.",
        lambda seen: [seen.said] if seen.error is not None else [],
        lambda seen: Mend([getattr(seen.error, "hint", None) or "The message is all that is known."]),
    ),
)

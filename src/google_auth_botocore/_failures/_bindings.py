"""Why the AWS identity lacks permission on the service account: the account's policy, compared with the identity as Google sees it."""

from __future__ import annotations

from collections.abc import Callable

from google_auth_botocore._failures import _commands, _members
from google_auth_botocore._failures._commands import account, evidence, settings
from google_auth_botocore._failures._entry import Failure, Remedy, Verdict
from google_auth_botocore._failures._evidence import Binding
from google_auth_botocore._failures._facts import IAM, Facts
from google_auth_botocore._failures._instances import OWN_ROLE_MEANING, own_role, role_of_the_instance
from google_auth_botocore._failures._names import CREATOR, OPEN_ID, USER, project_of

_DOCTOR_LOOKS = "With CLOUDSDK_AUTH_ACCESS_TOKEN=$(gcloud auth print-access-token), doctor reads the policy."
# The roles that allow each step, the least first. Along delegates, each hop requires the token creator's role.
ROLES = {
    "impersonation": (USER, CREATOR),
    "id_token": (OPEN_ID, USER, CREATOR),
    "signing": (CREATOR,),
    "delegation": (CREATOR,),
}
_FORBIDDEN = 403

Test = Callable[[Facts, Binding], str | None]


def _roles(facts: Facts) -> tuple[str, ...]:
    """Return the roles that allow the step, the least first."""
    return (CREATOR,) if settings(facts).delegates else ROLES[facts.step]


def _role(facts: Facts) -> str:
    """Return the least role that allows the step."""
    return _roles(facts)[0]


def _first(facts: Facts) -> str:
    """Return the account on which the AWS identity must have the role."""
    return next(iter(settings(facts).delegates), account(facts))


def _candidates(facts: Facts) -> list[Binding]:
    """Return the bindings on the account that may have been meant for this identity."""
    return [each for each in evidence(facts).bindings(_first(facts)) or () if each.role in _roles(facts)]


def _sees(facts: Facts) -> list[str]:
    return [f"Google sees: {member}" for member in _commands.members(facts)]


def _each_binding(test: Test) -> Callable[[Facts], Verdict]:
    def recognise(facts: Facts) -> Verdict:
        for binding in _candidates(facts):
            why = test(facts, binding)
            if why:
                granted = f"Granted on {_first(facts)}: {binding.role}"
                return [granted, f"to: {binding.member}", f"{why}.", *_sees(facts)]
        return False

    return recognise


def _replace(test: Test) -> Callable[[Facts], Remedy]:
    """Return how to replace the wrong bindings with the right one."""

    def remedy(facts: Facts) -> Remedy:
        # If the caller's role is not known, a binding may belong to another identity.
        known = _commands.role_arn(facts) is not None
        wrong = [each for each in _candidates(facts) if test(facts, each)] if known else []
        unbind = [_commands.bind(_first(facts), each.role, each.member, remove=True) for each in wrong]
        return _commands.grant(facts, _role(facts), *unbind)

    return remedy


def _missing_account(facts: Facts) -> Verdict:
    if evidence(facts).account(_first(facts)) != {}:
        return False
    return [facts.text, f"There is no service account {_first(facts)}."]


def _disabled_account(facts: Facts) -> Verdict:
    for each in (*settings(facts).delegates, account(facts)):
        if (evidence(facts).account(each) or {}).get("disabled"):
            return [f"{each} is disabled."]
    return False


def _enable_account(facts: Facts) -> Remedy:
    chain = (*settings(facts).delegates, account(facts))
    off = [each for each in chain if (evidence(facts).account(each) or {}).get("disabled")] or [account(facts)]
    return Remedy(
        ["Enable the service account."],
        gcloud=[_commands.command("gcloud iam service-accounts enable", each) for each in off],
        terraform=[_commands.resource("google_service_account", disabled=False)],
    )


def _broken_chain(facts: Facts) -> Verdict:
    """Recognise a service account in the delegation chain that lacks the role on the next one."""
    hops = settings(facts).delegates
    seen = []
    for hop, following in zip(hops, (*hops, account(facts))[1:], strict=True):
        bindings = evidence(facts).bindings(following)
        # A member is named only by its e-mail address.
        if bindings is not None and "@" in hop and Binding(CREATOR, f"serviceAccount:{hop}") not in bindings:
            seen.append(f"On {following}, {CREATOR} is not granted to serviceAccount:{hop}.")
    return seen


def _another_role(facts: Facts) -> Verdict:
    """Recognise the right member with a role that does not allow the step."""
    return [
        f"On {_first(facts)}, {each.member} has {each.role} only."
        for each in evidence(facts).bindings(_first(facts)) or ()
        if each.member in _commands.members(facts) and each.role not in _roles(facts)
    ]


_TESTS_OF_PROJECTS = (
    _members.the_account,
    _members.by_project_id,
    _members.by_iam_arn,
    _members.with_path,
    _members.by_letter_case,
)


def _project_grants(facts: Facts) -> list[Binding]:
    """Return the bindings on the project that were meant to let this identity use the account."""
    return [
        each
        for each in evidence(facts).project_bindings(_first(facts))
        if each.role in _roles(facts) and any(test(facts, each) for test in _TESTS_OF_PROJECTS)
    ]


def _on_project(facts: Facts) -> Verdict:
    project = project_of(_first(facts))
    seen = [
        line
        for each in _project_grants(facts)
        for line in (f"Granted on the project {project}: {each.role}", f"to: {each.member}")
    ]
    return [*seen, *_sees(facts)] if seen else False


def _off_project(facts: Facts) -> Remedy:
    words = f"gcloud projects remove-iam-policy-binding {project_of(_first(facts))}"
    remove = [
        _commands.command(words, f"--role={each.role}", f"--member={each.member}") for each in _project_grants(facts)
    ]
    return _commands.grant(facts, _role(facts), *remove)


def _denied(facts: Facts) -> Verdict:
    if facts.permission is None and facts.reason != "PERMISSION_DENIED" and facts.status != _FORBIDDEN:
        return False
    seen = [facts.text, *_sees(facts)]
    if evidence(facts).bindings(_first(facts)) == []:
        seen.append(f"The policy of {_first(facts)} is empty.")
    return seen


def _bind(facts: Facts) -> Remedy:
    delegates, role = settings(facts).delegates, _role(facts)
    on = (
        f"{delegates[0]}, a delegate lacks it on the next account, or an account does not exist"
        if delegates
        else "this account, or it does not exist"
    )
    sentences = [f"The AWS identity lacks {role} on {on}. Grant the role, which takes up to 5 minutes."]
    more = []
    if _commands.role_arn(facts) is None:
        sentences.append("Replace ACCOUNT_ID and ROLE_NAME.")
        more.append(
            "The command aws sts get-caller-identity prints both. For an IAM user, replace the role's ARN with the user's."
        )
    looks = []
    if not evidence(facts).has_administrator:
        looks = [_commands.command("gcloud iam service-accounts get-iam-policy", _first(facts))]
        more.append(_DOCTOR_LOOKS)
    return _commands.grant(facts, role, *looks, sentences=tuple(sentences), more=tuple(more))


def _create_account(facts: Facts) -> Remedy:
    name, project = _first(facts).partition("@")[0], project_of(_first(facts))
    return Remedy(
        ["Compare the address with those in the list. Create the service account only if it is missing."],
        gcloud=[
            _commands.command("gcloud iam service-accounts list", f"--project={project}") + " --format='value(email)'",
            _commands.command("gcloud iam service-accounts create", name, f"--project={project}"),
        ],
        terraform=[_commands.resource("google_service_account", account_id=name, project=project)],
    )


_VARIANTS = (
    Failure("account-missing", IAM, _missing_account, "There is no such service account.", _create_account),
    Failure("account-disabled", IAM, _disabled_account, "The service account is disabled.", _enable_account),
    Failure(
        "delegate-not-bound",
        IAM,
        _broken_chain,
        "A service account in the delegation chain lacks the role on the next account.",
        _bind,
    ),
    Failure(
        "grant-not-seen-yet",
        IAM,
        _each_binding(_members.correct),
        "The policy is correct, but has not taken effect yet.",
        lambda facts: Remedy(
            ["Try again in 5 minutes."],
            gcloud=[_commands.command("gcloud iam service-accounts get-iam-policy", _first(facts))],
        ),
    ),
    Failure(
        "letter-case-in-binding",
        IAM,
        _each_binding(_members.by_letter_case),
        "The binding differs from the identity in letter case.",
        _replace(_members.by_letter_case),
    ),
    Failure(
        "project-id-in-binding",
        IAM,
        _each_binding(_members.by_project_id),
        "The binding has the project id. It must have the project number.",
        _replace(_members.by_project_id),
    ),
    Failure(
        "wrong-role-arn-in-binding",
        IAM,
        _each_binding(_members.by_iam_arn),
        "The binding has the ARN of the IAM role, but Google sees the ARN of its session (sts).",
        _replace(_members.by_iam_arn),
    ),
    Failure(
        "path-in-binding",
        IAM,
        _each_binding(_members.with_path),
        "The ARN in the binding has the role's path or a session. Google sees neither.",
        _replace(_members.with_path),
    ),
    Failure(
        "attribute-not-mapped",
        IAM,
        _each_binding(_members.not_mapped),
        "The binding names an attribute that the provider does not map.",
        _replace(_members.not_mapped),
    ),
    Failure(
        "granted-on-the-project",
        IAM,
        _on_project,
        "The role was granted on the project, not on the service account.",
        _off_project,
    ),
    Failure(
        "wrong-role-in-binding",
        IAM,
        _another_role,
        "The AWS identity is bound to a role that does not allow this.",
        _bind,
    ),
    Failure("role-of-the-instance", IAM, role_of_the_instance, OWN_ROLE_MEANING, own_role),
    Failure(
        "another-identity-in-binding",
        IAM,
        _each_binding(_members.another),
        "Another identity is bound to the account, not this one.",
        _bind,
    ),
    Failure(
        "granted-to-the-account",
        IAM,
        _each_binding(_members.the_account),
        "The role was granted to the service account itself. It must be granted on the account, to the AWS identity.",
        _bind,  # and the account may keep the role, with which Google's own libraries sign
    ),
)

ENTRIES = (
    Failure(
        "not-bound",
        IAM,
        _denied,
        "The AWS identity lacks a Google Cloud role on the service account, or there is no such account.",
        _bind,
        variants=_VARIANTS,
    ),
)

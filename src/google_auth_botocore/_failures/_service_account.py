"""Why Google issues no token for a service account although its bindings are right, and why domain-wide delegation fails."""

from __future__ import annotations

import re

from google_auth_botocore._failures import _commands
from google_auth_botocore._failures._commands import account, settings
from google_auth_botocore._failures._entry import Block, Failure, Raw, Remedy, Verdict, always, do, words
from google_auth_botocore._failures._facts import GOOGLE, IAM, Facts
from google_auth_botocore._failures._names import project_of

_DEFAULT_LIFETIME = 3600
_EXTENSION = "iam.allowServiceAccountCredentialLifetimeExtension"
_CONSTRAINT = re.compile(r"constraints/(\w+(?:\.\w+)*)")
_NO_USER = ("Invalid email or User ID", "Account has been", "Invalid principal")


def _api_off(facts: Facts) -> bool:
    return facts.reason == "SERVICE_DISABLED" or "has not been used in project" in facts.text


def _enable_api(facts: Facts) -> Remedy:
    match = re.search(r"in project (\S+)", facts.text)
    # The message's link names the API: a service may depend on another one.
    named = re.search(r"apis/api/([a-z0-9.-]+)", facts.text)
    api = "sts.googleapis.com" if facts.step == "exchange" else "iamcredentials.googleapis.com"
    return _commands.enable(named[1] if named else api, match[1] if match else _commands.number(facts))


def _too_long(facts: Facts) -> Verdict:
    if "lifetime" not in facts.text.lower():
        return False
    return [facts.text, f"The requested lifetime is {settings(facts).lifetime} s."]


def _extend(facts: Facts) -> Remedy:
    constraint = f"constraints/{_EXTENSION}"
    if settings(facts).lifetime <= _DEFAULT_LIFETIME:
        return Remedy(
            ["Request a shorter lifetime, such as 3300 s, and synchronize this machine's clock."],
            local=["timedatectl set-ntp true"],
        )
    return Remedy(
        [
            (
                "Request at most 3600 s (lifetime=, --lifetime), or add the account to the organization policy "
                f"{constraint}."
            )
        ],
        gcloud=[
            _commands.command(
                f"gcloud resource-manager org-policies allow {_EXTENSION}",
                account(facts),
                "--organization=ORGANIZATION_ID",
            )
        ],
        terraform=[
            _commands.resource(
                "google_org_policy_policy",
                _commands.inner(
                    "spec", _commands.inner("rules", _commands.inner("values", allowed_values=[account(facts)]))
                ),
                name=f"organizations/ORGANIZATION_ID/policies/{_EXTENSION}",
                parent="organizations/ORGANIZATION_ID",
            )
        ],
        run=(),
    )


def _look_at_constraint(facts: Facts) -> Remedy:
    match = _CONSTRAINT.search(facts.text)
    name = match[1] if match else "CONSTRAINT"
    # The exchange concerns the pool's project.
    project = _commands.project_id(facts) if facts.step == "exchange" else project_of(account(facts))
    return Remedy(
        [
            f"The organization policy constraints/{name} forbids the request. Ask an administrator for an exception for this project."
        ],
        gcloud=[f"gcloud resource-manager org-policies describe {name} --project={project} --effective"],
    )


def _not_found(facts: Facts) -> bool:
    return facts.status == 404 and facts.permission is None and facts.reason == "NOT_FOUND"


def _list_accounts(facts: Facts) -> Remedy:
    project = project_of(account(facts))
    chain = ", ".join((*settings(facts).delegates, account(facts)))
    return Remedy(
        [f"Check the address: {chain}. If the account was deleted, it can be restored for 30 days."],
        gcloud=[
            _commands.command("gcloud iam service-accounts list", f"--project={project}") + " --format='value(email)'",
            _commands.command("gcloud iam service-accounts undelete", "UNIQUE_ID"),
        ],
        terraform=[
            _commands.resource("google_service_account", account_id=account(facts).partition("@")[0], project=project)
        ],
    )


def _disabled(facts: Facts) -> bool:
    return "is disabled" in facts.text and "ervice account" in facts.text


def _not_delegated(facts: Facts) -> Verdict:
    codes = ("unauthorized_client", "access_denied", "invalid_grant", "admin_policy_enforced")
    if facts.reason not in codes or "Invalid JWT" in facts.text:
        return False
    return [
        facts.text,
        f"Requested: to act for {settings(facts).subject}, with the scopes {','.join(settings(facts).scopes)}.",
    ]


def _user(facts: Facts) -> str:
    return settings(facts).subject or "USER"


def _delegate(facts: Facts) -> Remedy:
    scopes = ",".join(settings(facts).scopes)
    describe = _commands.command("gcloud iam service-accounts describe", account(facts))
    return Remedy(
        [
            (
                "In the Workspace admin console (Security, API controls, Domain-wide delegation), allow the service account's client id "
                f"these scopes: {scopes}. Check that {_user(facts)} is a user of that domain. The client id is the unique id of "
                "the account."
            )
        ],
        gcloud=[f"{describe} --format='value(uniqueId)'"],
        terraform=[
            Block(
                "output",
                ["client_id"],
                {"value": Raw(f"data.google_service_account.this.unique_id # {account(facts)}")},
            )
        ],
    )


ENTRIES = (
    Failure(
        "api-disabled",
        GOOGLE,
        _api_off,
        "The API is not enabled in the project that the message names.",
        _enable_api,
    ),
    Failure(
        "organization-policy",
        GOOGLE,
        lambda facts: _CONSTRAINT.search(facts.text) is not None and _EXTENSION not in facts.text,
        "An organization policy forbids the request.",
        _look_at_constraint,
    ),
    Failure(
        "lifetime-too-long",
        IAM,
        _too_long,
        "By default, an access token of a service account is valid for at most an hour.",
        _extend,
    ),
)

DELEGATION = (
    Failure(
        "user-unknown",
        ("delegation",),
        words(*_NO_USER),
        "There is no such Workspace user, or the account is suspended or deleted.",
        lambda facts: Remedy(
            [f"Check that {_user(facts)} is an active user of the Workspace domain, and not a group or an alias."]
        ),
    ),
    Failure(
        "delegation-not-allowed",
        ("delegation",),
        _not_delegated,
        "Google Workspace does not let the service account act for the user with these scopes.",
        _delegate,
    ),
)

# Tried after the entries of the bindings.
LAST = (
    Failure(
        "argument-rejected",
        IAM,
        words("Request contains an invalid argument"),
        "An argument of the request is invalid, such as a scope, a delegate or an audience.",
        lambda facts: Remedy(
            ["Check scopes, delegates, lifetime and the ID token's audience."],
            local=[_commands.doctor(facts, "--scopes=https://www.googleapis.com/auth/cloud-platform")],
            more=["The command tries it with the default scope."],
        ),
    ),
    Failure(
        "federated-token-rejected",
        IAM,
        lambda facts: facts.status == 401,
        "Google's API did not accept the federated token.",
        do(
            "Check iam_credentials_endpoint and universe_domain: the token and the API must belong to the same universe."
        ),
    ),
    Failure(
        "rejected",
        IAM,
        always,
        "Google rejected the request.",
        do(more=["The message is all that is known."]),
    ),
)

MISSING = (
    Failure(
        "account-disabled",
        IAM,
        _disabled,
        "The service account is disabled.",
        lambda facts: Remedy(
            ["Enable the service account."],
            gcloud=[_commands.command("gcloud iam service-accounts enable", account(facts))],
            terraform=[_commands.resource("google_service_account", disabled=False)],
        ),
    ),
    Failure(
        "account-missing",
        IAM,
        _not_found,
        "There is no such service account, or it is deleted.",
        _list_accounts,
    ),
)

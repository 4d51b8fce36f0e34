"""The six steps as gcloud and aws commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from google_auth_botocore._failures._names import USER
from google_auth_botocore.cli.config._setup_attachment import Attachment, attachment
from google_auth_botocore.cli.config._setup_partition import ISSUER
from google_auth_botocore.cli.config._setup_plan import Plan

# A deleted pool or provider keeps its name for 30 days. It exists if it can be undeleted or described.
_EXISTS = ("undelete", "describe")
_UNCONDITIONAL = "--condition=None"
POOLS = ("gcloud", "iam", "workload-identity-pools")
ACCOUNTS = ("gcloud", "iam", "service-accounts")


class Resource(NamedTuple):
    """What a script changes instead of creating it, if it exists.

    Attributes:
        kind: `role` or `provider`.
        update: The command that changes it.
        undelete: The command that restores it if it was deleted, or None.
    """

    kind: str
    update: Sequence[str]
    undelete: Sequence[str] | None = None


class Command(NamedTuple):
    """One command.

    Attributes:
        words: Program and arguments.
        existence_checks: One of these commands succeeds if the resource already exists.
        resource: What to change instead, or None.
        variable: The shell variable for the output, or None.
    """

    words: Sequence[str]
    existence_checks: Sequence[Sequence[str]] = ()
    resource: Resource | None = None
    variable: str | None = None


class Step(NamedTuple):
    """One step.

    Attributes:
        title: The number and what the step is about.
        explanation: Sentences.
        commands: The commands that `config setup` knows completely.
        attachment: How a workload gets the role that the step creates, or None.
    """

    title: str
    explanation: str
    commands: Sequence[Command]
    attachment: Attachment | None = None


class Grant(NamedTuple):
    """A role that is granted: the command that names the resource, up to the verb; and more of its flags."""

    group: Sequence[str]
    resource: str
    flags: Sequence[str]
    role: str
    member: str

    def words(self, verb: str) -> list[str]:
        """Return the command that adds or removes the binding, or reads the policy."""
        command = [*self.group, verb, self.resource, *self.flags]
        if verb == "get-iam-policy":
            return command
        return [*command, f"--role={self.role}", _UNCONDITIONAL, f"--member={self.member}"]


def description(plan: Plan) -> str:
    """Return the description of the AWS role and of the service account."""
    return f"google-auth-botocore config setup for {plan.project}"


def steps(plan: Plan) -> list[Step]:
    """Return the steps in order, and then the step that writes the configuration file."""
    return [_apis(plan), _role(plan), _account(plan), _pool(plan), _provider(plan), _binding(plan), _file(plan)]


def resource_grants(plan: Plan) -> list[Grant]:
    """Return the grants of the service account, or else of the role, on buckets and on the project."""
    return [
        *(
            Grant(("gcloud", "storage", "buckets"), f"gs://{name}", (), "roles/storage.objectViewer", plan.member)
            for name in plan.bucket
        ),
        *(Grant(("gcloud", "projects"), plan.project, (), role, plan.member) for role in plan.project_grants),
    ]


def account_grants(plan: Plan) -> list[Grant]:
    """Return the grants on the service account: those of *account_grants*, and the role's permission to impersonate it.

    The role gets the former, because this package signs with the token of the role, and so does the account itself, because
    Google's own libraries sign with the token of the account.
    """
    if plan.email is None:
        return []
    bindings = [(role, member) for role in plan.account_grants for member in (plan.principal_set, plan.member)]
    bindings = [each for each in bindings if each != (USER, plan.principal_set)] + [(USER, plan.principal_set)]
    return [
        Grant(ACCOUNTS, plan.email, (f"--project={plan.project}",), *binding) for binding in dict.fromkeys(bindings)
    ]


def provider_place(plan: Plan) -> list[str]:
    """Return the arguments that name the provider."""
    return [plan.provider, f"--workload-identity-pool={plan.pool}", *pool_place(plan)]


def pool_place(plan: Plan) -> list[str]:
    """Return the flags that say where the pool is."""
    return ["--location=global", f"--project={plan.project}"]


def _add(grants: Sequence[Grant]) -> list[Command]:
    return [Command(grant.words("add-iam-policy-binding")) for grant in grants]


def _apis(plan: Plan) -> Step:
    words = ["gcloud", "services", "enable", *plan.apis, f"--project={plan.project}"]
    return Step("1. The APIs", "Token exchanges require them.", [Command(words)])


def _role(plan: Plan) -> Step:
    if plan.trust_of_role is None:
        return Step("2. The AWS role exists", f"{plan.role_name} is left alone.", [])
    name = f"--role-name={plan.role_name}"
    path = [] if plan.role_path is None else [f"--path={plan.role_path}"]
    trust = _json(plan.trust_policy)
    create = Command(
        [
            *("aws", "iam", "create-role", name, *path, f"--description={description(plan)}"),
            f"--assume-role-policy-document={trust}",
        ],
        resource=Resource("role", ["aws", "iam", "update-assume-role-policy", name, f"--policy-document={trust}"]),
    )
    policies = [
        Command(
            ["aws", "iam", "put-role-policy", name, f"--policy-name={policy}", f"--policy-document={_json(document)}"]
        )
        for policy, document in plan.role_policies.items()
    ]
    explanation = "A signed request needs no AWS permission."
    if plan.jwt:
        explanation = "It may get JWTs for Google's provider only."
    return Step("2. The AWS role", explanation, [create, *policies], attachment(plan))


def _account(plan: Plan) -> Step:
    if plan.email is None:
        return Step("3. No service account", "Step 6 grants access to the role itself.", [])
    create = Command(
        [
            *ACCOUNTS,
            "create",
            str(plan.service_account),
            f"--project={plan.project}",
            f"--description={description(plan)}",
        ],
        existence_checks=[[*ACCOUNTS, "describe", plan.email, f"--project={plan.project}"]],
    )
    explanation = f"It has no key. If a command cannot find it yet, wait a few seconds and run the command again. {_about_grants(plan)}"
    return Step("3. The service account and its roles", explanation, [create, *_add(resource_grants(plan))])


def _about_grants(plan: Plan) -> str:
    if plan.bucket or plan.grant:
        return "Wait up to 5 minutes until a grant takes effect."
    return "No roles are granted yet. To grant some, pass --bucket or --grant."


def _pool(plan: Plan) -> Step:
    where = pool_place(plan)
    create = Command(
        [*POOLS, "create", plan.pool, *where], existence_checks=[[*POOLS, verb, plan.pool, *where] for verb in _EXISTS]
    )
    return Step(
        "4. The workload identity pool",
        "Use a separate pool for each environment, to keep their identities apart.",
        [create],
    )


def _provider(plan: Plan) -> Step:
    group, which = [*POOLS, "providers"], provider_place(plan)
    mapping = _dictionary(plan.identity.mapping)
    kind, trusts = ("oidc", f"--issuer-uri={ISSUER}") if plan.jwt else ("aws", f"--account-id={plan.aws_account}")
    settings = [trusts, f"--attribute-mapping={mapping}", f"--attribute-condition={plan.condition}"]
    create = Command(
        [*group, f"create-{kind}", *which, *settings],
        resource=Resource("provider", [*group, f"update-{kind}", *which, *settings], [*group, "undelete", *which]),
    )
    if not plan.jwt:
        explanation = "It trusts the AWS account. Its condition accepts only the role."
        return Step("5. The provider", explanation, [create])
    return Step(
        "5. The provider",
        "It trusts the issuer of the AWS account's JWTs, which is enabled once for each account. Its condition accepts only the role.",
        [*_issuer(), create],
    )


def _issuer() -> list[Command]:
    info = ["aws", "iam", "get-outbound-web-identity-federation-info"]
    enable = Command(["aws", "iam", "enable-outbound-web-identity-federation"], existence_checks=[info])
    return [enable, Command([*info, "--query=IssuerIdentifier", "--output=text"], variable="issuer")]


def _binding(plan: Plan) -> Step:
    if plan.email is None:
        return Step(
            "6. The roles granted to the AWS role",
            f"{_about_grants(plan)} The bucket must have uniform bucket-level access.",
            _add(resource_grants(plan)),
        )
    title = "6. The role may impersonate the service account"
    if plan.account_grants:
        title += ", and has other roles on it, as does the account itself"
    return Step(title, "Wait up to 5 minutes until the grant takes effect.", _add(account_grants(plan)))


def _file(plan: Plan) -> Step:
    account = [] if plan.email is None else [f"--service-account={plan.email}"]
    if plan.jwt:
        tags = [f"--tags={','.join(f'{tag}=VALUE' for tag in plan.tag)}"] if plan.tag else []
        words = ["google-auth-botocore", "config", "create", f"--audience={plan.provider_name}", *account]
        create = Command([*words, "--executable", *tags, "--force", "--output=external_account.json"])
    else:
        words = [*POOLS, "create-cred-config", plan.provider_name, "--aws", "--enable-imdsv2"]
        create = Command([*words, *account, "--output-file=external_account.json"])
    explanation = "It contains no secret. To test it on the workload's machine, run `google-auth-botocore doctor --config external_account.json` there."
    if plan.jwt:
        explanation += " The file names the path of google-auth-botocore. If it differs there, pass --executable=PATH."
    if plan.tag:
        explanation += " Replace each VALUE. The exchange fails if a tag is missing."
    return Step("The configuration file for the workload", explanation, [create])


def _dictionary(values: Mapping[str, str]) -> str:
    """Return the value of a gcloud flag for a dictionary. `gcloud topic escaping` explains the other delimiter."""
    pairs = [f"{name}={value}" for name, value in values.items()]
    return f"^;^{';'.join(pairs)}" if "," in "".join(pairs) else ",".join(pairs)


def _json(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))

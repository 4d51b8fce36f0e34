"""Commands and Terraform blocks, filled in with the facts of a failure."""

from __future__ import annotations

import re
import shlex

from google_auth_botocore._failures._entry import Block, Raw, Remedy
from google_auth_botocore._failures._evidence import NOTHING, Evidence
from google_auth_botocore._failures._facts import ARGUMENT, Facts, Setting
from google_auth_botocore._failures._names import ASSUMED_ROLE, project_of
from google_auth_botocore._settings import AUDIENCE_FORM, JWT, Settings

_PROVIDER = "google_iam_workload_identity_pool_provider"
AUDIENCE_OUTPUT = Block("output", ["audience"], {"value": Raw(f'"//iam.googleapis.com/${{{_PROVIDER}.aws.name}}"')})

# The settings of proxies, without the passwords in them.
PROXIES = "env | grep -i _proxy | sed 's|//.*@|//USER:PASSWORD@|'"

# Placeholders for an ARN that is not known.
ROLE_PLACEHOLDER = "arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME"
_ROLE_OF_JWT = "arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME"


def evidence(facts: Facts) -> Evidence:
    """Return what `doctor` looked up. Outside of `doctor`, that is nothing."""
    return facts.evidence or NOTHING


def settings(facts: Facts) -> Settings:
    """Return the settings of the request. If they are not known, return placeholders."""
    form = AUDIENCE_FORM.replace("PROJECT_NUMBER", "NUMBER")
    return facts.settings or Settings(form)


def command(words: str, *more: str) -> str:
    """Return a shell command. The words in *more* are quoted, so they may contain any characters."""
    return " ".join([words, *map(shlex.quote, more)])


def aws(facts: Facts, words: str, *more: str, region: bool = True) -> str:
    """Return an aws command for the profile and the region in use."""
    flags = []
    if facts.profile is not None and (facts.profile.variable or facts.profile.origin == ARGUMENT):
        flags += ["--profile", facts.profile.value]
    if region and facts.region is not None and (facts.region.variable or facts.region.origin == ARGUMENT):
        flags += ["--region", facts.region.value]
    return command(f"aws {words}", *more, *flags)


def doctor(facts: Facts, *more: str) -> str:
    """Return a `doctor` command for the same identity."""
    requested = settings(facts)
    flags = [f"--audience={requested.audience}"]
    flags += [f"--service-account={requested.service_account}"] if requested.service_account else []
    flags += [f"--delegates={','.join(requested.delegates)}"] if requested.delegates else []
    for name, setting in (("profile", facts.profile), ("region", facts.region)):
        flags += [f"--{name}={setting.value}"] if setting is not None and setting.origin == ARGUMENT else []
    return command("google-auth-botocore doctor", *flags, *more)


def unset(*names: str) -> str:
    """Return the command that unsets environment variables."""
    return f"unset {' '.join(names)}"


def uses_jwt(facts: Facts) -> bool:
    """Return whether the proof of identity is AWS's JWT instead of a signed request."""
    return settings(facts).subject_token_type == JWT


def provider(facts: Facts, verb: str, *more: str) -> str:
    """Return `gcloud iam workload-identity-pools providers VERB` with the full name, because --project accepts no number."""
    return command(f"gcloud iam workload-identity-pools providers {verb} {_name(facts)}", *more)


def pool(facts: Facts, verb: str, *more: str) -> str:
    """Return `gcloud iam workload-identity-pools VERB`."""
    return command(f"gcloud iam workload-identity-pools {verb} {_name(facts).partition('/providers/')[0]}", *more)


def list_providers(pool_name: str, *, deleted: bool = False) -> str:
    """Return `gcloud iam workload-identity-pools providers list` for the full name of a pool."""
    more = " --show-deleted" if deleted else ""
    return f"gcloud iam workload-identity-pools providers list --location=global --workload-identity-pool={pool_name}{more}"


def list_pools(facts: Facts) -> str:
    """Return `gcloud iam workload-identity-pools list`."""
    return f"gcloud iam workload-identity-pools list --location=global --project={project_id(facts)}"


def project_id(facts: Facts) -> str:
    """Return the id of the pool's project, as a shell finds it out."""
    return f"$(gcloud projects describe {number(facts)} --format='value(projectId)')"


def _name(facts: Facts) -> str:
    # A pool has no other location than global, whatever the audience says.
    return re.sub(
        "/locations/[^/]+", "/locations/global", settings(facts).audience.removeprefix("//iam.googleapis.com/")
    )


def pool_name(facts: Facts) -> str:
    """Return the full name of the pool, as gcloud accepts it."""
    return _name(facts).partition("/providers/")[0]


def number(facts: Facts) -> str:
    """Return the number of the pool's project."""
    return _name(facts).split("/")[1]


def update(facts: Facts) -> str:
    """Return gcloud's verb that changes a provider of this kind."""
    return "update-oidc" if uses_jwt(facts) else "update-aws"


def account(facts: Facts) -> str:
    """Return the service account."""
    return settings(facts).service_account or "EMAIL"


def role_arn(facts: Facts) -> str | None:
    """Return the caller's ARN without its session, as in `attribute.aws_role` of the default mapping. A user's ARN is unchanged."""
    arn = evidence(facts).arn
    if arn is None:
        return facts.keys.assumed_role
    match = ASSUMED_ROLE.fullmatch(arn)
    return f"arn:{match['partition']}:sts::{match['account']}:assumed-role/{match['name']}" if match else arn


def aws_account(facts: Facts) -> str:
    """Return the number of the caller's AWS account, or a placeholder."""
    parts = (role_arn(facts) or "").split(":")
    return parts[4] if len(parts) > 4 else "ACCOUNT_ID"


def members(facts: Facts) -> list[str]:
    """Return the members that stand for this identity in a binding, the most specific first."""
    looked_up = evidence(facts)
    base = settings(facts).audience.partition("/providers/")[0]
    found = [] if looked_up.principal is None else [looked_up.principal]
    role = role_arn(facts)
    if role is not None and not uses_jwt(facts):
        found.append(f"principalSet:{base}/attribute.aws_role/{role}")
    return [*found, f"principalSet:{base}/*"]


def member(facts: Facts) -> str:
    """Return the member to bind: the role if the provider is for AWS, the subject if it is for JWTs, which have no role."""
    base = settings(facts).audience.rsplit("/providers/", 1)[0]
    if not uses_jwt(facts):
        return f"principalSet:{base}/attribute.aws_role/{role_arn(facts) or ROLE_PLACEHOLDER}"
    arn = evidence(facts).arn or re.sub(
        r":sts::(\w+):assumed-role/", r":iam::\1:role/", role_arn(facts) or _ROLE_OF_JWT
    )
    return f"principal:{base}/subject/{arn}"


def bind(to: str, role: str, holder: str, *, remove: bool = False) -> str:
    """Return `gcloud iam service-accounts add-iam-policy-binding`, or the command that removes the binding."""
    verb = "remove" if remove else "add"
    words = f"gcloud iam service-accounts {verb}-iam-policy-binding {shlex.quote(to)}"
    return command(words, f"--role={role}", f"--member={holder}")


def binding(to: str, role: str, holder: str, label: str = "aws") -> Block:
    """Return the Terraform resource for `bind`."""
    return resource(
        "google_service_account_iam_member",
        label=label,
        service_account_id=f"projects/{project_of(to)}/serviceAccounts/{to}",
        role=role,
        member=holder,
    )


def grant(facts: Facts, role: str, *first: str, sentences: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Remedy:
    """Return the grants that let the AWS identity use the service account, through all delegates.

    Args:
        facts: The facts.
        role: The role to grant.
        first: Commands to run before the grants.
        sentences: See `Remedy`.
        more: See `Remedy`.
    """
    delegates = settings(facts).delegates
    chain = [*delegates, account(facts)]
    # A member is named only by its e-mail address.
    holders = [member(facts), *(f"serviceAccount:{each if '@' in each else f'EMAIL_OF_{each}'}" for each in delegates)]
    binds = [bind(to, role, holder) for to, holder in zip(chain, holders, strict=True)]
    return Remedy(
        sentences,
        gcloud=[*first, *binds],
        terraform=[
            binding(to, role, holder, f"hop_{hop}" if delegates else "aws")
            for hop, (to, holder) in enumerate(zip(chain, holders, strict=True), 1)
        ],
        more=more,
        run=binds,
    )


def enable(api: str, project: str) -> Remedy:
    """Return how to enable an API."""
    return Remedy(
        ["Enable the API. This takes effect after a few minutes."],
        gcloud=[command("gcloud services enable", api, f"--project={project}")],
        terraform=[resource("google_project_service", label="api", project=project, service=api)],
    )


def place(setting: Setting) -> str:
    """Return where a setting is, in words."""
    if setting.file is not None:
        return f"line {setting.line} of {setting.file}"
    return setting.variable or f"the {setting.origin}"


def aws_provider(facts: Facts, *blocks: Block, **attributes: object) -> Block:
    """Return the Terraform resource of the provider, with these blocks and attributes."""
    parts = _name(facts).split("/")
    ids = {"workload_identity_pool_id": parts[5], "workload_identity_pool_provider_id": parts[7]}
    return resource(_PROVIDER, *blocks, label="aws", **ids, **attributes)


def resource(kind: str, *blocks: Block, label: str = "this", **attributes: object) -> Block:
    """Return a Terraform resource."""
    return Block("resource", [kind, label], attributes, blocks)


def inner(kind: str, *blocks: Block, **attributes: object) -> Block:
    """Return a block inside a resource."""
    return Block(kind, [], attributes, blocks)

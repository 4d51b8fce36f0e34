"""Commands and Terraform resources, filled in with the names that were seen."""

from __future__ import annotations

import shlex

from google_auth_botocore.cli import _service_account
from google_auth_botocore.cli._terraform_syntax import Block, Raw
from google_auth_botocore.cli.doctor import _google
from google_auth_botocore.cli.doctor._cause import Mend
from google_auth_botocore.cli.doctor._seen import Seen

USER = "roles/iam.workloadIdentityUser"
CREATOR = "roles/iam.serviceAccountTokenCreator"
OPEN_ID = "roles/iam.serviceAccountOpenIdTokenCreator"

_PROVIDER = "google_iam_workload_identity_pool_provider"
AUDIENCE = Block("output", ["audience"], {"value": Raw(f'"//iam.googleapis.com/${{{_PROVIDER}.aws.name}}"')})

# What stands in the place of a name that is not known.
_ACCOUNT = "arn:aws:sts::ACCOUNT_ID:assumed-role/ROLE_NAME"


def provider(seen: Seen, verb: str, *more: str) -> str:
    """`gcloud iam workload-identity-pools providers VERB`, by the full name: gcloud takes no number for a project's id."""
    return command(f"gcloud iam workload-identity-pools providers {verb} {_name(seen)}", *more)


def pool(seen: Seen, verb: str, *more: str) -> str:
    """`gcloud iam workload-identity-pools VERB`."""
    name = _name(seen).partition("/providers/")[0]
    return command(f"gcloud iam workload-identity-pools {verb} {name}", *more)


def pools(seen: Seen) -> str:
    """`gcloud iam workload-identity-pools list`."""
    project = f"$(gcloud projects describe {number(seen)} --format='value(projectId)')"
    return f"gcloud iam workload-identity-pools list --location=global --project={project}"


def _name(seen: Seen) -> str:
    return seen.audience.removeprefix("//iam.googleapis.com/")


def number(seen: Seen) -> str:
    """The number of the pool's project."""
    return _name(seen).split("/")[1]


def command(words: str, *more: str) -> str:
    """A command whose last words may hold anything."""
    return " ".join([words, *map(shlex.quote, more)])


def aws_provider(seen: Seen, *blocks: Block, **attributes: object) -> Block:
    """The Terraform resource of the provider, with these in it."""
    _, _, _, _, _, pool, _, name = _name(seen).split("/")
    ids = {"workload_identity_pool_id": pool, "workload_identity_pool_provider_id": name}
    return resource(_PROVIDER, *blocks, label="aws", **ids, **attributes)


def member(seen: Seen) -> str:
    """By which name to bind the AWS identity: its role in a pool of AWS's, its subject in one of JWTs."""
    if seen.request is None and seen.arn:
        return f"principal:{_google.pool(seen)}/subject/{seen.arn}"
    return f"principalSet:{_google.pool(seen)}/attribute.aws_role/{seen.role_arn or _ACCOUNT}"


def project_of(account: str) -> str:
    """The id of the project that a service account is in."""
    return _service_account.project_of(account) or "PROJECT_ID"


def bind(account: str, role: str, holder: str) -> str:
    """`gcloud iam service-accounts add-iam-policy-binding`."""
    return command(
        f"gcloud iam service-accounts add-iam-policy-binding {shlex.quote(account)}",
        f"--role={role}",
        f"--member={holder}",
    )


def unbind(account: str, role: str, holder: str) -> str:
    """`gcloud iam service-accounts remove-iam-policy-binding`."""
    return bind(account, role, holder).replace("add-iam-policy-binding", "remove-iam-policy-binding")


def binding(account: str, role: str, holder: str, label: str = "aws") -> Block:
    """The same as `bind` in Terraform."""
    return resource(
        "google_service_account_iam_member",
        label=label,
        service_account_id=f"projects/{project_of(account)}/serviceAccounts/{account}",
        role=role,
        member=holder,
    )


def grant(seen: Seen, role: str, *first: str, todo: str = "") -> Mend:
    """Everything that lets the AWS identity use the service account."""
    account, holder = seen.account or "", member(seen)
    chain = [(account, holder)]
    if seen.options.delegates:
        role = CREATOR
        via = [f"serviceAccount:{each}" for each in seen.options.delegates]
        chain = list(zip([*seen.options.delegates, account], [holder, *via], strict=True))
    return Mend(
        [todo] if todo else [],
        gcloud=[*first, *(bind(where, role, whom) for where, whom in chain)],
        terraform=[
            binding(where, role, whom, f"hop_{hop}" if chain[1:] else "aws")
            for hop, (where, whom) in enumerate(chain, 1)
        ],
    )


def service(api: str, project: str) -> Mend:
    """Switches an API on."""
    return Mend(
        ["It takes some minutes to be seen."],
        gcloud=[command("gcloud services enable", api, f"--project={project}")],
        terraform=[resource("google_project_service", label="api", project=project, service=api)],
    )


def resource(kind: str, *blocks: Block, label: str = "this", **attributes: object) -> Block:
    """A Terraform resource."""
    return Block("resource", [kind, label], attributes, blocks)


def inner(kind: str, *blocks: Block, **attributes: object) -> Block:
    """A block in a resource."""
    return Block(kind, [], attributes, blocks)

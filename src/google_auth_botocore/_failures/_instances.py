"""Instance metadata: no role, no answer, a proxy in front of it, or another machine's role."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.request import getproxies_environment, proxy_bypass

from google_auth_botocore._failures import _commands, _urls
from google_auth_botocore._failures._aws_settings import in_profile
from google_auth_botocore._failures._aws_sources import calls_aws
from google_auth_botocore._failures._commands import evidence
from google_auth_botocore._failures._entry import Failure, Raw, Remedy, Verdict, do
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._redaction import shown

_STEP = ("aws",)
_ENDPOINT_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
_MODE_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
_DEFAULT, _DEFAULT_IPV6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
# The addresses of instance metadata, and of the containers' endpoints on ECS and EKS.
_LINK_LOCAL = "169.254.169.254,169.254.170.2,169.254.170.23"
_METADATA = ("iam-role", "Ec2InstanceMetadata")
# How to give the other values of credential_source their keys.
_SOURCES = {
    "Environment": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary keys",
    "EcsContainer": "give the task or pod a role, which sets AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI",
}
_IDENTITY = "sts get-caller-identity"
_OPTIONS = "ec2 modify-instance-metadata-options --instance-id INSTANCE --http-endpoint enabled"
_TERRAFORM_OPTIONS = [
    _commands.resource(
        "aws_instance",
        _commands.inner(
            "metadata_options", http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=2
        ),
    )
]
_TERRAFORM_PROFILE = _commands.resource("aws_iam_instance_profile", role=Raw("aws_iam_role.this.name"))


def endpoint() -> str:
    """Return the address of instance metadata, as the environment configures it."""
    default = _DEFAULT_IPV6 if _ipv6() else _DEFAULT
    return (os.environ.get(_ENDPOINT_VARIABLE) or default).rstrip("/")


def _ipv6() -> bool:
    return os.environ.get(_MODE_VARIABLE, "").lower() == "ipv6"


def disabled() -> bool:
    """Return whether the environment turns instance metadata off."""
    return os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"


def proxied() -> bool:
    """Return whether the environment sends requests for instance metadata through a proxy, by the same rules as botocore.

    botocore always calls a container's endpoint directly.
    """
    url = _urls.parts(endpoint())
    return not disabled() and url.scheme in getproxies_environment() and not proxy_bypass(url.netloc)


def _from_metadata(facts: Facts) -> bool:
    """Recognise a failure of instance metadata, but not one of a source that calls AWS."""
    if facts.reason == "CredentialRetrievalError":
        return facts.provider in _METADATA
    return facts.reason in ("ProxyConnectionError", "MetadataRetrievalError") and not calls_aws(facts)


def _behind_proxy(facts: Facts) -> Verdict:
    if not proxied() or not _from_metadata(facts):
        return False
    return [
        f"The environment sends requests for {shown(endpoint())} through a proxy. Only this machine can reach it.",
        facts.text,
    ]


def _no_keys_behind_proxy(facts: Facts) -> Verdict:
    metadata = evidence(facts).metadata()
    if metadata is None or metadata.disabled or not metadata.proxied:
        return False
    return [f"The environment sends requests for {metadata.endpoint} through a proxy. Only this machine can reach it."]


def _metadata_replies(*statuses: int | None) -> Callable[[Facts], Verdict]:
    """Recognise that there are no keys because instance metadata, which should have some, replies with one of these statuses."""

    def recognise(facts: Facts) -> Verdict:
        metadata = evidence(facts).metadata()
        if metadata is None or metadata.disabled or metadata.status not in statuses:
            return False
        # Outside of AWS, there is no reply either.
        if metadata.status is None and not metadata.expected:
            return False
        return [facts.text, f"Instance metadata at {metadata.endpoint}: {metadata.request}: {metadata.text}"]

    return recognise


def role_of_the_instance(facts: Facts) -> Verdict:
    """Recognise that a container uses the keys of the instance's role instead of its own role."""
    looked_up = evidence(facts)
    caller = f"The AWS caller is {looked_up.arn}."
    if facts.keys.source != "iam-role":
        return False
    if looked_up.container:
        return [
            f"{looked_up.container} shows that this is a container, but its keys come from instance metadata: they are those of the node.",
            caller,
        ]
    if os.environ.get("AWS_ROLE_ARN"):
        role = shown(os.environ["AWS_ROLE_ARN"])
        return [f"AWS_ROLE_ARN is {role}, but without AWS_WEB_IDENTITY_TOKEN_FILE botocore does not assume it.", caller]
    return False


def _reach_metadata(_: Facts) -> Remedy:
    sentences = ["On Fargate and EKS, give the task or pod its own role."]
    if _ipv6():
        sentences.append(f"{_MODE_VARIABLE} requires an IPv6 endpoint, which an instance has only if it is enabled.")
    return Remedy(
        sentences,
        aws=[f"aws {_OPTIONS} --http-put-response-hop-limit 2{' --http-protocol-ipv6 enabled' if _ipv6() else ''}"],
        terraform=_TERRAFORM_OPTIONS,
    )


EXCEPT_LINK_LOCAL = do(
    "Check HTTP_PROXY and HTTPS_PROXY. NO_PROXY must contain the addresses at which AWS provides the keys. Set it also in the systemd "
    "unit, the container or the task definition.",
    local=[f"export NO_PROXY={_LINK_LOCAL} no_proxy={_LINK_LOCAL}"],
)


def own_role(facts: Facts) -> Remedy:
    """Return how to give a pod or a task its own role."""
    return Remedy(
        ["Give the pod or the task its own role, and block instance metadata for containers (hop limit 1)."],
        aws=[
            "aws eks create-pod-identity-association --cluster-name CLUSTER --namespace NAMESPACE --service-account NAME --role-arn ROLE_ARN",
            "aws ecs register-task-definition --task-role-arn ROLE_ARN --cli-input-json file://task.json",
            _commands.aws(facts, _IDENTITY),
        ],
        terraform=[
            _commands.resource(
                "aws_eks_pod_identity_association",
                cluster_name="CLUSTER",
                namespace="NAMESPACE",
                service_account="NAME",
                role_arn="ROLE_ARN",
            )
        ],
    )


OWN_ROLE_MEANING = "The keys are those of the instance's role, not those of the container's own role."

METADATA_UNREACHABLE = Failure(
    "metadata-unreachable",
    _STEP,
    _metadata_replies(None),
    "Instance metadata cannot be reached from here: the hop limit is 1 and this is a container, this is Fargate, which has none, or a "
    "firewall blocks it.",
    _reach_metadata,
)

_NO_KEYS_VARIANTS = (
    Failure(
        "proxy-for-link-local",
        _STEP,
        _no_keys_behind_proxy,
        "Requests for link-local addresses, at which AWS provides the keys, go through a proxy.",
        EXCEPT_LINK_LOCAL,
    ),
    Failure(
        "instance-has-no-role",
        _STEP,
        _metadata_replies(404),
        "The instance has no role: its metadata has no keys.",
        lambda facts: Remedy(
            ["Give the instance a role."],
            aws=[
                "aws ec2 associate-iam-instance-profile --instance-id INSTANCE --iam-instance-profile Name=PROFILE",
                _commands.aws(facts, _IDENTITY),
            ],
            terraform=[
                _commands.resource("aws_instance", iam_instance_profile=Raw("aws_iam_instance_profile.this.name"))
            ],
        ),
    ),
    Failure(
        "metadata-rejected",
        _STEP,
        _metadata_replies(400, 401, 403, 405),
        "Instance metadata rejects the request: it is turned off, or requires another version of the protocol.",
        do(
            "Enable instance metadata, and require version 2.",
            aws=[f"aws {_OPTIONS} --http-tokens required"],
            terraform=_TERRAFORM_OPTIONS,
        ),
    ),
    METADATA_UNREACHABLE,
)


def _nothing_in_source(facts: Facts) -> bool:
    """Recognise a profile whose credential_source is the environment or a container, which have no keys."""
    return facts.reason == "CredentialRetrievalError" and facts.provider in _SOURCES


def _set_source(facts: Facts) -> Remedy:
    setting = in_profile(facts, "credential_source")
    named = "" if setting is None else f" ({_commands.place(setting)})"
    supply = _SOURCES.get(facts.provider or "", "let the source have keys")
    return Remedy(
        [
            f"The profile's credential_source{named} has no keys. For {facts.provider or 'it'}, {supply}; or name another source."
        ],
        aws=[_commands.aws(facts, "configure list", region=False)],
    )


def _require_source(facts: Facts) -> Remedy:
    metadata = (
        "AWS_EC2_METADATA_DISABLED switches instance metadata off."
        if disabled()
        else "Instance metadata requires a hop limit of 2 in a container and, if there is a proxy, NO_PROXY=169.254.169.254."
    )
    return Remedy(
        [
            (
                "Give the workload a role (instance profile, task role, IRSA or Pod Identity), or set AWS_PROFILE or AWS_ACCESS_KEY_ID, "
                f"AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. {metadata}"
            )
        ],
        aws=[_commands.aws(facts, "configure list", region=False), _commands.aws(facts, _IDENTITY)],
        terraform=[
            _TERRAFORM_PROFILE,
            _commands.resource("aws_ecs_task_definition", task_role_arn=Raw("aws_iam_role.this.arn")),
        ],
        run=[_commands.aws(facts, _IDENTITY)],
    )


def _fails(facts: Facts) -> bool:
    if facts.reason == "CredentialRetrievalError":
        return facts.provider in _METADATA
    return facts.reason == "MetadataRetrievalError"


def try_metadata(_: Facts) -> Remedy:
    """Return how to find out why instance metadata does not reply."""
    return Remedy(
        [
            (
                "Check that instance metadata can be reached from here: NO_PROXY must contain 169.254.169.254, and a container requires "
                "a hop limit of 2."
            )
        ],
        local=[
            (
                f"{_commands.command('curl -s -X PUT', f'{shown(endpoint())}/latest/api/token')} "
                "-H 'x-aws-ec2-metadata-token-ttl-seconds: 60'"
            )
        ],
        aws=[f"aws {_OPTIONS} --http-put-response-hop-limit 2"],
        terraform=_TERRAFORM_OPTIONS,
    )


def _no_keys(facts: Facts) -> bool:
    # The credential_source of the profile is instance metadata, which has no keys.
    of_profile = facts.reason == "CredentialRetrievalError" and facts.provider in _METADATA
    return facts.reason == "NoCredentialsError" or (of_profile and not facts.transient)


ENTRIES = (
    Failure(
        "proxy-for-link-local",
        _STEP,
        _behind_proxy,
        "Requests for link-local addresses, at which AWS provides the keys, go through a proxy.",
        EXCEPT_LINK_LOCAL,
        lasting=True,
    ),
    Failure(
        "no-aws-keys",
        _STEP,
        _no_keys,
        "botocore found no keys in any of its sources.",
        _require_source,
        variants=_NO_KEYS_VARIANTS,
    ),
    Failure(
        "credential-source-empty",
        _STEP,
        _nothing_in_source,
        "The profile names a source of keys (credential_source) that has none here.",
        _set_source,
    ),
    Failure("metadata-fails", _STEP, _fails, "Instance metadata fails, or does not reply in time.", try_metadata),
)

"""Attribute mappings and conditions in the forms of public repositories, by the service that issues the credentials."""

from __future__ import annotations

from typing import Any

import pytest

from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator._errors import OAuthError

GITHUB = {
    "sub": "repo:acme/app:ref:refs/heads/main",
    "aud": "https://github.com/acme",
    "repository": "acme/app",
    "repository_owner": "acme",
    "repository_owner_id": "123",
    "repository_id": "9",
    "ref": "refs/heads/main",
    "event_name": "push",
    "base_ref": "",
    "run_attempt": "1",
    "job_workflow_ref": "acme/app/.github/workflows/ci.yml@refs/heads/main",
    "iat": 1_767_225_600,
    "exp": 1_767_225_900,
}
AWS = {"arn": "arn:aws:sts::123456789012:assumed-role/app/i-0abc", "account": "123456789012", "userid": "AROA:i-0abc"}
AWS_JWT = {
    "sub": "arn:aws:iam::123456789012:role/team/app",
    "https://sts.amazonaws.com/": {"aws_account": "123456789012", "request_tags": {"team:user": "ann"}},
}
KUBERNETES = {
    "sub": "system:serviceaccount:backend:api",
    "aud": ["gcp"],
    "kubernetes.io": {"namespace": "backend", "pod": {"name": "api-1"}, "serviceaccount": {"name": "api"}},
}
AZURE = {
    "sub": "/eid1/c/pub/t/x/a/y/sc/org/connection",
    "oid": "8bb39bdb",
    "tid": "tenant",
    "email": "Ann@Example.com",
    "email_verified": True,
    "groups": ["gcp-a", "other"],
}
CIRCLECI = {
    "sub": "org/o1/project/p1/user/u1/vcs-origin/x",
    "aud": "o1",
    "oidc.circleci.com/project-id": "p1",
    "oidc.circleci.com/context-ids": ["c1", "c2"],
    "oidc.circleci.com/ssh-rerun": False,
}
BUILDKITE = {
    "sub": "organization:acme:pipeline:deploy:ref:refs/heads/main:commit:9f:step:s",
    "build_number": 7,
    "step_key": None,
}
TERRAFORM = {
    "sub": "organization:acme:project:Default Project:workspace:factory-1:run_phase:apply",
    "terraform_organization_name": "acme",
    "terraform_workspace_name": "factory-1",
}
GITLAB = {
    "sub": "project_path:group/app:ref_type:branch:ref:main",
    "namespace_path": "group",
    "project_path": "group/app",
    "ref": "main",
    "ref_type": "branch",
    "ref_protected": "true",
    "user_identities": [{"provider": "saml", "extern_uid": "1"}],
}
BITBUCKET = {"sub": "{r}:{s}", "repositoryUuid": "{r}", "workspaceUuid": "{w}", "deploymentEnvironmentUuid": "{d}"}
SAML = {
    "subject": "ann",
    "attributes": {
        "groups": ["a", "b"],
        "role": ["admin"],
        "http://schemas.xmlsoap.org/claims/emailaddress": ["Ann@x.org"],
    },
}
CONFIDENTIAL_SPACE = {
    "sub": "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i",
    "swname": "CONFIDENTIAL_SPACE",
    "swversion": ["230103"],
    "google_service_accounts": ["x@y"],
    "submods": {
        "container": {"image_digest": "sha256:1", "env_override": {}, "cmd_override": []},
        "confidential_space": {"support_attributes": ["LATEST", "STABLE"]},
    },
}


@pytest.mark.parametrize(
    ("claims", "mapping", "condition", "members"),
    [
        (
            GITHUB,
            {
                "google.subject": '"repo:" + assertion.repository + ":ref:" + assertion.ref',
                "attribute.repo_and_branch": "assertion.repository + '/' + assertion.ref",
                "attribute.environment": "assertion.environment",
                "attribute.base_ref": "assertion.base_ref",
            },
            'assertion.repository_owner_id in ["123", "456"] && (assertion.repository == \'acme/x\' || assertion.repository.startsWith("acme/"))',
            {
                "subject/repo:acme/app:ref:refs/heads/main",
                "attribute.repo_and_branch/acme/app/refs/heads/main",
                "attribute.base_ref/",
            },
        ),
        (
            GITHUB,
            {
                "google.subject": "assertion.sub",
                "attribute.sub": "attribute.sub",
                "attribute.aud": "attribute.aud",
                "attribute.repository": "assertion.repository",
            },
            "attribute.repository==assertion.repository && assertion.repository + ':' + assertion.ref == 'acme/app:refs/heads/main'",
            {"subject/repo:acme/app:ref:refs/heads/main", "attribute.repository/acme/app"},
        ),
        (
            GITHUB,
            {
                "google.subject": "assertion.job_workflow_ref.extract('{workflow}@')",
                "attribute.environment": "has(assertion.environment) ? assertion.environment : 'none'",
                "attribute.suffix": "(assertion.sub.contains(':environment:') ? assertion.sub.split(':environment:')[1] : '') + '-'",
            },
            (
                "\n  !(assertion.event_name in ['pull_request', 'pull_request_target']) && // no forks\n"
                "  assertion.ref.matches('^refs/(heads/main|tags/v[0-9]+\\\\.[0-9]+)$') && assertion.exp - assertion.iat <= 3600"
            ),
            {"subject/acme/app/.github/workflows/ci.yml", "attribute.environment/none", "attribute.suffix/-"},
        ),
        (
            AWS,
            {
                "google.subject": "assertion.arn.contains('assumed-role') ? assertion.arn.extract('assumed-role/{role}/') : assertion.arn",
                "attribute.aws_role": (
                    "assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/'"
                    " + assertion.arn.extract('assumed-role/{role_and_session}').split('/')[0]"
                ),
                "attribute.instance": "assertion.arn.extract('assumed-role/{role_and_session}').extract('/{session}')",
            },
            "attribute.aws_role=='arn:aws:sts::123456789012:assumed-role/app' && attribute.instance.startsWith('i-')",
            {
                "subject/app",
                "attribute.aws_role/arn:aws:sts::123456789012:assumed-role/app",
                "attribute.instance/i-0abc",
            },
        ),
        (
            AWS,
            {
                "google.subject": "assertion.userid.split(':')[0]",
                "attribute.aws_role": "'arn:aws:iam::' + assertion.account + ':role/' + assertion.arn.extract('assumed-role/{r}/')",
                "attribute.environment": 'assertion.arn.contains(":instance-profile/Production") ? "prod" : "test"',
            },
            "attribute.aws_role in ['arn:aws:iam::123456789012:role/app'] && assertion.arn.endsWith('/i-0abc')",
            {"subject/AROA", "attribute.aws_role/arn:aws:iam::123456789012:role/app", "attribute.environment/test"},
        ),
        (
            AWS_JWT,
            {
                "google.subject": "assertion.sub.extract('role/{role}')",
                "attribute.user": "assertion['https://sts.amazonaws.com/']['request_tags']['team:user']",
            },
            "assertion['https://sts.amazonaws.com/'].aws_account == '123456789012'",
            {"subject/team/app", "attribute.user/ann"},
        ),
        (
            KUBERNETES,
            {
                "google.subject": "assertion.sub.extract('system:serviceaccount:{namespace}:') + '/' + assertion.sub.split(':')[3]",
                "attribute.pod": "assertion['kubernetes.io']['pod']['name']",
                "attribute.node": "assertion['kubernetes.io'].node.name",
            },
            "assertion['kubernetes.io'].namespace in ['backend', 'monitoring'] && assertion.aud.exists(a, a == 'gcp')",
            {"subject/backend/api", "attribute.pod/api-1"},
        ),
        (
            AZURE,
            {
                "google.subject": '"azure::" + assertion.tid + "::" + assertion.sub.split(\'/sc/\')[1]',
                "google.groups": "assertion.groups.filter(g, g.startsWith('gcp-'))",
                "attribute.workload": '\n  {\n    "8bb39bdb": "workload1",\n    "55d36609": "workload2"\n  }[assertion.oid]\n',
            },
            "\"other\" in assertion.groups && 'gcp-a' in google.groups",
            {"subject/azure::tenant::org/connection", "group/gcp-a", "attribute.workload/workload1"},
        ),
        (
            AZURE,
            {
                "google.subject": "assertion.email.lowerAscii()",
                "google.groups": "assertion.roles",
                "attribute.domain": "assertion.email.extract('@{domain}').lowerAscii()",
                "attribute.is_admin": "assertion.groups.exists(g, g == 'admins') ? 'true' : 'false'",
            },
            "assertion.email_verified && !('admins' in google.groups) && attribute.domain == 'example.com'",
            {"subject/ann@example.com", "attribute.domain/example.com", "attribute.is_admin/false"},
        ),
        (
            CIRCLECI,
            {
                "google.subject": "assertion.aud + '/' + assertion.sub.extract('/user/{user_id}/')",
                "attribute.project": "assertion['oidc.circleci.com/project-id']",
                "attribute.contexts": "assertion['oidc.circleci.com/context-ids'].join(',')",
            },
            "attribute.project == 'p1' && 'c1' in assertion['oidc.circleci.com/context-ids'] && !assertion['oidc.circleci.com/ssh-rerun']",
            {"subject/o1/u1", "attribute.project/p1", "attribute.contexts/c1,c2"},
        ),
        (
            BUILDKITE,
            {
                "google.subject": '"organization:" + assertion.sub.split(":")[1] + ":pipeline:" + assertion.sub.split(":")[3]',
                "attribute.step_key": "assertion.step_key",
                "attribute.build_number": "string(assertion.build_number)",
            },
            'google.subject == "organization:acme:pipeline:deploy" && assertion.build_number == 7.0',
            {"subject/organization:acme:pipeline:deploy", "attribute.build_number/7"},
        ),
        (
            TERRAFORM,
            {
                "google.subject": "assertion.terraform_workspace_name",
                "attribute.kind": 'assertion.terraform_workspace_name.startsWith("factory") ? "factory" : "service"',
            },
            'assertion.sub.startsWith("organization:acme:project:Default Project:workspace:")',
            {"subject/factory-1", "attribute.kind/factory"},
        ),
        (
            GITLAB,
            {
                "google.subject": "assertion.project_path + '::' + assertion.ref",
                "attribute.environment": 'assertion.sub.contains(":environment:") ? assertion.environment : "dev"',
                "attribute.identity": "assertion.user_identities[0].provider",
            },
            "assertion.ref_protected == 'true' && (assertion.namespace_path == 'group' || assertion.namespace_path.startsWith('group/'))",
            {"subject/group/app::main", "attribute.environment/dev", "attribute.identity/saml"},
        ),
        (
            BITBUCKET,
            {"google.subject": "assertion.sub", "attribute.repositoryuuid": "assertion.repositoryUuid"},
            "(assertion.deploymentEnvironmentUuid == '{d}') && (attribute.repositoryuuid == '{r}')",
            {"subject/{r}:{s}", "attribute.repositoryuuid/{r}"},
        ),
        (
            SAML,
            {
                "google.subject": "assertion.attributes['http://schemas.xmlsoap.org/claims/emailaddress'][0].lowerAscii()",
                "google.groups": "assertion.attributes.groups",
                "attribute.role": "assertion.attributes.role[0]",
            },
            "'a' in assertion.attributes.groups",
            {"subject/ann@x.org", "group/a", "group/b", "attribute.role/admin"},
        ),
        (
            CONFIDENTIAL_SPACE,
            {
                "google.subject": '"gcpcs::"+assertion.submods.container.image_digest+"::"+assertion.swname',
                "google.groups": "assertion.google_service_accounts",
            },
            (
                "assertion.swname == 'CONFIDENTIAL_SPACE' && 'STABLE' in assertion.submods.confidential_space.support_attributes"
                " && size(assertion.submods.container.cmd_override) == 0 && assertion.swversion.all(v, int(v) > 230000)"
                " && !has(assertion.submods.container.env_override.debug)"
            ),
            {"subject/gcpcs::sha256:1::CONFIDENTIAL_SPACE", "group/x@y"},
        ),
    ],
)
def test_a_public_mapping_and_condition_accept_a_credential(
    google: Emulator, claims: dict[str, Any], mapping: dict[str, str], condition: str, members: set[str]
) -> None:
    provider = google.add_oidc_provider(
        "https://issuer.example.com", attribute_mapping=mapping, attribute_condition=condition
    )

    pool = f"iam.googleapis.com/{provider.pool_name}/"
    assert {member.partition(pool)[2] for member in provider.identify(claims).members} == members | {"*"}


@pytest.mark.parametrize(
    ("claims", "mapping", "description"),
    [
        (
            BUILDKITE,
            {"attribute.build_number": "assertion.build_number"},
            "'attribute.build_number' must be of type STRING.",
        ),
        (
            GITLAB,
            {"attribute.user_identities": "assertion.user_identities"},
            "'attribute.user_identities' must be of type",
        ),
        (SAML, {"google.subject": "assertion.attributes.role"}, "'google.subject' must be of type STRING."),
        (AZURE, {"google.groups": "assertion.email"}, "'google.groups' must be of type LIST<STRING>."),
        (AZURE, {"google.subject": "assertion.upn"}, "Could not obtain a value for google.subject"),
        (
            AWS,
            {"google.subject": "assertion.arn.extract('assumed-role/ROLE/')"},
            "Could not obtain a value for google.subject",
        ),
    ],
)
def test_a_public_mapping_of_the_wrong_type_rejects_the_credential(
    google: Emulator, claims: dict[str, Any], mapping: dict[str, str], description: str
) -> None:
    provider = google.add_oidc_provider(
        "https://issuer.example.com", attribute_mapping={"google.subject": "'me'", **mapping}
    )

    with pytest.raises(OAuthError, match="unauthorized_client") as caught:
        provider.identify(claims)

    assert description in caught.value.body["error_description"]


@pytest.mark.parametrize(
    "mapping",
    [
        {"google.subject": "overwrite.sub"},
        {"google.subject": "assertion.sub", "google.email": "assertion.email"},
        {"google.subject": "assertion.sub", "google.display_name": "assertion.name"},
        {"google.subject": "assertion.sub", "attribute.vcs": "assertion.oidc.circleci.vcs.repository-url"},
        {"google.subject": "assertion.sub", "attribute.first name": "assertion.name"},
        {"google.subject": "attribute.sub"},
        {"google.subject": ""},
        {"attribute.sub": "assertion.sub"},
    ],
)
def test_a_public_mapping_with_a_mistake_is_rejected(google: Emulator, mapping: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="attribute"):
        google.add_oidc_provider("https://issuer.example.com", attribute_mapping=mapping)

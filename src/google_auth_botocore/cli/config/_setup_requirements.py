"""What `config setup` requires: the roles of the person who runs its output, and the hosts that the workload must reach."""

from __future__ import annotations

from google_auth_botocore.cli.config._setup_identity import SUBJECT_LIMIT
from google_auth_botocore.cli.config._setup_plan import Plan


def lines(plan: Plan) -> list[str]:
    """Return the requirements as sentences."""
    return [
        f"To run this in Google Cloud: {', '.join(_google_roles(plan))}.",
        f"To run this in AWS: {', '.join(_aws_actions(plan))}.",
        f"The workload must reach {', '.join(_hosts(plan))}. {_aws_sts(plan)}",
        *_managed(plan),
        *_subject(plan),
        *(f"WARNING: {warning}" for warning in plan.warnings),
    ]


def of_teardown(plan: Plan) -> list[str]:
    """Return the requirements of `config teardown` as sentences."""
    roles = [role for role in _google_roles(plan) if "serviceusage" not in role]
    actions = ["sts:GetCallerIdentity"]
    if plan.role_policies:
        actions += ["iam:GetRolePolicy", "iam:DeleteRolePolicy"]
    if plan.trust_policy is not None:
        actions += ["iam:GetRole", "iam:DeleteRole"]
    return [f"To run this in Google Cloud: {', '.join(roles)}.", f"To run this in AWS: {', '.join(actions)}."]


def _google_roles(plan: Plan) -> list[str]:
    roles = ["roles/browser", "roles/serviceusage.serviceUsageAdmin", "roles/iam.workloadIdentityPoolAdmin"]
    if plan.email is not None:
        roles.append("roles/iam.serviceAccountAdmin")
    if plan.project_grants:
        roles.append("roles/resourcemanager.projectIamAdmin")
    on_project = [f"{role} on the project {plan.project}" if role == roles[-1] else role for role in roles]
    return [*on_project, *(f"roles/storage.admin on the bucket {bucket}" for bucket in plan.bucket)]


def _aws_actions(plan: Plan) -> list[str]:
    actions = ["sts:GetCallerIdentity"]
    if plan.trust_policy is not None:
        actions += ["iam:GetRole", "iam:UpdateAssumeRolePolicy", "iam:CreateRole"]
    if plan.role_policies:
        actions.append("iam:PutRolePolicy")
    if plan.jwt:
        actions += ["iam:GetOutboundWebIdentityFederationInfo", "iam:EnableOutboundWebIdentityFederation"]
    return actions


def _hosts(plan: Plan) -> list[str]:
    return [
        "sts.googleapis.com",
        *(["iamcredentials.googleapis.com"] if plan.email is not None else []),
        *(["storage.googleapis.com"] if plan.bucket else []),
    ]


def _aws_sts(plan: Plan) -> str:
    if plan.jwt:
        return "For its JWT, it must also reach AWS STS in its region."
    if plan.trust_of_role is not None and plan.trust_of_role.service is None:
        return "For its AWS keys, it must also reach AWS STS in its region. Google's token requires no call to AWS STS."
    return "It does not have to reach AWS STS: Google sends the signed request."


def _managed(plan: Plan) -> list[str]:
    if not plan.leaves_role:
        return []
    text = f"The role {plan.role_name} exists. It is left alone."
    if plan.jwt:
        text += (
            " It needs the permission sts:GetWebIdentityToken"
            f"{' and sts:TagGetWebIdentityToken' if plan.tag else ''}, which its owner must add."
        )
    return [text]


def _subject(plan: Plan) -> list[str]:
    subject = plan.identity.mapping["google.subject"]
    if plan.jwt:
        if plan.leaves_role and plan.role_path is None:
            return ["If the role has a path, pass it with the name: the JWT may contain it (--aws-role /path/name)."]
        return []
    if subject == "assertion.arn":
        return []
    return [
        (
            f"google.subject is {subject}, because the whole ARN could exceed the {SUBJECT_LIMIT} bytes that Google accepts. "
            "Audit logs show this subject."
        )
    ]

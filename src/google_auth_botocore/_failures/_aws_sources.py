"""Why a source provides no AWS keys: sign-in, web identity, containers, roles."""

from __future__ import annotations

import os
import re

from google_auth_botocore._failures import _aws_keys, _aws_settings, _commands, _denials
from google_auth_botocore._failures._aws_process import NO_FILE, command_for
from google_auth_botocore._failures._aws_settings import in_profile
from google_auth_botocore._failures._entry import Failure, Raw, Remedy, do, never, reason
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._redaction import shown

_STEP = ("aws",)
_TOKEN_FILES = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "",
}
_SIGN_IN = re.compile(
    r"(UnauthorizedSSO|SSOTokenLoad|TokenRetrieval|Login(Token|Refresh|Error|Authorization)|SSOError)"
)
_TASK_DEFINITION = _commands.resource("aws_ecs_task_definition", task_role_arn=Raw("aws_iam_role.this.arn"))


# Sign-in


def _sign_in(facts: Facts) -> Remedy:
    login = (facts.reason or "").startswith("Login")
    names = (_aws_settings.LOGIN_SETTING,) if login else _aws_settings.SSO_SETTINGS
    words = "login" if login else "sso login"
    return Remedy(["Sign in again."], aws=[command_for(facts, in_profile(facts, *names), words)])


# Files with tokens


def _token_file(facts: Facts, *variables: str) -> str | None:
    """Return the setting that names the file that could not be used, if it is one of these variables or their setting in a file."""
    empty = facts.reason == "ParamValidationError" and "WebIdentityToken" in facts.text
    if not empty and facts.reason not in (*NO_FILE, "UnicodeDecodeError"):
        return None
    for variable in variables:
        if os.environ.get(variable) and facts.file in (None, os.environ[variable]):
            return variable
        setting = in_profile(facts, _TOKEN_FILES[variable]) if _TOKEN_FILES[variable] else None
        if setting is not None and facts.file in (None, setting.value):
            return f"{_TOKEN_FILES[variable]} ({_commands.place(setting)})"
    return None


def _web_identity_file(facts: Facts) -> bool:
    return _token_file(facts, "AWS_WEB_IDENTITY_TOKEN_FILE") is not None


def _check_file(facts: Facts) -> Remedy:
    name = _token_file(facts, *_TOKEN_FILES) or "the setting that names it"
    setting = _aws_settings.web_identity_file(facts)
    path = facts.file or ("FILE" if setting is None else setting.value)
    return Remedy(
        [f"Check {name}: the file must exist, be readable and contain a token."], [_commands.command("ls -l", path)]
    )


def uses_web_identity(facts: Facts) -> bool:
    """Return whether the environment or the profile names a web identity token."""
    return _aws_settings.web_identity_file(facts) is not None


def calls_aws(facts: Facts) -> bool:
    """Return whether the profile's source calls an AWS service, instead of only a metadata service."""
    names = ("role_arn", *_aws_settings.SSO_SETTINGS, _aws_settings.LOGIN_SETTING)
    return facts.role is not None or uses_web_identity(facts) or in_profile(facts, *names) is not None


def _expired_web_identity(facts: Facts) -> bool:
    return facts.reason in _aws_keys.EXPIRED and uses_web_identity(facts)


def _container(facts: Facts) -> bool:
    if facts.reason == "CredentialRetrievalError":
        return facts.provider == "container-role"
    named = "container" in facts.text or bool(
        os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    )
    return facts.reason == "MetadataRetrievalError" and named


CHECK_CONTAINER = do(
    "Check that the task or pod has a role, that its authorization token is the current one, and that no proxy is used for "
    "the endpoint.",
    aws=[
        "aws ecs describe-task-definition --task-definition TASK --query taskDefinition.taskRoleArn",
        "aws eks list-pod-identity-associations --cluster-name CLUSTER",
    ],
    terraform=[_TASK_DEFINITION],
    run=[],
)


def _remove_white_space(facts: Facts) -> Remedy:
    where = _aws_keys.place(facts)
    return Remedy(
        [f"Set the keys in {where} again, without quotes, spaces or a line break at the end."],
        aws=[_commands.aws(facts, "configure list", region=False)],
    )


def _jwt_arguments(facts: Facts) -> bool:
    return (
        facts.reason in ("ValidationError", "JWTPayloadSizeExceededException") and "GetWebIdentityToken" in facts.text
    )


def _assume_role_arguments(facts: Facts) -> Remedy:
    role = _denials.role_name(facts)
    return Remedy(
        ["Correct the arguments of AssumeRole as the message says (assume_role=, or the profile's settings)."],
        aws=[_denials.as_caller(facts, f"iam get-role --role-name {role} --query Role.MaxSessionDuration")],
        run=[],
    )


ENTRIES = (
    Failure(
        "white-space-in-a-key",
        _STEP,
        reason("InvalidCredentials"),
        "A key contains a space, a line break, quotes or another character that no key has.",
        _remove_white_space,
    ),
    Failure(
        "login-not-allowed",
        _STEP,
        reason("LoginInsufficientPermissions"),
        "The identity lacks permission to use AWS login.",
        lambda facts: Remedy(
            ["Grant the identity signin:CreateOAuth2Token, then sign in again."],
            aws=[command_for(facts, in_profile(facts, _aws_settings.LOGIN_SETTING), "login")],
        ),
    ),
    Failure(
        "not-signed-in",
        _STEP,
        lambda facts: _SIGN_IN.match(facts.reason or "") is not None,
        "The user has not signed in, or the sign-in has expired.",
        _sign_in,
    ),
    Failure(
        "sso-role-not-assigned",
        _STEP,
        reason("ForbiddenException", "ResourceNotFoundException"),
        "IAM Identity Center does not give the user this role in this account.",
        lambda facts: Remedy(
            ["Check sso_account_id and sso_role_name, and that the permission set is assigned to the user."],
            aws=[command_for(facts, in_profile(facts, *_aws_settings.SSO_SETTINGS), "configure list")],
        ),
    ),
    Failure(
        "dependency-missing",
        _STEP,
        reason("MissingDependencyException"),
        "botocore requires another package for this source.",
        do("Install what botocore requires for this source.", local=["pip install 'google-auth-botocore[login]'"]),
    ),
    Failure(
        "web-identity-expired",
        _STEP,
        _expired_web_identity,
        "The pod's token has expired: nothing renews the file, or the clock is off.",
        lambda facts: Remedy(
            ["Mount the pod's token as a projected volume, which renews the file, and do not copy it."],
            _denials.look_at_token(facts),
        ),
    ),
    Failure(
        "web-identity-rejected",
        _STEP,
        lambda facts: facts.reason in ("InvalidIdentityToken", "IDPRejectedClaim") or _web_identity_file(facts),
        "The pod's token cannot be read, or AWS does not accept it for the role.",
        lambda facts: _check_file(facts) if _web_identity_file(facts) else _denials.trust_web_identity(facts),
    ),
    Failure(
        "container-token-missing",
        _STEP,
        lambda facts: _token_file(facts, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") is not None,
        "The file with the container's authorization token cannot be read.",
        _check_file,
    ),
    Failure(
        "file-missing",
        _STEP,
        lambda facts: facts.reason in NO_FILE,
        "A file that is named in the AWS settings cannot be used.",
        lambda facts: Remedy(
            [f"Check which setting names {shown(facts.file) if facts.file else 'the file in the message'}."],
            aws=[_commands.aws(facts, "configure list", region=False)],
        ),
    ),
    Failure(
        "container-rejects",
        _STEP,
        _container,
        "The container's endpoint returns no keys.",
        CHECK_CONTAINER,
    ),
    Failure(
        "mfa-required",
        _STEP,
        reason("MfaRequired"),
        "The role requires an MFA code, and a background refresh does not prompt for one.",
        do("The next request without a valid token prompts for the code. To enter it now, call refresh()."),
    ),
    Failure(
        "mfa-without-terminal",
        _STEP,
        reason("EOFError", "RefreshWithMFAUnsupportedError"),
        "The role requires an MFA code, and there is no terminal on which to enter it.",
        do("Pass a session whose keys were obtained with a code, or use a role that requires none."),
    ),
    Failure(
        "jwt-arguments-invalid",
        _STEP,
        _jwt_arguments,
        "AWS rejects the tags or the subject mode of its JWT.",
        do(
            "Correct tags= (--tags) or subject_mode= (--subject-mode) as the message says. OriginIdentity requires an AWS session "
            "that acts on behalf of a user or a workload (trusted identity propagation)."
        ),
    ),
    Failure(
        "role-arguments-invalid",
        _STEP,
        reason("ParamValidationError", "ValidationError", "MalformedPolicyDocument", "PackedPolicyTooLarge"),
        "AWS or botocore rejects the arguments of AssumeRole, such as a session longer than the role allows.",
        _assume_role_arguments,
    ),
    Failure(
        "instance-role-broken",
        _STEP,
        never,
        "The instance has a role, but instance metadata has no keys for it.",
        do(
            "Check that the instance profile names an existing role, and that the role's trust policy lets ec2.amazonaws.com "
            "assume it.",
            aws=["aws ec2 describe-iam-instance-profile-associations"],
        ),
    ),
)

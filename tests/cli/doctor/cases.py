"""What a case of a failure is, and what cases share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cli.doctor.sandbox import KEYS, ROLE, Sandbox
from google_auth_botocore.emulator._pools import Pool
from google_auth_botocore.emulator.aws import InstanceMetadata, WebIdentityIssuer

JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCOUNT = "copycat@my-project.iam.gserviceaccount.com"
POOL = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool"
POOL_NAME = POOL.removeprefix("//iam.googleapis.com/")
PROVIDERS = f"{POOL_NAME}/providers"
GRANT = (
    f"gcloud iam service-accounts add-iam-policy-binding {ACCOUNT} --role=roles/iam.workloadIdentityUser "
    f"--member=principalSet:{POOL}/attribute.aws_role/{ROLE}"
)
USER = "roles/iam.workloadIdentityUser"
CREATOR = "roles/iam.serviceAccountTokenCreator"

Make = Callable[[Sandbox], object]


@dataclass
class Case:
    """A failure.

    Attributes:
        failure: Its key in `FAILURES`; empty if it is not there.
        happens: Makes it happen.
        cause: The name that doctor must give it.
        command: What must be part of the fix.
        step: The step that fails.
        code: doctor's exit code; 0 for a warning.
    """

    failure: str
    happens: Make
    cause: str
    command: str
    step: str
    code: int = 1


CASES: dict[str, Case] = {}


def case(failure: str, cause: str, command: str, step: str, code: int = 1) -> Callable[[Make], Make]:
    """Add a function that makes a failure happen."""

    def add(happens: Make) -> Make:
        name = happens.__name__.removeprefix("_").replace("_", " ")
        assert name not in CASES
        CASES[name] = Case(failure, happens, cause, command, step, code)
        return happens

    return add


def instance(sandbox: Sandbox, role: str = "app") -> InstanceMetadata:
    sandbox.unset(*KEYS)
    keys = lambda: sandbox.google.aws_keys.issue(f"arn:aws:sts::123456789012:assumed-role/{role}/i-0abc")  # noqa: E731
    metadata = sandbox.start(InstanceMetadata(keys, role=role))
    sandbox.set(**metadata.environment())
    return metadata


PERIMETER = {
    "error": {
        "code": 403,
        "message": "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x",
        "status": "PERMISSION_DENIED",
    }
}


def pool(sandbox: Sandbox) -> Pool:
    pool = sandbox.google._pools.pool(sandbox.workload.provider.pool_name)
    assert pool is not None
    return pool


def write(sandbox: Sandbox, name: str, text: str) -> None:
    path = sandbox.home / ".aws" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def with_jwt(sandbox: Sandbox, issuer: WebIdentityIssuer, audience: str) -> None:
    sandbox.set(**issuer.environment())
    sandbox.flags.update({"audience": audience, "subject-token-type": JWT})


def delegated(sandbox: Sandbox) -> None:
    sandbox.google.grant(ACCOUNT, CREATOR, sandbox.member(ROLE))
    sandbox.flags["subject"] = "ann@example.com"


def call(sandbox: Sandbox, status: int, message: str, path: str = "/a-service/v1/things") -> None:
    sandbox.flags["call"] = f"{sandbox.google.url}{path}"
    sandbox.fault(path, status, {"error": {"code": status, "message": message}})

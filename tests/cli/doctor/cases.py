"""The class `Case`, and helpers that the cases share."""

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

Simulation = Callable[[Sandbox], object]


@dataclass
class Case:
    """A failure to simulate, and the expected diagnosis.

    Attributes:
        failure: The key in `FAILURES`, or an empty string if it is not in that list.
        simulate: Simulates the failure in a sandbox.
        cause: The id of the expected cause.
        command: Text that the fix must contain.
        step: The step that fails, or has the warning.
        code: The expected exit code; 0 for a warning.
    """

    failure: str
    simulate: Simulation
    cause: str
    command: str
    step: str
    code: int = 1


CASES: dict[str, Case] = {}


def case(failure: str, cause: str, command: str, step: str, code: int = 1) -> Callable[[Simulation], Simulation]:
    """Register a function that simulates a failure. Its name describes the failure."""

    def add(simulate: Simulation) -> Simulation:
        name = simulate.__name__.removeprefix("_").replace("_", " ")
        assert name not in CASES
        CASES[name] = Case(failure, simulate, cause, command, step, code)
        return simulate

    return add


def use_instance_metadata(sandbox: Sandbox, role: str = "app") -> InstanceMetadata:
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


def write_aws_file(sandbox: Sandbox, name: str, text: str) -> None:
    path = sandbox.home / ".aws" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def use_jwt(sandbox: Sandbox, issuer: WebIdentityIssuer, audience: str) -> None:
    sandbox.set(**issuer.environment())
    sandbox.flags.update({"audience": audience, "subject-token-type": JWT})


def use_delegation(sandbox: Sandbox) -> None:
    sandbox.google.grant(ACCOUNT, CREATOR, sandbox.member(ROLE))
    sandbox.flags["subject"] = "ann@example.com"


def fail_call(sandbox: Sandbox, status: int, message: str, path: str = "/a-service/v1/things") -> None:
    sandbox.flags["call"] = f"{sandbox.google.url}{path}"
    sandbox.fault(path, status, {"error": {"code": status, "message": message}})

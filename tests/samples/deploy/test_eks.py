"""gcp_copycat as Kubernetes pods: a single pod, and a Dask cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
from click.testing import CliRunner
from distributed.cli.dask_scheduler import main as dask_scheduler
from distributed.cli.dask_worker import main as dask_worker
from variations import few

from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.aws import ContainerCredentials
from samples.deploy.conftest import ACCOUNT, DEPLOY, STATE, World, printed, rendered_file, role_of
from samples.deploy.hosts import (
    CRON_JOB,
    DASK,
    EVERYTHING,
    IRSA,
    LARGEST_PART_MIB,
    POD,
    POD_IDENTITY,
    USER,
    environment,
    mib,
    required_mib,
)

HOST = "eks"
ROLE = role_of(HOST)

# The page's figure for the processes of a Dask worker.
DASK_MIB = 350
DOCUMENTS = {
    "IRSA": IRSA,
    "Pod Identity": POD_IDENTITY,
    "CronJob": CRON_JOB,
    **{f"{each['kind']} {each['metadata']['name']}": each for each in DASK},
}
PODS = {each["metadata"]["name"]: each["spec"]["template"] for each in DASK if "template" in each.get("spec", {})}
JOBS = {
    CRON_JOB["metadata"]["name"]: CRON_JOB["spec"]["jobTemplate"]["spec"],
    **{each["metadata"]["name"]: each["spec"] for each in DASK if each["kind"] == "Job"},
}
ALL_PODS = {"cron-job": POD, **{name: pod["spec"] for name, pod in PODS.items()}}


def test_the_pod_copies_with_pod_identity(world: World, tmp_path: Path) -> None:
    [container] = POD["containers"]
    session = "eks-my-cluster-gcp-copycat-4a0f0d8e-3a53-4e0e-9a7a-0f4f3c0f7f2b"
    token = tmp_path / "eks-pod-identity-token"
    token.write_text("the cluster's token")
    with ContainerCredentials(lambda: world.issue(session), token=token) as agent:
        code, err = world.copy(environment(container, "env") | agent.environment())
    assert code == 0, err
    assert (world.seen, world.copied) == (f"{ROLE}/{session}", EVERYTHING)


def test_the_pod_copies_with_irsa(world: World, tmp_path: Path) -> None:
    """The variables are those that the webhook sets. moto is the STS that accepts the cluster's token."""
    [container] = POD["containers"]
    token = tmp_path / "token"
    token.write_text("the cluster's token")
    webhook = {
        "AWS_ROLE_ARN": IRSA["metadata"]["annotations"]["eks.amazonaws.com/role-arn"],
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_REGION": "eu-central-1",
    }
    code, err = world.copy(environment(container, "env") | webhook)
    assert code == 0, err
    assert re.fullmatch(f"{ROLE}/botocore-session-\\d+", world.seen)
    assert world.copied == EVERYTHING


def test_the_policies_and_commands_name_this_pod() -> None:
    account_name = (CRON_JOB["metadata"]["namespace"], POD["serviceAccountName"])
    for account in (IRSA, POD_IDENTITY):
        assert (account["metadata"]["namespace"], account["metadata"]["name"]) == account_name
    [statement] = json.loads(rendered_file(DEPLOY / "eks" / "irsa-trust-policy.json"))["Statement"]
    issuer = statement["Principal"]["Federated"].partition(":oidc-provider/")[2]
    assert statement["Condition"]["StringEquals"] == {
        f"{issuer}:aud": "sts.amazonaws.com",
        f"{issuer}:sub": f"system:serviceaccount:{':'.join(account_name)}",
    }
    [association] = [
        dict(zip(words[3::2], words[4::2], strict=True))
        for words in printed(DEPLOY / "eks" / "README.md", "aws")
        if "create-pod-identity-association" in words
    ]
    assert (association["--namespace"], association["--service-account"]) == account_name


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_kubernetes_knows_every_field(document: dict[str, Any]) -> None:
    """The client's models are generated from OpenAPI. They drop fields that are unknown or have the wrong type."""
    client = kubernetes.client.ApiClient()
    read = client.deserialize(json.dumps(document), f"V1{document['kind']}", "application/json")
    assert client.sanitize_for_serialization(read) == document


def test_the_commands_apply_the_files() -> None:
    applied = [words for words in printed(DEPLOY / "eks" / "README.md", "kubectl") if words[1] == "apply"]
    files = [words[3::2] for words in applied]
    assert files == [
        ["pod-identity.yaml", "rendered/cron-job.yaml"],
        ["rendered/irsa.yaml", "rendered/cron-job.yaml"],
        ["rendered/dask.yaml"],
    ]


def test_the_pod_has_the_memory_and_the_time_that_the_program_requires() -> None:
    [container] = POD["containers"]
    for kind in ("requests", "limits"):
        assert mib(container["resources"][kind]["memory"]) >= required_mib(environment(container, "env"))
    assert POD["terminationGracePeriodSeconds"] > 10


def test_the_job_has_the_settings_of_the_cron_job() -> None:
    [alone], [on_dask] = POD["containers"], PODS["gcp-copycat-dask"]["spec"]["containers"]
    settings = environment(alone, "env")
    settings.pop("GCP_COPYCAT_PROCESSES")  # has no effect on Dask
    assert environment(on_dask, "env") == settings
    assert on_dask["image"] == alone["image"]


def test_the_job_and_the_workers_find_the_scheduler() -> None:
    [service] = [each for each in DASK if each["kind"] == "Service"]
    [port] = [each["port"] for each in service["spec"]["ports"]]
    address = f"tcp://{service['metadata']['name']}:{port}"
    [scheduler], [worker], [copy] = (
        PODS[name]["spec"]["containers"] for name in ("dask-scheduler", "dask-worker", "gcp-copycat-dask")
    )
    assert scheduler["command"][:4] == ["dask", "scheduler", "--port", str(port)]
    assert worker["command"][:3] == ["dask", "worker", address]
    assert copy["args"] == ["--dask", address]
    assert service["spec"]["selector"].items() <= PODS["dask-scheduler"]["metadata"]["labels"].items()


def test_dask_knows_the_flags() -> None:
    for name, command in (("dask-scheduler", dask_scheduler), ("dask-worker", dask_worker)):
        [container] = PODS[name]["spec"]["containers"]
        help_text = CliRunner().invoke(command, ["--help"]).output
        flags = [word for word in container["command"] if word.startswith("--")]
        assert flags
        assert [flag for flag in flags if flag not in help_text.replace("/", " ")] == []


def test_only_pods_of_the_copy_reach_the_scheduler_and_the_workers() -> None:
    """A scheduler runs the code of every client. The policy selects all three pods and admits no other pod."""
    [policy] = [each["spec"] for each in DASK if each["kind"] == "NetworkPolicy"]
    selected = policy["podSelector"]["matchLabels"]
    assert all(selected.items() <= pod["metadata"]["labels"].items() for pod in PODS.values())
    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [{"from": [{"podSelector": {"matchLabels": selected}}]}]


def test_a_worker_has_the_memory_that_it_requires() -> None:
    [container] = PODS["dask-worker"]["spec"]["containers"]
    assert mib(container["resources"]["limits"]["memory"]) >= DASK_MIB + LARGEST_PART_MIB


def test_the_scheduler_has_no_role() -> None:
    accounts = {name: pod["spec"]["serviceAccountName"] for name, pod in PODS.items()}
    assert accounts == {
        "dask-scheduler": "dask-scheduler",
        "dask-worker": "gcp-copycat",
        "gcp-copycat-dask": "gcp-copycat",
    }
    [account] = [each for each in DASK if each["kind"] == "ServiceAccount"]
    assert account["metadata"]["name"] == "dask-scheduler"
    assert "annotations" not in account["metadata"]


@pytest.mark.parametrize("pod", ALL_PODS.values(), ids=ALL_PODS)
def test_no_pod_runs_as_root_or_changes_its_image(pod: dict[str, Any]) -> None:
    security = pod["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"]) == (True, int(USER))
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def test_every_job_ends_by_a_deadline() -> None:
    [hours] = re.findall(r"--timeout=(\d+)h job/gcp-copycat-dask", (DEPLOY / "eks" / "README.md").read_text())
    assert JOBS["gcp-copycat-dask"]["activeDeadlineSeconds"] == int(hours) * 3600
    assert 3600 <= JOBS["gcp-copycat"]["activeDeadlineSeconds"] <= 86_400


class TestFailurePolicy:
    """What Kubernetes does with the job after a pod, and what the program exits with."""

    @pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
    @pytest.mark.parametrize(
        ("code", "expected"), [(1, "retry"), (2, "FailJob"), (75, "retry"), (137, "retry"), (143, "retry")]
    )
    def test_only_a_wrong_configuration_fails_the_job_at_once(
        self, job: dict[str, Any], code: int, expected: str
    ) -> None:
        assert action(job, code) == expected
        assert job["backoffLimit"] > 0

    @pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
    def test_an_eviction_does_not_count(self, job: dict[str, Any]) -> None:
        assert action(job, 143, "DisruptionTarget") == "Ignore"

    @pytest.mark.parametrize(
        ("wrong", "expected"),
        few(
            [
                ({"GCP_COPYCAT_DESTINATION": "another-bucket"}, "another-bucket"),
                ({"GCP_COPYCAT_SOURCE": ""}, "No source bucket"),
                ({"GCP_COPYCAT_AUDIENCE": "my-provider"}, "audience"),
                ({"GCP_COPYCAT_DEADLINE": "never"}, "deadline"),
                ({"GCP_COPYCAT_SERVICE_ACCOUNT": "other@my-project.iam.gserviceaccount.com"}, "other@my-project"),
            ]
        ),
        ids=["bucket", "no bucket", "audience", "deadline", "service account"],
    )
    def test_a_wrong_configuration_exits_with_2(self, world: World, wrong: dict[str, str], expected: str) -> None:
        code, err = run_pod(world, wrong)
        assert (code, action(JOBS["gcp-copycat"], code)) == (2, "FailJob"), err
        assert expected in err

    @pytest.mark.parametrize("path", few(["/v1/token", ":generateAccessToken"]))
    def test_an_outage_of_google_exits_with_75(self, world: World, path: str) -> None:
        """The deadline of the run is short, so that the test is. Otherwise the program waits for minutes."""
        world.sandbox.google.fail(path, Fault(503, times=None))
        try:
            code, err = run_pod(world, {"GCP_COPYCAT_DEADLINE": "5"})
        finally:
            world.sandbox.google.clear_faults()
        assert (code, action(JOBS["gcp-copycat"], code)) == (75, "retry"), err

    @pytest.mark.parametrize("checkpoint", few([f"s3://{STATE}/checkpoint.json", ""]))
    def test_an_outage_of_the_pod_identity_agent_exits_with_75(self, world: World, checkpoint: str) -> None:
        """The pod may start before the agent of its node does."""
        [container] = POD["containers"]
        unreachable = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/", "GCP_COPYCAT_DEADLINE": "5"}
        settings = environment(container, "env") | {"GCP_COPYCAT_MANIFEST": "", "GCP_COPYCAT_CHECKPOINT": checkpoint}
        code, err = world.copy(settings | unreachable)
        assert (code, action(JOBS["gcp-copycat"], code)) == (75, "retry"), err
        assert "Traceback" not in err

    @pytest.mark.slow
    def test_an_outage_of_aws_sts_exits_with_75(self, world: World, tmp_path: Path) -> None:
        """With IRSA, the pod gets its keys from there."""
        [container] = POD["containers"]
        token = tmp_path / "token"
        token.write_text("the cluster's token")
        irsa = {"AWS_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/copycat-eks", "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
        unreachable = {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1/", "GCP_COPYCAT_DEADLINE": "5"}
        code, err = world.copy(environment(container, "env") | irsa | unreachable)
        assert (code, action(JOBS["gcp-copycat"], code)) == (75, "retry"), err
        assert "Traceback" not in err


def run_pod(world: World, changed: dict[str, str]) -> tuple[int, str]:
    """Run the pod of the CronJob with Pod Identity and some other settings."""
    [container] = POD["containers"]
    with ContainerCredentials(lambda: world.issue("session")) as agent:
        return world.copy(environment(container, "env") | agent.environment() | changed)


def action(job: dict[str, Any], code: int, condition: str | None = None) -> str:
    """Return the action of the first rule that matches a pod's exit code or condition, as Kubernetes does."""
    for rule in job["podFailurePolicy"]["rules"]:
        codes = rule.get("onExitCodes", {"operator": "In", "values": []})
        assert codes["operator"] == "In"
        if code in codes["values"] or condition in [each["type"] for each in rule.get("onPodConditions", ())]:
            return str(rule["action"])
    return "retry"

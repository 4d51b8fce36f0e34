"""The printed commands in the order of their page, against moto and with the real CLI."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.backends import get_backend

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLE, blocks
from samples.deploy.aws_commands import CUSTOM, request
from samples.deploy.conftest import ACCOUNT, DEPLOY, DESTINATION, PROGRAM, printed, rendered_file, topic_of
from samples.deploy.hosts import files_of_the_program

KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
# moto does not run clusters, images or Kubernetes.
ELSEWHERE = {"ec2", "ecr", "ecs", "eks"}
# moto lacks AWS's managed policies, and runs functions in Docker.
NOT_IN_MOTO = {"attach-role-policy", "invoke"}
MOTOS_ACCOUNT = "123456789012"
CLI = shutil.which("aws")


class Account:
    """An AWS account in which Terraform has created the role and the topic.

    Args:
        url: moto's address.
        host: the host whose Terraform was applied.
    """

    def __init__(self, url: str, host: str) -> None:
        self.url = url
        self._host = host
        self.client("iam").create_role(
            RoleName=f"copycat-{host}", AssumeRolePolicyDocument=(DEPLOY / "lambda" / "trust-policy.json").read_text()
        )
        self.client("sns").create_topic(Name=topic_of(host).rpartition(":")[2])
        place = {"LocationConstraint": "eu-central-1"}
        self.client("s3").create_bucket(Bucket=DESTINATION, CreateBucketConfiguration=place)

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self.url, **KEYS)

    def run(self) -> None:
        """Send the requests of the host's page, in their order."""
        page = DEPLOY / self._host / "README.md"
        for words in printed(page, "aws"):
            if (words[1], words[2]) in CUSTOM or words[1] in ELSEWHERE or words[2] in NOT_IN_MOTO:
                continue
            service, operation, parameters = request(words, page.parent)
            if operation == "CreateFunction":
                parameters["Code"] = {"ZipFile": package()}
            client = self.client(service)
            getattr(client, _method(client, operation))(**_in_moto(parameters))

    @property
    def topic(self) -> str:
        """The topic's ARN in moto's account."""
        [topic] = self.client("sns").list_topics()["Topics"]
        return str(topic["TopicArn"])

    def alarms(self) -> dict[str, Any]:
        return {each["AlarmName"]: each for each in self.client("cloudwatch").describe_alarms()["MetricAlarms"]}


@pytest.fixture(name="account")
def _account(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Account]:
    services = ("cloudwatch", "events", "iam", "lambda", "logs", "s3", "sns")
    yield Account(sandbox.aws.url, getattr(request, "param", "ec2"))
    for service in services:
        backends: Any = get_backend(service)  # type: ignore[call-overload]  # a union of names
        backends.reset()


def test_the_ec2_page_creates_a_bucket_a_profile_a_log_and_two_alarms(account: Account) -> None:
    account.run()
    s3 = account.client("s3")
    assert s3.get_bucket_versioning(Bucket=PROGRAM)["Status"] == "Enabled"
    policy = json.loads(s3.get_bucket_policy(Bucket=PROGRAM)["Policy"])
    assert policy == _in_moto(json.loads(rendered_file(DEPLOY / "ec2" / "program-bucket-policy.json")))
    profile = account.client("iam").get_instance_profile(InstanceProfileName="gcp-copycat")["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == ["copycat-ec2"]
    [group] = account.client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/ec2/gcp-copycat", 90)
    agent = json.loads((DEPLOY / "ec2" / "units" / "amazon-cloudwatch-agent.json").read_text())
    files = agent["logs"]["logs_collected"]["files"]["collect_list"]
    assert {each["log_group_name"] for each in files} == {group["logGroupName"]}
    alarms = account.alarms()
    assert set(alarms) == {"gcp-copycat-failed", "gcp-copycat-silent"}
    assert all(alarm["AlarmActions"] == [account.topic] for alarm in alarms.values())
    assert {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms.values()} == {("gcp-copycat", "failed")}
    missing = {name: alarm["TreatMissingData"] for name, alarm in alarms.items()}
    assert missing == {"gcp-copycat-failed": "notBreaching", "gcp-copycat-silent": "breaching"}
    assert account.client("sns").list_subscriptions()["Subscriptions"]


@pytest.mark.parametrize("account", ["lambda"], indirect=True)
def test_the_lambda_page_creates_a_function_that_runs_once_at_a_time(account: Account) -> None:
    account.run()
    functions = account.client("lambda")
    assert functions.get_function_concurrency(FunctionName="gcp-copycat")["ReservedConcurrentExecutions"] == 1
    events = account.client("events")
    [rule] = events.list_rules()["Rules"]
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"].endswith(":function:gcp-copycat")
    [statement] = json.loads(functions.get_policy(FunctionName="gcp-copycat")["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    [source] = [value for each in statement["Condition"].values() for value in each.values()]
    assert source.endswith(f":rule/{rule['Name']}")
    [alarm] = account.alarms().values()
    assert (alarm["Namespace"], alarm["MetricName"], alarm["AlarmActions"]) == ("AWS/Lambda", "Errors", [account.topic])
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "gcp-copycat"}]


@pytest.mark.parametrize("account", ["ecs"], indirect=True)
def test_the_ecs_page_publishes_failed_tasks_to_the_topic(account: Account) -> None:
    account.run()
    events = account.client("events")
    [rule] = events.list_rules()["Rules"]
    assert json.loads(rule["EventPattern"]) == json.loads((DEPLOY / "ecs" / "stopped-tasks.json").read_text())
    [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"] == account.topic


def test_s3_accepts_the_lifecycle_rule_on_the_page_of_gcp_copycat(account: Account) -> None:
    [words] = printed(SAMPLE / "README.md", "aws")
    assert words[-2:] == ["--lifecycle-configuration", "file://lifecycle.json"]
    [rule] = [json.loads(each) for each in blocks(SAMPLE / "README.md", "json") if "Rules" in each]
    s3 = account.client("s3")
    s3.put_bucket_lifecycle_configuration(Bucket=words[words.index("--bucket") + 1], LifecycleConfiguration=rule)
    [found] = s3.get_bucket_lifecycle_configuration(Bucket=DESTINATION)["Rules"]
    assert found["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.slow
@pytest.mark.skipif(CLI is None, reason="aws is not installed")
def test_the_real_cli_uploads_the_program_and_its_units(account: Account) -> None:
    page = DEPLOY / "ec2" / "README.md"
    place = {"LocationConstraint": "eu-central-1"}
    account.client("s3").create_bucket(Bucket=PROGRAM, CreateBucketConfiguration=place)
    for words in printed(page, "aws"):
        if words[1:3] == ["s3", "cp"] and words[-2] != "dist/":  # which `pip wheel` fills
            aws(words[1:], page.parent, AWS_ENDPOINT_URL_S3=account.url)
    keys = {each["Key"] for each in account.client("s3").list_objects_v2(Bucket=PROGRAM)["Contents"]}
    program = {f"gcp-copycat/{path.relative_to(SAMPLE)}" for path in files_of_the_program()}
    assert keys == program | {f"units/{path.name}" for path in (page.parent / "units").iterdir()}


@pytest.mark.slow
@pytest.mark.skipif(CLI is None, reason="aws is not installed")
@pytest.mark.parametrize(
    ("attempts", "sent"), [({"AWS_MAX_ATTEMPTS": "1"}, 1), ({}, 5)], ids=["as printed", "by default"]
)
def test_the_real_cli_sends_one_invocation(tmp_path: Path, attempts: dict[str, str], sent: int) -> None:
    """The function does not answer in time. The printed timeout of 0 would wait forever, so the test uses 1 s."""
    with silent_function() as (url, invocations):
        words = next(each for each in printed(DEPLOY / "lambda" / "README.md", "aws") if "--cli-read-timeout" in each)
        start = words.index("--cli-binary-format")  # version 1, which may be installed here, does not know this flag
        words = [*words[:start], *words[start + 2 :]]
        words[words.index("--cli-read-timeout") + 1] = "1"
        variables = {"AWS_ENDPOINT_URL_LAMBDA": url, "AWS_RETRY_MODE": "legacy", **attempts}
        aws([*words[1:-1], str(tmp_path / "result.json")], tmp_path, check=False, **variables)
        assert len(invocations) == sent


def aws(words: list[str], folder: Path, *, check: bool = True, **variables: str) -> None:
    keys = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [str(CLI), *words],
        cwd=folder,
        env={**environment, **keys, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not check or done.returncode == 0, done.stderr


@contextlib.contextmanager
def silent_function() -> Iterator[tuple[str, list[str]]]:
    """Run a server that records requests and never answers."""
    invocations: list[str] = []
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            invocations.append(self.path)
            stopped.wait(60)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", invocations
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def package() -> bytes:
    """Return a deployment package for Lambda."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("gcp_copycat.py", "def handler(event, context): ...")
    return content.getvalue()


def _method(client: Any, operation: str) -> str:
    [name] = [name for name, api in client.meta.method_to_api_mapping.items() if api == operation]
    return str(name)


def _in_moto(value: Any) -> Any:
    """Return parameters with moto's account instead of the pages' account."""
    if isinstance(value, dict):
        return {name: _in_moto(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_in_moto(each) for each in value]
    return value.replace(ACCOUNT, MOTOS_ACCOUNT) if isinstance(value, str) else value

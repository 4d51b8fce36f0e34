"""The permissions of each host's role, from the policies that its page attaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLE, blocks, commands
from samples.deploy.conftest import (
    ACCOUNT,
    DEPLOY,
    DESTINATION,
    PROGRAM,
    SOURCE,
    STATE,
    Terraform,
    World,
    applied,
    printed,
    rendered_file,
    topic_of,
)
from samples.deploy.hosts import USER_DATA, settings_of_the_instance
from samples.deploy.policies import Policy, actions, allows

HOSTS = ("ec2", "ecs", "eks", "lambda")
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/copycat-ec2"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LIST = {"s3:ListBucket", "s3:ListBucketMultipartUploads"}
COPY = {"s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"}
# The operations of S3, and actions that are not named like an operation.
S3 = {f"s3:{name}" for name in botocore.session.Session().get_service_model("s3").operation_names} | {
    *LIST,
    *COPY,
    "s3:BypassGovernanceRetention",
    "s3:DeleteObjectVersion",
    "s3:GetObjectVersion",
    "s3:ObjectOwnerOverrideToBucketOwner",
    "s3:PutLifecycleConfiguration",
    "s3:PutObjectVersionAcl",
    "s3:ReplicateObject",
}


def policies_of(host: str, terraform: Terraform) -> list[Policy]:
    """Return all policies that a page attaches to the role."""
    page = DEPLOY / host / "README.md"
    [variables, *more] = applied(page)
    assert all(each.get("state_bucket") == variables.get("state_bucket") for each in more)
    found = terraform.role_policies(**variables)
    for words in printed(page, "aws"):
        if words[1:3] == ["iam", "put-role-policy"]:
            file = words[words.index("--policy-document") + 1].removeprefix("file://")
            found.append(json.loads(rendered_file(page.parent / file.removeprefix("rendered/"))))
        if words[1:3] == ["iam", "attach-role-policy"]:
            name = words[words.index("--policy-arn") + 1].rpartition("/")[2]
            found.append(json.loads(aws_managed_policies_data)[name]["Document"])
    return found


def program_bucket_policy() -> Policy:
    policy: Policy = json.loads(rendered_file(DEPLOY / "ec2" / "program-bucket-policy.json"))
    return policy


def allowed(arn: str, identity: list[Policy], **more: Any) -> set[str]:
    return {action for action in S3 if allows(action, arn, identity=identity, **more)}


@pytest.mark.parametrize("host", HOSTS)
def test_the_role_has_exactly_the_s3_permissions_that_the_copy_requires(host: str, terraform: Terraform) -> None:
    role = policies_of(host, terraform)
    state = host != "ec2"  # which has a disk
    assert allowed(f"arn:aws:s3:::{DESTINATION}", role) == LIST
    assert allowed(f"arn:aws:s3:::{DESTINATION}/any/key", role) == COPY
    assert allowed(f"arn:aws:s3:::{STATE}", role) == ({"s3:ListBucket"} if state else set())
    checkpoint = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} if state else set()
    assert allowed(f"arn:aws:s3:::{STATE}/gcp-copycat/checkpoint.json", role) == checkpoint
    manifest = {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"} if state else set()
    assert allowed(f"arn:aws:s3:::{STATE}/gcp-copycat/manifest.jsonl", role) == manifest
    assert allowed(f"arn:aws:s3:::{STATE}/gcp-copycat/other", role) == set()
    for bucket in ("another-bucket", f"{DESTINATION}-2", SOURCE):
        assert allowed(f"arn:aws:s3:::{bucket}", role) | allowed(f"arn:aws:s3:::{bucket}/key", role) == set()


@pytest.mark.parametrize("host", HOSTS)
def test_outside_s3_the_role_can_only_write_its_log_and_metric(host: str, terraform: Terraform) -> None:
    elsewhere = {action for action in actions(policies_of(host, terraform)) if not action.startswith("s3:")}
    assert not [action for action in elsewhere if "*" in action]
    assert elsewhere == {
        "ec2": {"cloudwatch:PutMetricData", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
        "lambda": {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
    }.get(host, set())


def test_the_instance_can_send_metrics_only_in_its_namespace(terraform: Terraform) -> None:
    role = policies_of("ec2", terraform)
    for namespace, expected in (("gcp-copycat", True), ("AWS/Billing", False)):
        context = {"cloudwatch:namespace": namespace}
        assert allows("cloudwatch:PutMetricData", "*", identity=role, context=context) is expected


class TestTheProgramOfAnInstance:
    """The copy turns objects of the Google bucket into objects in S3. No instance may run them."""

    def test_comes_from_a_bucket_that_the_role_can_only_read(self, terraform: Terraform) -> None:
        role = policies_of("ec2", terraform)
        sources = {word for words in commands(USER_DATA) for word in words if word.startswith("s3://")}
        assert {source.split("/")[2] for source in sources} == {PROGRAM}
        policy = {"of_resource": [program_bucket_policy()], "principal": ROLE_ARN}
        assert allowed(f"arn:aws:s3:::{PROGRAM}", role, **policy) == {"s3:ListBucket"}
        for source in sources:
            key = source.removeprefix(f"s3://{PROGRAM}/") + "gcp_copycat.py"
            assert allowed(f"arn:aws:s3:::{PROGRAM}/{key}", role, **policy) == {"s3:GetObject"}

    def test_stays_read_only_if_the_role_can_write_to_every_bucket(self) -> None:
        role: list[Policy] = [{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}]
        policy = {"of_resource": [program_bucket_policy()], "principal": ROLE_ARN}
        for arn in (f"arn:aws:s3:::{PROGRAM}", f"arn:aws:s3:::{PROGRAM}/gcp-copycat/gcp_copycat.py"):
            assert allowed(arn, role, **policy) == {"s3:ListBucket", "s3:GetObject"}
        # Proof that this test can fail: without the bucket's policy everything is allowed.
        assert allowed(f"arn:aws:s3:::{PROGRAM}/gcp-copycat/gcp_copycat.py", role) == S3

    def test_is_not_replaced_by_a_source_object_with_the_same_name(self, world: World) -> None:
        """With the page's settings, the copy writes only to the destination."""
        settings = settings_of_the_instance()
        assert settings["GCP_COPYCAT_DESTINATION"] == DESTINATION
        names = ["gcp-copycat/gcp_copycat.py", "gcp-copycat/copycat/__init__.py", "units/gcp-copycat.service"]
        source = world.sandbox.storage_client().bucket(SOURCE)
        for name in names:
            source.blob(name).upload_from_string(b"the attacker's")
        s3 = world.sandbox.s3_client()
        s3.create_bucket(Bucket=PROGRAM, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        try:
            for name in names:
                s3.put_object(Bucket=PROGRAM, Key=name, Body=b"the administrator's")
            keys = world.issue("i-0a1b2c3d4e5f60718")
            code, err = world.copy(
                settings
                | {
                    "AWS_ACCESS_KEY_ID": keys.access_key_id,
                    "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
                    "AWS_SESSION_TOKEN": str(keys.session_token),
                    "AWS_REGION": "eu-central-1",
                }
            )
            assert code == 0, err
            assert set(names) < set(world.copied)
            for name in names:
                assert s3.get_object(Bucket=PROGRAM, Key=name)["Body"].read() == b"the administrator's"
        finally:
            for each in s3.list_objects_v2(Bucket=PROGRAM).get("Contents", ()):
                s3.delete_object(Bucket=PROGRAM, Key=each["Key"])
            s3.delete_bucket(Bucket=PROGRAM)


def test_the_kms_key_can_only_be_used_through_s3(terraform: Terraform) -> None:
    assert "kms:Decrypt" not in actions(terraform.role_policies())
    role = terraform.role_policies(kms_key=KEY)
    through_s3, others = (
        {"kms:ViaService": "s3.eu-central-1.amazonaws.com"},
        {"kms:ViaService": "ec2.eu-central-1.amazonaws.com"},
    )
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        assert allows(action, KEY, identity=role, context=through_s3)
        assert not allows(action, KEY, identity=role, context=others)
        assert not allows(action, KEY, identity=role)
        assert not allows(action, f"{KEY}0", identity=role, context=through_s3)
    assert not allows("kms:ScheduleKeyDeletion", KEY, identity=role, context=through_s3)


def test_only_the_alarms_and_the_rule_can_publish_to_the_topic(terraform: Terraform) -> None:
    policy = terraform.document(terraform.resources["aws_sns_topic_policy.alarms"]["policy"])
    publishers = {each["Principal"]["Service"]: each["Condition"] for each in policy["Statement"]}
    [rule] = [
        words[words.index("--name") + 1]
        for words in printed(DEPLOY / "ecs" / "README.md", "aws")
        if "put-rule" in words
    ]
    assert publishers == {
        "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        "events.amazonaws.com": {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/{rule}"}},
    }
    assert {each["Resource"] for each in policy["Statement"]} == {topic_of("ec2")}
    assert {each["Action"] for each in policy["Statement"]} == {"sns:Publish"}


def test_iam_accepts_the_policies_and_the_page_prints_them(sandbox: Sandbox, terraform: Terraform) -> None:
    """The page of gcp_copycat prints the policies that Terraform attaches. moto checks them with IAM's grammar."""
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    iam = boto3.client("iam", endpoint_url=sandbox.aws.url, **keys)
    iam.create_role(
        RoleName="gcp-copycat", AssumeRolePolicyDocument=rendered_file(DEPLOY / "ec2" / "trust-policy.json")
    )
    policies = [
        *terraform.role_policies(state_bucket=STATE, kms_key=KEY),
        json.loads(rendered_file(DEPLOY / "ec2" / "instance-policy.json")),
    ]
    for number, policy in enumerate(policies):
        document = json.dumps(policy)
        iam.put_role_policy(RoleName="gcp-copycat", PolicyName=f"policy-{number}", PolicyDocument=document)
    on_the_page = [json.loads(block) for block in blocks(SAMPLE / "README.md", "json")]
    assert [each for each in on_the_page if "Statement" in each] == policies[:3]


def test_unfinished_uploads_are_aborted_and_state_is_kept(terraform: Terraform) -> None:
    """Terraform sets the rule that the page prints."""
    for name in ("destination", "state"):
        [rule] = terraform.resources[f"aws_s3_bucket_lifecycle_configuration.{name}"]["rule"]
        assert (rule["status"], rule["filter"]) == ("Enabled", [{}])
        assert rule["abort_incomplete_multipart_upload"] == [{"days_after_initiation": 7}]
    assert (
        terraform.value(terraform.resources["aws_s3_bucket_lifecycle_configuration.destination"]["bucket"])
        == DESTINATION
    )
    [lifecycle] = [json.loads(each) for each in blocks(SAMPLE / "README.md", "json") if "Rules" in each]
    assert lifecycle == {
        "Rules": [
            {
                "ID": "abort-unfinished-uploads",
                "Status": "Enabled",
                "Filter": {},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            }
        ]
    }


@pytest.mark.parametrize("name", ["trust-policy", "role-policy", "state-policy", "kms-policy", "topic-policy"])
def test_every_policy_is_used(name: str) -> None:
    files = [*DEPLOY.glob(f"*/*{name}.json")]
    text = "".join(path.read_text() for path in [*DEPLOY.glob("*/README.md"), *DEPLOY.glob("*/main.tf")])
    assert files
    assert [path.name for path in files if path.name not in text] == []


def test_state_is_not_in_the_destination() -> None:
    """A source object with the checkpoint's name would replace the checkpoint."""
    for path in (path for path in DEPLOY.rglob("*") if path.is_file()):
        for line in Path(path).read_text().splitlines():
            if "CHECKPOINT" in line or "MANIFEST" in line:
                assert DESTINATION not in line, path

"""The boto3 supplier from Google's documentation: one session, which is called for each exchange."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from google.auth import aws


class Supplier(aws.AwsSecurityCredentialsSupplier):
    """Supplies the session's keys, or those of a role that is assumed with them.

    Args:
        role: ARN of the role.
    """

    def __init__(self, role: str | None = None) -> None:
        self._session = import_module("boto3").Session()
        self._role = role

    def get_aws_region(self, context: Any, request: Any) -> Any:
        if not self._session.region_name:
            raise ValueError("No AWS region.")
        return self._session.region_name

    def get_aws_security_credentials(self, context: Any, request: Any) -> aws.AwsSecurityCredentials:
        if self._role is not None:
            keys = self._session.client("sts").assume_role(RoleArn=self._role, RoleSessionName="bench")["Credentials"]
            return aws.AwsSecurityCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        keys = self._session.get_credentials().get_frozen_credentials()
        return aws.AwsSecurityCredentials(keys.access_key, keys.secret_key, keys.token)

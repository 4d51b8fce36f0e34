"""A program for a separate network namespace, where this machine has the fixed addresses of AWS's metadata services.

Run by test_sources.py; prints whom Google saw, in the task and on the instance.
"""

from __future__ import annotations

import os

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata
from google_auth_botocore.emulator.aws.container import ECS_ADDRESS
from google_auth_botocore.emulator.aws.metadata import EC2_ADDRESS


def main() -> None:
    with Emulator() as google:
        audience = google.add_aws_provider().audience

        def seen() -> str:
            Credentials(audience, token_url=google.token_url).get_token()
            assertion = google.calls[-1].assertion or {}
            return str(assertion["arn"])

        def issue(role: str) -> str:
            return f"arn:aws:sts::123456789012:assumed-role/{role}/session"

        with InstanceMetadata(lambda: google.aws_keys.issue(issue("node")), address=EC2_ADDRESS):
            with ContainerCredentials(lambda: google.aws_keys.issue(issue("task")), address=ECS_ADDRESS) as container:
                os.environ.update(container.environment())
                print(seen())
                del os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
            print(seen())


if __name__ == "__main__":
    main()

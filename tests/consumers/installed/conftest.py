"""An ECS task whose program has called `install`, and does not use this package otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import google_auth_botocore
from consumers.google_clients.conftest import _api, _grpc_api
from consumers.recipes.conftest import _bucket, _storage_control
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.aws import ContainerCredentials
from google_auth_botocore.emulator.sandbox import Sandbox

__all__ = ["_api", "_bucket", "_grpc_api", "_storage_control"]  # fixtures


@pytest.fixture(name="configuration")
def _configuration(sandbox: Sandbox) -> dict[str, Any]:
    """What gcloud writes. Its endpoints are Google's, so `install` has the emulator's."""
    return Credentials(sandbox.provider.audience, sandbox.service_account).info


@pytest.fixture(name="task")
def _task(
    sandbox: Sandbox, configuration: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    """A task on ECS: its keys are at the container credentials endpoint, and there is no instance metadata."""
    with ContainerCredentials(lambda: sandbox.google.aws_keys.issue(sandbox.arn)) as container:
        for name in sandbox.imds.environment():
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        for name, value in container.environment().items():
            monkeypatch.setenv(name, value)
        path = tmp_path / "google.json"
        path.write_text(json.dumps(configuration))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        yield sandbox


@pytest.fixture(name="installed")
def _installed(task: Sandbox) -> Iterator[Sandbox]:
    """The same task after `install`."""
    arguments = task.credentials_arguments()
    kept = ("token_url", "iam_credentials_endpoint", "project_id")
    with google_auth_botocore.install(**{name: arguments[name] for name in kept}):
        yield task

"""An administrator who sets up both clouds with the real gcloud and aws, and a machine that assumes the roles."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.responses import IamResponse
from moto.sts.responses import TokenResponse

from google_auth_botocore.emulator.aws.web_identity import WebIdentityIssuer
from google_auth_botocore.emulator.sandbox import Sandbox

_MISSING = [name for name in ("gcloud", "aws") if shutil.which(name) is None]
is_here = pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")


@contextlib.contextmanager
def web_identity_issuer(sandbox: Sandbox) -> Iterator[WebIdentityIssuer]:
    """Add outbound web identity federation to moto, which does not know it: two operations of IAM, and one of STS."""
    with (
        WebIdentityIssuer(sandbox.google.aws_keys.find, enabled=False) as issuer,
        pytest.MonkeyPatch.context() as patch,
    ):

        def info(_: Any) -> Any:
            if not issuer.enabled:
                raise NotFoundException("Outbound web identity federation is not enabled.")
            return ActionResult({"IssuerIdentifier": issuer.url, "JwtVendingEnabled": True})

        def enable(_: Any) -> Any:
            assert not issuer.enabled
            issuer.enabled = True
            return ActionResult({"IssuerIdentifier": issuer.url})

        def token(request: Any) -> Any:
            names = ("Authorization", "X-Amz-Security-Token")
            headers = {name: request.headers[name] for name in names if name in request.headers}
            reply = requests.post(issuer.url, request.form_data, headers=headers, timeout=60)
            return reply.text, {"status": reply.status_code}

        patch.setattr(IamResponse, "get_outbound_web_identity_federation_info", info, raising=False)
        patch.setattr(IamResponse, "enable_outbound_web_identity_federation", enable, raising=False)
        patch.setattr(TokenResponse, "get_web_identity_token", token, raising=False)
        yield issuer


@dataclass
class Administrator:
    """Sets up a sandbox, with a home directory and the project of the gcloud configuration."""

    sandbox: Sandbox
    home: Path
    project: str

    @property
    def _base(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AWS_DEFAULT_REGION": "eu-central-1",
            **self.sandbox.aws.environment(),
        }

    @property
    def environment(self) -> dict[str, str]:
        """The environment of gcloud and aws, with an access token and AWS keys."""
        return {
            **self._base,
            **self.sandbox.google.gcloud_environment(self.project),
            "CLOUDSDK_CONFIG": str(self.home / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.sandbox.storage.url}/storage/v1/",
            "AWS_ACCESS_KEY_ID": "AKIAADMINISTRATOR000",
            "AWS_SECRET_ACCESS_KEY": "not-checked-by-moto",
        }

    def shell(self, script: str) -> str:
        """Run commands, stop at the first that fails, and return their output."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def google_resources(self, project: str) -> str:
        """Return the pools, the service accounts and the policy of a project, after enabling the APIs that list them."""
        return self.shell(
            f"gcloud services enable iam.googleapis.com cloudresourcemanager.googleapis.com --project={project}\n"
            f"gcloud iam workload-identity-pools list --location=global --project={project} --format='value(name)'\n"
            f"gcloud iam service-accounts list --project={project} --format='value(email)'\n"
            f"gcloud projects get-iam-policy {project} --format='json(bindings)'"
        )

    def machine(self, role: str) -> dict[str, str]:
        """Return the environment of a process on a machine whose profile `work` assumes a role."""
        config = self.home / "config"
        config.write_text(
            f"[profile work]\nrole_arn = arn:aws:iam::123456789012:role/{role}\nrole_session_name = session\n"
            "source_profile = someone\n"
            "[profile someone]\naws_access_key_id = AKIASOMEONE000000000\naws_secret_access_key = not-checked-by-moto\n"
        )
        return {**self._base, "AWS_CONFIG_FILE": str(config), "AWS_EC2_METADATA_DISABLED": "true"}

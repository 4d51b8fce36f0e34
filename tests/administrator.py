"""An administrator who sets up both clouds with the real gcloud and aws, and a machine that assumes the roles."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from google_auth_botocore.emulator.sandbox import Sandbox

_MISSING = [name for name in ("gcloud", "aws") if shutil.which(name) is None]
is_here = pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")


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

    def shell(self, script: str) -> str:
        """Run commands, stop at the first that fails, and return their output."""
        environment = {
            **self._base,
            **self.sandbox.google.gcloud_environment(self.project),
            "CLOUDSDK_CONFIG": str(self.home / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.sandbox.storage.url}/storage/v1/",
            "AWS_ACCESS_KEY_ID": "AKIAADMINISTRATOR000",
            "AWS_SECRET_ACCESS_KEY": "not-checked-by-moto",
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def machine(self, role: str) -> dict[str, str]:
        """Return the environment of a process on a machine whose profile `work` assumes a role."""
        config = self.home / "config"
        config.write_text(
            f"[profile work]\nrole_arn = arn:aws:iam::123456789012:role/{role}\nrole_session_name = session\n"
            "source_profile = someone\n"
            "[profile someone]\naws_access_key_id = AKIASOMEONE000000000\naws_secret_access_key = not-checked-by-moto\n"
        )
        return {**self._base, "AWS_CONFIG_FILE": str(config), "AWS_EC2_METADATA_DISABLED": "true"}

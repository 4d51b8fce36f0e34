"""The command `python -m google_auth_botocore.emulator` as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from google_auth_botocore import Credentials

MODULE = "google_auth_botocore.emulator"
ACCOUNT = "copycat@my-project.iam.gserviceaccount.com"


def environment() -> dict[str, str]:
    """Return the environment with PYTHONPATH, which only the tests' own interpreter may use: gcloud has another."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments, and return its result."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Service:
    """A running emulator."""

    def __init__(self, process: subprocess.Popen[str], printed: str) -> None:
        self.process = process
        self.printed = printed
        found = re.search(r"^# The emulator listens on (\S+)\. ", printed)
        self.url = found[1] if found else ""
        self.administrator = re.findall(r"CLOUDSDK_AUTH_ACCESS_TOKEN=(\S+)", printed)[0]
        self.audience = re.findall(r"^#       '(//iam.*)',$", printed, re.MULTILINE)[0]
        self.aws = dict(re.findall(r"^export (AWS_\w+)=(\S+)$", printed, re.MULTILINE))
        self.errors = ""

    def api(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.administrator}"}
        reply = requests.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=60)
        assert reply.status_code == 200, reply.text
        result = reply.json()
        assert isinstance(result, dict)
        return result

    def token(self, monkeypatch: pytest.MonkeyPatch) -> str:
        for name, value in self.aws.items():
            monkeypatch.setenv(name, value)
        return (
            Credentials(
                self.audience,
                service_account_email=ACCOUNT,
                token_url=f"{self.url}/v1/token",
                iam_credentials_endpoint=self.url,
            )
            .get_token()
            .value
        )

    def knows(self, token: str) -> bool:
        reply = requests.get(f"{self.url}/tokeninfo", params={"access_token": token}, timeout=60)
        return reply.status_code == 200


@contextmanager
def serving(*arguments: str, end: int = signal.SIGTERM, code: int = 0) -> Iterator[Service]:
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines: list[str] = []
    service = None
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("#   )"):
                break
        assert lines, process.stderr.read()
        service = Service(process, "".join(lines))
        yield service
    finally:
        process.send_signal(end)
        _, errors = process.communicate(timeout=60)
        if service is not None:
            service.errors = errors
    assert process.returncode == code, errors

"""What the environment must have for a run, and the accounts in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.session
import requests

TOKEN = "CLOUDSDK_AUTH_ACCESS_TOKEN"
PROJECTS = ("CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT")
PROGRAMS = ("bash", "gcloud", "aws")
# Seconds. A run takes a few minutes. While changes take effect slowly, it takes 20 more (`waiting`). It must also tear down.
SHORTEST = 1800


class AccountError(Exception):
    """The accounts cannot be used. Nothing was created."""


@dataclass(frozen=True)
class Accounts:
    """The accounts of a run.

    Attributes:
        aws: id of the AWS account.
        partition: its partition.
        caller: ARN of the AWS identity that runs this.
        region: the AWS region.
        project: id of the Google Cloud project.
        number: its number.
        secrets: the access token and the AWS keys.
    """

    aws: str
    partition: str
    caller: str
    region: str
    project: str
    number: str
    secrets: tuple[str, ...]


def missing() -> list[str]:
    """Return a sentence for each thing that the environment lacks. Makes no network call, except for the keys of AWS."""
    if os.name == "nt":
        return ["This session does not run on Windows. Use the Windows Subsystem for Linux."]
    found = [f"{name} is not installed." for name in PROGRAMS if shutil.which(name) is None]
    if not os.environ.get(TOKEN):
        found.append(f"{TOKEN} is not set. Set it to the output of `gcloud auth print-access-token`.")
    if _project() is None:
        found.append(f"{' or '.join(PROJECTS)} is not set. Set it to the id of a Google Cloud project.")
    session = botocore.session.Session()
    if not _region(session):
        found.append("AWS_REGION or the profile's region is not set.")
    try:
        credentials = session.get_credentials()
    except Exception as error:  # a broken profile, for example
        found.append(f"There are no AWS credentials: {type(error).__name__}.")
    else:
        if credentials is None:
            found.append("There are no AWS credentials: set AWS_PROFILE, for example.")
    return found


def find() -> Accounts:
    """Look the accounts up.

    Raises:
        AccountError: one of them cannot be used.
    """
    token, project = os.environ[TOKEN], _project()
    session = botocore.session.Session()
    region = _region(session)
    assert project is not None
    _check_lifetime(token)
    try:
        credentials: Any = session.get_credentials()
        keys = credentials.get_frozen_credentials()
        sts: Any = session.create_client("sts", region_name=region)
        identity = sts.get_caller_identity()
    except Exception as error:
        raise AccountError(f"AWS rejected the credentials: {error}") from None
    done = run_command(["gcloud", "projects", "describe", project, "--format=value(projectNumber)"])
    if done.returncode != 0:
        raise AccountError(f"gcloud cannot describe the project.\n{done.stderr}")
    return Accounts(
        aws=identity["Account"],
        partition=identity["Arn"].split(":")[1],
        caller=identity["Arn"],
        region=region,
        project=project,
        number=done.stdout.strip(),
        secrets=tuple(filter(None, (token, keys.secret_key, keys.token))),
    )


def commands_environment() -> dict[str, str]:
    """Return the environment of gcloud and aws. The modules of this session's environment are not theirs."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    # The AWS CLI 1 does not read AWS_REGION.
    region = {"AWS_DEFAULT_REGION": os.environ["AWS_REGION"]} if os.environ.get("AWS_REGION") else {}
    return {**inherited, **region, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "AWS_PAGER": ""}


def run_command(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of gcloud or aws that changes nothing. Ctrl-C does not reach it. A command that hangs fails after two minutes."""
    try:
        return subprocess.run(
            command,
            env=commands_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=120,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def versions() -> Iterator[str]:
    """Yield the versions of gcloud and aws."""
    for program in ("gcloud", "aws"):
        done = run_command([program, "--version"])
        yield (done.stdout or done.stderr or f"{program}: no version").splitlines()[0]


def _project() -> str | None:
    return next(filter(None, map(os.environ.get, PROJECTS)), None)


def _region(session: botocore.session.Session) -> str:
    # botocore's setting is AWS_DEFAULT_REGION or the profile's region.
    return os.environ.get("AWS_REGION") or session.get_config_variable("region") or ""


def _check_lifetime(token: str) -> None:
    """Check that the access token is valid until the end of a long run: without it, nothing can be deleted."""
    try:
        reply = requests.post("https://oauth2.googleapis.com/tokeninfo", data={"access_token": token}, timeout=30)
    except requests.RequestException as error:
        raise AccountError(f"Cannot reach Google: {error}") from None
    if reply.status_code != 200:
        raise AccountError(f"Google rejects {TOKEN}. Run `gcloud auth print-access-token` for a new one.")
    left = int(reply.json()["expires_in"])
    if left < SHORTEST:
        raise AccountError(
            f"{TOKEN} expires in {left} s. A run may take {SHORTEST} s. Run `gcloud auth print-access-token` for a new one. If it is "
            "the same, run `gcloud auth login` first."
        )

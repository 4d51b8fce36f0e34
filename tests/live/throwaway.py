"""The resources of one run: their names, how `config setup` creates them and `config teardown` deletes them, and what is left.

Their names have a random suffix, so that no run touches what it has not created, and runs can overlap. A new suffix is also
necessary because Google keeps a deleted pool's id for 30 days.
"""

from __future__ import annotations

import contextlib
import io
import re
import secrets
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from google_auth_botocore import cli
from live import shell
from live.accounts import Accounts, run_command
from live.waiting import is_delay

_GONE = re.compile(r"NOT_FOUND|NoSuchEntity|not found: 404|HTTPError 404|does not exist", re.IGNORECASE)


@dataclass(frozen=True)
class Setup:
    """One set-up that `config setup` prints.

    Attributes:
        role: name of its AWS role.
        provider: id of its provider.
        flags: its flags, in addition to those of every set-up.
        folder: for its scripts and its configuration file.
    """

    role: str
    provider: str
    flags: tuple[str, ...]
    folder: Path

    @property
    def configuration(self) -> Path:
        """The configuration file that the script writes."""
        return self.folder / "external_account.json"


@dataclass(frozen=True)
class Left:
    """A resource that is left, or may be.

    Attributes:
        name: what it is.
        commands: how to delete it.
        problem: why it is not known whether it is left; empty: it is.
    """

    name: str
    commands: tuple[str, ...]
    problem: str


class LeftError(Exception):
    """The teardown failed, or something is left.

    Attributes:
        left: what is left.
        retryable: whether another attempt may succeed.
    """

    def __init__(self, failures: Sequence[Exception], left: list[Left]) -> None:
        texts = [*(f"{each.name} is left. {each.problem}".strip() for each in left), *map(str, failures)]
        super().__init__("\n".join(texts))
        self.left = left
        # Google's list of providers may be old, and then the script keeps the pool.
        self.retryable = all(map(is_delay, failures))


class Throwaway:
    """The resources of one run.

    Args:
        accounts: the accounts.
        directory: for the scripts.

    Attributes:
        name: the name of the pool, the bucket and the service account.
        folder: the folder with the scripts.
        setups: the set-ups: direct access, a service account, and JWTs.
        began: whether anything may have been created.
        begun: the set-ups that may have been created.
    """

    def __init__(self, accounts: Accounts, directory: Path) -> None:
        self.accounts = accounts
        self.name = f"gab-live-{secrets.token_hex(5)}"
        self.bucket = f"gs://{self.name}"
        self.email = f"{self.name}@{_domain(accounts.project)}.iam.gserviceaccount.com"
        self.folder = directory / self.name
        reads = f"--bucket={self.name}"
        self.direct = self._setup("direct", "--direct", reads)
        signs = "--grant=roles/iam.serviceAccountTokenCreator"
        self.impersonated = self._setup("account", f"--service-account={self.name}", reads, signs)
        self.jwt = self._setup("jwt", "--direct", "--proof=jwt", reads)
        self.setups = (self.direct, self.impersonated, self.jwt)
        self.began = self._has_bucket = False
        self.begun: list[Setup] = []

    def _setup(self, name: str, *flags: str) -> Setup:
        return Setup(f"{self.name}-{name}", f"{name}-provider", flags, self.folder / name)

    def arn(self, setup: Setup) -> str:
        """Return the ARN of the role of a set-up."""
        return f"arn:{self.accounts.partition}:iam::{self.accounts.aws}:role/{setup.role}"

    def audience(self, provider: str) -> str:
        """Return the full name of a provider in the pool."""
        return f"//{self._pool}/providers/{provider}"

    @property
    def _pool(self) -> str:
        return f"iam.googleapis.com/projects/{self.accounts.number}/locations/global/workloadIdentityPools/{self.name}"

    def print_scripts(self) -> None:
        """Write the scripts before anything is created, so that a run that is killed can be undone."""
        for each in self.setups:
            each.folder.mkdir(parents=True)
            for command in ("setup", "teardown"):
                (each.folder / f"{command}.sh").write_text(self._printed(command, each), encoding="utf-8")

    def _printed(self, command: str, setup: Setup) -> str:
        """Return what `config setup` or `config teardown` prints."""
        accounts = self.accounts
        flags = [
            *(f"--aws-account={accounts.aws}", f"--aws-role={setup.role}"),
            *(f"--project={accounts.project}", f"--project-number={accounts.number}"),
            *(f"--pool={self.name}", f"--provider={setup.provider}", "--format=script"),
            # The run assumes the role, with the identity that runs it.
            f"--trust=arn:{accounts.partition}:iam::{accounts.aws}:root",
            *setup.flags,
        ]
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = cli.main(["config", command, *flags])
        if code != 0:
            raise ValueError(f"config {command} failed with exit code {code}: {output.getvalue()}")
        return output.getvalue()

    def create(self, setup: Setup) -> str:
        """Run the script of a set-up. It can be run repeatedly."""
        if setup not in self.begun:
            self.begun.append(setup)
        return shell.run(setup.folder / "setup.sh")

    def grant_more(self) -> None:
        """Grant what `config setup` does not: write access to the bucket."""
        self.run(
            [
                *("gcloud", "storage", "buckets", "add-iam-policy-binding", self.bucket, "--condition=None"),
                *("--role=roles/storage.objectUser", f"--member=serviceAccount:{self.email}"),
            ]
        )

    def run(self, *commands: Sequence[str]) -> str:
        """Run more commands.

        Raises:
            ShellError: one of them failed.
        """
        script = self.folder / "more.sh"
        script.write_text("set -e\n" + "".join(f"{shlex.join(command)}\n" for command in commands), encoding="utf-8")
        return shell.run(script)

    def create_bucket(self) -> None:
        """Create the bucket, the first resource."""
        self.began = self._has_bucket = True
        where = f"--project={self.accounts.project}"
        try:
            self.run(["gcloud", "storage", "buckets", "create", self.bucket, where, "--uniform-bucket-level-access"])
        except shell.ShellError as error:
            # The bucket belongs to another user. A repeated request also fails with 409 if the first one created the bucket.
            if "HTTPError 409" in error.output and "already own it" not in error.output:
                self._has_bucket = False
            raise

    def issuer_is_on(self) -> bool:
        """Return whether the AWS account issues JWTs already."""
        return self._state(["aws", "iam", "get-outbound-web-identity-federation-info"]) == "there"

    def tear_down(self) -> None:
        """Run the teardown script of each set-up that has begun, and delete the bucket. Can be run repeatedly.

        Raises:
            LeftError: a script failed, or something is left.
        """
        failures: list[Exception] = []
        for each in reversed(self.begun):
            try:
                shell.run(each.folder / "teardown.sh")
            except (shell.ShellError, OSError) as error:
                failures.append(error)
        if self._has_bucket and self._state(self._describe_bucket()) != "gone":
            try:
                self.run(["gcloud", "storage", "rm", "--recursive", self.bucket])
            except (shell.ShellError, OSError) as error:
                failures.append(error)
        left = self.left()
        if failures or left:
            raise LeftError(failures, left)

    def left(self) -> list[Left]:
        """Return the resources that are left, or may be."""
        states = [(name, self._state(check), commands) for name, check, commands in self._resources()]
        return [
            Left(name, commands, "" if state == "there" else state)
            for name, state, commands in states
            if state != "gone"
        ]

    def undo(self) -> Iterator[str]:
        """Yield the commands that undo everything."""
        yield f"cd {shlex.quote(str(self.folder.resolve()))}"
        yield from (f"bash {each.folder.name}/teardown.sh" for each in reversed(self.setups))
        yield f"gcloud storage rm --recursive {self.bucket}"

    def forget(self) -> None:
        """Delete the scripts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _resources(self) -> list[tuple[str, list[str], tuple[str, ...]]]:
        """Return the name of each resource, the command that describes it, and those that delete it."""
        where = ["--location=global", f"--project={self.accounts.project}"]
        pools, accounts = "gcloud iam workload-identity-pools", "gcloud iam service-accounts"
        roles = [
            (
                f"AWS role {each.role}",
                ["aws", "iam", "get-role", f"--role-name={each.role}"],
                (
                    *(
                        [f"aws iam delete-role-policy --role-name={each.role} --policy-name=get-google-jwt"]
                        if each is self.jwt
                        else []
                    ),
                    f"aws iam delete-role --role-name={each.role}",
                ),
            )
            for each in self.setups
        ]
        return [
            *roles,
            (
                f"workload identity pool {self.name}",
                [*pools.split(), "describe", self.name, *where, "--format=value(state)"],
                (f"{pools} delete {self.name} {shlex.join(where)}",),
            ),
            (
                f"service account {self.email}",
                # `describe` fails in the same way for a missing account and for one that the caller may not read.
                [*accounts.split(), "list", where[1], f"--filter=email={self.email}", "--format=value(email)"],
                (f"{accounts} delete {self.email} {shlex.quote(where[1])}",),
            ),
            *(
                [(f"bucket {self.bucket}", self._describe_bucket(), (f"gcloud storage rm --recursive {self.bucket}",))]
                if self._has_bucket
                else []
            ),
        ]

    def _describe_bucket(self) -> list[str]:
        return ["gcloud", "storage", "buckets", "describe", self.bucket]

    def _state(self, check: Sequence[str]) -> str:
        """Return `there`, `gone`, or why it is not known."""
        done = run_command(check)
        if done.returncode == 0:
            return "gone" if done.stdout.strip() in {"", "DELETED"} else "there"
        return "gone" if _GONE.search(done.stderr) else done.stderr.strip() or f"exit code {done.returncode}"


def _domain(project: str) -> str:
    """Return the domain of service accounts: `example.com:id` is a project of a domain."""
    return ".".join(reversed(project.split(":")))

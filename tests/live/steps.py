"""The steps of a run, in their order. Each returns what was seen, or raises an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import botocore.session
import google.auth
import requests
from google.auth.transport.requests import Request
from google.cloud import storage
from google.oauth2 import id_token

from google_auth_botocore import Credentials, IDTokenCredentials
from live.report import FAILED, NOT_RUN, OK, Report, Result
from live.throwaway import Setup, Throwaway
from live.waiting import Patience

_JWT = "urn:ietf:params:oauth:token-type:jwt"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_AUDIENCE = "https://gab-live.example"
_OBJECT, _CONTENT = "an object.txt", b"written with an AWS identity"
_ISSUER_STAYS = (
    "Outbound web identity federation was off in the AWS account. `config setup --proof jwt` enabled it, and `config teardown` "
    "leaves it on. It costs nothing. To disable it, if nothing else uses it: `aws iam disable-outbound-web-identity-federation`"
)


class UnexpectedError(Exception):
    """Something works, but not as expected.

    Attributes:
        failure: the cause that `doctor` names instead of the one that was made; None: there is none.
    """

    def __init__(self, text: str, failure: str | None = None) -> None:
        super().__init__(text)
        self.failure = failure


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        title: what it does.
        action: does it.
        needs: titles of the steps without which it cannot succeed.
        setup: the set-up that `doctor` examines if it fails.
    """

    title: str
    action: Callable[[], str]
    needs: tuple[str, ...] = ()
    setup: Setup | None = None


class Steps:
    """The steps, on the resources of one run."""

    def __init__(self, resources: Throwaway, report: Report, patience: Patience) -> None:
        self._resources = resources
        self._report = report
        self._patience = patience
        self._credentials: dict[Setup, Credentials] = {}
        self._issuer_was_on: bool | None = None

    def plan(self) -> list[Step]:
        """Return the steps."""
        direct, impersonated, jwt = self._resources.setups
        scripts, create, write = "print the scripts", "create a bucket", "write an object"
        set_up = {direct: "set up direct access", impersonated: "set up a service account", jwt: "set up JWTs"}
        get = {direct: "direct token", impersonated: "impersonated token", jwt: "token with a JWT"}
        return [
            Step(scripts, self._print_scripts),
            Step(create, self._create_bucket, (scripts,)),
            Step(set_up[direct], partial(self._set_up, direct), (create,)),
            Step(set_up[impersonated], self._set_up_account, (create,)),
            Step(set_up[jwt], self._set_up_jwt, (create,)),
            *(Step(get[each], partial(self._token, each), (set_up[each],), each) for each in get),
            Step("token with the printed JWT file", self._token_of_google_auth, (get[jwt],), jwt),
            Step(write, self._write, (get[impersonated],), impersonated),
            *(Step(f"read it: {get[each]}", partial(self._read, each), (get[each], write), each) for each in get),
            Step("fetch it by a signed URL", self._fetch_signed_url, (write,), impersonated),
            Step("forced refresh", self._refresh, (write,), impersonated),
            Step("delete it", self._delete, (write,), impersonated),
            Step("verify an ID token", self._verify_id_token, (get[impersonated],), impersonated),
            Step("doctor: no such provider", self._missing_provider, (get[direct],)),
            Step("doctor: condition not met", self._unmet_condition, (get[direct], get[jwt])),
            Step("doctor: role not bound", self._missing_binding, (get[direct], get[impersonated])),
        ]

    def run(self) -> None:
        """Run all steps, except those that need one that failed."""
        failed: set[str] = set()
        for step in self.plan():
            missing = [title for title in step.needs if title in failed]
            result = Result(step.title, NOT_RUN, f"needs: {missing[0]}") if missing else self._result(step)
            if result.state != OK:
                failed.add(step.title)
            self._report.add(result)

    def _result(self, step: Step) -> Result:
        start = time.monotonic()
        try:
            note, state, detail = self._patience.repeat(step.action), OK, ""
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            note, state = detail.splitlines()[0], FAILED
            if step.setup is not None:
                detail += f"\n\n{self._doctor(*self._flags(step.setup))}"
        return Result(step.title, state, note, time.monotonic() - start, self._patience.attempts, detail)

    # Set up

    def _print_scripts(self) -> str:
        self._resources.print_scripts()
        self._report.undo = tuple(self._resources.undo())
        return f"config setup and config teardown, for {self._resources.name}"

    def _create_bucket(self) -> str:
        self._resources.create_bucket()
        return self._resources.bucket

    def _set_up(self, setup: Setup) -> str:
        self._resources.create(setup)
        return f"role {setup.role}"

    def _set_up_account(self) -> str:
        seen = self._set_up(self._resources.impersonated)
        self._resources.grant_more()
        return seen

    def _set_up_jwt(self) -> str:
        if self._issuer_was_on is None:
            self._issuer_was_on = self._resources.issuer_is_on()
            if not self._issuer_was_on:
                self._report.remains.append(_ISSUER_STAYS)
        return self._set_up(self._resources.jwt)

    # Tokens

    def _of(self, setup: Setup) -> Credentials:
        """Return the credentials of the role of a set-up."""
        if setup not in self._credentials:
            role: dict[str, Any] = {
                "assume_role": self._resources.arn(setup),
                "project_id": self._resources.accounts.project,
            }
            self._credentials[setup] = (
                Credentials(self._resources.audience(setup.provider), subject_token_type=_JWT, **role)
                if setup is self._resources.jwt
                else Credentials.from_file(setup.configuration, **role)
            )
        return self._credentials[setup]

    def _token(self, setup: Setup) -> str:
        credentials = self._of(setup)
        credentials.refresh(Request())
        return self._seen(credentials)

    def _seen(self, credentials: Any) -> str:
        self._report.redaction.secrets.append(credentials.token)
        return f"valid until {credentials.expiry:%H:%M:%S} UTC"

    def _token_of_google_auth(self) -> str:
        """Google's own library runs the executable in the file, as the role. It does not load this package."""
        role = {"RoleArn": self._resources.arn(self._resources.jwt), "RoleSessionName": "gab-live"}
        region = self._resources.accounts.region
        sts: Any = botocore.session.Session().create_client("sts", region_name=region)
        keys = sts.assume_role(**role)["Credentials"]
        self._report.redaction.secrets += [keys["SecretAccessKey"], keys["SessionToken"]]
        variables = {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1",
        }
        with mock.patch.dict(os.environ, variables):
            os.environ.pop("AWS_PROFILE", None)  # restored with the others
            credentials, _ = google.auth.load_credentials_from_file(
                str(self._resources.jwt.configuration), scopes=[_SCOPE]
            )
            credentials.refresh(Request())
        return self._seen(credentials)

    def _refresh(self) -> str:
        credentials = self._of(self._resources.impersonated)
        before, expiry = credentials.token, credentials.expiry
        credentials.refresh(Request())
        if expiry is not None and (credentials.expiry is None or credentials.expiry < expiry):
            raise UnexpectedError("The token expires earlier than the one before.")
        self._read(self._resources.impersonated)
        return f"{self._seen(credentials)}, {'the same' if credentials.token == before else 'another'} token"

    def _verify_id_token(self) -> str:
        credentials = IDTokenCredentials(self._of(self._resources.impersonated), _AUDIENCE, include_email=True)
        credentials.refresh(Request())
        seen = self._seen(credentials)
        claims = id_token.verify_token(str(credentials.token), Request(), audience=_AUDIENCE)
        if claims.get("email") != self._resources.email or claims.get("iss") != "https://accounts.google.com":
            raise UnexpectedError(f"The ID token has other claims: {sorted(claims)}.")
        return f"signed by Google, {seen}"

    # Cloud Storage

    def _blob(self, setup: Setup) -> Any:
        client = storage.Client(project=self._resources.accounts.project, credentials=self._of(setup))
        return client.bucket(self._resources.name).blob(_OBJECT)

    def _write(self) -> str:
        self._blob(self._resources.impersonated).upload_from_string(_CONTENT)
        return f"{len(_CONTENT)} bytes"

    def _read(self, setup: Setup) -> str:
        return _checked(self._blob(setup).download_as_bytes())

    def _fetch_signed_url(self) -> str:
        url = self._blob(self._resources.impersonated).generate_signed_url(version="v4", expiration=300)
        self._report.redaction.secrets.append(url.partition("X-Goog-Signature=")[2])
        reply = requests.get(url, timeout=60)
        reply.raise_for_status()
        return _checked(reply.content)

    def _delete(self) -> str:
        blob = self._blob(self._resources.impersonated)
        blob.delete()
        if blob.exists():
            raise UnexpectedError("The object still exists.")
        return "deleted"

    # doctor

    def _missing_provider(self) -> str:
        role = f"--assume-role={self._resources.arn(self._resources.direct)}"
        return self._named("provider-missing", f"--audience={self._resources.audience('no-provider')}", role)

    def _unmet_condition(self) -> str:
        """The role of one set-up, at the provider of another."""
        role = f"--assume-role={self._resources.arn(self._resources.jwt)}"
        return self._named("condition-not-met", f"--config={self._resources.direct.configuration}", role)

    def _missing_binding(self) -> str:
        """The service account of one set-up, with the role of another."""
        account = f"--service-account={self._resources.email}"
        return self._named("another-identity-in-binding", *self._flags(self._resources.direct), account)

    def _named(self, expected: str, *flags: str) -> str:
        """Check that `doctor` names the cause."""
        output = self._doctor("--json", *flags)
        try:
            cause = json.loads(output)["cause"]
        except ValueError:
            raise UnexpectedError(f"doctor printed no JSON.\n{output}") from None
        if cause != expected:
            raise UnexpectedError(f"doctor named {cause}, not {expected}.\n{output}", cause)
        return expected

    def _flags(self, setup: Setup) -> list[str]:
        """Return the flags for the role of a set-up."""
        role = f"--assume-role={self._resources.arn(setup)}"
        if setup is self._resources.jwt:
            return [f"--audience={self._resources.audience(setup.provider)}", f"--subject-token-type={_JWT}", role]
        return [f"--config={setup.configuration}", role]

    def _doctor(self, *flags: str) -> str:
        """Return the output of `doctor`. It also reads the provider and the policy with the access token."""
        try:
            done = subprocess.run(
                [sys.executable, "-m", "google_auth_botocore", "doctor", *flags],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=180,
                start_new_session=True,  # Ctrl-C stops this program, which then tears down
            )
        except subprocess.TimeoutExpired as error:
            return str(error)
        return done.stdout or done.stderr


def _checked(content: bytes) -> str:
    if content != _CONTENT:
        raise UnexpectedError(f"The object has another content: {len(content)} bytes.")
    return f"{len(content)} bytes"

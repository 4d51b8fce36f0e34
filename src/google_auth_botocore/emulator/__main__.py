"""`python -m google_auth_botocore.emulator`: run the emulator and print how to point clients at it."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import signal
import socket
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from google_auth_botocore._command_line import port_mistake, wrapped
from google_auth_botocore.emulator import AwsKeyRegistry, AwsKeys, AwsProvider, Emulator, _private_files
from google_auth_botocore.emulator._endpoints import Endpoints, EndpointsAt, GoogleEndpoints
from google_auth_botocore.emulator._instructions import Client, instructions
from google_auth_botocore.emulator._service_options import parse, setup_of
from google_auth_botocore.emulator._state_file import StateFile

_TWELVE_HOURS = 43_200  # the longest lifetime that AWS allows for a role's keys
_GCLOUD_CLIENT_ID = "32555940559.apps.googleusercontent.com"  # built into gcloud; no setting replaces it
_MAX_CALLS = 1000  # a service runs for weeks
_SAVE_INTERVAL = 1.0  # seconds; a process that is killed loses what changed in this time


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Return the exit code."""
    options = parse(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with contextlib.ExitStack() as stack:
            state = None if options.state is None else stack.enter_context(StateFile(options.state))
            return _run(options, state, stop)
    except socket.gaierror as error:
        problem = f"the host {options.host!r} has no address ({error.strerror})"
    except (OSError, ValueError) as error:
        problem = (isinstance(error, OSError) and port_mistake(error, options.host, options.port)) or str(error)
    print(wrapped(f"Cannot start the emulator: {problem}.", sys.stderr), file=sys.stderr)  # noqa: T201
    return 1


def _run(options: Namespace, state: StateFile | None, stop: threading.Event) -> int:
    google = Emulator(
        host=options.host,
        port=options.port,
        sts_verdict_url=options.sts_verdict_url,
        tls=options.tls,
        tls_names=options.tls_name,
        max_calls=_MAX_CALLS,
    )
    google.ready = False
    if state is not None:
        state.load(google)
    setup = setup_of(options)
    provider = _set_up(google, options, create=state is None or state.setup != setup)
    keys = None if options.sts_verdict_url else _keys(google, options)
    if state is not None:
        state.save(google, setup)
    with google:
        client = Client(
            google,
            _endpoints(google, options),
            provider,
            next(iter(options.service_account), None),
            options.project,
            keys,
            options.sts_verdict_url,
        )
        if options.write is not None:
            _write(client, options.write)
        if not _is_loopback(options.host):
            _warn(
                f"the emulator listens on {options.host}. Every machine that can reach it can get tokens and change its state"
            )
        google.ready = True
        print(instructions(client, options.write), flush=True)  # noqa: T201
        if state is None:
            stop.wait()
        else:
            _keep(google, state, setup, stop)
    if state is not None and (problem := _save(google, state, setup)):  # after the last request
        print(wrapped(f"Cannot save the state: {problem}.", sys.stderr), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _set_up(google: Emulator, options: Namespace, *, create: bool) -> AwsProvider:
    """Create what the options describe, and return the provider.

    With `create` False, only what is missing: all of it was created before the restart, and may have been changed since.
    """
    # gcloud authenticates as this client when it exchanges for direct access and when it introspects its token.
    google.add_oauth_client(_GCLOUD_CLIENT_ID)
    # For its name and its members.
    provider = AwsProvider(
        options.project_number,
        options.pool,
        options.provider,
        {"google.subject": "assertion.arn"},
        account_id=options.account,
    )
    if not create:
        return provider
    google.add_project(options.project, options.project_number)
    google.add_aws_provider(
        options.account,
        options.project_number,
        options.pool,
        options.provider,
        attribute_condition=options.attribute_condition,
    )
    for email in options.service_account:
        account = google.add_service_account(email)
        google.grant(account.email, "roles/iam.workloadIdentityUser", provider.principal_set())
    return provider


def _keys(google: Emulator, options: Namespace) -> AwsKeys:
    """Return the client's AWS keys: fixed ones, those from before the restart, or new ones."""
    arn = options.arn or f"arn:aws:sts::{options.account}:assumed-role/app/i-0abc"
    if options.aws_keys is None:
        saved = [keys for keys in google.aws_keys.known() if keys.arn == arn]
        return saved[-1] if saved else google.aws_keys.issue(arn, lifetime=_TWELVE_HOURS)
    access_key_id, secret, token = options.aws_keys
    # Issued by another registry, which checks the ARN and derives the user ID.
    keys = AwsKeyRegistry(time.time).issue(arn, temporary=False)
    keys = dataclasses.replace(keys, access_key_id=access_key_id, secret_access_key=secret, session_token=token)
    google.aws_keys.add(keys)
    return keys


def _endpoints(google: Emulator, options: Namespace) -> Endpoints:
    """Return the URLs that clients use."""
    if options.google_hosts:
        return GoogleEndpoints(google.url)
    return google if options.url is None else EndpointsAt(options.url)


def _write(client: Client, directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in client.files(directory).items():
        _private_files.write(directory / name, text)


def _keep(google: Emulator, state: StateFile, setup: Mapping[str, object], stop: threading.Event) -> None:
    """Save the state once a second if it changed, until the emulator has to stop."""
    known = ""
    while not stop.wait(_SAVE_INTERVAL):
        problem = _save(google, state, setup)  # the disk may have space again later
        if problem and not known:
            _warn(f"cannot save the state: {problem}")
        known = problem


def _save(google: Emulator, state: StateFile, setup: Mapping[str, object]) -> str:
    """Save the state. Return what went wrong, or an empty text."""
    try:
        state.save(google, setup)
    except OSError as error:
        return str(error)
    return ""


def _is_loopback(host: str) -> bool:
    """Return whether every address of a host is one that only this machine can reach."""
    addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in addresses)


def _warn(text: str) -> None:
    print(wrapped(f"Warning: {text}.", sys.stderr), file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

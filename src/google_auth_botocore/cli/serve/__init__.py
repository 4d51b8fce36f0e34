"""`serve`: Google's metadata server on loopback, for every process that only knows Application Default Credentials.

https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore.cli import _identity
from google_auth_botocore.cli.serve import _child, _environment, _peer
from google_auth_botocore.cli.serve._server import Server, listener
from google_auth_botocore.cli.serve._tokens import Tokens

_USAGE = "google-auth-botocore serve [flags] [-- COMMAND ...]"
_DESCRIPTION = (
    "Serves what Google's metadata server serves, on 127.0.0.1 and to processes of the same user: access tokens by scope, "
    "ID tokens, service account and project. Alone, it prints the variables that lead a process there, for a shell's "
    "eval, and ends with Ctrl-C or SIGTERM once those who have asked are answered, with code 0. With a command, it runs "
    "that with these variables and without GOOGLE_APPLICATION_CREDENTIALS, passes signals to it, and ends with it and its "
    "exit code: 128 and the number of the signal that ended it, 127 where it is not found. Where the system does not tell "
    "whose a connection is, as on macOS and Windows, every user of the machine is answered, and a warning says so."
)
# An exchange takes half a minute at most.
_UNTIL_ANSWERED = 35.0
# For what a command that has ended has left behind.
_SHORTLY = 1.0


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "serve",
        help="serve Google's metadata server on loopback, and run a command with it",
        usage=_USAGE,
        description=_DESCRIPTION,
        parents=[_identity.flags()],
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=_port, default=0, help="on 127.0.0.1; any free one without this flag")
    parser.add_argument("--any-user", action="store_true", help="answer every user of this machine")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...", help="what to run")
    parser.set_defaults(run=_run)


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port, which is 0 to 65535")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:]
    if options.command and (options.command[0] != "--" or not command):
        seen = shlex.join(options.command)
        raise ConfigurationError(
            f"A command must follow --, as in: serve --config FILE -- gcloud storage ls; not {seen}"
        )
    credentials = _identity.credentials(options)
    try:
        listening = listener(options.port)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigurationError(f"Port {options.port} of 127.0.0.1 can't be had: {reason}.") from None
    loop = asyncio.SelectorEventLoop()  # the one that can watch a listening socket, on Windows too
    with listening, contextlib.closing(loop):
        return loop.run_until_complete(_serve(credentials, listening, command, any_user=options.any_user))


async def _serve(credentials: Credentials, listening: socket.socket, command: Sequence[str], *, any_user: bool) -> int:
    arriving = _child.signals()
    owner = None if any_user or not _told(listening) else os.geteuid()
    server = Server(listening, _environment.identity(credentials), Tokens(credentials, _warn), owner)
    variables = _environment.variables(credentials, listening.getsockname()[1], os.environ)
    rival = _environment.rival(os.environ)
    if rival is not None:
        _warn(f"{rival} exists, and clients take it before any metadata server.")
    _environment.forget_detection(os.environ)
    if command:
        code = await _child.run(command, _environment.applied(variables, os.environ), arriving)
        await server.stop(_SHORTLY)
        return code
    _announce(variables)
    await arriving.get()
    _child.default_signals()  # who asks twice has no patience
    await server.stop(_UNTIL_ANSWERED)
    return 0


def _told(listening: socket.socket) -> bool:
    if hasattr(os, "geteuid") and _peer.available(listening):
        return True
    _warn("this system does not tell whose a connection is: every user of this machine can have tokens.")
    return False


def _announce(variables: Mapping[str, str]) -> None:
    print(  # noqa: T201 - a command speaks
        f"# Google's metadata server is at http://{variables['GCE_METADATA_HOST']}; Ctrl-C or "
        f"`kill $GOOGLE_AUTH_BOTOCORE_PID` ends it.\nGOOGLE_AUTH_BOTOCORE_PID={os.getpid()}\n"
        f"{_environment.for_shell(variables)}",
        flush=True,
    )
    # Who reads it to its end, as `eval "$(... &)"` does, need not wait for ours.
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _warn(text: str) -> None:
    print(f"google-auth-botocore: {text}", file=sys.stderr)  # noqa: T201 - as above

"""`serve`: Google's metadata server on loopback, for every process that only knows Application Default Credentials.

https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import os
import shlex
import signal
import socket
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore.cli import _identity, _streams
from google_auth_botocore.cli.serve import _background, _child, _environment, _evaluator, _peer, _rivals, _signals
from google_auth_botocore.cli.serve._server import Server, listener
from google_auth_botocore.cli.serve._tokens import Tokens

_USAGE = "google-auth-botocore serve [flags] [-- COMMAND ...]"
_DESCRIPTION = (
    "Serves what Google's metadata server serves, on 127.0.0.1 and to processes of the same user: access tokens by scope, "
    "ID tokens, service account and project. With a command, it runs that with the variables that lead clients there and "
    "without those that name other credentials, passes signals to it, and ends with it and its exit code: 128 and the "
    "number of the signal that ended it, 127 if it is not found. Without a command, it prints the variables and serves "
    "until Ctrl-C or SIGTERM, answers the clients that have connected, and exits with code 0. With --background, it "
    "prints them once it serves in the background, for a shell's eval, and serves until the shell ends. If the system "
    "does not tell which user a connection belongs to, as on macOS and Windows, it answers every user of the machine and "
    "prints a warning."
)
# An exchange takes half a minute at most.
_UNTIL_ANSWERED = 35.0
# For what a command that has ended has left behind.
_SHORTLY = 1.0


def add_to(commands: Any) -> None:
    """Add the command."""
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
    parser.add_argument(
        "--background",
        action="store_true",
        help='serve in the background, until the shell ends: eval "$(google-auth-botocore serve --background)"',
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...", help="what to run")
    parser.set_defaults(run=_run)


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port, which is 0 to 65535")
    return int(text)


def is_evaluated(arguments: Sequence[str]) -> bool:
    """Return whether a shell evaluates what the command prints."""
    flags = list(arguments)
    return flags[:1] == ["serve"] and "--background" in flags[: flags.index("--") if "--" in flags else None]


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:]
    if options.command and (options.command[0] != "--" or not command):
        seen = shlex.join(options.command)
        raise ConfigurationError(
            f"A command must follow --, as in: serve --config FILE -- gcloud storage ls; not {seen}"
        )
    if options.background and command:
        raise ConfigurationError("--background runs no command. Leave it out, or leave the command out.")
    if options.background and not hasattr(os, "fork"):
        raise ConfigurationError("--background does not work on this system. Use: serve -- COMMAND.")
    _signals.leave_process_1()
    credentials = _identity.credentials(options)
    try:
        listening = listener(options.port)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigurationError(f"Port {options.port} of 127.0.0.1 can't be had: {reason}.") from None
    with listening:
        owner = _owner(listening, any_user=options.any_user)
        for warning in _rivals.warnings(os.environ):
            _streams.warn(warning)
        _environment.forget_detection(os.environ)
        variables = _environment.variables(credentials, listening.getsockname()[1], os.environ)
        serving = _Serving(credentials, listening, variables, owner)
        if not command:
            _signals.heed(signal.SIGTERM)  # nothing else ends it for certain, and it may come at once
        if options.background:
            return serving.in_background()
        return serving.until_end_of(command) if command else serving.alone()


class _Serving:
    """A server, and what decides how long it serves."""

    def __init__(
        self, credentials: Credentials, listening: socket.socket, variables: Mapping[str, str], owner: int | None
    ) -> None:
        self._credentials = credentials
        self._listening = listening
        self._variables = variables
        self._owner = owner

    def until_end_of(self, command: Sequence[str]) -> int:
        """Serve one command."""
        environment = _environment.applied(self._variables, os.environ)

        async def serve() -> int:
            signals = _signals.Signals(_signals.FORWARDED)
            server = self._server()
            code = await _child.run(command, environment, signals)
            await server.stop(_SHORTLY)
            return code

        return self._loop(serve())

    def alone(self) -> int:
        """Serve until a signal."""

        async def serve() -> int:
            signals = _signals.Signals(_signals.ENDING)
            server = self._server()
            script = _background.Script.found()
            _announce(self._variables, os.getpid())
            return await _until_asked(server, signals, script.end() if script else None)

        return self._loop(serve())

    def in_background(self) -> int:
        """Serve in another process, until a signal or the end of the process that evaluates the variables."""
        shell = _evaluator.evaluator()
        process = _background.detach(self._listening)
        if process:
            try:
                _announce(self._variables, process)
            except OSError:
                os.kill(process, signal.SIGKILL)
                raise
            return 0

        async def serve() -> int:
            signals = _signals.Signals(_signals.ENDING)
            end = _background.Process(shell).end() if shell else None
            return await _until_asked(self._server(), signals, end)

        return self._loop(serve())

    def _server(self) -> Server:
        tokens = Tokens(self._credentials, _streams.warn)
        return Server(self._listening, _environment.identity(self._credentials), tokens, self._owner)

    def _loop(self, serve: Coroutine[Any, Any, int]) -> int:
        # The one that can watch a listening socket, on Windows too.
        with contextlib.closing(asyncio.SelectorEventLoop()) as loop:
            return loop.run_until_complete(serve)


async def _until_asked(server: Server, signals: _signals.Signals, end: Coroutine[Any, Any, None] | None) -> int:
    """Serve until a signal, or until *end* returns."""
    waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(signals.next())]
    if end is not None:
        waiting.append(asyncio.ensure_future(end))
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    signals.release()  # a second one shows that the user has no patience
    for each in waiting:
        each.cancel()
    await server.stop(_UNTIL_ANSWERED)
    return 0


def _owner(listening: socket.socket, *, any_user: bool) -> int | None:
    """Return the user who is answered; None: every user."""
    if any_user or not _told(listening):
        return None
    user = os.geteuid()
    if _peer.ambiguous(user):
        raise ConfigurationError(
            f"In this user namespace, the id {user} is that of every user who has no other, this process included. "
            "Other users of the machine can't be told apart from it. Start it as a user who is mapped into the namespace, "
            "or with --any-user, with which every user of the machine can get tokens."
        )
    return user


def _told(listening: socket.socket) -> bool:
    if hasattr(os, "geteuid") and _peer.available(listening):
        return True
    _streams.warn(
        "this system does not tell which user a connection belongs to: every user of this machine can have tokens."
    )
    return False


def _announce(variables: Mapping[str, str], process: int) -> None:
    """Print the variables, and close standard output to whoever reads it to its end."""
    try:
        print(  # noqa: T201 - a command speaks
            f"# Google's metadata server is at http://{variables['GCE_METADATA_HOST']}; Ctrl-C or "
            f"`kill $GOOGLE_AUTH_BOTOCORE_PID` ends it.\nGOOGLE_AUTH_BOTOCORE_PID={process}\n"
            f"{_environment.for_shell(variables, os.environ)}",
            flush=True,
        )
    except OSError as error:
        if error.errno != errno.EBADF or process != os.getpid():
            raise
        # Standard output was closed, and the port may be known by --port.
    with contextlib.suppress(OSError, ValueError):
        _streams.discard(sys.stdout.fileno())

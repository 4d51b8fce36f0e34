"""`serve`: a metadata server like Google's, on loopback, for processes that use Application Default Credentials.

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
from google_auth_botocore._command_line import port_mistake, port_number
from google_auth_botocore._redaction import shown
from google_auth_botocore.cli import _credentials_flags, _standard_streams
from google_auth_botocore.cli.serve import (
    _background,
    _calling_shell,
    _command,
    _connection_owner,
    _environment,
    _identity,
    _other_credentials,
    _signals,
)
from google_auth_botocore.cli.serve._server import Server, listener
from google_auth_botocore.cli.serve._tokens import Tokens

_USAGE = "%(prog)s [flags] [-- COMMAND ...]"
_DESCRIPTION = (
    "Emulate Google's metadata server on 127.0.0.1, where gcloud, Terraform and Google's client libraries find access tokens, "
    "ID tokens, the service account and the project. Only processes of the same user are served. With a command, it runs the command, sets the environment variables "
    "that point client libraries to the server, unsets those that name other credentials, forwards signals, and exits with "
    "the command's exit code: 128 plus the signal number if a signal terminated the command, 127 if it was not found. Without a "
    "command, it prints the variables and serves until Ctrl-C or SIGTERM; then it answers the clients that are connected "
    "and exits with code 0. With --background, it starts the server in the background, prints the variables for a shell's "
    "eval, and serves until the shell exits. macOS and Windows do not reveal the user behind a connection, so there it "
    "prints a warning and serves every local user."
)
# Seconds to wait for answers before the server exits. A token exchange takes at most 31.
_DRAIN_TIMEOUT = 35.0
# The same after the command has exited: only processes that it left behind may still wait.
_DRAIN_TIMEOUT_AFTER_COMMAND = 1.0


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="emulate Google's metadata server on loopback, and run a command that uses it",
        usage=_USAGE,
        description=_DESCRIPTION,
        examples="""
        # Run one command
        google-auth-botocore serve --config config.json -- gcloud storage ls
        # Serve the rest of a script or shell
        eval "$(google-auth-botocore serve --config config.json --background)"
        """,
        parents=[_credentials_flags.parent_parser()],
    )
    parser.add_argument("--port", type=port_number, default=0, help="port on 127.0.0.1; default: any free port")
    parser.add_argument("--any-user", action="store_true", help="serve every local user")
    parser.add_argument(
        "--background",
        action="store_true",
        help="serve in the background until the shell exits; for eval, as in the example",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...", help="the command to run")
    parser.set_defaults(run=_run)


def is_evaluated_by_shell(arguments: Sequence[str]) -> bool:
    """Return whether a shell is expected to evaluate the output of the command."""
    flags = list(arguments)
    return flags[:1] == ["serve"] and "--background" in flags[: flags.index("--") if "--" in flags else None]


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:]
    if options.command and (options.command[0] != "--" or not command):
        raise ConfigurationError(
            f"There is no -- before the command: {shown(shlex.join(options.command))}. "
            "Put the command after it, as in `serve --config FILE -- gcloud storage ls`."
        )
    if options.background and command:
        raise ConfigurationError("--background cannot be combined with a command. Omit one of them.")
    if options.background and not hasattr(os, "fork"):
        raise ConfigurationError("--background is not supported on this system. Use `serve -- COMMAND`.")
    _signals.fork_if_process_1()
    credentials = _credentials_flags.credentials_of_application(options)
    try:
        listening = listener(options.port)
    except OSError as error:
        problem = port_mistake(error, "127.0.0.1", options.port) or os.strerror(error.errno or 0)
        raise ConfigurationError(f"Cannot serve: {problem}.", failure="port-unavailable") from None
    with listening:
        user = _served_user(listening, any_user=options.any_user)
        for warning in _other_credentials.warnings(os.environ):
            _standard_streams.print_warning(warning)
        _environment.clear_gcloud_detection(os.environ)
        variables = _environment.variables(credentials, listening.getsockname()[1], os.environ)
        service = _Service(credentials, listening, variables, user)
        if not command:
            # SIGTERM must stop the server even if the parent process ignores it. It may arrive at any moment.
            _signals.restore_default(signal.SIGTERM)
        if options.background:
            return service.in_background()
        return service.run_command(command) if command else service.in_foreground()


class _Service:
    """Runs the server: for a command, in the foreground, or in the background."""

    def __init__(
        self, credentials: Credentials, listening: socket.socket, variables: Mapping[str, str], user: int | None
    ) -> None:
        self._credentials = credentials
        self._listening = listening
        self._variables = variables
        self._user = user

    def run_command(self, command: Sequence[str]) -> int:
        """Serve until the command exits, and return its exit code."""
        environment = _environment.for_command(self._variables, os.environ)

        async def serve() -> int:
            signals = _signals.Signals(_signals.FORWARDED)
            server = self._server()
            code = await _command.run(command, environment, signals)
            await server.stop(_DRAIN_TIMEOUT_AFTER_COMMAND)
            return code

        return self._loop(serve())

    def in_foreground(self) -> int:
        """Print the variables and serve until a signal arrives."""

        async def serve() -> int:
            signals = _signals.Signals(_signals.TERMINATING)
            server = self._server()
            script = _background.CallingScript.find()  # before printing, because the script continues after it
            _announce(self._variables, os.getpid())
            return await _serve_until_stopped(server, signals, script.wait() if script else None)

        return self._loop(serve())

    def in_background(self) -> int:
        """Serve in another process until a signal arrives, or the process that evaluates the variables exits."""
        shell = _calling_shell.calling_shell()
        process = _background.fork_server(self._listening)
        if process:
            try:
                _announce(self._variables, process)
            except OSError:
                os.kill(process, signal.SIGKILL)
                raise
            return 0

        async def serve() -> int:
            signals = _signals.Signals(_signals.TERMINATING)
            exited = _background.WatchedProcess(shell).wait() if shell else None
            return await _serve_until_stopped(self._server(), signals, exited)

        return self._loop(serve())

    def _server(self) -> Server:
        tokens = Tokens(self._credentials, _standard_streams.print_warning)
        identity = _identity.identity(self._credentials)
        return Server(self._listening, identity, tokens, self._user, _standard_streams.print_warning)

    def _loop(self, serve: Coroutine[Any, Any, int]) -> int:
        # The other event loop of Windows cannot watch a listening socket.
        with contextlib.closing(asyncio.SelectorEventLoop()) as loop:
            return loop.run_until_complete(serve)


async def _serve_until_stopped(
    server: Server, signals: _signals.Signals, exited: Coroutine[Any, Any, None] | None
) -> int:
    """Serve until a signal arrives or *exited* returns, and answer the clients that are connected."""
    waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(signals.next())]
    if exited is not None:
        waiting.append(asyncio.ensure_future(exited))
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    signals.restore_defaults()  # a second signal stops the process at once
    for each in waiting:
        each.cancel()
    await server.stop(_DRAIN_TIMEOUT)
    return 0


def _served_user(listening: socket.socket, *, any_user: bool) -> int | None:
    """Return the id of the only user to serve, or None to serve every user."""
    if any_user or not _reveals_users(listening):
        return None
    user = os.geteuid()
    if _connection_owner.is_shared_id(user):
        raise ConfigurationError(
            f"In this user namespace, user id {user} stands for all users that are not mapped into the namespace, including "
            "the user of this process. Other users of the machine cannot be distinguished from it. Run serve as a user "
            "that is mapped into the namespace, or pass --any-user to let every user of the machine get tokens."
        )
    return user


def _reveals_users(listening: socket.socket) -> bool:
    if hasattr(os, "geteuid") and _connection_owner.is_supported(listening):
        return True
    _standard_streams.print_warning(
        "this system does not reveal the user behind a connection: every user of this machine can get tokens."
    )
    return False


def _announce(variables: Mapping[str, str], process: int) -> None:
    """Print the variables, and close standard output, so that its reader sees the end of the output."""
    try:
        print(  # noqa: T201 - output of the command
            f"# The metadata server is at http://{variables['GCE_METADATA_HOST']}.\n# To stop it: Ctrl-C or "
            f"`kill $GOOGLE_AUTH_BOTOCORE_PID`.\nGOOGLE_AUTH_BOTOCORE_PID={process}\n"
            f"{_environment.for_shell(variables, os.environ)}",
            flush=True,
        )
    except OSError as error:
        if error.errno != errno.EBADF or process != os.getpid():
            raise
        # Standard output was closed at the start. Serve anyway: the user may know the port from --port.
    with contextlib.suppress(OSError, ValueError):
        _standard_streams.redirect_to_null(sys.stdout.fileno())

"""Run gcloud and aws. A signal that stops this program lets the command that is running finish."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from live.accounts import commands_environment

_LONGEST = 600  # seconds for a script: about 20 commands, and Google takes up to a minute for some
_LAST_COMMAND = 90  # seconds until a command that is running has finished


class ShellError(Exception):
    """A script failed.

    Attributes:
        output: everything that it printed.
    """

    def __init__(self, what: str, output: str) -> None:
        super().__init__(f"{what}\n{output}")
        self.output = output


def run(script: Path) -> str:
    """Run a bash script in its folder and return its output.

    The script and its commands are in their own session, so that Ctrl-C does not reach them. gcloud would stop half-way, and
    what it had requested would appear after the teardown.

    Raises:
        ShellError: the script failed.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # for google-auth-botocore
    with ThreadPoolExecutor(1) as pool:
        # On another thread, a signal cannot interrupt the start, after which nothing would stop the script.
        starting = pool.submit(
            subprocess.Popen,
            # Between two commands, bash runs the trap. The script is as printed.
            ["bash", "-c", 'trap "exit 143" TERM; . "$0"', str(script.resolve())],
            cwd=script.parent,
            env={**commands_environment(), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = starting.result().communicate(timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            raise ShellError(f"{script.name} did not finish in {_LONGEST} s.", _stop(starting.result())) from None
        except BaseException:
            _stop(starting.result())
            raise
        exit_code = starting.result().returncode
    if exit_code != 0:
        raise ShellError(f"{script.name} failed with exit code {exit_code}.", output)
    return output


def _stop(process: subprocess.Popen[str]) -> str:
    """Stop a script after the command that is running, and return its output."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=_LAST_COMMAND)[0]
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]

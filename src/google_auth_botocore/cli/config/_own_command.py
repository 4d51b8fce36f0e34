"""Find the command that starts this program again, for the configuration file that `config create --executable` writes.

The program may be a console script, a module, an archive (pex, shiv, zipapp) or a frozen binary (PyInstaller, cx_Freeze). Each
candidate is run once, because nothing else shows whether it would be this program.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from google_auth_botocore import ConfigurationError, __version__
from google_auth_botocore._redaction import quoted
from google_auth_botocore.cli import _credentials_flags

_NAME = "google-auth-botocore"
_MODULE = "google_auth_botocore"
# Google's library runs the command without the variables that an interpreter or an archive sets for the processes it starts.
_VARIABLES = ("PEX", "_PEX", "__PEX", "PYTHON", "SHIV", "_PYI", "_MEIPASS", "__PYVENV")
# Seconds. An archive is unpacked when it runs for the first time.
_TIMEOUT = 60.0
_REMEDY = f"Pass --executable PROGRAM, the absolute path of a program that runs {_NAME} with its arguments."


def find(program: str) -> list[str]:
    """Return the command as a list of arguments. The first one is an absolute path, as Google's libraries require.

    Args:
        program: The program that the user named, or an empty string.

    Raises:
        ConfigurationError: *program* is not an absolute path and does not exist here, or no command starts this program.
    """
    if program:
        return [_absolute(_credentials_flags.checked_path(program, "--executable"))]
    seen = ""
    for command in _candidates():
        mistake = _mistake(command)
        if mistake is None:
            return command
        seen += f"\n{shlex.join(command)}: {mistake}"
    raise ConfigurationError(f"No command was found that starts this program on its own. {_REMEDY}{seen}")


def is_absolute(program: str) -> bool:
    """Return whether a path is absolute on any system. The file may be for another one."""
    return PurePosixPath(program).is_absolute() or PureWindowsPath(program).is_absolute()


def _absolute(program: str) -> str:
    if is_absolute(program):
        return program
    found = shutil.which(program)  # on PATH, or relative to the current directory
    if found is None:
        raise ConfigurationError(
            f"--executable must be the absolute path of a program, not {quoted(program)}. Google's libraries require one, and "
            "there is no such program on PATH or in the current directory."
        )
    return os.path.abspath(found)  # noqa: PTH100 - unlike `Path.absolute`, it also removes `..`


def _candidates() -> Iterator[list[str]]:
    """Yield commands that may start this program, the ones that are valid for longest first."""
    # Another program that calls `main` could do anything if it ran with other arguments.
    passes_arguments = sys.argv[1:2] == ["config"]
    started = os.path.abspath(sys.argv[0]) if passes_arguments else ""  # noqa: PTH100 - see above
    if getattr(sys, "frozen", False) or "__compiled__" in globals():  # the second is set by Nuitka
        if passes_arguments:
            yield from ([path] for path in (started, sys.executable) if _runs(path))
    elif _is_in_pex():
        yield from _in_pex(passes_arguments)
    elif started and zipfile.is_zipfile(started):
        yield _start(started)
    else:
        yield from _installed(started)


def _in_pex(passes_arguments: bool) -> Iterator[list[str]]:
    start = _start(os.path.abspath(os.environ["PEX"]))  # noqa: PTH100 - see above
    if passes_arguments and not {"PEX_MODULE", "PEX_SCRIPT", "PEX_INTERPRETER"} & os.environ.keys():
        yield start
    env = shutil.which("env")
    if env:
        yield [env, f"PEX_MODULE={_MODULE}", *start]


def _installed(started: str) -> Iterator[list[str]]:
    if sys.executable:
        script = shutil.which(_NAME, path=str(Path(sys.executable).parent))
        if script:
            yield [os.path.abspath(script)]  # noqa: PTH100 - see above
    if Path(started).stem == _NAME and _runs(started):
        yield [started]
    if sys.executable:
        yield [sys.executable, "-m", _MODULE]


def _start(archive: str) -> list[str]:
    return [archive] if _runs(archive) else [sys.executable, archive]


def _is_in_pex() -> bool:
    """Return whether this program is in a pex. The variable alone can be inherited from a pex that started a shell."""
    archive = os.environ.get("PEX")  # also if it was unpacked to a cache
    if not archive or not Path(archive).exists():
        return False
    return any((Path(directory) / "PEX-INFO").is_file() for directory in (sys.prefix, *sys.path))


def _runs(path: str) -> bool:
    return Path(path).is_file() and os.access(path, os.X_OK)


def _mistake(command: list[str]) -> str | None:
    """Return why a command does not start this program, or None."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_VARIABLES)}
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"  # otherwise it is a part of this process, and not a new program
    try:
        # In an empty directory, because `python -m` also finds modules in the current one.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            done = subprocess.run(  # noqa: S603 - this program
                [*command, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                cwd=directory,
                env=environment,
                check=False,
                timeout=_TIMEOUT,
            )
    except OSError as error:
        return error.strerror or type(error).__name__
    except subprocess.TimeoutExpired:
        return f"it did not exit within {_TIMEOUT:.0f} s"
    if done.returncode == 0 and done.stdout.strip() == f"{_NAME} {__version__}":
        return None
    lines = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
    return f"it is another program, or another version: {quoted(lines[-1])}"

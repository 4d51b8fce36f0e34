"""Programs with which the shell blocks of a page run: they check their arguments, and install or call nothing.

`nox`, `pip`, `pre-commit` and `pytest` would take minutes, and other tests run what they start. `curl` and `gcloud` would call Google.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_EXTRAS = _PROJECT["project"]["optional-dependencies"].keys()


def _nox(arguments: list[str]) -> None:
    sessions = re.findall(r"@nox\.session.*\ndef (\w+?)_?\(", (ROOT / "noxfile.py").read_text(encoding="utf-8"))
    ours, _, theirs = " ".join(arguments).partition(" -- ")
    match = re.fullmatch(r"-s ([a-z ]+?)( -P 3\.\d+)?", ours)
    assert match, ours
    assert set(match[1].split()) <= set(sessions)
    assert all((ROOT / path).exists() for path in theirs.split() if path.startswith("tests"))


def _pip(arguments: list[str]) -> None:
    command, *words = arguments
    assert command == "install"
    while words:
        word = words.pop(0)
        if word == "--group":
            assert words.pop(0) in _PROJECT["dependency-groups"]
        elif match := re.fullmatch(r"\.\[([\w,-]+)\]", word):
            assert set(match[1].split(",")) <= _EXTRAS
        else:
            assert word in (".", "-e", "--upgrade", "google-cloud-storage", "nox", "nox[uv]", "pip", "pre-commit"), word


def _pytest(arguments: list[str]) -> None:
    assert all((ROOT / each).exists() for each in arguments)


def _pre_commit(arguments: list[str]) -> None:
    command, option, path, *options = arguments
    assert command in ("install", "run")
    assert option == "--config"
    assert (ROOT / path).is_file()
    assert options in ([], ["--all-files"])


def _curl(arguments: list[str]) -> None:
    option, header, url = arguments
    assert option == "--header"
    assert re.fullmatch(r"Authorization: Bearer \S+", header)
    assert url.startswith("https://storage.googleapis.com/")


def _gcloud(arguments: list[str]) -> None:
    assert arguments == ["auth", "print-access-token"]
    sys.stdout.write("administrator\n")


def _python(arguments: list[str]) -> None:
    if arguments[:2] != ["-m", "venv"]:
        os.execv(sys.executable, [sys.executable, *arguments])


PROGRAMS: Mapping[str, Callable[[list[str]], None]] = MappingProxyType(
    {
        **{f".venv/bin/{name}": program for name, program in {"nox": _nox, "pip": _pip, "pytest": _pytest}.items()},
        ".venv/bin/pre-commit": _pre_commit,
        ".venv/bin/python": _python,
        "bin/python3": _python,
        "bin/curl": _curl,
        "bin/gcloud": _gcloud,
    }
)


def install(directory: Path) -> None:
    """Write the programs, and the command of this package, below a directory: into `.venv/bin`, and into `bin`."""
    for path in (".venv/bin/google-auth-botocore", "bin/google-auth-botocore", *PROGRAMS):
        program = directory / path
        program.parent.mkdir(parents=True, exist_ok=True)
        # A stand-in needs no redirects, whose import takes most of the time.
        code = "-m google_auth_botocore" if path not in PROGRAMS else f'-I "{__file__}" {path}'
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {code} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    (directory / ".venv/bin/activate").write_text('PATH="$PWD/.venv/bin:$PATH"\n', encoding="utf-8")


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](sys.argv[2:])

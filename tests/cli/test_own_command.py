"""The command in a file of `config create --executable` starts the program again, however it is packaged."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cli.conftest import Run
from google_auth_botocore.cli.config import _own_command

AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod"
CREATE = ("config", "create", f"--audience={AUDIENCE}", "--executable")
MAIN = "import sys\nfrom google_auth_botocore.cli import main\nsys.exit(main())\n"


def written(output: str) -> list[str]:
    """Return the arguments of the command in a file."""
    command: str = json.loads(output)["credential_source"]["executable"]["command"]
    return shlex.split(command)


def response(command: list[str], directory: Path) -> dict[str, object]:
    """Run the command of a file in another directory, without AWS keys, and return its response."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "PEX"))}
    environment |= {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    environment["GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE"] = AUDIENCE
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=directory, env=environment, check=True, timeout=60
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def program(path: Path, body: str = f'exec {shlex.quote(sys.executable)} -m google_auth_botocore "$@"') -> Path:
    """Write a program that runs the command as a frozen binary or a pex does: with all of its arguments."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="needs programs with a shebang")
class TestPackagedProgram:
    @pytest.mark.parametrize("shebang", [True, False], ids=["program", "file for an interpreter"])
    @pytest.mark.slow
    def test_an_archive_is_named_with_its_absolute_path(self, tmp_path: Path, shebang: bool) -> None:
        """Also if a relative path started it, and if the path contains spaces."""
        archive = tmp_path / "my tools" / "app.pyz"
        archive.parent.mkdir()
        with archive.open("wb") as file:
            if shebang:
                file.write(f"#!{sys.executable}\n".encode())
            with zipfile.ZipFile(file, "w") as content:
                content.writestr("__main__.py", MAIN)
        if shebang:
            archive.chmod(0o755)
        start = ["./app.pyz"] if shebang else [sys.executable, "app.pyz"]
        done = subprocess.run(
            [*start, *CREATE], capture_output=True, text=True, cwd=archive.parent, check=True, timeout=60
        )
        command = written(done.stdout)
        assert command[-2:] == [str(archive), "executable"]
        assert response(command, tmp_path)["code"] == "NoCredentialsError"

    @pytest.mark.slow
    def test_a_frozen_binary_is_named(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """PyInstaller sets these two attributes."""
        binary = program(tmp_path / "app")
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        monkeypatch.setattr(sys, "executable", str(binary))
        monkeypatch.setattr(sys, "argv", [str(binary), *CREATE])
        command = written(run(*CREATE).out)
        assert command == [str(binary), "executable"]
        assert response(command, tmp_path)["code"] == "NoCredentialsError"

    def test_another_frozen_program_that_calls_main_is_never_run(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        binary = program(tmp_path / "app", f"touch {shlex.quote(str(tmp_path / 'was-run'))}")
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        monkeypatch.setattr(sys, "executable", str(binary))
        monkeypatch.setattr(sys, "argv", [str(binary), "serve-customers"])
        done = run(*CREATE)
        assert (done.code, done.out) == (2, "")
        assert "Pass --executable PROGRAM" in done.error
        assert not (tmp_path / "was-run").exists()

    @pytest.mark.slow
    def test_a_pex_with_another_entry_point_is_told_the_module(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A pex sets PEX, and runs the module in PEX_MODULE instead of its entry point."""
        pex = program(
            tmp_path / "app.pex", f'[ -n "$PEX_MODULE" ] && exec {shlex.quote(sys.executable)} -m "$PEX_MODULE" "$@"'
        )
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "PEX-INFO").touch()
        monkeypatch.syspath_prepend(str(tmp_path / "cache"))
        monkeypatch.setenv("PEX", str(pex))
        monkeypatch.setenv("PEX_MODULE", "google_auth_botocore")
        monkeypatch.setattr(sys, "argv", ["__main__.py", *CREATE])
        command = written(run(*CREATE).out)
        assert command[1:] == ["PEX_MODULE=google_auth_botocore", str(pex), "executable"]
        assert response(command, tmp_path)["code"] == "NoCredentialsError"
        monkeypatch.delenv("PEX_MODULE")
        program(pex)
        assert written(run(*CREATE).out) == [str(pex), "executable"]

    def test_a_variable_that_was_inherited_from_a_pex_is_ignored(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pex = program(tmp_path / "app.pex", f"touch {shlex.quote(str(tmp_path / 'was-run'))}")
        monkeypatch.setenv("PEX", str(pex))
        assert str(pex) not in written(run(*CREATE).out)
        assert not (tmp_path / "was-run").exists()

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("echo google-auth-botocore 0.0.1", "another version: 'google-auth-botocore 0.0.1'"),
            ("echo it is broken >&2; exit 1", "'it is broken'"),
            ("exit 3", "'exit code 3'"),
        ],
    )
    def test_a_command_that_does_not_run_is_not_written(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
    ) -> None:
        python = program(tmp_path / "python", body)
        monkeypatch.setattr(sys, "executable", str(python))
        monkeypatch.setattr(sys, "argv", [str(tmp_path / "main.py"), *CREATE])
        done = run(*CREATE)
        assert (done.code, done.out) == (2, "")
        assert "Pass --executable PROGRAM, the absolute path" in done.error
        assert f"{python} -m google_auth_botocore: " in done.error
        assert reason in done.error

    def test_a_command_that_hangs_is_not_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_own_command, "_TIMEOUT", 0.2)
        hanging = program(tmp_path / "python", "exec sleep 60")
        assert _own_command._mistake([str(hanging)]) == "it did not exit within 0 s"

    def test_without_an_interpreter_there_is_an_error(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """Embedded in another program, Python may not know its own path."""
        monkeypatch.setattr(sys, "executable", "")
        done = run(*CREATE)
        assert (done.code, done.out) == (2, "")
        assert "Pass --executable PROGRAM" in done.error


class TestProgramOfTheUser:
    @pytest.mark.parametrize("path", ["/opt/none/x", "/opt/with space/x", "C:\\tools\\x.exe"])
    def test_an_absolute_path_may_be_of_another_machine(self, run: Run, path: str) -> None:
        assert written(run(*CREATE[:-1], f"--executable={path}").out)[0] == path

    @pytest.mark.skipif(sys.platform == "win32", reason="needs programs with a shebang")
    @pytest.mark.parametrize("given", ["./x", "../bin/x", "x"])
    def test_a_relative_path_becomes_absolute(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
    ) -> None:
        (tmp_path / "bin").mkdir()
        found = program(tmp_path / "bin" / "x")
        monkeypatch.chdir(found.parent)
        monkeypatch.setenv("PATH", str(found.parent), prepend=os.pathsep)
        assert written(run(*CREATE[:-1], f"--executable={given}").out)[0] == str(found)

    @pytest.mark.parametrize("given", ["./none", "no-such-program", "~/bin/x"])
    def test_a_relative_path_that_does_not_exist_is_rejected(self, run: Run, given: str) -> None:
        done = run(*CREATE[:-1], f"--executable={given}")
        assert (done.code, done.out) == (2, "")
        assert f"--executable must be the absolute path of a program, not '{given}'" in done.error

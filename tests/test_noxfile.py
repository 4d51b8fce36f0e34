"""What a newcomer sees if `nox -s demo` cannot start. Each test runs nox on a copy of the noxfile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nox")  # in the dependency group `tests`

ROOT = Path(__file__).parents[1]


@pytest.fixture(name="clone")
def _clone(tmp_path: Path) -> Path:
    """Return a copy of the files that an installation reads, in a folder whose name contains a space."""
    clone = tmp_path / "a clone"
    clone.mkdir()
    for name in ("noxfile.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return clone


def nox(clone: Path, *arguments: str, start: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run nox without uv and without a package index, after the statements in `start`."""
    program = f"import sys; from nox.__main__ import main; sys.argv[0] = 'nox'; {start}; sys.exit(main())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NOX", "PIP_", "UV"))}
    environment |= {"PATH": str(clone), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_without_uv_and_network_nox_shows_what_pip_does_and_how_to_continue(clone: Path) -> None:
    run = nox(clone, "-s", "demo")
    assert run.returncode == 1, run.stdout
    assert "uv binary not found" not in run.stdout
    _, _, after = run.stdout.partition("nox > Downloading and installing packages into demo")
    # pip prints this while it works, and not only after it has failed.
    working, _, failed = after.partition("failed with exit code")
    assert "Installing build dependencies" in working
    assert "Behind a proxy, set HTTPS_PROXY." in failed
    assert "Traceback" not in run.stdout


def test_an_old_python_is_named_before_anything_is_installed(clone: Path) -> None:
    run = nox(clone, "-s", "demo", start="sys.version_info = (3, 9, 18, 'final', 0)")
    assert run.returncode != 0
    assert "requires Python 3.10 or later, and nox runs on 3.9.18." in run.stdout
    assert not (clone / ".nox" / "demo").exists()

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""Every check of this project. Each session installs what it needs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "format", "typing"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True
nox.options.default_venv_backend = "uv|virtualenv"

CODE = ("src", "tests", "samples", "noxfile.py")
# Tests that need only the dependency group `core`.
CORE_TESTS = ("tests/core", "tests/refresh", "tests/test_")
# The modules in the API reference.
DOCUMENTED = [
    f"google_auth_botocore{module}"
    for module in (
        *("", ".exceptions", ".adapters", ".pytest_plugin"),
        *(".emulator", ".emulator.aws", ".emulator.sandbox", ".emulator.storage"),
    )
]
# Checks of an environment that holds the package and its dependencies and nothing else.
INSTALLED = r"""
import re
from importlib import metadata, resources

assert resources.files("google_auth_botocore").joinpath("py.typed").is_file()
page = metadata.metadata("google-auth-botocore").get_payload()
assert "](https://raw.githubusercontent.com/" in page and not re.search(r"\]\((?!https?:|#)", page), "a relative link, which is broken on PyPI"
"""
# A single failed download must not fail a run.
INSTALL_ENV = {"PIP_RETRIES": "10", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def install(session: nox.Session, *groups: str, project: str | None = "-e.", versions: Sequence[str] = ()) -> None:
    """Install the project, dependency groups, and requirements that fix versions."""
    needed = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *groups)
    session.install(*filter(None, (project, *needed, *versions)), env=INSTALL_ENV)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests except the slow ones, or the tests after `--`: `-- tests/core -k audience`."""
    paths = [each.removeprefix("./") for each in session.posargs if each.removeprefix("./").startswith("tests")]
    core_only = bool(paths) and all(path.startswith(CORE_TESTS) for path in paths)
    install(session, "core" if core_only else "tests")
    session.run("pytest", *(session.posargs or ["--ignore=tests/consumers", "-m", "not slow"]))


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests. Many of them use the real gcloud, aws and node if these are installed."""
    install(session, "tests")
    if shutil.which("npm"):
        # If the npm registry is unreachable, the test that needs the package is skipped.
        npm = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", "tests/cli/serve/node")
        session.run_install(*npm, external=True, success_codes=range(256))
    session.run("pytest", "--ignore=tests/consumers", "-m", "slow", *session.posargs)


@nox.session
def samples(session: nox.Session) -> None:
    """Run the samples exactly as printed. Samples that need the group `consumers` run in that session."""
    install(session, "tests")
    session.run("pytest", *(session.posargs or ["tests/samples"]))


@nox.session
def consumers(session: nox.Session) -> None:
    """Test the libraries that accept credentials (1 GB to install). `-- --write-matrix` updates the README's table."""
    install(session, "consumers")
    # One worker per file: the libraries take long to import.
    what = [] if any("tests/" in each for each in session.posargs) else ["tests/consumers"]
    session.run("pytest", "--dist=loadfile", *what, *session.posargs)


@nox.session
def minimums(session: nox.Session) -> None:
    """Test the core and the adapters with the lowest supported versions of all dependencies."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    # `login` and `copycat` require a newer botocore than the package itself.
    extras = sorted(project["optional-dependencies"].keys() - {"copycat", "login"})
    needed = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    versions = [each.replace(">=", "==") for each in needed if ">=" in each]
    install(session, "minimums", project=f"-e.[{','.join(extras)}]", versions=versions)
    session.run("pytest", *(session.posargs or ["tests/core", "tests/refresh", "tests/adapters"]))


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure branch coverage, including threads and subprocesses, of all tests except tests/consumers, or those after `--`."""
    install(session, "coverage")
    session.run("coverage", "erase")
    # Tests that fail only because they are traced do not hide the figure: the sessions `tests` and `slow` judge them.
    tests = session.posargs or ["--ignore=tests/consumers", "-m", "not slow"]
    session.run("coverage", "run", "-m", "pytest", *tests, success_codes=(0, 1))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--skip-covered", "--skip-empty", "--sort=miss")


@nox.session
def docs(session: nox.Session) -> None:
    """Generate the API reference from the docstrings, into the directory after `--`."""
    install(session, "docs")
    out = Path(session.posargs[0] if session.posargs else session.create_tmp()).resolve()
    options = ("--docformat=google", "--no-show-source", "--template-directory=.github/api-reference")
    session.run("pdoc", *options, f"--output-directory={out}", *DOCUMENTED)
    session.log(f"Open {out / 'index.html'} in a browser.")


@nox.session
def demo(session: nox.Session) -> None:
    """Copy a bucket from Cloud Storage to S3 with a role and no key, between emulators on this machine."""
    install(session, project="-e.[copycat,sandbox]")
    session.run("python", "samples/gcp_copycat/demo.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare this package with others, each in its own environment. `-- DIR` is where to write the result."""
    install(session, project="-e.[copycat,sandbox]")
    sys.path.insert(0, "tests")
    from bench.contestants import COPYCAT, COPYCAT_REQUIREMENTS, REQUIREMENTS  # noqa: PLC0415 - only needed here

    pythons = []
    for number, (peer, requirements) in enumerate({**REQUIREMENTS, COPYCAT: COPYCAT_REQUIREMENTS}.items()):
        place = Path(session.create_tmp(), f"peer{number}")
        session.run_install("python", "-m", "venv", str(place), silent=True)
        python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
        session.run_install(python, "-m", "pip", "install", "--quiet", *requirements, env=INSTALL_ENV, external=True)
        pythons.append(f"{peer}={python}")
    out = session.posargs[0] if session.posargs else session.create_tmp()
    session.run("python", "-m", "bench", out, *pythons, env={"PYTHONPATH": "tests"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try a million configurations, arguments and replies. Takes an hour on two cores; not part of CI."""
    install(session, "core")
    tests = ["tests/core/test_fuzz.py", "tests/core/test_fuzz_aws.py"]
    # One test runs for an hour here, so the limits on a single test's time are off.
    options = ("--hypothesis-profile=fuzz", "--dist=load", "--timeout=0", "-o", "faulthandler_timeout=0")
    session.run("pytest", *options, *(session.posargs or tests))


@nox.session
def mutation(session: nox.Session) -> None:
    """Change the token source, settings and signature in many ways and check that a test fails each time; not part of CI."""
    install(session, "mutation")
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session
def lint(session: nox.Session) -> None:
    """Check the code with ruff and the workflows with zizmor."""
    install(session, "lint", project=None)
    session.run("ruff", "check", *CODE)
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """Check the formatting. `-- --fix` corrects it."""
    install(session, "lint", project=None)
    session.run("ruff", "format", *(() if "--fix" in session.posargs else ("--diff",)), *CODE)


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types with mypy, and with pyright that a user's type checker knows the type of each public name."""
    install(session, "typing")
    session.run("mypy")
    session.run("pyright", "--project", "pyproject.toml")
    session.run("pyright", "--verifytypes", "google_auth_botocore", "--ignoreexternal")


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the sdist as a release does, into the directory after `--`, and test them like `artifact`."""
    session.install("--require-hashes", "-r", ".github/build-requirements.txt", env=INSTALL_ENV)
    out = Path(session.posargs[0]) if session.posargs else Path(session.create_tmp())
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(out))
    check_built(session, out)


@nox.session
def artifact(session: nox.Session) -> None:
    """Test the wheel and the sdist in the directory after `--`, each in an empty environment."""
    check_built(session, Path(session.posargs[0]))


def check_built(session: nox.Session, directory: Path) -> None:
    """Run the command of the newest wheel and of the newest sdist, then the tests in the sdist on the wheel."""
    wheel, sdist = (
        max(directory.resolve().glob(kind), key=lambda it: it.stat().st_mtime) for kind in ("*.whl", "*.tar.gz")
    )
    for number, built in enumerate((wheel, sdist)):
        place = Path(session.create_tmp(), f"bare{number}")
        session.run_install("python", "-m", "venv", "--clear", str(place), silent=True)
        bare = place / ("Scripts" if os.name == "nt" else "bin")
        session.run_install(str(bare / "pip"), "install", "--quiet", str(built), env=INSTALL_ENV, external=True)
        session.run(str(bare / "google-auth-botocore"), "--version", external=True)
        session.run(str(bare / "python"), "-I", "-c", INSTALLED, external=True)
    install(session, "minimums", project=str(wheel))
    place = Path(session.create_tmp(), "sdist")
    shutil.rmtree(place, ignore_errors=True)
    shutil.unpack_archive(sdist, place)
    session.chdir(place / sdist.name.removesuffix(".tar.gz"))
    # No `src` on the path, so that the tests import the installed wheel.
    session.run("pytest", "-o", "pythonpath=tests", "tests/core", "tests/test_project.py")

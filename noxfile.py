# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""Everything that is run on this project; each session sets up what it needs."""

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
# What holds where the package is all there is.
INSTALLED = r"""
import re
from importlib import metadata, resources

assert resources.files("google_auth_botocore").joinpath("py.typed").is_file()
page = metadata.metadata("google-auth-botocore").get_payload()
assert "](https://raw.githubusercontent.com/" in page and not re.search(r"\]\((?!https?:|#)", page), "a link that PyPI can't follow"
"""
# A registry that stumbles once must not fail a run.
INSTALL_ENV = {"PIP_RETRIES": "10", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def install(
    session: nox.Session,
    *groups: str,
    project: str | None = "-e.[login,sandbox,copycat,gcloud-aio,httpx,kubernetes,obstore,polars]",
    versions: Sequence[str] = (),
) -> None:
    """Installs dependency groups, and the project with its extras."""
    needed = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *groups)
    session.install(*filter(None, (project, *needed, *versions)), env=INSTALL_ENV)


@nox.session
def tests(session: nox.Session) -> None:
    """Runs the tests but for the slow ones, or those that are named after `--`."""
    install(session, "tests")
    session.run("pytest", *(session.posargs or ["--ignore=tests/consumers", "-m", "not slow"]))


@nox.session
def slow(session: nox.Session) -> None:
    """Runs the slow tests: much is done by the real gcloud, aws and node, where these are."""
    install(session, "tests")
    if shutil.which("npm"):
        # Where its registry can't be reached, the test that needs it is skipped.
        npm = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", "tests/cli/serve/node")
        session.run_install(*npm, external=True, success_codes=range(256))
    session.run("pytest", "--ignore=tests/consumers", "-m", "slow", *session.posargs)


@nox.session
def samples(session: nox.Session) -> None:
    """Runs the samples as they are printed; those that need what `consumers` installs are run there."""
    install(session, "tests")
    session.run("pytest", *(session.posargs or ["tests/samples"]))


@nox.session
def consumers(session: nox.Session) -> None:
    """Drives the libraries that take credentials, a gigabyte of them; `-- --write-matrix`: writes the README's table."""
    install(session, "consumers")
    # By file: each drives libraries that take long to import.
    what = [] if any("tests/" in each for each in session.posargs) else ["tests/consumers"]
    session.run("pytest", "--dist=loadfile", *what, *session.posargs)


@nox.session
def minimums(session: nox.Session) -> None:
    """Runs the tests of the core and of the adapters on the lowest versions of what the package and its extras need."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    # `login` and `copycat` want a newer botocore than the package itself.
    extras = ("emulator", "gcloud-aio", "httpx", "kubernetes", "obstore", "polars", "sandbox")
    needed = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    versions = [each.replace(">=", "==") for each in needed if ">=" in each]
    install(session, "minimums", project=f"-e.[{','.join(extras)}]", versions=versions)
    session.run("pytest", *(session.posargs or ["tests/core", "tests/refresh", "tests/adapters"]))


@nox.session
def demo(session: nox.Session) -> None:
    """Copies a bucket from Cloud Storage to S3 with a role and no key, on this machine alone."""
    install(session)
    session.run("python", "samples/gcp_copycat/demo.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measures this package beside its peers, each in an environment of its own; `-- DIR`: where the result is written."""
    install(session, project="-e.")
    sys.path.insert(0, "tests")
    from bench.contestants import COPYCAT, COPYCAT_REQUIREMENTS, REQUIREMENTS  # noqa: PLC0415 - needed here alone

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
    """Tries a million configurations, arguments and replies; not in CI. Takes an hour of two cores."""
    install(session, "tests")
    tests = ["tests/core/test_fuzz.py", "tests/core/test_fuzz_aws.py"]
    # One test runs for an hour here, so the guards against a test that hangs are off.
    options = ("--hypothesis-profile=fuzz", "--dist=load", "--timeout=0", "-o", "faulthandler_timeout=0")
    session.run("pytest", *options, *(session.posargs or tests))


@nox.session
def mutation(session: nox.Session) -> None:
    """Changes the token source, the settings and the signature in many ways that tests must notice; not in CI."""
    install(session, "mutation", project="-e.[emulator]")
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")


@nox.session
def lint(session: nox.Session) -> None:
    """Looks for mistakes, and for what makes the workflows unsafe."""
    install(session, "lint", project=None)
    session.run("ruff", "check", *CODE)
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """Checks the formatting; `-- --fix` mends it."""
    install(session, "lint", project=None)
    session.run("ruff", "format", *(() if "--fix" in session.posargs else ("--diff",)), *CODE)


@nox.session
def typing(session: nox.Session) -> None:
    """Checks the types, strictly; and as a user's checker sees them: that each public one is known, and what it is."""
    install(session, "typing")
    session.run("mypy")
    session.run("pyright", "--project", "pyproject.toml")
    session.run("pyright", "--verifytypes", "google_auth_botocore", "--ignoreexternal")


@nox.session
def build(session: nox.Session) -> None:
    """Builds wheel and sdist, as a release does, into the directory after `--`; then does what `artifact` does."""
    session.install("--require-hashes", "-r", ".github/build-requirements.txt", env=INSTALL_ENV)
    out = Path(session.posargs[0]) if session.posargs else Path(session.create_tmp())
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(out))
    check_built(session, out)


@nox.session
def artifact(session: nox.Session) -> None:
    """Runs the command of the wheel and of the sdist after `--`, each where nothing else is, and the sdist's tests on the wheel."""
    check_built(session, Path(session.posargs[0]))


def check_built(session: nox.Session, directory: Path) -> None:
    """Check the newest wheel and sdist of a directory as they are."""
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
    install(session, "minimums", project=f"{wheel}[emulator]")
    place = Path(session.create_tmp(), "sdist")
    shutil.rmtree(place, ignore_errors=True)
    shutil.unpack_archive(sdist, place)
    session.chdir(place / sdist.name.removesuffix(".tar.gz"))
    # Without src: what is installed is imported.
    session.run("pytest", "-o", "pythonpath=tests", "tests/core", "tests/test_project.py")

# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""Every check of this project. Each session installs what it needs."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nox
from nox.command import CommandFailed

if sys.version_info < (3, 10):  # noqa: UP036 - pip would say so only after it has built the package
    old = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        f"This project requires Python 3.10 or later, and nox runs on {old}. Create .venv again with a later Python."
    )

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "format", "typing"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True
nox.options.default_venv_backend = "uv|virtualenv"
# uv is optional, but this message of nox looks like an error.
logging.getLogger("nox").addFilter(lambda record: record.msg != "uv binary not found.")

CODE = ("src", "tests", "samples", "noxfile.py")
# Tests that need only the dependency group `core`.
CORE_TESTS = ("tests/core", "tests/failures", "tests/refresh", "tests/test_")
# The modules in the API reference.
DOCUMENTED = [
    f"google_auth_botocore{module}"
    for module in (
        *("", ".exceptions", ".adapters", ".pytest_plugin"),
        *(".emulator", ".emulator.aws", ".emulator.sandbox", ".emulator.storage"),
    )
]
# Checks of an environment that holds the package and its dependencies and nothing else.
INSTALLED = """
from importlib import resources

assert resources.files("google_auth_botocore").joinpath("py.typed").is_file()
"""
# Checks the package's page as PyPI renders it. PyPI serves no files of the repository, and no anchors for headings.
PAGE = """
import re, sys
from pathlib import Path
from readme_renderer import markdown

page = markdown.render(next(Path(sys.argv[1]).glob("*.dist-info/METADATA")).read_text("utf-8").split("\\n\\n", 1)[1])
links = re.findall(r'(?:src|href)="([^"]*)"', page)
assert page.count("<img") >= 2 and page.count("<table") >= 2, "pictures or tables are missing"
assert not (broken := [each for each in links if not each.startswith("https://")]), f"broken on PyPI: {broken}"
"""
LIVE_NEEDS = (
    "This session requires an AWS account and a Google Cloud project: "
    'see "Run it with real accounts" in .github/CONTRIBUTING.md.'
)
# A single failed download must not fail a run. Without a network, seven retries take half a minute.
INSTALL_ENV = {"PIP_RETRIES": "7", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def install(session: nox.Session, *groups: str, project: str | None = "-e.", versions: Sequence[str] = ()) -> None:
    """Install the project, dependency groups, and requirements that fix versions.

    The first time, and if a requirement has changed, show the progress of pip or uv.
    """
    needed = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), *groups)
    requirements = [*filter(None, (project, *needed, *versions))]
    if not session.bin_paths:  # --no-venv
        session.install(*requirements, env=INSTALL_ENV)
        return
    installed = Path(session.bin).with_name("installed-requirements.txt")
    unchanged = installed.exists() and installed.read_text(encoding="utf-8") == "\n".join(requirements)
    if not unchanged:
        session.log(
            f"Downloading and installing packages into {installed.parent.name}, which can take a few minutes the first time."
        )
    try:
        # Python compiles the modules that it imports. Most modules are never imported.
        session.install("--no-compile", *requirements, env=INSTALL_ENV, silent=unchanged)
    except CommandFailed:
        session.error(
            "The packages could not be installed. The reason is printed above. They come from PyPI, or from the index in the"
            " configuration of pip or uv. Check the network connection. Behind a proxy, set HTTPS_PROXY. Then run the same"
            " command again."
        )
    installed.write_text("\n".join(requirements), encoding="utf-8")


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
    """Run the samples exactly as printed, and check their files with the validators of other projects."""
    install(session, "tests", "validators")
    # In their own environment: checkov requires older versions of libraries that the samples use.
    place = Path(session.create_tmp(), "validators").resolve()
    session.run_install("python", "-m", "venv", str(place), silent=True)
    programs = programs_of(place)
    pip = (str(programs / "pip"), "install", "--quiet", "--no-compile")
    session.run_install(*pip, "cfn-lint>=1.58.0", "checkov>=3.3.30", env=INSTALL_ENV, external=True)
    session.run("pytest", *(session.posargs or ["tests/samples"]), env={"VALIDATORS": str(programs)})


@nox.session
def consumers(session: nox.Session) -> None:
    """Test the libraries that accept credentials (2 GB to install). `-- --write-matrix` updates their table."""
    install(session, "consumers")
    # One worker per file: the libraries take long to import.
    what = [] if any("tests/" in each for each in session.posargs) else ["tests/consumers"]
    session.run("pytest", "--dist=loadfile", *what, *session.posargs)


@nox.session
def genai(session: nox.Session) -> None:
    """Test the newest google-genai, which cannot be installed together with all of `consumers`."""
    install(session, "genai")
    tests = ("tests/consumers/matrix/test_newest_genai.py", "tests/consumers/google_clients/test_genai.py")
    # As on a CI machine, run a folder even if libraries that its other tests need are missing.
    session.run("pytest", *(session.posargs or tests), env={"CI": "true"})


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
    session.run("pdoc", *options, f"--output-directory={out}", *DOCUMENTED, r"!.*\._")
    session.log(f"Open {out / 'index.html'} in a browser.")


@nox.session
def demo(session: nox.Session) -> None:
    """Copy a bucket from Cloud Storage to S3 with a role and no key, between emulators on this machine."""
    install(session, project="-e.[copycat,sandbox]")
    # After Ctrl-C, the demo stops the copy and the emulators.
    session.run("python", "samples/gcp_copycat/demo.py", *session.posargs, interrupt_timeout=30)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare this package with others, each in its own environment. `-- DIR` is where to write the result."""
    install(session, project="-e.[copycat,sandbox]")
    sys.path.insert(0, "tests")
    from bench.contestants import COPYCAT, COPYCAT_REQUIREMENTS, REQUIREMENTS  # noqa: PLC0415 - only needed here

    pythons = []
    for number, (peer, requirements) in enumerate({**REQUIREMENTS, COPYCAT: COPYCAT_REQUIREMENTS}.items()):
        # A package that is left over would change the figures. For example, botocore always imports awscrt if it is installed,
        # which makes a cold start 30 ms longer.
        bare = bare_environment(session, f"peer{number}", *requirements)
        pythons.append(f"{peer}={bare / 'python'}")
    out = session.posargs[0] if session.posargs else session.create_tmp()
    session.run("python", "-m", "bench", out, *pythons, env={"PYTHONPATH": "tests"})


@nox.session
def live(session: nox.Session) -> None:
    """Set up, use and tear down both clouds with real accounts. `-- DIR` is where to write the report."""
    if not os.environ.get("CLOUDSDK_AUTH_ACCESS_TOKEN"):
        session.skip(f"CLOUDSDK_AUTH_ACCESS_TOKEN is not set. {LIVE_NEEDS}")
    install(session, project="-e.[copycat,login]")
    env = {"PYTHONPATH": os.pathsep.join(filter(None, ("tests", os.environ.get("PYTHONPATH"))))}
    missing = session.run("python", "-m", "live", "--missing", env=env, silent=True, stderr=None, log=False)
    if missing and str(missing).strip():
        session.skip(f"{str(missing).strip()} {LIVE_NEEDS}")
    # Without the time limits, nox would kill the teardown after Ctrl-C.
    arguments = session.posargs or [session.create_tmp()]
    session.run("python", "-m", "live", *arguments, env=env, interrupt_timeout=None, terminate_timeout=None)


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
    """Check the newest wheel and sdist as PyPI does. Run the command of each, then the tests and the demo of the sdist on the wheel."""
    wheel, sdist = (
        max(directory.resolve().glob(kind), key=lambda it: it.stat().st_mtime) for kind in ("*.whl", "*.tar.gz")
    )
    temporary = Path(session.create_tmp())
    unpacked, sources = temporary / "wheel", temporary / "sdist"
    for archive, place in ((wheel, unpacked), (sdist, sources)):
        shutil.rmtree(place, ignore_errors=True)
        shutil.unpack_archive(archive, place, "zip" if archive is wheel else "gztar")
    group = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "release")
    checker = bare_environment(session, "checker", *group)
    session.run(str(checker / "twine"), "check", "--strict", str(wheel), str(sdist), external=True)
    session.run(str(checker / "python"), "-c", PAGE, str(unpacked), external=True)
    for number, built in enumerate((wheel, sdist)):
        bare = bare_environment(session, f"bare{number}", str(built))
        session.run(str(bare / "google-auth-botocore"), "--version", external=True)
        session.run(str(bare / "python"), "-I", "-c", INSTALLED, external=True)
    install(session, "minimums", project=str(wheel))
    demo_environment = bare_environment(session, "demo", f"{wheel}[copycat,sandbox]")
    session.chdir(sources / sdist.name.removesuffix(".tar.gz"))
    # No `src` on the path, so that the tests and the demo import the installed wheel.
    session.run("pytest", "-o", "pythonpath=tests", "tests/core", "tests/test_project.py")
    session.run(str(demo_environment / "python"), "samples/gcp_copycat/demo.py", external=True)


def programs_of(environment: Path) -> Path:
    """Return the folder of the programs of an environment."""
    return environment / ("Scripts" if os.name == "nt" else "bin")


def bare_environment(session: nox.Session, name: str, *requirements: str) -> Path:
    """Return the folder of the programs of a new environment that holds only these requirements and their dependencies."""
    place = Path(session.create_tmp(), name).resolve()
    session.run_install("python", "-m", "venv", "--clear", str(place), silent=True)
    programs = programs_of(place)
    session.run_install(str(programs / "pip"), "install", "--quiet", *requirements, env=INSTALL_ENV, external=True)
    return programs

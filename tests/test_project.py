"""The project as a whole: README and CONTRIBUTING, workflows, dependencies between modules, and the time of imports."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from variations import few

import google_auth_botocore
from google_auth_botocore import Credentials

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "google_auth_botocore"
CORE = sorted(
    path
    for pattern in ("*.py", "_*/*.py")
    for path in SOURCE.glob(pattern)
    if path.name not in {"__main__.py", "pytest_plugin.py", "_command_line.py"}
)
CLI = sorted((SOURCE / "cli").rglob("*.py"))
EMULATOR = sorted((SOURCE / "emulator").rglob("*.py"))
ADAPTERS = sorted((SOURCE / "adapters").glob("[!_]*.py"))
TESTS = ROOT / "tests"
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = CONFIGURATION["project"]
GROUPS = CONFIGURATION["dependency-groups"]
SESSIONS = (ROOT / "noxfile.py").read_text(encoding="utf-8")


def imported(path: Path) -> set[str]:
    """Return the full names of the modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def test_the_ci_script_runs_the_test_command_of_the_readme() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert [command.rsplit(" ", 1)[1] for command in commands] == ["demo", "tests"]
    assert f"\n{commands[1]} " in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_readme_has_at_most_180_lines_in_the_order_of_a_newcomers_questions() -> None:
    assert len(README.splitlines()) <= 180
    assert re.findall(r"^## (.*)$", README, re.MULTILINE) == [
        "Do I need this?",
        "Try it",
        "Install",
        "Set up",
        "Use",
        "What a key file could do",
        "Debugging",
        "Refresh and failures",
        "Performance",
        "Security",
        "Status",
        "Links",
    ]


def test_readme_documents_exactly_the_arguments_of_credentials() -> None:
    table = README.split("\n## Use\n")[1].split("\n| argument |")[1].split("\n\n")[0]
    documented = set(re.findall(r"\*(\w+)\*", table))
    assert documented == set(inspect.signature(Credentials).parameters)


def test_readme_documents_every_error() -> None:
    for name in google_auth_botocore.__all__:
        if name.endswith("Error"):
            assert f"`{name}`" in README


def test_readme_mentions_every_public_name() -> None:
    for name in set(google_auth_botocore.__all__) - {"__version__"}:
        assert re.search(rf"`{name}\b", README), name


def test_workflows_pin_their_actions_and_use_no_secret() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        actions = re.findall(r"uses: (\S+)", text)
        assert actions
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)
        assert "\npermissions: {}\n" in text
        assert "secrets." not in text


def workflow(name: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")  # missing in the environment that tests the sdist
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def commands_of(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def actions_of(job: dict[str, Any]) -> set[str]:
    return {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step}


def test_every_job_declares_its_permissions_and_its_time_limit() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in workflow(path.name)["jobs"].values():
            assert "permissions" in job
            assert "timeout-minutes" in job


def test_a_release_is_built_and_attested_by_a_job_that_runs_no_test() -> None:
    build = workflow("release.yml")["jobs"]["build"]
    install, make, tag = [step["run"] for step in build["steps"] if "run" in step]
    assert install == 'python -m pip install --require-hashes --only-binary ":all:" -r .github/build-requirements.txt'
    assert make == "python -m build --no-isolation --outdir dist"
    assert tag.startswith("test -e ")
    assert "actions/attest-build-provenance" in actions_of(build)


def test_the_built_files_of_a_release_are_tested_on_every_python_with_read_permission() -> None:
    jobs = workflow("release.yml")["jobs"]
    test, install = jobs["test"], jobs["install"]
    for job in (test, install):
        assert (job["needs"], job["permissions"]) == ("build", {"contents": "read"})
        assert "actions/upload-artifact" not in actions_of(job)
    assert ".ci/run" in commands_of(test)
    assert "actions/download-artifact" in actions_of(install)
    assert "nox -s artifact -- dist" in commands_of(install)
    ci = workflow("ci.yml")["jobs"]["light"]
    assert install["strategy"]["matrix"]["python"] == ci["strategy"]["matrix"]["python"]


def test_a_release_is_checked_with_the_twine_of_the_publishing_action() -> None:
    """A new version of the action may have another twine: see its requirements/runtime.txt."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    [version] = re.findall(r"pypa/gh-action-pypi-publish@\w{40} # (v[\d.]+)\n", text)
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"release.yml, {version}, checks the files with" in settings
    assert {each.partition("==")[0] for each in GROUPS["release"]} == {"packaging", "readme-renderer[md]", "twine"}
    assert '"twine"), "check", "--strict"' in SESSIONS


def test_the_metadata_of_a_release_has_a_version_that_every_index_accepts() -> None:
    """hatchling writes the newest version that it knows, which the twine of an older publishing action rejects."""
    targets = CONFIGURATION["tool"]["hatch"]["build"]["targets"]
    assert {name: each["core-metadata-version"] for name, each in targets.items()} == {"wheel": "2.4", "sdist": "2.4"}
    [backend] = [each for each in CONFIGURATION["build-system"]["requires"] if each.startswith("hatchling")]
    assert "<" in backend


def test_actions_run_on_a_version_of_node_that_runners_have() -> None:
    """Runners have no Node 20 since September 2026. These are the first versions that run on a later one."""
    first = {
        "actions/checkout": 5,
        "actions/setup-python": 6,
        "actions/upload-artifact": 6,
        "actions/download-artifact": 7,
        "actions/attest-build-provenance": 3,
        "actions/upload-pages-artifact": 5,
        "actions/deploy-pages": 5,
    }
    pattern = re.compile(r"uses: ([\w/-]+)@\w{40} # v(\d+)\.\d+\.\d+\n")
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        found = pattern.findall(text)
        assert len(found) == text.count("uses: ")
        assert [(name, major) for name, major in found if int(major) < first.get(name, 0)] == [], path


def test_a_release_is_published_only_after_its_tests_and_with_the_attestation_of_its_build() -> None:
    jobs = workflow("release.yml")["jobs"]
    publish = jobs["publish"]
    assert set(publish["needs"]) == {"build", "test", "install"}
    assert "actions/checkout" not in actions_of(publish)
    assert "gh attestation verify" in commands_of(publish)
    writers = {
        name: {key for key, value in job["permissions"].items() if value == "write"} for name, job in jobs.items()
    }
    assert writers == {"build": {"id-token", "attestations"}, "test": set(), "install": set(), "publish": {"id-token"}}


def sessions_of(text: str) -> set[str]:
    """Return the names of the nox sessions that commands run. Comments may name others."""
    text = re.sub(r"#.*", "", text)
    return {name for names in re.findall(r"nox -s ([a-z ]+)", text) for name in names.split()}


def test_ci_runs_the_light_sessions_on_every_python_and_the_heavy_ones_once() -> None:
    jobs = workflow("ci.yml")["jobs"]
    light, heavy = sessions_of(commands_of(jobs["light"])), sessions_of(commands_of(jobs["heavy"]))
    classified = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", each)]
    # google-re2, which the emulator needs, has no wheel for 3.15.
    assert jobs["light"]["strategy"]["matrix"]["python"] == [each for each in classified if each != "3.15"]
    assert "matrix" not in jobs["heavy"].get("strategy", {})
    assert {"slow", "consumers"} <= heavy
    assert light | heavy >= sessions_of((ROOT / ".ci" / "run").read_text(encoding="utf-8"))


def test_sessions_that_pages_and_workflows_name_exist() -> None:
    defined = {name.rstrip("_") for name in re.findall(r"@nox\.session.*\ndef (\w+)\(", SESSIONS)}
    pages = [*ROOT.glob("*.md"), *ROOT.glob(".github/**/*.md"), *ROOT.glob(".github/**/*.y*ml"), ROOT / ".ci" / "run"]
    for path in pages:
        named = re.findall(r"nox -s ([a-z]+)", path.read_text(encoding="utf-8"))
        assert set(named) <= defined, path


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        ("core: move modules into _aws and _google", True),
        (
            "core: move modules\n\nA body. With a longer line than any subject may have, because the rule is for subjects.\n",
            True,
        ),
        ("README: say what the table means", True),
        ("core: " + "a" * 66, True),
        ("core: " + "a" * 67, False),
        ("Merge branch 'core'", True),
        ("Move modules", False),
        ("Core: move modules", False),
        ("core: moved modules", False),
        ("core: moves modules", False),
        ("core: move modules.", False),
        ("core:move modules", False),
        ("a subject\ncore: move modules", False),
    ],
)
def test_the_hook_accepts_subjects_with_an_area_and_an_imperative(message: str, *, accepted: bool) -> None:
    yaml = pytest.importorskip("yaml")  # missing in the environment that tests the sdist
    hooks = yaml.safe_load((ROOT / ".github" / "pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0][
        "hooks"
    ]
    [pattern] = [hook["entry"] for hook in hooks if hook["id"] == "commit-subject"]
    # The flags of pre-commit's `pygrep --multiline`.
    assert bool(re.search(pattern, message, re.MULTILINE | re.DOTALL)) == accepted


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    # Names are relative to the package, the tests, or the folder that the sentence is about.
    matrix = TESTS / "consumers" / "matrix"
    roots = [ROOT, SOURCE, SOURCE / "_failures", SOURCE / "emulator", TESTS, matrix, ROOT / ".github"]
    named = [each for each in re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|txt))`", text) if "NAME" not in each]
    assert len(named) > 30
    assert [each for each in named if not any((root / each).exists() for root in roots)] == []


def test_contributing_has_every_folder_and_the_tests_of_every_module_of_the_core() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = text.split("\n| folder | content |\n")[1].split("\n\n")[0]
    for path in (*SOURCE.glob("*/__init__.py"), *TESTS.glob("*/test_*.py"), *TESTS.glob("*/*/test_*.py")):
        folder = path.relative_to(TESTS).parts[0] if path.is_relative_to(TESTS) else path.parent.name
        top = "tests" if path.is_relative_to(TESTS) else "src/google_auth_botocore"
        assert f"`{top}/{folder}`" in folders or f"`{folder}`" in folders, path
    rows = re.findall(
        r"^\| (`.*) \| (`.*) \|$", text.split("\n| module | its tests |\n")[1].split("\n\n")[0], re.MULTILINE
    )
    modules = {each for row, _ in rows for each in re.findall(r"`(.+?)`", row)}
    for path in CORE:
        name = str(path.relative_to(SOURCE))
        if not {name, f"{name.partition('/')[0]}/"} & modules:
            assert path.stem in ("__init__", "_version"), f"{name} is not in the table of modules and their tests"
    assert [name for name in modules if not (SOURCE / name).exists()] == []
    tests = {each for _, row in rows for each in re.findall(r"`(.+?)`", row)}
    assert [name for name in tests if not (TESTS / name).exists()] == []


def test_the_requirements_that_build_a_release_are_pinned_by_hash() -> None:
    text = (ROOT / ".github" / "build-requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(
        r"^([\w.-]+)==\S+(?: ; .*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert len(pinned) == len(re.findall(r"^[^# ]", text, re.MULTILINE))
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert {re.split("[<>=]", each)[0] for each in needed} | {"build"} <= {name for name, _ in pinned}


def test_the_support_policy_names_the_versions_of_the_package() -> None:
    page = (ROOT / ".github" / "SUPPORT.md").read_text(encoding="utf-8")
    lowest = dict(re.findall(r"^\| (\S+) \| (\d[\d.]*) \|", page, re.MULTILINE))
    python = lowest.pop("Python")
    assert f">={python}" == PROJECT["requires-python"]
    assert {f"{name}>={version}" for name, version in lowest.items()} == set(PROJECT["dependencies"])
    tested = workflow("ci.yml")["jobs"]["light"]["strategy"]["matrix"]["python"]
    assert f"| {tested[0]} to {tested[-1]} for each change" in page


def test_the_newest_section_of_the_changelog_is_that_of_the_version() -> None:
    """A release renames the section of changes that are not released yet. No version before 1.0.0 was published."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    [newest, *released] = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert newest == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", each) for each in released)
    assert [each.partition(" ")[0] for each in released][:1] == (
        [] if google_auth_botocore.__version__ == "0.1.0" else [google_auth_botocore.__version__]
    )


def test_there_are_three_run_time_dependencies() -> None:
    assert sorted(re.split(r"[<>=\[ ]", each)[0] for each in PROJECT["dependencies"]) == [
        "botocore",
        "google-auth",
        "requests",
    ]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_core_imports_only_its_three_dependencies_and_the_standard_library(path: Path) -> None:
    # urllib3 is part of requests, whose responses and errors are urllib3's.
    allowed = {*sys.stdlib_module_names, "google.auth", "botocore", "requests", "urllib3", "google_auth_botocore"}
    for name in imported(path):
        top = name.split(".")[0]
        assert top in allowed or name.startswith("google.auth"), name
        assert not re.match(r"google_auth_botocore\.(emulator|cli|adapters|_command_line)", name), name


@pytest.mark.parametrize(
    "path", [*(SOURCE / "adapters").glob("*.py"), *CLI], ids=lambda path: str(path.relative_to(SOURCE))
)
def test_adapters_and_commands_use_only_public_names(path: Path) -> None:
    """Commands also use the redactor, the table of failures, the parser and the constants of the settings: there is one of each."""
    allowed = {f"google_auth_botocore.{name}" for name in google_auth_botocore.__all__}
    names = {name for name in imported(path) if name.startswith("google_auth_botocore")}
    if path in CLI:
        constants = r"_settings\.[A-Z]\w+"
        shared = re.compile(rf"google_auth_botocore\.((_redaction|_failures|_command_line)(\.\w+)*|{constants})")
        names = {name for name in names if not shared.fullmatch(name)}
    own = f"google_auth_botocore.{path.relative_to(SOURCE).parts[0]}."
    assert {name for name in names if not name.startswith((own, "google_auth_botocore.cli"))} <= allowed


@pytest.mark.parametrize("path", EMULATOR, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_emulator_shares_no_knowledge_of_aws_and_google_with_the_core(path: Path) -> None:
    """Otherwise the emulator would accept a mistake of the core. It uses the public names, the parser and the redactor."""
    shared = {*google_auth_botocore.__all__, "_redaction.is_secret"}
    for name in imported(path):
        if name.startswith("google_auth_botocore."):
            inner = name.removeprefix("google_auth_botocore.")
            assert inner in shared or re.match(r"(emulator|_command_line)\b", inner), name


def test_the_parser_imports_only_the_standard_library_and_only_commands_import_it() -> None:
    """The emulator uses it, too, and does not depend on the rest of the package."""
    assert {name.split(".")[0] for name in imported(SOURCE / "_command_line.py")} <= set(sys.stdlib_module_names)
    users = {
        path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
        if any(name.startswith("google_auth_botocore._command_line") for name in imported(path))
    }
    assert users == {"cli", "emulator"}


def test_every_adapter_is_on_their_page_and_has_an_extra() -> None:
    names = {path.stem for path in ADAPTERS}
    page = (SOURCE / "adapters" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"google_auth_botocore\.adapters\.(\w+)", page)) == names
    extras = set(re.findall(r"^\|.*\| (`.*`) \|$", page.split("\n| library | extra |\n")[1], re.MULTILINE))
    extras = {each.strip("`") for row in extras for each in row.split(", ")}
    assert {name.replace("_", "-") for name in names - {"google_auth_aio"}} <= extras
    # google-auth is always installed.
    assert names - {"google_auth_aio"} <= {name.replace("-", "_") for name in PROJECT["optional-dependencies"]}


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.stem)
def test_every_adapter_has_tests_a_typed_use_and_a_row_in_the_table(path: Path) -> None:
    assert (TESTS / "adapters" / f"test_{path.stem}.py").is_file()
    assert f"google_auth_botocore.adapters.{path.stem}\n" in (TESTS / "typed" / "api.py").read_text(encoding="utf-8")
    matrix = TESTS / "consumers" / "matrix"
    assert f"google_auth_botocore.adapters.{path.stem}" in imported(matrix / "adapted.py")
    consumers = re.findall(
        r"^class (\w+)\(Consumer\)", (matrix / "adapted.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    rows = (matrix / "table.py").read_text(encoding="utf-8")
    assert [name for name in consumers if f"    adapted.{name}: Row(" not in rows] == []
    assert f"\n- `{path.stem}`: " in (SOURCE / "adapters" / "__init__.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("group", ["tests", "docs"])
def test_the_extra_of_every_adapter_is_in_the_dependency_group(group: str) -> None:
    [extras] = re.findall(r"google-auth-botocore\[(.*?)\]", "".join(map(str, GROUPS[group])))
    adapters = {path.stem.replace("_", "-") for path in ADAPTERS}
    assert adapters & PROJECT["optional-dependencies"].keys() <= set(extras.split(","))


def users_of(pattern: str) -> set[str]:
    """Return the packages and modules of the core that import a name that matches the pattern."""
    return {
        path.relative_to(SOURCE).parts[0]
        for path in CORE
        for name in imported(path)
        if re.match(rf"({pattern})(\.|$)", name)
    }


def test_only_the_aws_package_imports_botocore() -> None:
    # `credentials.py` imports the type of the session.
    assert users_of("botocore") == {"_aws", "credentials.py"}


def test_only_the_google_package_imports_http_clients() -> None:
    assert users_of(r"requests|urllib3|http\.client|google\.auth\.transport\.\w+") == {"_google"}


def test_the_refresh_package_imports_no_other_package_of_the_core() -> None:
    for path in SOURCE.glob("_refresh/*.py"):
        ours = {name for name in imported(path) if name.startswith("google_auth_botocore.")}
        assert all(
            re.match(r"google_auth_botocore\.(_refresh|_redaction|_failures|exceptions)\b", name) for name in ours
        ), path


@pytest.mark.parametrize("module", ["google_auth_botocore", "google_auth_botocore.cli"])
def test_import_loads_neither_botocore_nor_requests(module: str) -> None:
    program = f"import sys, {module}; print([m for m in ('botocore', 'requests') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_no_named_tuple_has_annotations_as_text() -> None:
    """For each such tuple, the module typing would call the compiler at every start."""
    for path in CORE:
        text = path.read_text(encoding="utf-8")
        assert "(NamedTuple)" not in text or "from __future__ import annotations" not in text, path.name


@pytest.mark.parametrize(
    "arguments", few(["", ", profile='p'", ", subject_token_type='urn:ietf:params:oauth:token-type:jwt'"])
)
def test_creating_an_object_imports_everything_that_a_token_requires(
    arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is imported later: an import that a fork interrupts hangs the child. The table of failures makes a fork wait."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    program = (
        "import sys, time, types, google_auth_botocore as g\n"
        "from google_auth_botocore._shared_token_credentials import SourceCredentials\n"
        "class Late:\n"
        "    time, monotonic = staticmethod(time.time), staticmethod(time.monotonic)\n"  # no server listens there, and retries take no time
        "    def sleep(self, seconds): self.monotonic = lambda: float('inf')\n"
        "SourceCredentials._clock = Late()\n"
        "c = g.Credentials('projects/1/locations/global/workloadIdentityPools/p/providers/q'"
        f"{arguments}, token_url='http://127.0.0.1:1/')\n"
        "before = set(sys.modules)\n"
        "try: c.refresh(lambda **_: types.SimpleNamespace(status=400, headers={}, data=b''))\n"
        "except g.FederationError: pass\n"
        "print(sorted(m for m in set(sys.modules) - before if m.startswith(('botocore', 'requests', 'google_auth')) "
        "and not m.startswith('google_auth_botocore._failures._')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout


def test_the_first_token_loads_only_what_it_requires(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The time of a cold start depends on the modules and files, whose number does not depend on the load of the machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    program = (
        "import json, os, sys, types, google_auth_botocore as g\n"
        "c = g.Credentials('projects/1/locations/global/workloadIdentityPools/p/providers/q')\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == 'open' else None)\n"
        'token = b\'{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}\'\n'
        "c.refresh(lambda **_: types.SimpleNamespace(status=200, headers={}, data=token))\n"
        "print(json.dumps([list(sys.modules), list(map(os.path.basename, opened))]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    modules, opened = json.loads(done.stdout)
    assert opened == ["partitions.json"]
    ours = {name.removeprefix("google_auth_botocore.") for name in modules if name.startswith("google_auth_botocore.")}
    # The table of failures is loaded with the first failure, and the rest only by programs that use it.
    assert {name for name in ours if name.startswith("_failures.")} == {"_failures._facts", "_failures._gevent"}
    assert not {name for name in ours if name.startswith(("adapters", "cli", "emulator", "pytest_plugin"))}
    # Each module takes 0.2 ms at the start and at the exit. Before you raise this number, try a module that exists.
    assert len(ours) <= 60
    assert not {"botocore.session", "botocore.client", "botocore.regions", "botocore.endpoint_provider"} & set(modules)
    assert not {"google.auth.aws", "google.auth.impersonated_credentials", "concurrent.futures.thread"} & set(modules)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("botocore.utils.InstanceMetadataRegionFetcher", "_URL_PATH"),
        ("botocore.utils.InstanceMetadataRegionFetcher", "_get_region"),
        ("botocore.utils.InstanceMetadataRegionFetcher", "_fetch_metadata_token"),
        ("botocore.utils.InstanceMetadataRegionFetcher", "_get_request"),
        ("botocore.utils.InstanceMetadataRegionFetcher", "_default_retry"),
        ("google.auth._cloud_sdk", "get_application_default_credentials_path"),
    ],
)
def test_private_names_that_the_package_uses_exist(name: str, attribute: str) -> None:
    module, _, kind = name.rpartition(".")
    target = getattr(__import__(module, fromlist=[kind]), kind)
    assert hasattr(target, attribute)

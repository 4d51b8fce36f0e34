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
    if path.name not in {"__main__.py", "pytest_plugin.py"}
)
CLI = sorted((SOURCE / "cli").rglob("*.py"))
ADAPTERS = sorted((SOURCE / "adapters").glob("*.py"))
TESTS = ROOT / "tests"
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = README.split("\n## Recipes\n")[1].split("\n## ")[0]
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


def test_examples_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = tmp_path / "config.json"
    configuration.write_text(
        json.dumps(Credentials("projects/1/locations/global/workloadIdentityPools/p/providers/q").info)
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(configuration))
    examples = re.findall(r"```python\n(.*?)```", README.replace(RECIPES, ""), re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        namespace: dict[str, object] = {}
        exec(compile(example, "README.md", "exec"), namespace)
        assert isinstance(namespace["credentials"], Credentials)


def test_each_recipe_of_the_readme_has_a_test_of_its_name() -> None:
    """These tests require the dependency group `consumers`."""
    titles = re.findall(r"```python\n# (\w+)", RECIPES)
    assert len(titles) == RECIPES.count("```") / 2
    for title in titles:
        test = ROOT / "tests" / "consumers" / "recipes" / f"test_{title}.py"
        assert f'("{title}"' in test.read_text(encoding="utf-8")


def test_links_of_the_pages_lead_to_files() -> None:
    for path in (ROOT / "README.md", *ROOT.glob("samples/*/README.md"), *ROOT.glob(".github/*.md")):
        links = re.findall(r"\]\((?!https:)([^)#]*)", path.read_text(encoding="utf-8"))
        assert [link for link in links if not (path.parent / link).exists()] == [], path


def test_links_within_the_readme_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^\w-]", "", each.lower().replace(" ", "-")) for each in re.findall(r"^## (.*)$", README, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]*)", README)) <= headings


def test_readme_documents_every_argument_and_no_other() -> None:
    table = README.split("## Configure")[1].split("## ")[0]
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


def test_the_built_files_of_a_release_are_tested_by_a_job_with_read_permission() -> None:
    test = workflow("release.yml")["jobs"]["test"]
    assert (test["needs"], test["permissions"]) == ("build", {"contents": "read"})
    assert "actions/download-artifact" in actions_of(test)
    assert ".ci/run" in commands_of(test)
    assert "nox -s artifact -- dist" in commands_of(test)
    assert "actions/upload-artifact" not in actions_of(test)


def test_a_release_is_published_only_after_its_tests_and_with_the_attestation_of_its_build() -> None:
    jobs = workflow("release.yml")["jobs"]
    publish = jobs["publish"]
    assert set(publish["needs"]) == {"build", "test"}
    assert "actions/checkout" not in actions_of(publish)
    assert "gh attestation verify" in commands_of(publish)
    writers = {
        name: {key for key, value in job["permissions"].items() if value == "write"} for name, job in jobs.items()
    }
    assert writers == {"build": {"id-token", "attestations"}, "test": set(), "publish": {"id-token"}}


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


def test_the_requirements_that_build_a_release_are_pinned_by_hash() -> None:
    text = (ROOT / ".github" / "build-requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(
        r"^([\w.-]+)==\S+(?: ; .*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert len(pinned) == len(re.findall(r"^[^# ]", text, re.MULTILINE))
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert {re.split("[<>=]", each)[0] for each in needed} | {"build"} <= {name for name, _ in pinned}


def test_run_time_dependencies_are_three() -> None:
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
        assert not re.match(r"google_auth_botocore\.(emulator|cli|adapters)", name), name


@pytest.mark.parametrize("path", [*ADAPTERS, *CLI], ids=lambda path: str(path.relative_to(SOURCE)))
def test_adapters_and_commands_use_only_public_names(path: Path) -> None:
    """Commands also use the redactor, the table of failures and the constants of the settings: there is one of each."""
    allowed = {f"google_auth_botocore.{name}" for name in google_auth_botocore.__all__}
    names = {name for name in imported(path) if name.startswith("google_auth_botocore")}
    if path in CLI:
        constants = r"_settings\.[A-Z]\w+"
        shared = re.compile(rf"google_auth_botocore\.((_redaction|_failures)(\.\w+)*|{constants})")
        names = {name for name in names if not shared.fullmatch(name)}
    assert {name for name in names if not name.startswith("google_auth_botocore.cli")} <= allowed


def test_every_adapter_is_in_the_readme_and_has_an_extra() -> None:
    names = {path.stem for path in ADAPTERS} - {"__init__"}
    assert set(re.findall(r"`adapters\.(\w+)`", README)) == names
    # google-auth is always installed.
    assert names - {"google_auth_aio"} <= {name.replace("-", "_") for name in PROJECT["optional-dependencies"]}


@pytest.mark.parametrize("path", [path for path in ADAPTERS if path.stem != "__init__"], ids=lambda path: path.stem)
def test_every_adapter_has_tests_a_typed_use_and_a_row_in_the_table(path: Path) -> None:
    assert (TESTS / "adapters" / f"test_{path.stem}.py").is_file()
    assert f"google_auth_botocore.adapters.{path.stem}\n" in (TESTS / "typed" / "api.py").read_text(encoding="utf-8")
    assert f"google_auth_botocore.adapters.{path.stem}" in imported(TESTS / "consumers" / "matrix" / "adapted.py")


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


def test_import_loads_neither_botocore_nor_requests() -> None:
    program = "import sys, google_auth_botocore; print([m for m in ('botocore', 'requests') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_no_named_tuple_has_annotations_as_text() -> None:
    """For each of them, typing would call the compiler at every start."""
    for path in CORE:
        text = path.read_text(encoding="utf-8")
        assert "(NamedTuple)" not in text or "from __future__ import annotations" not in text, path.name


@pytest.mark.parametrize(
    "arguments", ["", ", profile='p'", ", subject_token_type='urn:ietf:params:oauth:token-type:jwt'"]
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
        "    time, monotonic = staticmethod(time.time), staticmethod(time.monotonic)\n"  # no STS listens there, and no time is spent on retries
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

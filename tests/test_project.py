"""What holds for the project as a whole: the README, what depends on what, and what is imported when."""

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
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def test_ci_runs_the_readmes_test_command() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert [command.rsplit(" ", 1)[1] for command in commands] == ["demo", "tests"]
    assert f"\n{commands[1]} " in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_readmes_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_readmes_recipes_are_followed_by_tests_of_that_name() -> None:
    """Which want libraries that are too many for these."""
    titles = re.findall(r"```python\n# (\w+)", RECIPES)
    assert len(titles) == RECIPES.count("```") / 2
    for title in titles:
        test = ROOT / "tests" / "consumers" / "recipes" / f"test_{title}.py"
        assert f'("{title}"' in test.read_text(encoding="utf-8")


def test_readmes_links_lead_somewhere() -> None:
    for path in (ROOT / "README.md", *ROOT.glob("samples/*/README.md")):
        links = re.findall(r"\]\((?!https:)([^)#]*)", path.read_text(encoding="utf-8"))
        assert all((path.parent / link).exists() for link in links)


def test_readme_has_every_argument_and_no_other() -> None:
    table = README.split("## Configure")[1].split("## ")[0]
    documented = set(re.findall(r"\*(\w+)\*", table))
    assert documented == set(inspect.signature(Credentials).parameters)


def test_readme_has_every_error() -> None:
    for name in google_auth_botocore.__all__:
        if name.endswith("Error"):
            assert f"`{name}`" in README


def test_readme_has_every_public_name() -> None:
    for name in set(google_auth_botocore.__all__) - {"__version__"}:
        assert re.search(rf"`{name}\b", README), name


def test_workflows_pin_their_actions_and_hold_no_secret() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        actions = re.findall(r"uses: (\S+)", text)
        assert actions
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)
        assert "\npermissions: {}\n" in text
        assert "secrets." not in text


def workflow(name: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")  # not where the sdist is tested
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def commands_of(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def actions_of(job: dict[str, Any]) -> set[str]:
    return {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step}


def test_every_job_names_its_permissions_and_its_time() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in workflow(path.name)["jobs"].values():
            assert "permissions" in job
            assert "timeout-minutes" in job


def test_a_release_is_built_and_attested_where_no_test_runs() -> None:
    build = workflow("release.yml")["jobs"]["build"]
    install, make, tag = [step["run"] for step in build["steps"] if "run" in step]
    assert install == 'python -m pip install --require-hashes --only-binary ":all:" -r .github/build-requirements.txt'
    assert make == "python -m build --no-isolation --outdir dist"
    assert tag.startswith("test -e ")
    assert "actions/attest-build-provenance" in actions_of(build)


def test_a_release_is_tested_as_it_was_built_by_a_job_that_may_only_read() -> None:
    test = workflow("release.yml")["jobs"]["test"]
    assert (test["needs"], test["permissions"]) == ("build", {"contents": "read"})
    assert "actions/download-artifact" in actions_of(test)
    assert ".ci/run" in commands_of(test)
    assert "nox -s artifact -- dist" in commands_of(test)
    assert "actions/upload-artifact" not in actions_of(test)


def test_a_release_is_published_after_its_test_if_the_attestation_is_the_builds() -> None:
    jobs = workflow("release.yml")["jobs"]
    publish = jobs["publish"]
    assert set(publish["needs"]) == {"build", "test"}
    assert "actions/checkout" not in actions_of(publish)
    assert "gh attestation verify" in commands_of(publish)
    writers = {
        name: {key for key, value in job["permissions"].items() if value == "write"} for name, job in jobs.items()
    }
    assert writers == {"build": {"id-token", "attestations"}, "test": set(), "publish": {"id-token"}}


def test_what_builds_a_release_is_pinned_by_hash() -> None:
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
def test_core_imports_its_three_dependencies_and_the_standard_library_alone(path: Path) -> None:
    # urllib3 is a part of requests: its responses and errors are urllib3's.
    allowed = {*sys.stdlib_module_names, "google.auth", "botocore", "requests", "urllib3", "google_auth_botocore"}
    for name in imported(path):
        top = name.split(".")[0]
        assert top in allowed or name.startswith("google.auth"), name
        assert not re.match(r"google_auth_botocore\.(emulator|cli|adapters)", name), name


@pytest.mark.parametrize("path", [*ADAPTERS, *CLI], ids=lambda path: str(path.relative_to(SOURCE)))
def test_adapters_and_commands_use_public_names_alone(path: Path) -> None:
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
    # google-auth itself is always there.
    assert names - {"google_auth_aio"} <= {name.replace("-", "_") for name in PROJECT["optional-dependencies"]}


@pytest.mark.parametrize("path", [path for path in ADAPTERS if path.stem != "__init__"], ids=lambda path: path.stem)
def test_every_adapter_is_tested_typed_and_driven(path: Path) -> None:
    """By a module of tests, by type checkers, and as one of the README's table."""
    assert (TESTS / "adapters" / f"test_{path.stem}.py").is_file()
    assert f"google_auth_botocore.adapters.{path.stem}\n" in (TESTS / "typed" / "api.py").read_text(encoding="utf-8")
    assert f"google_auth_botocore.adapters.{path.stem}" in imported(TESTS / "consumers" / "matrix" / "adapted.py")


def test_every_extra_of_an_adapter_is_installed_for_its_tests() -> None:
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for name in PROJECT["optional-dependencies"]:
        if name.replace("-", "_") in {path.stem for path in ADAPTERS}:
            assert re.search(rf'"-e\.\[[^]]*\b{name}\b', sessions), name
            assert re.search(rf'extras = \([^)]*"{name}"', sessions), name


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 300


def users_of(pattern: str) -> set[str]:
    """The packages of the core, and the modules beside them, that import what the pattern names."""
    return {
        path.relative_to(SOURCE).parts[0]
        for path in CORE
        for name in imported(path)
        if re.match(rf"({pattern})(\.|$)", name)
    }


def test_only_the_aws_package_imports_botocore() -> None:
    # `credentials.py` has the session's type.
    assert users_of("botocore") == {"_aws", "credentials.py"}


def test_only_the_google_package_imports_what_sends_http() -> None:
    # `_redaction` reads the addresses of proxies.
    assert users_of(r"requests|urllib3|http\.client|google\.auth\.transport\.\w+") == {"_google"}


def test_the_refresh_package_knows_no_other_package_of_the_core() -> None:
    for path in SOURCE.glob("_refresh/*.py"):
        ours = {name for name in imported(path) if name.startswith("google_auth_botocore.")}
        assert all(
            re.match(r"google_auth_botocore\.(_refresh|_redaction|_failures|exceptions)\b", name) for name in ours
        ), path


def test_import_loads_neither_botocore_nor_requests() -> None:
    program = "import sys, google_auth_botocore; print([m for m in ('botocore', 'requests') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments", ["", ", profile='p'", ", subject_token_type='urn:ietf:params:oauth:token-type:jwt'"]
)
def test_building_an_object_loads_all_that_a_token_takes(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never later: an import that a fork interrupts hangs the child. The table of failures makes a fork wait."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    program = (
        "import sys, types, google_auth_botocore as g\n"
        "from google_auth_botocore._shared_token_credentials import SourceCredentials\n"
        "from google_auth_botocore._refresh.clock import SystemClock\n"
        "class Late(SystemClock):\n"  # STS is not there, and is not waited for
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
def test_private_names_that_are_used_are_still_there(name: str, attribute: str) -> None:
    module, _, kind = name.rpartition(".")
    target = getattr(__import__(module, fromlist=[kind]), kind)
    assert hasattr(target, attribute)

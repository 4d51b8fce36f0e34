"""The environment of every test: no cloud account, proxy or configuration of the machine that runs it."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import botocore.loaders
import dispositions
import hypothesis
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from google_auth_botocore.emulator import Emulator

# Without this, argparse searches the disk for a translation of each of its texts.
os.environ["LANGUAGE"] = "C"

# The same examples in each run, and no deadline: no test may depend on a duration.
hypothesis.settings.register_profile("default", derandomize=True, deadline=None, max_examples=30)
hypothesis.settings.load_profile("default")

TESTS = Path(__file__).parent
# Folders whose tests import more than the dependency group `core` installs: the group, and the modules.
NEEDED = {
    "adapters": (
        "tests",
        (
            "gcloud",
            "httpx",
            "httpx2",
            "kubernetes",
            "obstore",
            "openai",
            "opentelemetry.exporter",
            "polars",
            "pyiceberg",
        ),
    ),
    "aws": ("tests", ("moto",)),
    "bench": ("tests", ("google_crc32c",)),
    "cli": ("tests", ("hcl2", "kubernetes", "moto")),
    "consumers": (
        "consumers",
        (
            "airflow",
            "dlt",
            "duckdb",
            "google.cloud.aiplatform",
            "gspread",
            "litellm",
            "pandas_gbq",
            "pyarrow",
            "pyspark",
        ),
    ),
    "emulator": ("tests", ("freezegun", "google_crc32c", "moto")),
    "live": ("tests", ("google.cloud.storage", "moto", "nox")),
    "pages": (
        "tests",
        ("gcloud", "google_crc32c", "hcl2", "httpx2", "kubernetes", "moto", "obstore", "openai", "polars"),
    ),
    "processes": ("tests", ("celery", "distributed", "gcsfs", "joblib")),
    "samples": ("tests", ("boto3", "distributed", "hcl2", "mcp", "moto", "tqdm", "yaml")),
    "service_account": ("tests", ("dask", "jwt", "moto")),
}


# Folders whose tests start programs, so that a few of them take as long as hundreds of other tests.
PROGRAMS = {"live", "pages", "processes", "samples", "serve"}


def _is_missing(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is None
    except ModuleNotFoundError:  # the parent package is missing
        return True


# Nothing is left out on a CI machine: a missing library is an error there.
MISSING = {
    TESTS / folder: (group, missing)
    for folder, (group, modules) in NEEDED.items()
    if (missing := [module for module in modules if _is_missing(module)]) and "CI" not in os.environ
}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if collection_path in MISSING else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print which of the requested folders were left out, and what to install for them: one line for each group."""
    requested = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
    for group in ("tests", "consumers"):
        folders = {
            folder: missing
            for folder, (its_group, missing) in MISSING.items()
            if its_group == group
            and any(path == folder or path in folder.parents or folder in path.parents for path in requested)
        }
        if folders:
            names = ", ".join(f"tests/{folder.name}" for folder in folders)
            modules = ", ".join(sorted({module for missing in folders.values() for module in missing}))
            terminalreporter.write_line(
                f"Not run: {names}. Not installed: {modules}. To run them: pip install -e . --group {group}",
                yellow=True,
            )


@pytest.hookimpl(trylast=True)  # after `-m` and `-k`
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files whose tests start programs first, then those with many tests: else one worker waits for the last file of the other."""
    number = Counter(item.path for item in items)
    items.sort(key=lambda item: (PROGRAMS.isdisjoint(item.path.parts), -number[item.path]))


@pytest.fixture(scope="session", autouse=True)
def _dispositions() -> None:
    """Give tests, and the programs that they start, the default signal dispositions. Here, because workers run the tests."""
    dispositions.make_default()


@pytest.fixture(scope="session", autouse=True)
def _what_takes_long_is_done_once() -> Iterator[None]:
    """Create ten RSA keys and return them in turn, and keep the JSON files of botocore: each takes 50 ms."""
    generate, load = rsa.generate_private_key, botocore.loaders.JSONFileLoader.load_file
    keys: dict[tuple[int, int], rsa.RSAPrivateKey] = {}
    turn = itertools.count()
    files: dict[str, Any] = {}

    def generated(public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
        name = key_size, next(turn) % 10
        if name not in keys:
            keys[name] = generate(public_exponent, key_size, backend)
        return keys[name]

    def loaded(self: botocore.loaders.JSONFileLoader, file_path: str) -> Any:
        if not file_path.startswith(botocore.BOTOCORE_ROOT):
            return load(self, file_path)
        if file_path not in files:
            files[file_path] = load(self, file_path)
        return files[file_path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", generated)
        patch.setattr(botocore.loaders.JSONFileLoader, "load_file", loaded)
        yield


@pytest.fixture(autouse=True)
def _no_cloud_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the identity, proxies and configuration of this machine."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "GOOGLE_", "GCE_", "CLOUDSDK_", "GCLOUD_")) or name.upper().endswith(
            "_PROXY"
        ):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / ".aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws" / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("BOTO_CONFIG", os.devnull)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(home / "gcloud"))


@pytest.fixture(name="google")
def _google() -> Iterator[Emulator]:
    """Yield an emulator of Google's side on loopback."""
    with Emulator() as emulator:
        yield emulator

"""Dependencies in one zip on `sys.path` (EMR, PySpark's --py-files, Zappa), or without botocore's data folder."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from seams import aws_partitions
from variations import few

import google_auth_botocore
from aws.conftest import ROLE, Federation, Issue, Write, environment, ini
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata

# What pip installs for google-auth-botocore, by the names to import. Compiled parts cannot be loaded from a zip; these
# packages work without theirs. google-auth does not work without cryptography, which is a folder beside the zip.
_PACKAGES = (
    "botocore",
    "dateutil",
    "jmespath",
    "urllib3",
    "requests",
    "certifi",
    "idna",
    "charset_normalizer",
    "google.auth",
    "google.oauth2",
    "pyasn1",
    "pyasn1_modules",
)
_TOKEN = """
import json, sys
import google_auth_botocore as g, botocore
arguments = json.loads(sys.argv[1])
print(g.__file__); print(botocore.__file__)
try:
    print(g.Credentials(**arguments).get_token().value[:5])
except g.FederationError as error:
    print(error.reason); print(error)
"""


def _folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def _files(name: str) -> list[tuple[Path, Path]]:
    """Return the files of a package and their places on the path, with only those data files of botocore that a source requires."""
    root = _folder(name)
    base = root.parents[name.count(".")]
    found = []
    for path in root.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyd"):
            place = path.relative_to(base)
            if place.parts[:2] != ("botocore", "data") or len(place.parts) == 3 or place.parts[2] == "sts":
                found.append((path, place))
    return found


@pytest.fixture(name="bundle", scope="module")
def _bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create one zip with everything, including this package."""
    path = tmp_path_factory.mktemp("zip") / "dependencies.zip"
    six = importlib.util.find_spec("six")
    assert six is not None
    assert six.origin is not None
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.write(six.origin, "six.py")
        bundle.writestr("google/", "")  # `zip -r` writes this entry, without which a namespace package is not found
        own = Path(google_auth_botocore.__file__).parent
        for each in own.rglob("*.py"):
            bundle.write(each, each.relative_to(own.parent))
        for name in _PACKAGES:
            for source, place in _files(name):
                bundle.write(source, place)
    beside = path.parent / "compiled"
    beside.mkdir()
    site = _folder("cryptography").parent
    for each in [*site.glob("cryptography"), *site.glob("cffi"), *site.glob("_cffi_backend*"), *site.glob("pycparser")]:
        (beside / each.name).symlink_to(each)
    return path


@pytest.fixture(name="without_data", scope="module")
def _without_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with botocore but without its data."""
    path = tmp_path_factory.mktemp("folder")
    shutil.copytree(_folder("botocore"), path / "botocore", ignore=shutil.ignore_patterns("data", "__pycache__"))
    return path


def _run(path: Path, arguments: dict[str, Any], variables: dict[str, str] | None = None) -> list[str]:
    """Return the output of a process with this first on its path. With a zip, little more than the standard library follows."""
    options = ["-S"] if path.suffix == ".zip" else []
    done = subprocess.run(
        [sys.executable, *options, "-c", _TOKEN, json.dumps(arguments)],
        env={
            **os.environ,
            **(variables or {}),
            "PYTHONPATH": os.pathsep.join((str(path), str(path.parent / "compiled"))),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    own, botocores, *rest = done.stdout.splitlines()
    assert botocores.startswith(str(path))
    assert own.startswith(str(path)) or path.suffix != ".zip"
    return rest


@pytest.mark.parametrize("kind", ["bundle", "without_data"])
@pytest.mark.parametrize("source", few(["environment", "file", "container", "imds"]))
def test_keys_of_most_sources_work(
    federation: Federation,
    issue: Issue,
    shared: Write,
    request: pytest.FixtureRequest,
    kind: str,
    source: str,
) -> None:
    arguments = {"audience": federation.audience, "token_url": federation.google.token_url}
    with ContainerCredentials(lambda: issue("container")) as container, InstanceMetadata(lambda: issue("imds")) as imds:
        variables = {
            "environment": {**environment(issue("environment")), "AWS_REGION": "cn-north-1"},
            "file": {"AWS_REGION": "eu-west-1"},
            "container": container.environment(),
            "imds": imds.environment(),
        }[source]
        if source == "environment":
            keys = issue("environment", partition="aws-cn")
            variables.update(environment(keys))
        if source == "file":
            shared(ini("default", issue("file")))
        assert _run(request.getfixturevalue(kind), arguments, variables) == ["ya29."]
    seen = federation.last_seen()
    assert seen.arn.endswith(f":assumed-role/{source}/session")
    if source == "environment":
        assert seen.host == "sts.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize("kind", few(["bundle", "without_data"]))
def test_role_that_requires_botocores_data_is_an_error_that_names_the_bundle(
    federation: Federation, issue: Issue, request: pytest.FixtureRequest, kind: str
) -> None:
    path = request.getfixturevalue(kind)
    arguments = {
        "audience": federation.audience,
        "token_url": federation.google.token_url,
        "assume_role": ROLE,
    }
    reason, message, *_ = _run(path, arguments, {**environment(issue("base")), "AWS_REGION": "eu-west-1"})
    assert reason in ("DataNotFoundError", "UnknownServiceError")
    assert message.startswith("botocore's data files cannot be read")
    assert f"botocore was loaded from {path}" in message
    assert "Install botocore as a folder with its data, not from a zip on sys.path" in message
    assert "could not get AWS credentials" not in message


def test_our_table_of_partitions_equals_botocores() -> None:
    def comparable(partitions: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        names = ("name", "dnsSuffix", "dualStackDnsSuffix", "implicitGlobalRegion")
        return sorted(
            (each["regionRegex"], *(each["outputs"][name] for name in names), *_global(each)) for each in partitions
        )

    def _global(partition: dict[str, Any]) -> list[str]:
        return [name for name in partition["regions"] if name.endswith("-global")]

    assert aws_partitions.partitions() is not aws_partitions.OWN
    assert comparable(aws_partitions.OWN) == comparable(aws_partitions.partitions())


def test_each_region_in_botocore_has_the_same_partition_in_our_table() -> None:
    for partition in aws_partitions.partitions():
        for region in partition["regions"]:
            found = [
                each["outputs"]["dnsSuffix"]
                for each in aws_partitions.OWN
                if region in each["regions"] or re.fullmatch(each["regionRegex"], region, re.ASCII)
            ]
            assert found == [partition["outputs"]["dnsSuffix"]], region

"""The sample that runs the emulator as a service: its compose file fits the emulator, and its script for Java works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from emulator.service import serving
from google_auth_botocore.emulator._google_hosts import TLS_NAMES
from google_auth_botocore.emulator._instructions import _CA_BUNDLE_VARIABLES
from google_auth_botocore.emulator._service_options import parse

SAMPLE = Path(__file__).parents[2] / "samples" / "emulator"


@pytest.fixture(name="services", scope="module")
def _services() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")  # missing in the environment that tests the sdist
    document = yaml.safe_load((SAMPLE / "compose.yaml").read_text(encoding="utf-8"))
    assert set(document["volumes"]) == {"files", "state"}
    services = document["services"]
    assert isinstance(services, dict)
    return services


def test_the_settings_are_valid_and_fit_the_application(services: dict[str, Any]) -> None:
    options = parse([f"--settings={SAMPLE / 'settings.json'}"])
    environment = services["application"]["environment"]
    assert options.aws_keys == (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], None)
    assert options.project == environment["GOOGLE_CLOUD_PROJECT"]
    assert environment["GOOGLE_APPLICATION_CREDENTIALS"] == f"{options.write}/external_account.json"
    assert (options.tls, options.google_hosts, options.port, options.host) == (True, True, 443, "0.0.0.0")


def test_the_aliases_are_names_of_the_certificate(services: dict[str, Any]) -> None:
    aliases = services["emulator"]["networks"]["default"]["aliases"]
    assert {"sts.googleapis.com", "iamcredentials.googleapis.com"} <= set(aliases)
    assert "*.googleapis.com" in TLS_NAMES
    assert all(re.fullmatch(r"[a-z0-9]+\.googleapis\.com", alias) for alias in aliases)


@pytest.mark.slow
def test_the_files_are_where_the_services_expect_them(services: dict[str, Any], tmp_path: Path) -> None:
    settings = json.loads((SAMPLE / "settings.json").read_text())
    changed = {**settings, "port": 0, "write": str(tmp_path / "files"), "state": str(tmp_path / "state")}
    changed["host"] = "127.0.0.1"
    (tmp_path / "settings.json").write_text(json.dumps(changed))
    with serving(f"--settings={tmp_path / 'settings.json'}") as service:
        environment = services["application"]["environment"]
        paths = {value for value in environment.values() if value.startswith("/emulator/")}
        written = {f"/emulator/{path.name}" for path in (tmp_path / "files").iterdir()}
        assert paths <= written
        configuration = json.loads((tmp_path / "files" / "external_account.json").read_text())
        assert configuration["token_url"] == "https://sts.googleapis.com/v1/token"
        hosts = {urlsplit(value).hostname for name, value in configuration.items() if name.endswith("_url")}
        assert hosts <= set(services["emulator"]["networks"]["default"]["aliases"])
        *_, check = services["emulator"]["healthcheck"]["test"]
        port = service.url.rpartition(":")[2]
        check = check.replace("/emulator/", f"{tmp_path}/files/").replace("localhost/", f"localhost:{port}/")
        assert subprocess.run([sys.executable, "-c", check], check=False, timeout=60).returncode == 0


def test_the_application_trusts_the_ca_with_variables_that_the_emulator_writes(services: dict[str, Any]) -> None:
    environment = services["application"]["environment"]
    trust = {name for name, value in environment.items() if value.endswith(".pem")}
    assert trust <= {*_CA_BUNDLE_VARIABLES, "NODE_EXTRA_CA_CERTS"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("javac") is None, reason="Java is not installed")
def test_a_java_program_trusts_the_ca_with_the_commands_of_the_page(tmp_path: Path) -> None:
    page = (SAMPLE / "README.md").read_text(encoding="utf-8")
    [command, options] = re.findall("^(?:keytool|export JAVA_TOOL_OPTIONS=).*$", page, re.MULTILINE)
    (tmp_path / "Health.java").write_text(
        "import java.net.URI; import java.net.http.*;\n"
        "public class Health { public static void main(String[] a) throws Exception {\n"
        "System.out.print(HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(a[0])).build(),\n"
        "HttpResponse.BodyHandlers.ofString()).body()); } }\n"
    )
    with serving("--port=0", "--tls", f"--write={tmp_path}/files") as service:
        script = f'{command}\n{options}\nexec java Health.java "$1/healthz"'
        script = script.replace("/emulator/", f"{tmp_path}/files/").replace("/tmp/trust.p12", f"{tmp_path}/trust.p12")
        result = subprocess.run(
            ["sh", "-ec", script, "sh", service.url],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            timeout=120,
        )
    assert result.stdout.endswith("ok\n")

"""Clients in several languages, unchanged, with Google's own URLs: the host names resolve to the emulator.

Each test runs in its own namespaces: with another /etc/hosts, and with a network in which the emulator may listen on port 443.
A client that is not installed is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.service import MODULE, environment

GO_PATH = Path("/usr/share/gocode")  # of Debian's golang-golang-x-oauth2-google-dev
HOSTS = "127.0.0.1 localhost {}".format(
    " ".join(f"{name}.googleapis.com" for name in ("sts", "iamcredentials", "iam", "oauth2", "www", "storage"))
)
# Start the emulator, wait until it is ready, and run the client with the environment that the emulator wrote.
SCRIPT = """
ip link set lo up
mount --bind "$1/hosts" /etc/hosts
"$2" -m {module} --port 443 --tls --google-hosts --write "$1/files" > "$1/log" 2>&1 &
emulator=$!
trap 'kill $emulator; wait $emulator' EXIT
until "$2" -c "import ssl, urllib.request as r
r.urlopen('https://sts.googleapis.com/healthz', context=ssl.create_default_context(cafile='$1/files/ca.pem'))" 2> /dev/null
do
  kill -0 $emulator
done
set -a
. "$1/files/emulator.env"
set +a
shift 2
"$@"
"""
UNSHARE = ["unshare", "--map-root-user", "--mount", "--net"]


def can_unshare() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    try:
        return subprocess.run([*UNSHARE, "true"], check=False, capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not can_unshare(), reason="this machine does not allow user namespaces, or has no `unshare` or `ip`"
    ),
]


def run(tmp_path: Path, *command: str, **variables: str) -> str:
    """Run a client as an application in a container would run, and return what it prints."""
    (tmp_path / "hosts").write_text(f"{HOSTS}\n")
    (tmp_path / "script").write_text(SCRIPT.format(module=MODULE))
    result = subprocess.run(
        [*UNSHARE, "sh", "-eu", str(tmp_path / "script"), str(tmp_path), sys.executable, *command],
        env={**environment(), **variables},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\n{(tmp_path / 'log').read_text()}"
    return result.stdout


def test_python_with_google_auth(tmp_path: Path) -> None:
    program = (
        "import google.auth, google.auth.transport.requests as transport\n"
        "credentials, project = google.auth.default(scopes=['https://www.googleapis.com/auth/cloud-platform'])\n"
        "credentials.refresh(transport.Request())\n"
        "print(project, credentials.token[:5])\n"
    )
    assert run(tmp_path, sys.executable, "-c", program) == "my-project ya29.\n"


def test_this_package(tmp_path: Path) -> None:
    program = (
        "from google_auth_botocore import default\n"
        "credentials, project = default()\n"
        "print(project, credentials.get_token().value[:5])\n"
    )
    assert run(tmp_path, sys.executable, "-c", program) == "my-project ya29.\n"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(tmp_path: Path) -> None:
    assert "invalid_request" in run(tmp_path, "curl", "-sS", "https://oauth2.googleapis.com/tokeninfo")


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_gcloud(tmp_path: Path) -> None:
    override = str(tmp_path / "files" / "external_account.json")
    without = ["env", "-u", "PYTHONPATH"]  # only the tests' own interpreter may use it
    command = [*without, "gcloud", "auth", "print-access-token"]
    token = run(tmp_path, *command, CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=override)
    assert token.startswith("ya29.")


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_node(tmp_path: Path) -> None:
    """With NODE_PATH, a folder of node_modules that has google-auth-library."""
    find = ["node", "-e", "require('google-auth-library')"]
    if subprocess.run(find, check=False, capture_output=True, timeout=60).returncode:
        pytest.skip("google-auth-library is not in NODE_PATH")
    program = (
        "const {GoogleAuth} = require('google-auth-library');"
        "new GoogleAuth({scopes: 'https://www.googleapis.com/auth/cloud-platform'}).getAccessToken()"
        ".then(token => console.log(token.slice(0, 5)));"
    )
    assert run(tmp_path, "node", "-e", program) == "ya29.\n"


@pytest.mark.skipif(
    shutil.which("go") is None or not (GO_PATH / "src/golang.org/x/oauth2/google").exists(),
    reason="Go or Debian's golang-golang-x-oauth2-google-dev is not installed",
)
def test_go(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text(
        'package main\nimport ("context"; "fmt"; "golang.org/x/oauth2/google")\n'
        "func main() {\n"
        '  found, err := google.FindDefaultCredentials(context.Background(), "https://www.googleapis.com/auth/cloud-platform")\n'
        "  if err != nil { panic(err) }\n"
        "  token, err := found.TokenSource.Token()\n"
        "  if err != nil { panic(err) }\n"
        "  fmt.Println(token.AccessToken[:5])\n"
        "}\n"
    )
    go = {"GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOFLAGS": "", "GOCACHE": str(tmp_path / "cache")}
    build = ["go", "build", "-o", "program", "main.go"]
    subprocess.run(build, check=True, cwd=tmp_path, env={**os.environ, **go}, timeout=300)
    assert run(tmp_path, str(tmp_path / "program")) == "ya29.\n"


def test_cpp_in_pyarrow(tmp_path: Path) -> None:
    """The emulator has no bucket, so the reply is that the object does not exist. Without a token it would be an error."""
    pytest.importorskip("pyarrow")
    program = (
        "from datetime import timedelta; from pyarrow.fs import GcsFileSystem\n"
        "print(GcsFileSystem(retry_time_limit=timedelta(seconds=10)).get_file_info('bucket/object').type.name)\n"
    )
    assert run(tmp_path, sys.executable, "-c", program) == "NotFound\n"

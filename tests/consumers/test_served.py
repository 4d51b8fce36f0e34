"""Libraries that accept neither credentials nor a token provider get tokens from `serve -- COMMAND`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from google_auth_botocore.emulator.sandbox import Sandbox


def run_with_serve(sandbox: Sandbox, program: str, *arguments: str) -> str:
    """Run a Python program under `serve`, and return what it prints."""
    arguments_of_credentials: dict[str, Any] = sandbox.credentials_arguments()
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in arguments_of_credentials.items()]
    command = [sys.executable, "-m", "google_auth_botocore", "serve", *flags, "--", sys.executable, "-c", program]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=120, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pyarrow_gcs_file_system(sandbox: Sandbox) -> None:
    """Google's C++ library never refreshes a token that it is given. From a metadata server, it refreshes its token."""
    sandbox.storage_client().create_bucket("bucket").blob("a").upload_from_string("content")
    program = (
        "import sys, pyarrow.fs\n"
        "files = pyarrow.fs.GcsFileSystem(endpoint_override=sys.argv[1], scheme='http')\n"
        "print(files.open_input_stream('bucket/a').read().decode())\n"
    )
    assert run_with_serve(sandbox, program, sandbox.storage.url.removeprefix("http://")) == "content\n"
    assert set(sandbox.storage.principals) == {sandbox.service_account}


JARS = Path("/usr/share/java")
# Google's library for Java and what it requires, from Debian's package libgoogle-auth-java.
CLASS_PATH = [
    JARS / f"{name}.jar"
    for name in (
        "google-auth-library-oauth2-http",
        "google-auth-library-credentials",
        "google-http-client",
        "google-http-client-gson",
        "google-http-client-jackson2",
        "gson",
        "jackson-core",
        "guava",
        "failureaccess",
        "opencensus-api",
        "opencensus-contrib-http-util",
        "grpc-context",
    )
]
# py4j comes with PySpark, and calls Java without a compiler.
JAVA = """
import glob, json, os, sys
import pyspark
from py4j.java_gateway import JavaGateway
[jar] = glob.glob(os.path.join(os.path.dirname(pyspark.__file__), "jars", "py4j-*.jar"))
gateway = JavaGateway.launch_gateway(jarpath=jar, classpath=sys.argv[1], die_on_exit=True)
credentials = gateway.jvm.com.google.auth.oauth2.GoogleCredentials.getApplicationDefault()
token = credentials.refreshAccessToken()
scopes = gateway.jvm.java.util.ArrayList()
scopes.append("https://www.googleapis.com/auth/devstorage.read_only")
print(json.dumps({
    "class": credentials.getClass().getName(),
    "account": credentials.getAccount(),
    "token": token.getTokenValue(),
    "seconds": (token.getExpirationTime().getTime() - gateway.jvm.java.lang.System.currentTimeMillis()) / 1000,
    "scoped": credentials.createScoped(scopes).refreshAccessToken().getTokenValue(),
}))
gateway.shutdown()
"""


@pytest.mark.skipif(
    shutil.which("java") is None or not CLASS_PATH[0].exists(), reason="java or libgoogle-auth-java is not installed"
)
def test_google_auth_library_for_java(sandbox: Sandbox) -> None:
    """The Cloud Storage and BigQuery connectors of Spark use this library."""
    class_path = os.pathsep.join(str(each) for each in CLASS_PATH if each.exists())
    found = json.loads(run_with_serve(sandbox, JAVA, class_path))
    assert found["class"] == "com.google.auth.oauth2.ComputeEngineCredentials"
    assert found["account"] == sandbox.service_account
    assert 300 < found["seconds"] <= 3600
    for token in (found["token"], found["scoped"]):
        info = sandbox.google.check_access_token(token)
        assert info is not None
        assert info.principal == sandbox.service_account

"""Libraries that accept neither credentials nor a token provider get tokens from `serve -- COMMAND`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

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

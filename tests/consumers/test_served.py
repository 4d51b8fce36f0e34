"""Libraries that take no credentials object and know no provider of tokens, fed by `serve -- COMMAND`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from google_auth_botocore.emulator.sandbox import Sandbox


def served(sandbox: Sandbox, program: str, *arguments: str) -> str:
    """What a Python program has printed beside a metadata server of the instance's identity."""
    given: dict[str, Any] = sandbox.credentials_arguments()
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    command = [sys.executable, "-m", "google_auth_botocore", "serve", *flags, "--", sys.executable, "-c", program]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=120, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pyarrows_own_file_system(sandbox: Sandbox) -> None:
    """Google's library for C++; handed a token it keeps that one, here it renews it."""
    sandbox.storage_client().create_bucket("bucket").blob("a").upload_from_string("content")
    program = (
        "import sys, pyarrow.fs\n"
        "files = pyarrow.fs.GcsFileSystem(endpoint_override=sys.argv[1], scheme='http')\n"
        "print(files.open_input_stream('bucket/a').read().decode())\n"
    )
    assert served(sandbox, program, sandbox.storage.url.removeprefix("http://")) == "content\n"
    assert set(sandbox.storage.principals) == {sandbox.service_account}

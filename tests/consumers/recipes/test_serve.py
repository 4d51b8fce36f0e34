"""Libraries that accept no token, below `google-auth-botocore serve`: deltalake and GDAL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from consumers.recipes.readme import code
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox
from samples import addresses

Run = Callable[[str, str], str]


@pytest.fixture(name="run")
def _run(sandbox: Sandbox, tmp_path: Path) -> Run:
    """Run the commands of a recipe with a program as `job.py`, and return what it prints."""
    sandbox.storage.create_bucket("my-bucket")
    path = tmp_path / "external_account.json"
    path.write_text(json.dumps(Credentials(sandbox.provider.audience, sandbox.service_account).info))
    environment = {
        **os.environ,
        **addresses.redirect_children(addresses.of_sandbox(sandbox), tmp_path),
        "GOOGLE_APPLICATION_CREDENTIALS": str(path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "CPL_GS_ENDPOINT": f"{sandbox.storage.url}/",
    }

    def run(title: str, program: str) -> str:
        (tmp_path / "job.py").write_text(program)
        command = ["sh", "-c", code(title, "sh")]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_deltalake(run: Run, sandbox: Sandbox) -> None:
    options = f"""storage_options={{"google_base_url": "{sandbox.storage.url}", "allow_http": "true"}}"""
    write = f"""import pyarrow, deltalake
deltalake.write_deltalake("gs://my-bucket/table", pyarrow.table({{"x": [1, 2, 3]}}), {options})
"""
    read = code("deltalake").replace('"gs://my-bucket/table"', f'"gs://my-bucket/table", {options}')
    # Not `to_pyarrow_table`: a thread of pyarrow 26 then aborts the process when it ends, also with a local table.
    assert (
        run("deltalake", write + read + "print(rows.to_struct_array().to_pylist())")
        == "[{'x': 1}, {'x': 2}, {'x': 3}]\n"
    )
    assert (sandbox.storage.refused, sandbox.google.count(":generateAccessToken")) == (0, 1)
    assert len(sandbox.storage.tokens) == 1


def test_gdal(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    image = (
        "import numpy, rasterio\n"
        "with rasterio.MemoryFile() as file:\n"
        "    with file.open(driver='GTiff', width=2, height=1, count=1, dtype='uint8') as image:\n"
        "        image.write(numpy.array([[[4, 2]]], 'uint8'))\n"
        "    open('image.tif', 'wb').write(file.read())\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", image], check=True, timeout=60, cwd=tmp_path)
    sandbox.storage.put("my-bucket", "image.tif", (tmp_path / "image.tif").read_bytes())
    assert run("rasterio", code("rasterio") + "print(pixels.tolist())") == "[[[4, 2]]]\n"
    assert (sandbox.storage.refused, sandbox.google.count(":generateAccessToken")) == (0, 1)
    assert len(sandbox.storage.tokens) == 1

"""The programs on the pages about Dask, Ray and Spark, as printed: processes of a cluster on this machine.

tests/processes and tests/consumers/schedulers prove that a hundred tasks make one exchange per process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from samples.conftest import SAMPLES, blocks

from consumers.samples.conftest import Started
from consumers.schedulers.test_pyspark import _JAVA, _java
from google_auth_botocore.emulator.sandbox import Sandbox

REASONS = {
    "ray": (sys.version_info >= (3, 14), "Ray has no wheel for this Python"),
    "spark": ((_java() or 0) < _JAVA, f"requires Java {_JAVA} or later"),
}


@pytest.mark.parametrize("page", ["dask", "ray", "spark"])
def test_workers_read_with_the_role_and_the_page_is_complete(
    sandbox: Sandbox, start: Started, tmp_path: Path, page: str
) -> None:
    impossible, reason = REASONS.get(page, (False, ""))
    if impossible:
        pytest.skip(reason)
    bucket = sandbox.storage_client().create_bucket("my-bucket")
    for number in range(8):
        bucket.blob(str(number)).upload_from_string(bytes(number))
    [code] = [each for each in blocks(SAMPLES / "clusters" / f"{page}.md", "python") if each.startswith("# job.py")]
    (tmp_path / "job.py").write_text(code)
    known = set(sandbox.storage.tokens)

    printed = start("job.py", PYSPARK_PYTHON=sys.executable, RAY_USAGE_STATS_ENABLED="0", SPARK_LOCAL_IP="127.0.0.1")

    assert printed.splitlines()[-1] == str(sum(range(8)))
    assert set(sandbox.storage.principals) == {sandbox.service_account}
    # The driver has listed the bucket, and at least one worker has read it with another token.
    assert len(sandbox.storage.tokens - known) >= 2
    bucket.delete(force=True)

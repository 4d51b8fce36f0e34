"""`python -m bench OUT NAME=PYTHON…` runs every measurement once and writes `result.json` and `result.svg`."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import report
from bench.contestants import COPYCAT, REQUIREMENTS
from bench.copies import Copies
from bench.processes import Servers
from bench.rows import Bench
from bench.scale import Scale

_PACKAGES = (
    "google-auth-botocore",
    "google-auth",
    "botocore",
    "boto3",
    "requests",
    *(each[0] for each in REQUIREMENTS.values()),
)
_VERSIONS = """
import importlib.metadata, sys
for each in importlib.metadata.distributions():
    if each.name in sys.argv: print(each.name, each.version, end="; ")
"""


def main() -> None:
    out, *named = sys.argv[1:]
    pythons = dict(each.split("=", 1) for each in named)
    versions = {
        name: subprocess.check_output([python, "-c", _VERSIONS, *_PACKAGES], text=True, timeout=60).strip("; ")
        for name, python in pythons.items()
    }
    copycat = pythons.pop(COPYCAT)
    started = time.monotonic()
    servers = Servers()
    rows = []
    try:
        with tempfile.TemporaryDirectory() as home:
            for row in itertools.chain(
                Bench(pythons, servers, home).rows(),
                Scale(pythons, servers, home).rows(),
                Copies(copycat, servers.urls, home).rows(),
            ):
                print(report.table([row]), flush=True)
                rows.append(row)
    finally:
        servers.kill()
    Path(out, "result.json").write_text(report.as_json(rows, versions), encoding="utf-8")
    Path(out, "result.svg").write_text(report.picture(rows), encoding="utf-8")
    missed = sum(not row.reached for row in rows)
    print(f"\n{len(rows) - missed} of {len(rows)} goals reached in {time.monotonic() - started:.0f} s; see {out}")


main()

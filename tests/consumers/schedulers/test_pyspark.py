"""A hundred PySpark tasks in two executors make two exchanges, however the credentials reach the tasks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyspark.sql
import pytest
from processes.proofs import TASKS, Fleet, prove
from pyspark.sql import functions

# The oldest version that Spark 4 supports.
_JAVA = 17


def _java() -> int | None:
    """Return the version of the Java that Spark uses, if there is one."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None or not Path(java).exists():
        return None
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(found[1]) if found else None


pytestmark = pytest.mark.skipif((_java() or 0) < _JAVA, reason=f"requires Java {_JAVA} or later, and found {_java()}")


@pytest.fixture(name="spark")
def _spark(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A cluster with two executors, each a process of its own with one core. They start after the credentials exist."""
    monkeypatch.chdir(tmp_path)  # Spark writes into the current folder
    for name, value in {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(tmp_path / "work"),
        "SPARK_LOCAL_DIRS": str(tmp_path / "local"),
    }.items():
        monkeypatch.setenv(name, value)
    # Less work for the compiler of Java, which takes most of the time on a small machine.
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    options = {
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": java,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.log.level": "ERROR",
        "spark.sql.codegen.wholeStage": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = pyspark.sql.SparkSession.builder.master("local-cluster[2,1,512]").config(map=options).getOrCreate()
    yield session
    session.stop()
    gateway = pyspark.SparkContext._gateway  # otherwise Java runs until this process ends, with this test's environment
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(60)
        pyspark.SparkContext._gateway = pyspark.SparkContext._jvm = None


def test_pyspark(fleet: Fleet, spark: Any) -> None:
    """A closure, a broadcast variable, a UDF and a pandas UDF, one after the other."""
    credentials, context = fleet.credentials, spark.sparkContext
    numbers, frame = context.parallelize(range(TASKS), TASKS), spark.range(0, TASKS, 1, TASKS)

    folder = fleet.meeting()
    fleet.check(numbers.map(lambda _: tuple(prove(credentials, folder))).collect())

    broadcast, folder_2 = context.broadcast(credentials), fleet.meeting()
    fleet.check(numbers.map(lambda _: tuple(prove(broadcast.value, folder_2))).collect())

    folder_3 = fleet.meeting()
    udf = functions.udf(lambda _: "{} {}".format(*prove(credentials, folder_3)), "string")
    fleet.check(_read(frame.select(udf("id")).collect()))

    folder_4 = fleet.meeting()

    def in_pandas(ids: pd.Series) -> pd.Series:
        return ids.map(lambda _: "{} {}".format(*prove(credentials, folder_4)))

    fleet.check(_read(frame.select(functions.pandas_udf(in_pandas, "string")("id")).collect()))


def _read(rows: Iterable[Any]) -> Iterator[tuple[int, str]]:
    for (text,) in rows:
        process, token = text.split()
        yield int(process), token

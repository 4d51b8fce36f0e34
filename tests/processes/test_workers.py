"""Worker processes of frameworks: Dask with gcsfs, and gunicorn with a preloaded application."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import distributed
import gcsfs
import pytest

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.aws import InstanceMetadata
from google_auth_botocore.emulator.sandbox import Sandbox

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")

PATIENCE = 60


def read(credentials: Credentials, url: str, name: str) -> tuple[int, bytes]:
    """Read an object, and return the process ID and the content."""
    files = gcsfs.GCSFileSystem(project="my-project", token=credentials, endpoint_url=url)
    return os.getpid(), files.cat_file(name)


def test_each_dask_worker_gets_its_own_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        # Otherwise gcsfs calls Storage Control, which is not emulated, for the bucket's type.
        monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        bucket = sandbox.storage_client().create_bucket("bucket")
        for number in range(8):
            bucket.blob(f"{number}").upload_from_string(b"%d" % number)
        credentials, url = Credentials(**sandbox.credentials_arguments()), sandbox.storage.url
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address=":0"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            workers = list(client.scheduler_info()["workers"])
            tasks = [
                client.submit(read, credentials, url, f"bucket/{number}", pure=False, workers=workers[number % 2])
                for number in range(8)
            ]
            results = client.gather(tasks)
        assert [content for _, content in results] == [b"%d" % number for number in range(8)]
        assert len({process for process, _ in results} - {os.getpid()}) == 2
        assert sandbox.storage.refused == 0
        assert len(sandbox.storage.tokens) >= 2
        assert sandbox.imds.count("security-credentials/gcp-copycat") >= 2
        assert credentials.token is None


APPLICATION = """
import os
from google_auth_botocore import Credentials

credentials = Credentials({audience!r}, token_url={token_url!r})
inherited = credentials.get_token().value


def application(environ, start_response):
    if environ["PATH_INFO"] == "/refresh":
        credentials.refresh(None)
    headers = {{}}
    credentials.before_request(None, "GET", "https://x", headers)
    own = headers["authorization"] != "Bearer " + inherited
    start_response("200 OK", [("content-type", "text/plain")])
    return [f"{{os.getpid()}} {{own}} {{headers['authorization']}}".encode()]
"""


@contextlib.contextmanager
def gunicorn(folder: Path, *options: str) -> Iterator[str]:
    """Run gunicorn, whose workers are forked after the application is loaded, and yield its URL."""
    log = folder / "log"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "--preload", f"--error-logfile={log}"),
            *(*options, "application"),
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        while (found := re.search(r"Listening at: (http://[\d.:]+)", log.read_text() if log.exists() else "")) is None:
            assert process.poll() is None, process.communicate(timeout=PATIENCE)
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, out


def test_gunicorn_workers_refresh_the_token_that_they_inherited(
    google: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The threads of a process share one exchange. No process continues to use the parent's AWS session."""
    with InstanceMetadata(google.aws_keys.issue) as imds:
        for name, value in {**imds.environment(), "AWS_REGION": "eu-central-1"}.items():
            monkeypatch.setenv(name, value)
        text = APPLICATION.format(audience=google.add_aws_provider().audience, token_url=google.token_url)
        (tmp_path / "application.py").write_text(textwrap.dedent(text))

        def get(path: str) -> tuple[str, str, str]:
            with urllib.request.urlopen(f"{url}{path}", timeout=PATIENCE) as reply:
                process, own, header = reply.read().decode().split(" ", 2)
            return process, own, header

        workers = ("--workers=2", "--worker-class=gthread", "--threads=4")
        with gunicorn(tmp_path, *workers) as url, ThreadPoolExecutor(8) as pool:
            inherited = set(pool.map(get, ["/"] * 16))
            assert {own for _, own, _ in inherited} == {"False"}
            assert len({header for _, _, header in inherited}) == 1
            assert len(google.calls) == 1
            refreshed: set[tuple[str, str, str]] = set()
            while len({process for process, _, _ in refreshed}) < 2:
                refreshed.update(pool.map(get, ["/refresh"] * 16))
        assert {own for _, own, _ in refreshed} == {"True"}
        assert imds.count("security-credentials/app") == 3


PATCHED_BY_GEVENT = """
import requests, urllib3.util
from google_auth_botocore import Credentials

credentials = Credentials({audience!r}, token_url={token_url!r}, assume_role={assume_role!r})


def application(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    try:
        credentials.get_token()
        urllib3.util.create_urllib3_context().minimum_version  # as for a URL with https
        return [b"token"]
    except Exception as error:
        return [str(error).encode()]
"""
GEVENT = (
    "gevent patched the process after urllib3 was imported. Call gevent.monkey.patch_all() before any other import, for example "
    "in gunicorn's configuration file, or start gunicorn without --preload."
)


class TestGevent:
    """gunicorn's gevent worker patches the process on start. With `--preload`, the application is imported before that."""

    @pytest.fixture(name="answer")
    def _answer(self, google: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
        keys = google.aws_keys.issue()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        def answer(*options: str, token_url: str = google.token_url, assume_role: str | None = None) -> str:
            text = PATCHED_BY_GEVENT.format(
                audience=google.add_aws_provider().audience, token_url=token_url, assume_role=assume_role
            )
            (tmp_path / "application.py").write_text(text)
            with (
                gunicorn(tmp_path, "--worker-class=gevent", *options) as url,
                urllib.request.urlopen(url, timeout=PATIENCE) as reply,
            ):
                return str(reply.read().decode())

        return answer

    @pytest.mark.slow
    @pytest.mark.parametrize("step", ["Google", "AWS"])
    def test_the_error_mentions_gevent(
        self, answer: Callable[..., str], monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:  # a connection is enough for the error
            url = f"https://127.0.0.1:{server.getsockname()[1]}"
            if step == "Google":
                found = answer(token_url=f"{url}/v1/token")
            else:
                monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
                found = answer(assume_role="arn:aws:iam::123456789012:role/app")
        assert "maximum recursion depth exceeded" in found
        assert found.partition("\nMore: https://")[0].endswith(GEVENT)
        assert "HTTPS_PROXY" not in found

    @pytest.mark.slow
    def test_patching_in_the_configuration_file_helps(self, answer: Callable[..., str], tmp_path: Path) -> None:
        (tmp_path / "gunicorn.conf.py").write_text("from gevent import monkey\nmonkey.patch_all()\n")
        assert answer() == "token"

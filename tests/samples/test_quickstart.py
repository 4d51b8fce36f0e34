"""The sample quickstart.py."""

from __future__ import annotations

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import Run


def test_it_lists_a_bucket_as_the_service_account(sandbox: Sandbox, run: Run) -> None:
    bucket = sandbox.storage_client().create_bucket("my-bucket")
    for name in ("a.txt", "folder/b.txt"):
        bucket.blob(name).upload_from_string(b"x" * 1234)

    assert run("quickstart.py", "my-bucket") == "       1,234  a.txt\n       1,234  folder/b.txt\n"

    assert set(sandbox.storage.principals) == {sandbox.service_account}
    assert {call.assertion["arn"] for call in sandbox.google.calls if call.assertion} == {sandbox.arn}

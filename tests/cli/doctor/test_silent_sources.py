"""A source of AWS keys that never replies: doctor goes on, and names the source."""

from __future__ import annotations

import argparse
import io
import threading

import pytest
from botocore.credentials import Credentials

from cli.doctor.sandbox import NOWHERE
from google_auth_botocore._failures import _table
from google_auth_botocore._failures._evidence import Evidence as Known
from google_auth_botocore._failures._evidence import Metadata, Source
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore.cli.doctor import _aws
from google_auth_botocore.cli.doctor._evidence import Evidence
from google_auth_botocore.cli.doctor._step_outcomes import Unknown
from google_auth_botocore.cli.doctor._waiting import Waiting


class _Silent(Known):
    """What is known if a source does not reply."""

    def __init__(self, method: str, status: int | None = 200) -> None:
        self.sources = [
            Source("env", "environment variables", None),
            Source("shared-credentials-file", "shared credentials file", None),
            Source(method, f"the name of {method}", f"the setting of {method}"),
        ]
        self._status = status

    def metadata(self) -> Metadata | None:
        request = "PUT /latest/api/token"
        return Metadata(NOWHERE, request, self._status, "ReadTimeout", expected=True, disabled=False, proxied=False)


@pytest.mark.parametrize(
    ("method", "command"),
    [
        ("custom-process", "aws configure get credential_process"),
        ("container-role", "aws eks list-pod-identity-associations"),
        ("iam-role", "--http-put-response-hop-limit 2"),
        ("sso", "aws sts get-caller-identity"),
        ("assume-role-with-web-identity", "aws sts get-caller-identity"),
    ],
)
def test_the_source_is_named_with_a_fix_for_it(method: str, command: str) -> None:
    found = _table.find(Facts("aws", failure="deadline-exceeded", transient=True, evidence=_Silent(method)))
    assert found is not None
    assert (found.failure.id, found.general.id) == ("source-of-keys-silent", "deadline-exceeded")
    assert f"the setting of {method}" in found.seen[-1]
    assert command in " ".join([*found.remedy.local, *found.remedy.aws])


def test_instance_metadata_that_accepts_connections_and_never_replies() -> None:
    """With a hop limit of 1, the reply to a container's request for a token is lost, not the connection."""
    facts = Facts("aws", failure="deadline-exceeded", transient=True, evidence=_Silent("iam-role", status=None))
    found = _table.find(facts)
    assert found is not None
    assert (found.failure.id, found.general.id) == ("metadata-unreachable", "deadline-exceeded")


def test_a_deadline_in_the_exchange_does_not_name_a_source() -> None:
    facts = Facts("exchange", failure="deadline-exceeded", transient=True, evidence=_Silent("iam-role", status=None))
    found = _table.find(facts)
    assert found is not None
    assert found.failure.id == "deadline-exceeded"


def test_the_step_of_the_source_ends_without_its_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = threading.Event()

    class Session:
        def get_credentials(self) -> None:
            replies.wait(60)

    monkeypatch.setattr(_aws, "_SOURCE_LIMIT", 0.1)
    monkeypatch.setattr(_aws, "_session", lambda _: Session())
    monkeypatch.setattr(_aws, "_chain", lambda _: _Silent("custom-process").sources)
    options = argparse.Namespace(offline=False, call=None, target_audience=None)
    try:
        saw = _aws.source(Evidence(options))
    finally:
        replies.set()
    assert isinstance(saw, Unknown)
    assert saw.startswith(
        "the name of custom-process, configured by the setting of custom-process: no reply within 0 s"
    )


def test_without_a_thread_the_source_is_read_and_the_report_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    class Session:
        def get_credentials(self) -> Credentials:
            return Credentials("AKIAIOSFODNN7EXAMPLE", "secret", method="custom-process")

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(_aws, "_session", lambda _: Session())
    monkeypatch.setattr(_aws, "_chain", lambda _: _Silent("custom-process").sources)
    evidence = Evidence(argparse.Namespace(offline=False, call=None, target_audience=None), Waiting(io.StringIO()))
    with evidence.waiting.running():
        assert not isinstance(_aws.source(evidence), Unknown)
    assert evidence.key_source == "custom-process"

"""`doctor --explain` names the failure that a text is about, without a network call and without the text's secrets."""

from __future__ import annotations

import io
import json
import sys

import pytest
from failures.reported_texts import TEXTS
from variations import few

from cli.conftest import Run
from cli.doctor.reported_failures import FAILURES

DENIED = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
SECRETS = (
    "ya29.c.b0AXv0zTPQxSecretTokenOfGoogle",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhcHAifQ.c2lnbmF0dXJlLW9mLXRoZS1qd3Q",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDsecret",
)


class _Input:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize("name", FAILURES)
def test_every_reported_failure_has_a_text_that_is_explained(run: Run, name: str) -> None:
    for expected, text in TEXTS[name]:
        done = run("doctor", "--explain", text)
        assert (done.code, done.error) == (0, "")
        assert done.out.startswith(f"Cause: {expected}\n")
        assert "  How to fix it\n" in done.out


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Input(b"\xff INFO\n" * 160_000 + DENIED.encode()))
    done = run("doctor", "--explain", "-", "--json")
    document = json.loads(done.out)
    assert (done.code, document["exit_code"], document["cause"]) == (0, 0, "not-bound")
    assert document["explanations"][0]["fix"]["gcloud"]


def test_an_error_in_an_early_part_of_a_long_log(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Input(f"{DENIED}\n".encode() + b"INFO\n" * 230_000))
    assert run("doctor", "--explain", "-").out.startswith("Cause: not-bound\n")


@pytest.mark.parametrize("before_the_end", few([(1 << 20) - 40, 1 << 20]))
def test_a_message_at_the_border_of_two_parts_of_a_log(
    run: Run, monkeypatch: pytest.MonkeyPatch, before_the_end: int
) -> None:
    after = b"x\n" * (before_the_end // 2)
    monkeypatch.setattr(sys, "stdin", _Input(b"INFO\n" * 9 + DENIED.encode() + after))
    assert run("doctor", "--explain", "-").out.startswith("Cause: not-bound\n")


def test_a_closed_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    done = run("doctor", "--explain", "-")
    assert (done.code, done.out) == (2, "")
    assert "There is no text to explain." in done.error


def test_a_text_about_nothing_known(run: Run) -> None:
    done = run("doctor", "--explain", "KeyError: 'x'")
    assert (done.code, done.error) == (1, "")
    assert "without --explain" in done.out
    assert json.loads(run("doctor", "--explain", "x", "--json").out)["cause"] is None


def test_no_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Input(b" \n"))
    for text in ("", "-"):
        done = run("doctor", f"--explain={text}")
        assert (done.code, done.out) == (2, "")
        assert "There is no text to explain." in done.error


def test_the_flags_complete_the_commands(run: Run) -> None:
    done = run("doctor", "--explain", DENIED, "--service-account=app@my-project.iam.gserviceaccount.com")
    assert "add-iam-policy-binding app@my-project.iam.gserviceaccount.com" in " ".join(done.out.split())


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ["{0} {1}", "{1} {0}", "x={0}'{1}", '{{"token": "{0}", "m": "{1}"}}', "{0}\n{1}"])
def test_secrets_in_the_text_are_not_printed(run: Run, secret: str, form: str) -> None:
    # C4, D5, C1 and B12: texts of which a fix repeats a part.
    for name in ("C4", "D5", "C1", "B12"):
        for more in ([], ["--json"]):
            printed = run("doctor", "--explain", form.format(secret, TEXTS[name][0][1]), *more).out
            assert secret[:16] not in printed
            assert secret[-16:] not in printed


def test_control_characters_are_not_printed(run: Run) -> None:
    done = run(
        "doctor",
        "--explain",
        f"\x1b]0;title\x07 in project \x1b[31m42; reboot {DENIED} API has not been used in project \x1b2;x",
    )
    assert done.out.replace("\n", "").isprintable()

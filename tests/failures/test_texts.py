"""A failure is recognised by its text, in the forms in which logs, chats and programs copy it."""

from __future__ import annotations

import html
import json
import re
import textwrap
import types
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from counting import calls_of
from variations import few

from failures import public_texts
from failures.reported_texts import TEXTS
from google_auth_botocore._failures import _texts
from google_auth_botocore._failures._text_patterns import KNOWN, Known
from google_auth_botocore._failures._texts import explanations

CASES = [
    *((expected, text) for cases in TEXTS.values() for expected, text in cases),
    *((expected, text) for expected, texts in public_texts.KNOWN.items() for text in texts),
]
IDS = [f"{number}: {text[:40]}" for number, (_, text) in enumerate(CASES)]


def _in_a_box(text: str) -> str:
    lines = textwrap.wrap(text.replace("\n", " "), 60, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"\u2502 {line:<60} \u2502" for line in lines)


def _in_colours(text: str) -> str:
    return "\x1b[1;31m" + re.sub(r"(\w{4})", "\\1\x1b[0m\x1b[38;5;9m", text) + "\x1b[0m"


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "in a JSON log": lambda text: json.dumps({"severity": "ERROR", "message": json.dumps({"error": text})}),
    "as a quotation": lambda text: textwrap.indent(
        textwrap.fill(text, 70, break_long_words=False, break_on_hyphens=False), "> "
    ),
    "in HTML": html.escape,
    "as bytes": lambda text: repr(text.encode()),
    "with typographic quotes": lambda text: text.replace("'", "\u2019"),
    "in HTML in HTML": lambda text: html.escape(html.escape(text)),
    "in JSON in JSON in JSON": lambda text: json.dumps(json.dumps(json.dumps({"error": text}))),
    "in a URL": quote,
    "in colours": _in_colours,
    "in a box": _in_a_box,
    "with lines broken inside words": lambda text: "\n".join(text[at : at + 60] for at in range(0, len(text), 60)),
    "with line breaks of Windows": lambda text: text.replace(" ", "\r\n"),
    "as UTF-16": lambda text: text.encode("utf-16").decode("utf-8", "replace"),
    "with a prefix in each line": lambda text: "\n".join(f"app-1  | {line}" for line in text.split("\n")),
    "in a traceback of Java": lambda text: (
        f"java.lang.RuntimeException: {text}\n\tat com.example.Job.run(Job.java:266)"
    ),
    "in a long log": lambda text: "INFO started\n" * 100 + text + "\nINFO stopped" * 100,
}


def first(text: str) -> str | None:
    return next((each.failure.id for each in explanations(text)), None)


@pytest.mark.parametrize("step", few([6, 1]))
@pytest.mark.parametrize("form", FORMS)
def test_a_text_is_recognised_in_every_form(form: str, step: int) -> None:
    cases = CASES[list(FORMS).index(form) % step :: step]
    assert [(first(FORMS[form](text)), text) for _, text in cases] == cases


@pytest.mark.parametrize(("expected", "text"), CASES, ids=IDS)
def test_every_explanation_has_a_fix(expected: str, text: str) -> None:
    found = next(iter(explanations(text)))
    assert found.failure.id == expected
    assert found.remedy.hint(found.failure.id)
    assert found.seen


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.step}: {known.id}")
def test_every_pattern_names_an_entry(known: Known) -> None:
    assert _texts._entry(known.id, known.step)[0].id == known.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KeyError: 'name'",
        "psycopg.OperationalError: FATAL: password authentication failed for user 'app'",
        "ModuleNotFoundError: No module named 'google.cloud'",
        "HTTP 404 for https://example.com/",
        "INFO Found credentials in environment variables.",
        "Port 4014 of 169.254.169.254 is used.",
        *public_texts.UNKNOWN,
    ],
    ids=lambda text: text[:60],
)
def test_another_text_is_not_recognised(text: str) -> None:
    assert first(text) is None


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("no-aws-keys", "FederationError: botocore found no AWS credentials in any of its sources."),
        ("half-a-set-of-keys", "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY"),
        ("aws-file-broken", "Unable to parse config file: /home/ann/.aws/config"),
        ("process-fails", "Error when retrieving credentials from custom-process: exit 1"),
        ("pool-for-provider", "The audience '//iam.googleapis.com/x' is a pool, not a provider."),
        ("project-id-for-number", "has the project id 'my-project' in the place of the project number."),
        ("project-id-for-number", "has the project id 'my-project' where the project number belongs."),
        (
            "no-identity-named",
            "There are no Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS is not set",
        ),
        (
            "configuration-file-missing",
            "GOOGLE_APPLICATION_CREDENTIALS names '/etc/config.json', which does not exist.",
        ),
        (
            "configuration-file-missing",
            "There is no configuration file '/etc/config.json'. Correct the path, or create the file.",
        ),
        ("redirected", "Google's Security Token Service answered with a redirect (HTTP 302)"),
        ("region-unknown", "The AWS region 'frankfurt' belongs to no partition that botocore knows."),
    ],
)
def test_an_error_of_this_package_is_recognised(expected: str, text: str) -> None:
    assert first(text) == expected


@pytest.mark.parametrize("at", range(4, 40, 4))
def test_a_secret_with_a_line_break_inside_it_is_not_in_the_evidence(at: int) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    text = f"Unable to retrieve AWS role name, {secret[:at]}\n{secret[at:]} 404 Not Found"
    for found in explanations(text):
        shown = "".join("".join(found.seen).split())
        assert secret[:4] not in shown
        assert secret[-4:] not in shown


def test_the_cause_comes_before_the_library_that_hides_it() -> None:
    text = (
        "No access token or invalid expiration in response. Permission 'iam.serviceAccounts.signJwt' denied on resource"
    )
    assert [each.failure.id for each in explanations(text)] == ["not-bound", "reply-hidden-by-google-auth"]


def test_the_fix_names_the_provider_and_the_account_in_the_text() -> None:
    text = (
        "audience=//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/my-pool/providers/my-aws "
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/app@my-project.iam.gserviceaccount.com:generateAccessToken "
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    )
    commands = " ".join(next(iter(explanations(text))).remedy.gcloud)
    assert "app@my-project.iam.gserviceaccount.com" in commands
    assert "projects/4711/locations/global/workloadIdentityPools/my-pool/" in commands


def test_the_fix_for_a_permission_names_its_role() -> None:
    text = "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist)."
    assert "roles/iam.serviceAccountOpenIdTokenCreator" in " ".join(next(iter(explanations(text))).remedy.gcloud)


def test_no_pattern_repeats_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that reads a limited number of characters from each place takes time in proportion to the text."""
    text = "\\u0041 \x1b[0m \x1b]0;title\x07 " * 1000
    list(explanations(text))  # fills the caches
    patterns = {each.pattern for each in vars(_texts).values() if isinstance(each, re.Pattern)}

    def recorded(name: str) -> Callable[..., Any]:
        def call(pattern: str, *arguments: Any) -> Any:
            # Others read only a pattern of this package, a word, or what is around the words that were found.
            if len(arguments[-1]) > 1000:
                patterns.add(pattern)
            return getattr(re, name)(pattern, *arguments)

        return call

    functions = {name: recorded(name) for name in ("findall", "finditer", "search", "sub")}
    monkeypatch.setattr(_texts, "re", types.SimpleNamespace(**{**vars(re), **functions}))
    list(explanations(text))
    assert len(patterns) > len(KNOWN)
    assert [each for each in sorted(patterns) if _repeats_without_a_limit(each)] == []


@pytest.mark.parametrize(
    ("pattern", "expected"), [(r"a\+[*+]b{1,9}\\", False), (r"a\\+", True), ("[]+]*", True), ("a.{2,}", True)]
)
def test_what_repeats_without_a_limit(pattern: str, expected: bool) -> None:
    assert _repeats_without_a_limit(pattern) == expected


def _repeats_without_a_limit(pattern: str) -> bool:
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\.", "x", pattern))
    return re.search(r"[*+]|\{[0-9]*,\}", plain) is not None


@pytest.mark.parametrize("part", ["169.254.169.254 ", "401 ", "> ", "\r\n", "ProxyError https://a.example "])
def test_the_number_of_calls_grows_in_proportion_to_the_text(part: str) -> None:
    def calls(repetitions: int) -> int:
        text = part * repetitions
        return calls_of(lambda: list(explanations(text)))

    calls(100)  # fills the caches
    assert calls(400) < 4.5 * calls(100)

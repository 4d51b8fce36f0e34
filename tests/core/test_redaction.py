"""Known secrets are hidden in every encoding and in linear time. Other text is unchanged."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from seams import hidden_by_doctor, redaction
from variations import few

SESSION = "Fw+/oGZ/XI=vYX+dzE/+Qk9/Pz+aaBBcc//++==ddEEff00"


def _code_points(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def _entities(text: str, form: str = "&#{};") -> str:
    return "".join(form.format(ord(letter)) for letter in text)


def _every_letter(text: str) -> str:
    return "".join(f"%{ord(letter):02x}" for letter in text)


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "percent of every letter": _every_letter,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent six times": lambda text: re.sub("%", "%" + "25" * 5, quote(text, safe="")),
    "percent u": lambda text: _every_letter(text).replace("%", "%u00"),
    "JSON": lambda text: json.dumps(text).strip('"').replace("/", r"\/"),
    "code points": _code_points,
    "code points, twice": lambda text: json.dumps(_code_points(text)),
    "code points in capitals": lambda text: _code_points(text).upper(),
    "code points of ES6": lambda text: "".join(f"\\u{{{ord(letter):x}}}" for letter in text),
    "hexadecimal escapes": lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
    "repr in repr": lambda text: repr(repr(text)),
    "HTML": html.escape,
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "HTML numbers": _entities,
    "HTML numbers, padded": lambda text: _entities(text, "&#{:07};"),
    "HTML hexadecimal": lambda text: _entities(text, "&#x{:x};"),
    "HTML numbers, escaped": lambda text: html.escape(_entities(text)),
    "HTML names": lambda text: (
        text.replace("&", "&amp;").replace("+", "&plus;").replace("/", "&sol;").replace("=", "&equals;")
    ),
    "percent of HTML": lambda text: quote(_entities(text), safe=""),
    "JSON of percent": lambda text: _code_points(quote(text, safe="")),
    "capitals": str.upper,
    "small letters": str.lower,
    "lines": lambda text: "\n".join(re.findall(".{1,10}", text)),
    "lines of a mail": lambda text: "\r\n\t".join(re.findall(".{1,7}", text)),
    "lines of a shell": lambda text: "\\\n  ".join(re.findall(".{1,7}", text)),
    "escaped lines": lambda text: "\\n".join(re.findall(".{1,76}", text)),
    "zero-width blanks": "\u200b".join,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind one": lambda text: base64.b64encode(f"u:{text}".encode()).decode(),
    "base64 behind two": lambda text: base64.b64encode(f"me:{text}".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "percent of base64": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}
_letters = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=64)
_around = st.text(" .,:;abc0123456789'\"(){}", max_size=30)


def _core(text: str, secrets: list[str]) -> str:
    return redaction.cleaned(text, secrets)


def _doctor(text: str, secrets: list[str]) -> str:
    return hidden_by_doctor(text, secrets)


def _doctor_quoting(text: str, secrets: list[str]) -> str:
    return hidden_by_doctor(text, secrets, quoted=True)


@pytest.mark.parametrize("redact", [_core, _doctor, _doctor_quoting], ids=["core", "doctor", "doctor quoting"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_hidden_in_every_form(redact: Callable[[str, list[str]], str], form: Callable[[str], str]) -> None:
    """Both by `doctor` and by the core."""
    found = redact(f"before <{form(SESSION)}> after", [SESSION])
    assert re.fullmatch(r"before <[\"']*(\\n)?\[hidden\](\\n|\w{0,2}|=|%3D)*\s*[\"']*> after", _outside(found)), found


def _outside(text: str) -> str:
    """Remove what is left of a letter that a secret in base64 shares with the text before it."""
    return re.sub(r"<\w{1,4}(?=\[hidden\])", "<", text)


@given(_letters, _around, st.sampled_from(sorted(FORMS)))
def test_no_part_of_twelve_letters_survives(secret: str, around: str, name: str) -> None:
    """The remaining text contains no encoding of a part of the secret."""
    form = FORMS[name]
    assume("%" not in secret)  # it could start an escape, and so belong to another secret
    assume("&" not in secret)
    assume("\\" not in secret)
    found = redaction.cleaned(f"{around} {form(secret)} {around}", [secret])
    left = found.replace("[hidden]", "\0").lower()
    for start in range(len(secret) - 11):
        window = secret[start : start + 12]
        assume(window.lower() not in f"{around} {around}".lower())
        assert form(window).lower().strip("=\n") not in left or len(window) < 12


@given(
    st.text(max_size=200),
    st.lists(st.text(st.characters(min_codepoint=0x2600, max_codepoint=0x26FF), min_size=4), max_size=3),
)
def test_text_without_secrets_is_unchanged(text: str, secrets: list[str]) -> None:
    assume(not re.search("[\u2600-\u26ff]|BEGIN|eyJ|ya29|[&%\\\\]", text))
    assert redaction.redacted(text, secrets) == text
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    assert redaction.cleaned(text, secrets) == " ".join(printable.split())


@pytest.mark.parametrize(
    "text",
    [
        "exactly exchanged",
        "100% of a&b; c:\\users\\u00e4",
        "a/b+c=d%2Fe &amp; &nothing; &#; \\u00 %zz %2",
        "",
        "%",
        "&",
        "\\",
    ],
)
def test_words_are_unchanged(text: str) -> None:
    assert redaction.cleaned(text, [SESSION, "x", "", "ab", "abc"]) == text


def test_short_secrets_are_hidden_as_a_whole() -> None:
    for secret in ("pass", "p#ss", "p@s/w%rd", "beef1234"):
        for text in (secret, quote(secret, safe=""), f"%{secret}", f"&#{secret}"):
            assert secret not in redaction.cleaned(f"user:{text}@proxy", [secret]), (secret, text)


def test_a_password_beyond_ascii_is_hidden_where_it_is_percent_encoded() -> None:
    secret = "p\N{LATIN SMALL LETTER A WITH DIAERESIS}ssw\N{LATIN SMALL LETTER O WITH DIAERESIS}rt"
    assert redaction.cleaned(f"of {quote(secret)} and {secret}", [secret]) == "of [hidden] and [hidden]"


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJhIn0.c2ln",
        "xeyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJhIn0.c2ln",
        "eyJ0eXAiOiJhdCtqd3QiLCJhbGci",
        "-----BEGIN RSA PRIVATE KEY----- MIIE vQ== -----END RSA PRIVATE KEY-----",
        "ya29.c.b0Aaekm1K",
        "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJIMEYCIQ//////////ARAA",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "aB3-dE6_gH9-aB3-dE6_gH9-aB3-dE6_gH9-aB3-dE6_gH9",
        '"client_secret": "d-FL95Q19q7MQ"',
        "'secretAccessKey': 'abc'",
    ],
)
def test_text_that_looks_like_a_key_is_hidden(text: str) -> None:
    found = redaction.cleaned(f"before {text} after", hide=redaction.KEY_LIKE)
    assert re.fullmatch(r"before [\"']?(x|client_)?\[hidden\][\"']? after|before \[hidden\]", found), found


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_AdministratorAccess_0a1b2c3d4e5f6a7b/ann",
        "arn:aws:iam::123456789012:user/A_User_Of_A_Long_Name_And_A_Number_0123456789",
        "https://vpce-0123456789abcdef0-abcdefgh.sts.us-east-1.vpce.amazonaws.com/",
        "a-very-long-account-name-of-30@a-very-long-project-name-of-30.iam.gserviceaccount.com",
        "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token is invalid",
    ],
)
def test_names_are_not_mistaken_for_keys(text: str) -> None:
    assert redaction.cleaned(text, hide=redaction.KEY_LIKE) == text


HOSTILE = {
    "percent": "%25" * 20_000,
    "percent nested": "%" + "25" * 30_000,
    "HTML": "&#" * 30_000,
    "HTML nested": "&" + "amp;" * 15_000,
    "HTML floods": "&amp;" * 12_000,
    "code points": "\\u00" * 15_000,
    "backslashes": "\\" * 60_000,
    "JWT": "eyJ-" * 15_000,
    "one letter": "A" * 60_000,
    "almost keys": ("A" * 39 + " ") * 1500,
    "almost tokens": "aB3-" * 15_000,
    "frames": "-----BEGIN " * 5_400,
    "names of secrets": "secret" * 10_000,
    "slashes": "/" * 60_000,
    "users": "a:b@" * 15_000,
    "braces": '{"' * 30_000,
    "base64": base64.b64encode(bytes(45_000)).decode(),
    "quotes": "\"'" * 30_000,
    "blanks": " " * 60_000,
    "dots": "ya29." * 12_000,
    "words": "Bearer " * 8_500,
}


@pytest.mark.parametrize("name", few(HOSTILE, 7))
def test_hostile_text_is_redacted_in_linear_time(name: str) -> None:
    """The test limits CPU time, because regular expressions do not count steps: 0.3 s usually, over 3 s if quadratic."""
    text = HOSTILE[name]
    token = base64.b64encode(bytes(range(256)) * 36).decode()
    started = time.process_time()
    redaction.cleaned(text, [token, token[::-1], "short", "A" * 12_000], hide=redaction.KEY_LIKE)
    redaction.quoted(text)
    redaction.shown(text)
    redaction.as_json({"a": [text]})
    redaction.path_mistake(text, "--config")
    assert time.process_time() - started < 2


def test_secret_in_an_attribute_of_a_cause() -> None:
    """A decoder's error keeps its whole input, and AttributeError keeps the object."""
    for text in ('{"a": 1', "\udcff"):
        with pytest.raises(ValueError, match=r"char|codec") as caught:
            json.loads(f"{text}{SESSION}".encode("utf-8", "surrogateescape"))
        assert redaction.safe_cause(caught.value, [SESSION]) is None
        assert redaction.safe_cause(caught.value, ["another secret"]) is caught.value
    with pytest.raises(AttributeError) as missing:
        [SESSION].get  # type: ignore[attr-defined]  # noqa: B018
    assert redaction.safe_cause(missing.value, [SESSION]) is None
    assert redaction.safe_cause(OSError(1, "no", [{"a": (SESSION,)}]), [SESSION]) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://user:password@host/", "'https://[hidden]@host/'"),
        ("https://token@host/", "'https://[hidden]@host/'"),
        ("https://user:pa/ss@host/", "'https://[hidden]@host/'"),
        ("https://user:p#s?s@w:d@host:8/x", "'https://[hidden]@host:8/x'"),
        ("https://user:pass word,x@host/", "'https://[hidden]@host/'"),
        ("https%3A%2F%2Fuser%3Apassword%40host", "'https://[hidden]@host'"),
        ("user-1:password@host", "'[hidden]@host'"),
        ("https:user:password@host", "'https:[hidden]@host'"),
        (["https://user:password@host"], "['https://[hidden]@host']"),
        ("serviceAccount:a@p.iam.gserviceaccount.com", "'serviceAccount:a@p.iam.gserviceaccount.com'"),
        ("a@p.iam.gserviceaccount.com", "'a@p.iam.gserviceaccount.com'"),
        (
            "https://u:p@host/v1/projects/-/serviceAccounts/a@p:generateAccessToken",
            "'https://[hidden]@host/v1/projects/-/serviceAccounts/a@p:generateAccessToken'",
        ),
        (
            "https://host/v1/projects/-/serviceAccounts/a%40p:generateAccessToken",
            "'https://host/v1/projects/-/serviceAccounts/a%40p:generateAccessToken'",
        ),
        ("//iam.googleapis.com/projects/1", "'//iam.googleapis.com/projects/1'"),
        ({"private_key": "x"}, "[hidden: a key or token]"),
        ([{"client_secret": "x"}], "[hidden: a key or token]"),
        (b"-----BEGIN PRIVATE KEY-----", "[hidden: a private key]"),
        ('{"a": 1}', "[hidden: JSON]"),
        ({"a": 1}, "{'a': 1}"),
        (None, "None"),
        (10**5000, "<int>"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_value_in_an_error_is_shown_without_secrets(value: object, expected: str) -> None:
    assert redaction.quoted(value) == expected


def test_value_that_contains_itself_is_searched_once() -> None:
    around: list[object] = [SESSION, "ya29.c.b0Aaekm1K"]
    around += [around] * 1000
    assert redaction.quoted(around) == "[hidden: a key or token]"
    deep: object = "-----BEGIN PRIVATE KEY-----"
    for _ in range(200):
        deep = [deep]
    assert redaction.quoted(deep) == "[hidden: a private key]"


def test_mapping_that_fails_is_shown_by_its_type() -> None:
    class Failing(dict[str, str]):
        def items(self) -> Any:
            raise LookupError(SESSION)

    assert redaction.quoted(Failing()) == "<Failing>"

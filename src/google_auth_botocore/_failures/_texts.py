"""Recognise failures by the text of an error or a log, of any library and in any form. Only `doctor --explain` uses this.

The meaning and the fix of each failure are those of the table.
"""

from __future__ import annotations

import functools
import html
import re
import string
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from google_auth_botocore import _redaction
from google_auth_botocore._failures import _libraries, _page, _table
from google_auth_botocore._failures._entry import Diagnosis, Failure
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._failures._text_patterns import IMPERSONATION, KNOWN, PERMISSION, Known
from google_auth_botocore._settings import AUDIENCE_FORM, Settings

# Characters around the words that were found: enough for the project, the API or the permission in the same message.
_AROUND = 400
_SHOWN = 200
# Characters of the end of a text in which a line break may be inside a word.
_LONGEST_BROKEN = 1 << 16
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LINK = re.compile(rf"{re.escape(_page.URL)}#([a-z-]{{1,80}})")
# A server in a message: the host of a URL, or what HTTP clients and resolvers write.
_SERVER = re.compile(
    r"https?://(?:[^/\s@]{0,200}@)?(\[?[\w.:-]{1,255})|\bhost='?([\w.-]{1,255})|(?:enotfound|lookup|resolve|resolve host:?|hostexception:) '?([\w-]{1,63}(?:\.[\w-]{1,63}){1,9})"
)
_OF_GOOGLE_OR_AWS = re.compile(
    r"(?:^|\.)(?:googleapis\.com|google\.com|amazonaws\.com(?:\.cn)?|awsapps\.com|aws|run\.app|cloudfunctions\.net)(?::\d{1,5})?$|^\[?(?:169\.254\.|fd00:ec2)"
)
# Error messages link to them.
_DOCUMENTATION = re.compile(
    r"readthedocs\.io|curl\.(?:haxx\.)?se|github\.com|python\.org|nodejs\.org|^docs\.|^developers?\.|^cloud\.google"
)
# The margins of a quotation, of a box that a program drew, or of a log in YAML.
_RIGHT_MARGIN = " \t|\u2502\u2503"
_LEFT_MARGIN = f"{_RIGHT_MARGIN}>#"
# The step in which Google checks each permission.
_STEPS = {"getopenidtoken": "id_token", "signblob": "signing", "signjwt": "delegation"}


def explanations(text: str) -> Iterator[Diagnosis]:
    """Yield the failures that a text is about, the most likely one first.

    Args:
        text: An error message, a traceback, a server's reply or a log.
    """
    found = _explanations(normalized(text))
    # A terminal or an editor may have broken lines inside words. A special case is earlier in the list than the general one.
    joined = _explanations(normalized(text[-_LONGEST_BROKEN:], between_lines=""))
    yield from joined.values() if min(joined, default=len(KNOWN)) < min(found, default=len(KNOWN)) else found.values()


def _explanations(plain: str) -> dict[int, Diagnosis]:
    """Return the failures that a text in one line is about, by their place in the list of patterns."""
    # A search that ignores letter case takes several times as long as one in lower case. The length stays the same.
    lower = plain.translate(_LOWER)
    taken: list[tuple[int, int]] = []
    # The link in an error of this package contains the id. The last error comes first.
    explained = {
        -found.end(): _diagnosis(known, plain, found) for found in _LINK.finditer(lower) if (known := _linked(found[1]))
    }
    explained = dict(sorted(explained.items()))
    linked = {each.failure.id for each in explained.values()}
    for place, known in enumerate(KNOWN):
        found = None if known.id in linked else _search(known, lower)
        # Words in the same message as those of an earlier entry are the general case of it.
        if found is not None and all(found.end() <= start or end <= found.start() for start, end in taken):
            taken.append(found.span())
            explained[place] = _diagnosis(known, plain, found)
    return explained


def _linked(name: str) -> Known | None:
    # The next line of the text may follow the id without a space.
    entries = [each for each, _ in _entries() if name.startswith(each.id)]
    entry = max(entries, key=lambda each: len(each.id), default=None)
    return None if entry is None else Known(entry.id, entry.steps[0], "")


def _entries() -> Iterator[tuple[Failure, Failure]]:
    """Yield each entry, and the one that it is a variant of, or itself."""
    for entry in (*_table.TABLE, *_table.WARNINGS, *_libraries.ENTRIES):
        for each in (entry, *entry.variants):
            yield each, entry


def _search(known: Known, lower: str) -> re.Match[str] | None:
    matches = re.finditer(_in_lower_case(known.words), lower)
    return next((each for each in matches if not _excluded(known, _message(lower, each))), None)


@functools.cache
def _in_lower_case(words: str) -> str:
    """Return a pattern in lower case, except for its classes of characters, which begin with a backslash."""
    return re.sub(r"(?<!\\)[A-Z]+", lambda found: found[0].lower(), words)


def _excluded(known: Known, message: str) -> bool:
    if known.unless is not None and re.search(_in_lower_case(known.unless), message):
        return True
    return known.of_any_server and _names_another_server(message)


def _names_another_server(message: str) -> bool:
    """Return whether a message names servers, and none of them is Google's or AWS's."""
    servers = [next(filter(None, each.groups())) for each in _SERVER.finditer(message)]
    servers = [each for each in servers if not _DOCUMENTATION.search(each)]
    return bool(servers) and not any(_OF_GOOGLE_OR_AWS.search(each) for each in servers)


def _message(plain: str, found: re.Match[str]) -> str:
    """Return what is around the words that were found."""
    return plain[max(0, found.start() - _AROUND) : found.end() + _AROUND]


def _diagnosis(known: Known, plain: str, found: re.Match[str]) -> Diagnosis:
    message = _message(plain, found)
    permission = re.search(PERMISSION, message, re.IGNORECASE)
    step = known.step
    if step == IMPERSONATION and permission is not None:
        step = _STEPS.get(permission[1].lower(), step)
    entry, general = _entry(known.id, step)
    seen = _known_words(plain[found.start() : found.end()])[:_SHOWN]
    facts = Facts(
        step,
        failure=known.id,
        permission=permission[0] if permission is not None else None,
        text=_clean(message),
        settings=_settings(plain),
    )
    return Diagnosis(entry, general, (f"The text contains: {seen}",), facts)


def _entry(name: str, step: str) -> tuple[Failure, Failure]:
    """Return an entry of the table, and the entry that it is a variant of, or itself."""
    for each, general in _entries():
        if each.id == name and step in each.steps:
            return each, general
    raise LookupError(f"{name} in {step}")


def _settings(plain: str) -> Settings:
    """Return the provider and the service account that a text names, or placeholders."""
    audience = re.search(
        r"projects/[0-9]{1,20}/locations/global/workloadIdentityPools/[a-z0-9-]{1,40}/providers/[a-z0-9-]{1,40}", plain
    )
    emails: Sequence[str] = re.findall(r"\b[a-z0-9-]{1,63}@[a-z0-9.-]{1,80}\.gserviceaccount\.com\b", plain)
    name = f"//iam.googleapis.com/{audience[0]}" if audience else AUDIENCE_FORM.replace("PROJECT_NUMBER", "NUMBER")
    return Settings(name, emails[0] if emails else None)


def normalized(text: str, between_lines: str = " ") -> str:
    """Return a text as one line, without the escapes, quotes and margins of the logs and chats that it was copied from.

    Args:
        text: The text.
        between_lines: What a line break becomes.
    """
    # PowerShell writes UTF-16, in which every second byte of ASCII is zero.
    plain = re.sub(
        r"\x1b\[[0-9;?]{0,40}[A-Za-z]|\x1b\][^\x07\x1b]{0,4000}(?:\x07|\x1b\\)|[\0\u200b-\u200f\u2060\ufeff]", "", text
    )
    plain = html.unescape(html.unescape(plain))
    if "%20" in plain or "%27" in plain:
        plain = unquote(plain)
    # A log in JSON may be inside another one, whose escapes are escaped again.
    plain = re.sub(r"(?<!\\)\\{1,255}u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), plain)
    plain = re.sub(r"(?<!\\)\\{1,255}[nrt]", "\n", plain)
    plain = re.sub(r"(?<!\\)\\{1,255}([\"'/])", r"\1", plain)
    plain = re.sub("[\u2018\u2019\u201b`\u00b4]", "'", plain)
    plain = re.sub("[\u201c\u201d]", '"', plain)
    lines = (line.lstrip(_LEFT_MARGIN).rstrip(_RIGHT_MARGIN) for line in plain.splitlines())
    return " ".join(between_lines.join(lines).split())


def _known_words(text: str) -> str:
    """Return the words of a text that are also in the patterns, and dots for the others.

    A line break inside a secret makes two parts of it, and neither looks like a secret.
    """
    shown: list[str] = []
    for word in text.split():
        parts = re.findall("[a-z0-9]+", word.lower())
        known = all(part in _vocabulary() or re.fullmatch("[0-9]{1,3}", part) for part in parts)
        if known or shown[-1:] != ["..."]:
            shown.append(word if known else "...")
    return " ".join(shown)


@functools.cache
def _vocabulary() -> frozenset[str]:
    patterns = " ".join(re.sub(r"\\[a-zA-Z]", " ", each.words) for each in KNOWN)
    ids = " ".join(each.id for each, _ in _entries())
    return frozenset(re.findall("[a-z0-9]+", f"{patterns} {_page.URL} {ids}".lower()))


def _clean(text: str) -> str:
    return _redaction.cleaned(text, hide=_redaction.KEY_LIKE)

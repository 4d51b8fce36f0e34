"""Hide known secrets in text, in any letter case and in any encoding that servers and libraries use to quote a request."""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

# Parts of a secret with at least this many characters are hidden. Shorter parts occur by chance.
_WINDOW = 12
# A secret with fewer characters is a placeholder. Hiding it would remove the same characters from ordinary words.
_SHORTEST = 4
# Base64 of a secret with fewer characters occurs by chance.
_SHORTEST_BASE64 = 6
# One character that is escaped as in a URL, in JSON or in HTML. Repeated escaping of the same kind is one match: `%252525` and
# `&amp;amp;` take one pass. No alternative can match at two positions of one run, so a pass takes linear time.
_ESCAPED = (
    r"(?i)%(?:25)*(?:u00)?([0-9a-f]{2})"
    r"|(?<!\\)\\+(?:u00|x|u\{0{0,8})([0-9a-f]{2})\}?"
    r"|&(?:amp;)*(#0{0,8}\d{1,3};?|#x0{0,8}[0-9a-f]{1,2};?|[a-z][a-z0-9]{1,30};)"
)
# How deeply escapes of different kinds may be nested.
_PASSES = 6
# White space and line breaks, escaped or not. `+` is a space in a form, and `-` is `+` in base64 for URLs.
_DROPPED = r"[\s+\\\x00-\x1f\x7f\xad\u200b-\u200f\u2060\ufeff-]+"


class _Characters(NamedTuple):
    """Characters of a text, and where each of them starts and ends in the original."""

    text: str
    starts: list[int]
    ends: list[int]


def hide(text: str, secrets: Iterable[str], mark: str) -> str:
    """Replace every secret, and every part of a secret of at least 12 characters, with *mark*."""
    secrets = set(secrets)
    if not secrets or not text:
        return text
    hidden = bytearray(len(text))
    for start, end in _found(text, secrets):
        hidden[start:end] = b"\1" * (end - start)
    parts = re.finditer(rb"\x01+|\x00+", hidden)
    return "".join(mark if part[0][0] else text[part.start() : part.end()] for part in parts)


def _found(text: str, secrets: set[str]) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each part of the text that belongs to a secret."""
    plain = _plain(text)
    forms = {form for secret in secrets for form in _forms(secret)}
    for first, after in (*_whole(plain.text, forms), *_parts(plain.text, forms)):
        yield plain.starts[first], plain.ends[after - 1]
    # Search the original text, too: the characters before a short secret may look like the beginning of an escape.
    lowered = text.lower()
    if len(lowered) == len(text):
        yield from _whole(lowered, {secret.lower() for secret in secrets if len(secret) >= _SHORTEST})


def _whole(text: str, forms: set[str]) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each secret that is shorter than a window."""
    for form in forms:
        start = text.find(form) if len(form) < _WINDOW else -1
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + 1)


def _parts(text: str, forms: set[str]) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each part of a longer secret. Windows that overlap are one part."""
    shared = set(_windows(text)).intersection(window for form in forms for window in _windows(form))
    first, after = None, 0
    for start, window in enumerate(_windows(text) if shared else ()):
        if window not in shared:
            continue
        if first is None:
            first = start
        elif start > after:
            yield first, after
            first = start
        after = start + _WINDOW
    if first is not None:
        yield first, after


def _windows(text: str) -> Iterator[str]:
    return (text[start : start + _WINDOW] for start in range(len(text) - _WINDOW + 1))


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms of a secret that are searched for: itself, and its base64 at each offset in the encoded text."""
    encoded = secret.encode("utf-8", "surrogatepass")
    # The second form is what a percent-encoded non-ASCII character is unescaped to.
    for each in {secret, encoded.decode("latin-1")}:
        form = _plain(each).text
        if len(form) >= _SHORTEST:
            yield form
    for before in range(3):
        inner = base64.b64encode(bytes(before) + encoded)[-(-8 * before // 6) : 8 * (before + len(encoded)) // 6]
        form = _plain(inner.decode()).text
        if len(form) >= _SHORTEST_BASE64:
            yield form


def _plain(text: str) -> _Characters:
    """Return the characters of a text in the form in which texts are compared: unescaped, in lower case, without white space."""
    characters = _replaced(_unescaped(text), _DROPPED, lambda _: "")
    lowered = characters.text.lower()
    if len(lowered) != len(characters.text):  # an upper-case letter whose lower case is two characters
        lowered = "".join(each.lower()[:1] for each in characters.text)
    return characters._replace(text=lowered.replace("_", "/"))  # the two alphabets of base64 differ in this character


def unescape(text: str) -> str:
    """Return the text without escapes, nested ones included."""
    return _unescaped(text).text


def _unescaped(text: str) -> _Characters:
    characters = _Characters(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for _ in range(_PASSES):
        before, characters = characters, _replaced(characters, _ESCAPED, _character)
        if characters is before:
            break
    return characters


def _replaced(characters: _Characters, pattern: str, replacement: Callable[[re.Match[str]], str | None]) -> _Characters:
    """Replace every match of a pattern by one character, or by nothing. If *replacement* returns None, the match stays."""
    text, starts, ends = characters
    kept, kept_starts, kept_ends, at = list[str](), list[int](), list[int](), 0
    for match in re.finditer(pattern, text):
        character = replacement(match)
        if character is None:
            continue
        start, end = match.span()
        kept += (text[at:start], character)
        kept_starts += starts[at : start + len(character)]
        kept_ends += ends[at:start]
        kept_ends += ends[end - 1 : end] if character else []
        at = end
    if not at:
        return characters
    return _Characters("".join((*kept, text[at:])), kept_starts + starts[at:], kept_ends + ends[at:])


def _character(match: re.Match[str]) -> str | None:
    """Return the character that an escape represents. None: it is not an escape."""
    code = match[1] or match[2]
    if code is not None:
        return chr(int(code, 16))
    import html  # noqa: PLC0415 - takes 1% of a cold start, and few errors contain an entity

    name = match[3] if match[3].endswith(";") else f"{match[3]};"
    for entity in (f"&{name}", f"&{name.lower()}"):
        character = html.unescape(entity)
        if character != entity:
            return character[:1] or None
    return None

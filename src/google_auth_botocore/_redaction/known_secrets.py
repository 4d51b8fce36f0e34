"""Find known secrets in text, in any letter case and any encoding in which servers and libraries quote a request."""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# A shared part this long gives too much of a secret away. Shorter parts occur by chance.
_WINDOW = 12
# A secret of fewer letters is a placeholder. Hidden, it would take the same letters out of every other word.
_SHORTEST = 4
# Fewer letters of base64 occur by chance.
_SHORTEST_BASE64 = 6
# One letter as it is escaped in a URL, in JSON or in HTML. An escape that is escaped again in the same way is one match,
# however often: `%252525` and `&amp;amp;` take one pass. No alternative can match from two places of one run, so that
# a pass takes linear time.
_ESCAPED = (
    r"(?i)%(?:25)*(?:u00)?([0-9a-f]{2})"
    r"|(?<!\\)\\+(?:u00|x|u\{0{0,8})([0-9a-f]{2})\}?"
    r"|&(?:amp;)*(#0{0,8}\d{1,3};?|#x0{0,8}[0-9a-f]{1,2};?|[a-z][a-z0-9]{1,30};)"
)
# Escapes of different kinds within each other.
_PASSES = 6
# White space and what wraps lines, also where it is escaped. `+` is a blank in a form, `-` is `+` in base64 for URLs.
_DROPPED = r"[\s+\\\x00-\x1f\x7f\xad\u200b-\u200f\u2060\ufeff-]+"


class _Letters(NamedTuple):
    """Letters of a text, and where each of them starts and ends in it."""

    text: str
    starts: list[int]
    ends: list[int]


def hide(text: str, secrets: Iterable[str], mark: str) -> str:
    """Return the text with *mark* in place of every secret, and of every part of one of 12 letters or more."""
    secrets = set(secrets)
    if not secrets or not text:
        return text
    hidden = bytearray(len(text))
    for start, end in _found(text, secrets):
        hidden[start:end] = b"\1" * (end - start)
    parts = re.finditer(rb"\x01+|\x00+", hidden)
    return "".join(mark if part[0][0] else text[part.start() : part.end()] for part in parts)


def _found(text: str, secrets: set[str]) -> Iterator[tuple[int, int]]:
    """Start and end of each part of the text that is a secret's."""
    plain = _plain(text)
    forms = {form for secret in secrets for form in _forms(secret)}
    for first, after in (*_whole(plain.text, forms), *_parts(plain.text, forms)):
        yield plain.starts[first], plain.ends[after - 1]
    # What stands before a short secret may look like the beginning of an escape.
    lowered = text.lower()
    if len(lowered) == len(text):
        yield from _whole(lowered, {secret.lower() for secret in secrets if len(secret) >= _SHORTEST})


def _whole(text: str, forms: set[str]) -> Iterator[tuple[int, int]]:
    """Where a text has a secret that is shorter than a window."""
    for form in forms:
        start = text.find(form) if len(form) < _WINDOW else -1
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + 1)


def _parts(text: str, forms: set[str]) -> Iterator[tuple[int, int]]:
    """Where a text has windows of a longer secret; those that overlap are one part."""
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
    """A secret as it is compared: as it is, and as base64 has it, wherever in the encoded text it starts."""
    encoded = secret.encode("utf-8", "surrogatepass")
    # The second is how a percent-encoded letter beyond ASCII is unescaped.
    for each in {secret, encoded.decode("latin-1")}:
        form = _plain(each).text
        if len(form) >= _SHORTEST:
            yield form
    for before in range(3):
        inner = base64.b64encode(bytes(before) + encoded)[-(-8 * before // 6) : 8 * (before + len(encoded)) // 6]
        form = _plain(inner.decode()).text
        if len(form) >= _SHORTEST_BASE64:
            yield form


def _plain(text: str) -> _Letters:
    """The letters of a text as they are compared: unescaped, in lower case, without white space."""
    letters = _unescaped(_Letters(text, list(range(len(text))), list(range(1, len(text) + 1))))
    kept, starts, ends, at = list[str](), list[int](), list[int](), 0
    for match in re.finditer(_DROPPED, letters.text):
        kept.append(letters.text[at : match.start()])
        starts += letters.starts[at : match.start()]
        ends += letters.ends[at : match.start()]
        at = match.end()
    kept.append(letters.text[at:])
    starts += letters.starts[at:]
    ends += letters.ends[at:]
    joined = "".join(kept)
    lowered = joined.lower()
    if len(lowered) != len(joined):  # a capital letter that is two small ones
        lowered = "".join(letter.lower()[:1] for letter in joined)
    return _Letters(lowered.replace("_", "/"), starts, ends)  # one letter in the two alphabets of base64


def unescape(text: str) -> str:
    """Return the text without escapes, however they are nested."""
    return _unescaped(_Letters(text, list(range(len(text))), list(range(len(text))))).text


def _unescaped(letters: _Letters) -> _Letters:
    for _ in range(_PASSES):
        kept, starts, ends, at = list[str](), list[int](), list[int](), 0
        for match in re.finditer(_ESCAPED, letters.text):
            letter = _letter(match)
            if letter is None:
                continue
            start, end = match.span()
            kept += (letters.text[at:start], letter)
            starts += letters.starts[at : start + 1]
            ends += letters.ends[at:start]
            ends.append(letters.ends[end - 1])
            at = end
        if not at:
            break
        kept.append(letters.text[at:])
        letters = _Letters("".join(kept), starts + letters.starts[at:], ends + letters.ends[at:])
    return letters


def _letter(match: re.Match[str]) -> str | None:
    """What one escape stands for; None if it is no escape."""
    code = match[1] or match[2]
    if code is not None:
        return chr(int(code, 16))
    import html  # noqa: PLC0415 - a hundredth of a cold start, and hardly an error has an entity

    name = match[3] if match[3].endswith(";") else f"{match[3]};"
    for entity in (f"&{name}", f"&{name.lower()}"):
        letter = html.unescape(entity)
        if letter != entity:
            return letter[:1] or None
    return None

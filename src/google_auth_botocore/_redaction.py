"""Text from servers and other libraries, made fit for an error or a log: no secret, no control character, no end."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# Keys and tokens whose values are not at hand: AWS's own errors quote the request that it could not verify.
KEY_LIKE = re.compile(r"eyJ[\w-]+\.[\w.-]+|[A-Za-z0-9/+=%]{40,}")
NOTHING = re.compile(r"(?!)")

_HIDDEN = "[hidden]"
_LONGEST = 600
# Beyond this nothing is read: such a text is no sentence.
_READ = 60_000
# A part of a secret this long gives too much away; shorter ones occur by chance.
_WINDOW = 12
# Who has a key of fewer letters has none; hidden, it would take the letters of every other word along.
_SHORTEST = 4
# One letter, escaped as in a URL, in JSON or in HTML; servers quote a request in any of them, and twice.
_ESCAPED = re.compile(
    r"%[0-9a-f]{2}|\\u00[0-9a-f]{2}|\\[/\"\\]|&(?:#\d{1,3}|#x[0-9a-f]{1,2}|amp|quot|lt|gt|apos);", re.IGNORECASE
)
_DEEPEST = 4


def cleaned(text: str, secrets: Iterable[str] = (), *, hide: re.Pattern[str] = NOTHING) -> str:
    """The text in one line, without the secrets or parts of them.

    Args:
        text: What somebody else wrote.
        secrets: Values that must not be in it, in whatever letter case or escaping.
        hide: A pattern of further parts to cut out.
    """
    text = " ".join(_hidden(text[:_READ], secrets, hide).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def quoted(value: object) -> str:
    """A value that somebody passed, for the error that says what was seen; of a URL not the user part."""
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001 - a number of more digits than Python writes, or what a class of somebody's raises
        shown = f"<{type(value).__name__}>"
    shown = re.sub(r"(?<=//)[^/\s]*@", f"{_HIDDEN}@", shown)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def safe_cause(
    error: BaseException | None, secrets: Iterable[str] = (), *, hide: re.Pattern[str] = NOTHING
) -> BaseException | None:
    """The error itself, without its frames, as the cause of another, if nothing that hangs on it can hold a secret; else None."""
    secrets, pending, seen = tuple(secrets), [error], set[int]()
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = None  # whose frames have all that was sent
        text = str(each)
        # requests hangs the whole request on its errors.
        if hasattr(each, "request") or len(text) > _READ or _HIDDEN in _hidden(text, secrets, hide):
            return None
        pending += [each.__cause__, each.__context__, *(part for part in each.args if isinstance(part, BaseException))]
    return error


def _hidden(text: str, secrets: Iterable[str], hide: re.Pattern[str]) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return hide.sub(_HIDDEN, _without(printable, secrets))


def _without(text: str, secrets: Iterable[str]) -> str:
    windows: set[str] = set()
    for secret in secrets:
        form = "".join(letter for letter, _, _ in _plain(secret))
        if len(form) < _SHORTEST:
            continue
        windows.update(form[start : start + _WINDOW] for start in range(max(1, len(form) - _WINDOW + 1)))
    windows.discard("")
    letters = _plain(text) if windows else []
    plain = "".join(letter for letter, _, _ in letters)
    hidden = bytearray(len(text))
    for length in {len(window) for window in windows}:
        for start in range(len(plain) - length + 1):
            if plain[start : start + length] in windows:
                first, last = letters[start][1], letters[start + length - 1][2]
                hidden[first:last] = b"\1" * (last - first)
    parts = re.finditer(rb"\x01+|\x00+", hidden)
    return "".join(_HIDDEN if part[0][0] else text[part.start() : part.end()] for part in parts)


def _plain(text: str) -> list[tuple[str, int, int]]:
    """The letters of a text as they are compared, and where each stands: unescaped, in lower case, without white space.

    `+` counts as white space, which it is in a form.
    """
    letters = [(letter, at, at + 1) for at, letter in enumerate(text)]
    for _ in range(_DEEPEST):
        joined = "".join(letter for letter, _, _ in letters)
        found, end = [], 0
        for match in _ESCAPED.finditer(joined):
            found += letters[end : match.start()]
            found.append((_unescaped(match[0]), letters[match.start()][1], letters[match.end() - 1][2]))
            end = match.end()
        if not end:
            break
        letters = found + letters[end:]
    return [
        (letter.lower()[:1], start, end) for letter, start, end in letters if not letter.isspace() and letter != "+"
    ]


def _unescaped(escaped: str) -> str:
    if escaped[0] == "&":
        return html.unescape(escaped) or " "
    if escaped[0] == "%" or escaped[1] in "uU":
        return chr(bytes.fromhex(escaped[-2:])[0])
    return escaped[1]

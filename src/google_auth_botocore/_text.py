"""Text from servers and other libraries, made fit for an error or a log: no secret, no control character, no end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

# Keys and tokens whose values are not at hand: AWS's own errors quote the request that it could not verify.
KEY_LIKE = re.compile(r"[A-Za-z0-9/+=%]{40,}")
NOTHING = re.compile(r"(?!)")

_HIDDEN = "[hidden]"
_LONGEST = 600
# A part of a secret this long gives too much away; shorter ones occur by chance.
_WINDOW = 12


def cleaned(text: str, secrets: Iterable[str] = (), *, hide: re.Pattern[str] = NOTHING) -> str:
    """The text in one line, without the secrets or parts of them.

    Args:
        text: What somebody else wrote.
        secrets: Values that must not be in it, plain or percent-encoded.
        hide: A pattern of further parts to cut out.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in text[: 100 * _LONGEST])
    text = hide.sub(_HIDDEN, _without(text, secrets))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def harmless(
    error: BaseException | None, secrets: Iterable[str] = (), *, hide: re.Pattern[str] = NOTHING
) -> BaseException | None:
    """The error itself as the cause of another, if all that a traceback shows of it holds no secret; else None."""
    seen = error
    while seen is not None:
        if _HIDDEN in cleaned(str(seen), secrets, hide=hide):
            return None
        seen = seen.__cause__ or seen.__context__
    return error


def _without(text: str, secrets: Iterable[str]) -> str:
    windows: set[str] = set()
    for secret in secrets:
        once = quote(secret, safe="")
        for form in {secret, once, quote(once, safe="")}:
            windows.update(form[start : start + _WINDOW] for start in range(max(1, len(form) - _WINDOW + 1)))
    lengths = {len(window) for window in windows}
    hidden = bytearray(len(text))
    for length in lengths:
        for start in range(len(text) - length + 1):
            if text[start : start + length] in windows:
                hidden[start : start + length] = b"\1" * length
    parts = re.finditer(rb"\x01+|\x00+", hidden)
    return "".join(_HIDDEN if part[0][0] else text[part.start() : part.end()] for part in parts)

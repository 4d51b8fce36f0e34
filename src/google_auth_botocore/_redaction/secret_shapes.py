"""Recognise a private key, a token or the JSON of a key file, encoded or not, in place of another value."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import zlib
from collections.abc import Iterator
from itertools import islice

from google_auth_botocore._redaction import known_secrets

# How many characters of a value are examined. The beginning of a key file is enough to recognise it.
_READ = 1 << 16
# How deeply encodings may be nested, and how many parts of a value are decoded at each level.
_DEEPEST, _PARTS = 4, 16

_JSON = (
    r"\A\W{0,9}[\[{]\s{0,99}[\"'{\[\\]"
    r"|\A\W{0,9}\{\s{0,99}\w{1,99}\s{0,9}:"
    r"|\{[\s\\]{0,99}[\"'][^\"'\\]{0,99}[\\]{0,9}[\"']\s{0,9}:"
    r"|[\"'](?:type|project_id|private_key(?:_id)?|client_(?:id|email|secret)|refresh_token|audience)\\{0,9}[\"']\s{0,9}:"
)
_PRIVATE_KEY = r"-----BEGIN|PRIVATE.KEY-----"
# Prefixes that issuers give to their tokens so that scanners find them, and names of settings that hold a secret.
_TOKEN = (
    r"eyJ[\w-]{8}|ya29\.|1//0[\w-]{20}|AIza[\w-]{30}|GOCSPX-|(?:AKIA|ASIA)[A-Z0-9]{12}|FwoGZXIvYXdz|IQoJb3JpZ2lu"
    r"|gh[opsur]_\w{20}|github_pat_|glpat-|xox[a-z]-|\bBearer\s+\S|X-Amz-Sec\w|Signature=[0-9a-fA-F]{16}"
    r"|(?i:private_key|client_secret|(?:refresh|access|id|session|security)_?token|secret_?(?:access_?)?key|passwo?r?d)"
    r"[\"'\\]{0,9}\s{0,9}[:=][\s\"'\\]{0,9}[^\s\"'\\]"
)
_JWT = r"(?<![\w-])eyJ[\w-]{4,}\.eyJ"
_HEX_KEY = r"\s*(?:0x)?(?:[0-9a-fA-F]{2}[:\s]?){16,}"
# Runs of characters that are long enough for a key. No AWS or Google name has 80 characters without a dot or slash.
_RUN = r"[A-Za-z0-9+/=]{32,}|[A-Za-z0-9_-]{80,}"
_WORD = r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+"
# Mean length of the words in a run: at least 4 in CamelCase, about 2 in random base64.
_WORDY = 3.3
_BASE64 = r"[A-Za-z0-9+/_-]{16,}"
_PERCENT_OF_PRINTABLE = 90


def kind(text: str, *, document: bool = True) -> str | None:
    """Return the kind of secret in a text, such as "a private key". None: there is none.

    Args:
        text: A value that a user or a program set.
        document: Whether any JSON counts as a secret. Encoded JSON always does.
    """
    text = text[:_READ]
    if re.search(_JWT, text):  # decoded, its parts would be JSON
        return "a key or token"
    forms, seen = [text], list[str]()
    for depth in range(_DEEPEST):
        for form in forms:
            if (document or depth) and re.search(_JSON, form):
                return "encoded JSON" if depth else "JSON"
            if re.search(_PRIVATE_KEY, form):
                return "a private key"
        seen += forms
        forms = list(islice(dict.fromkeys(part for form in forms for part in _decoded(form)), _PARTS))
    return "a key or token" if any(re.search(_TOKEN, each) for each in seen) or _random(text) else None


def _random(text: str) -> bool:
    if re.fullmatch(_HEX_KEY, text):
        return True
    return any(
        re.search("[a-z]", run) and re.search("[A-Z]", run) and re.search("[0-9]", run) and _mean_word(run) < _WORDY
        for run in re.findall(_RUN, text)
    )


def _mean_word(run: str) -> float:
    words = re.findall(_WORD, run)
    return sum(map(len, words)) / len(words)


def _decoded(text: str) -> Iterator[str]:
    """Yield the text decoded from every encoding that it may have."""
    plain = known_secrets.unescape(text)
    if plain != text:
        yield plain
    if re.fullmatch(_HEX_KEY, text):
        yield from _printable(bytes.fromhex(re.sub(r"0x|[:\s]", "", text)))
    # Without its line breaks, wrapped base64 is one run.
    for run in islice(re.findall(_BASE64, re.sub(r"(?:\\[nr]|\s)+", "", text)), _PARTS):
        standard = run.replace("-", "+").replace("_", "/")
        for start in range(4):  # the characters before it may belong to the alphabet of base64, too
            part = standard[start:]
            try:
                yield from _printable(base64.b64decode(part[: len(part) // 4 * 4]))
            except binascii.Error:
                continue


def _printable(data: bytes) -> Iterator[str]:
    """Yield the contents of bytes that are text, a key in DER, or either of them compressed."""
    for each in (data, *_inflated(data)):
        if each[:1] == b"\x30" and each[1:2] in (b"\x81", b"\x82"):
            yield "-----BEGIN"
        characters = each.replace(b"\0", b"")  # PowerShell writes UTF-16
        head = characters[:400]
        printable = sum(32 <= byte < 127 or byte in b"\t\n\r" for byte in head)
        if head and 100 * printable >= _PERCENT_OF_PRINTABLE * len(head):
            yield characters.decode("latin-1")


def _inflated(data: bytes) -> Iterator[bytes]:
    for window_bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a gzip or zlib header, or without one
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(window_bits).decompress(data, _READ)

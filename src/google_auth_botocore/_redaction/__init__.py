"""Keep secrets out of errors, logs and reports. There is no other redactor.

`cleaned` and `redacted` remove known secrets from text of a server or a library, `quoted` shows a value that the caller
passed, and `path_mistake` describes a value that is not a path.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping

from google_auth_botocore._redaction import known_secrets, secret_shapes

# Keys and tokens whose values are not known: AWS's own errors quote the request that it could not verify. Each
# alternative takes linear time: it is tried at one place of a run of letters, or fails within 40 letters.
KEY_LIKE = (
    r"-----BEGIN[^\"']*|eyJ[\w.-]{3,}|ya29\.[\w.-]+"
    r"|(?:secret|token|password|private_key)\w{0,20}[\"'\\]{1,9}\s{0,9}:\s{0,9}[\"'\\]{1,9}[^\"'\\]*"
    r"|[A-Za-z0-9/+=%]{40,}"
    # Base64 for URLs, but not the name of a role or a user, nor a host, which has no capital letters.
    r"|(?<![A-Za-z0-9+=%_.~-])(?<!role/)(?<!user/)(?=[a-z0-9+=%_.~-]*[A-Z])(?=[A-Za-z+=%_.~-]*[0-9])[A-Za-z0-9+=%_.~-]{40,}"
)
NOTHING = r"(?!)"

# Secrets in any context.
_CERTAIN = r"-----BEGIN[^\"']*|eyJ[\w-]{8,}[\w.-]*|ya29\.[\w.-]+"
_HIDDEN = "[hidden]"
_LONGEST = 600
# The rest of a longer text is dropped: it is not an error message.
_READ = 60_000
# https://cloud.google.com/iam/docs/principal-identifiers: MEMBER:EMAIL has no user part.
_MEMBER = r"\W{0,9}(?:serviceAccount|user|group|domain|principal|principalSet|mailto|deleted):"
_QUOTES = "\"'([{<"
_SCHEME = rf"[{re.escape(_QUOTES)}]*(?:[A-Za-z][A-Za-z0-9+.-]*:)?/?"
# A name may have 255 bytes. Linux allows paths of 4095 bytes, macOS of 1023.
_LONGEST_NAME, _LONGEST_PATH = 255, 1023
_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"


def cleaned(text: str, secrets: Iterable[str] = (), *, hide: str = NOTHING, at_most: int = _LONGEST) -> str:
    """Return the text in one line, without the secrets or parts of them.

    Args:
        text: Text of a server or a library.
        secrets: Values to remove, in any letter case or encoding.
        hide: A pattern of other parts to remove.
        at_most: How many characters are kept.
    """
    return _clipped(" ".join(_hidden(text[:_READ], secrets, hide).split()), at_most)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return a whole report, with its line breaks, without the secrets or parts of them."""
    return re.sub(_CERTAIN, _HIDDEN, known_secrets.hide(text, secrets, _HIDDEN))


def quoted(value: object) -> str:
    """Return a value that the caller passed, for the error that shows it; not a secret, and not the user part of a URL."""
    try:
        text, parts = repr(value), list(_strings(value))
    except Exception:  # noqa: BLE001 - a number of more digits than Python writes, or an error in the class of the value
        return f"<{type(value).__name__}>"
    found = next(filter(None, map(secret_shapes.kind, parts)), None)
    if found is None and not isinstance(value, str):
        found = secret_shapes.kind(text, document=False)
    return _clipped(without_user_part(text), _LONGEST) if found is None else f"[hidden: {found}]"


def shown(value: str) -> str:
    """Return a text that the caller set, for output that shows it; not a secret, and not the user part of a URL."""
    found = secret_shapes.kind(value)
    return without_user_part(value) if found is None else f"[hidden: {found}]"


def as_json(value: object) -> str:
    """Return a value of a JSON document, for output that shows it; not a secret, and not the user part of a URL."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "[hidden: nested too deeply]"
    found = next(filter(None, map(secret_shapes.kind, _strings(value))), None) or secret_shapes.kind(
        text, document=False
    )
    return without_user_part(text) if found is None else f'"[hidden: {found}]"'


def is_secret(value: str) -> bool:
    """Whether a value looks like a private key, a token or a key file's JSON."""
    return secret_shapes.kind(value) is not None


def without_user_part(text: str) -> str:
    """Return a value, or its `repr`, with `[hidden]` in place of the user and password of a URL in it."""
    plain = known_secrets.unescape(text) if "%40" in text else text
    without = _without_user_part(plain)
    return text if without == plain else without


def _without_user_part(text: str) -> str:
    # The name of a service account in a path is not a user. A password may contain any character, so the last @ counts.
    url, account, path = text.partition("/serviceAccounts/")
    before, at, host = url.rpartition("@")
    start = re.search("/{2,}", before) or re.match(_SCHEME, before)
    if at and start is not None and not re.match(_MEMBER, before):
        user = before[start.end() :]
        if start[0].startswith("//") or ":" in user:
            url = f"{before[: start.end()]}{_HIDDEN}@{host}"
        elif ":" in start[0]:  # it ends the user, and not a scheme
            quotes = before[: len(before) - len(before.lstrip(_QUOTES))]
            url = f"{quotes}{_HIDDEN}@{host}"
    return url + account + path


def safe_cause(
    error: BaseException | None, secrets: Iterable[str] = (), *, hide: str = NOTHING
) -> BaseException | None:
    """Return the error without its frames, as the cause of another, or None if anything that belongs to it may hold a secret."""
    secrets = tuple(secrets)
    for each in related(error):
        BaseException.with_traceback(each, None)  # whose frames have all that was sent
        # requests keeps the whole request on its errors.
        text = "\n".join((str(each), *_strings([*each.args, *vars(each).values(), _kept(each)])))
        if hasattr(each, "request") or len(text) > _READ or _HIDDEN in _hidden(text, secrets, hide):
            return None
    return error


def related(error: BaseException | None, but: BaseException | None = None) -> Iterator[BaseException]:
    """Yield an error and every exception that belongs to it: causes, contexts, members of a group, and those it was made of.

    Args:
        error: The error.
        but: An exception that is left out, with all that belongs to it.
    """
    pending: list[object] = [error]
    seen = {id(but)}
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, BaseException):
            yield each
            pending += [each.__cause__, each.__context__, each.args]
            with contextlib.suppress(Exception):  # of a class whose attributes raise
                pending += [getattr(each, "exceptions", ()), *vars(each).values()]
        elif isinstance(each, (list, tuple)):
            pending += each
        elif isinstance(each, dict):  # botocore's exceptions keep what they were made of in one
            pending += each.values()


def _kept(error: BaseException) -> object:
    """Return what an error keeps in an attribute outside its `vars`: the text to decode, the object without the attribute."""
    return getattr(error, "object" if isinstance(error, UnicodeError) else "obj", None)


def path_mistake(value: object, name: str) -> str | None:
    """Return what is wrong with a value that must be a path, or None if it may be one. The message does not show the value.

    Args:
        value: A path, or another value by mistake, such as a key file's JSON.
        name: The flag, variable or argument that has the value. If the value is the one of GOOGLE_APPLICATION_CREDENTIALS,
            the message names that.
    """
    try:
        path = os.fsdecode(value)  # type: ignore[arg-type]  # raises TypeError for another type
    except TypeError:
        return None
    if os.path.exists(path):  # noqa: PTH110 - pathlib raises for a name that is too long
        return None
    found = secret_shapes.kind(path)
    if found is None and path.lstrip().lower().startswith("data:"):
        found = "a data: URL"
    if found is None and re.search(r"[\r\n]", path.strip()):
        found = "several lines of text"
    length = len(path.encode("utf-8", "surrogatepass"))
    names = (len(part.encode("utf-8", "surrogatepass")) for part in re.split(r"[/\\]", path))
    if found is None and (length > _LONGEST_PATH or max(names) > _LONGEST_NAME):
        found = "a text that is too long"
    if found is None:
        return None
    if path.strip() == os.environ.get(_VARIABLE, "").strip():
        name = _VARIABLE
    what = "the JSON" if "JSON" in found else "the configuration"
    how = f"set {name} to the path of that file" if name == _VARIABLE else f"pass the path of that file as {name}"
    return f"{name} holds {found}, not a path. Its value is not shown here. Write {what} to a file, and {how}."


def _strings(value: object) -> Iterator[str]:
    """Yield all texts in a value, and in its containers, which may contain themselves."""
    pending, seen = [value], set[int]()
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, (bytes, bytearray)):
            yield each.decode("latin-1")
        elif isinstance(each, (Mapping, list, tuple, set, frozenset)) and id(each) not in seen:
            seen.add(id(each))
            pending += [part for pair in each.items() for part in pair] if isinstance(each, Mapping) else each


def _hidden(text: str, secrets: Iterable[str], hide: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(
        hide, _HIDDEN, re.sub(_CERTAIN, _HIDDEN, known_secrets.hide(printable, [*secrets, *_pasted()], _HIDDEN))
    )


def _pasted() -> Iterator[str]:
    """Yield the values of AWS variables that contain a key file instead of a name or a path. botocore quotes them."""
    for name, value in os.environ.items():
        if name.startswith("AWS_"):
            found = secret_shapes.kind(value)
            if found is not None and found != "a key or token":
                yield value


def _clipped(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else f"{text[:at_most]}…"

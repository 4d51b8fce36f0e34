"""Keep secrets out of errors, logs and reports. All redaction is here.

`cleaned` and `redacted` remove known secrets from the text of a server or a library. `quoted` formats a value that the caller
passed. `path_mistake` describes a value that is not a path.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from google_auth_botocore._redaction import known_secrets, secret_shapes

# Keys and tokens whose values are not known: AWS's errors quote a request that AWS could not verify. Each alternative takes
# linear time, because it is tried at only one position of a run, or fails within 40 characters.
KEY_LIKE = (
    r"-----BEGIN[^\"']*|eyJ[\w.-]{3,}|ya29\.[\w.-]+"
    r"|(?:secret|token|password|private_key)\w{0,20}[\"'\\]{1,9}\s{0,9}:\s{0,9}[\"'\\]{1,9}[^\"'\\]*"
    r"|[A-Za-z0-9/+=%]{40,}"
    # Base64 for URLs, but not the name of a role or a user, and not a host name, which has no capital letters.
    r"|(?<![A-Za-z0-9+=%_.~-])(?<!role/)(?<!user/)(?=[a-z0-9+=%_.~-]*[A-Z])(?=[A-Za-z+=%_.~-]*[0-9])[A-Za-z0-9+=%_.~-]{40,}"
)
NOTHING = r"(?!)"
# The fields of Google's replies that hold a token or a signature.
TOKEN_FIELDS = ("access_token", "refresh_token", "id_token", "accessToken", "token", "signedJwt", "signedBlob")

# Text that is always a secret.
_CERTAIN = r"-----BEGIN[^\"']*|eyJ[\w-]{8,}[\w.-]*|ya29\.[\w.-]+"
_HIDDEN = "[hidden]"
# Characters that are kept of a message.
_LONGEST = 600
# Characters that are kept of a value that the caller passed. The longest audience has fewer.
_LONGEST_VALUE = 180
# Characters that are read of a message. The rest is dropped: a longer text is not an error message.
_READ = 60_000
# The e-mail address in MEMBER:EMAIL has no user part: https://cloud.google.com/iam/docs/principal-identifiers.
_MEMBER = r"\W{0,9}(?:serviceAccount|user|group|domain|principal|principalSet|mailto|deleted):"
_QUOTES = "\"'([{<"
_SCHEME = rf"[{re.escape(_QUOTES)}]*(?:[A-Za-z][A-Za-z0-9+.-]*:)?/?"
# Bytes. A file name may have 255. A path may have 4095 on Linux, and 1023 on macOS.
_LONGEST_NAME, _LONGEST_PATH = 255, 1023
_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
# The last line of an error about a file that must be written.
WRITE_FILE = (
    "Run: gcloud iam workload-identity-pools create-cred-config projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL"
    "/providers/PROVIDER --aws --enable-imdsv2 --service-account=EMAIL --output-file=FILE"
)


def cleaned(text: str, secrets: Iterable[str] = (), *, hide: str = NOTHING, at_most: int = _LONGEST) -> str:
    """Return the text as one line, without the secrets and without parts of them.

    Args:
        text: Text of a server or a library.
        secrets: Values to remove, in any letter case or encoding.
        hide: A pattern of other parts to remove.
        at_most: How many characters are kept.
    """
    return _clipped(" ".join(_hidden(text[:_READ], secrets, hide).split()), at_most)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return a report, with its line breaks, without the secrets and without parts of them."""
    return re.sub(_CERTAIN, _HIDDEN, known_secrets.hide(text, secrets, _HIDDEN))


def quoted(value: object) -> str:
    """Return a value that the caller passed, for an error. Secrets and the user part of a URL are hidden."""
    try:
        text, parts = repr(value), list(_strings(value))
    except Exception:  # noqa: BLE001 - a number with more digits than Python converts, or a faulty class
        return f"<{type(value).__name__}>"
    found = next(filter(None, map(secret_shapes.kind, parts)), None)
    if found is None and not isinstance(value, str):
        found = secret_shapes.kind(text, document=False)
    return _clipped(without_user_part(text), _LONGEST_VALUE) if found is None else f"[hidden: {found}]"


def described(value: Any) -> str:
    """Return what an object is, for an error. Its `repr` may contain a key or a token."""
    if isinstance(value, type):
        return f"the class {_full_name(value)}"
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    if isinstance(value, FunctionType):
        return f"the function {_full_name(value)}"
    return f"an object of the type {_full_name(type(value))}"


def _full_name(named: Any) -> str:
    return named.__qualname__ if named.__module__ == "builtins" else f"{named.__module__}.{named.__qualname__}"


def shown(value: str) -> str:
    """Return a text that the user set, for output. Secrets and the user part of a URL are hidden."""
    found = secret_shapes.kind(value)
    return without_user_part(value) if found is None else f"[hidden: {found}]"


def as_json(value: object) -> str:
    """Return a value of a JSON document as JSON, for output. Secrets and the user part of a URL are hidden."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "[hidden: nested too deeply]"
    found = next(filter(None, map(secret_shapes.kind, _strings(value))), None) or secret_shapes.kind(
        text, document=False
    )
    return without_user_part(text) if found is None else f'"[hidden: {found}]"'


def is_secret(value: str) -> bool:
    """Return whether a value looks like a private key, a token or the JSON of a key file."""
    return secret_shapes.kind(value) is not None


def hides(value: object) -> bool:
    """Return whether `quoted` hides a value, or a part of it."""
    return quoted(value) != repr(value)


def without_user_part(text: str) -> str:
    """Return a value, or its `repr`, with the user and password of a URL replaced by `[hidden]`."""
    plain = known_secrets.unescape(text) if "%40" in text else text
    without = _without_user_part(plain)
    return text if without == plain else without


def _without_user_part(text: str) -> str:
    # The name of a service account in a path is not a user. A password may contain any character, so the user part ends at the
    # last @.
    url, account, path = text.partition("/serviceAccounts/")
    before, at, host = url.rpartition("@")
    start = re.search("/{2,}", before) or re.match(_SCHEME, before)
    if at and start is not None and not re.match(_MEMBER, before):
        user = before[start.end() :]
        if start[0].startswith("//") or ":" in user:
            url = f"{before[: start.end()]}{_HIDDEN}@{host}"
        elif ":" in start[0]:  # the colon ends a user name, and not a scheme
            quotes = before[: len(before) - len(before.lstrip(_QUOTES))]
            url = f"{quotes}{_HIDDEN}@{host}"
    return url + account + path


def safe_cause(
    error: BaseException | None, secrets: Iterable[str] = (), *, hide: str = NOTHING
) -> BaseException | None:
    """Return an error without its frames, as the cause of another one. None: it or a related error may hold a secret."""
    secrets = tuple(secrets)
    for each in related(error):
        BaseException.with_traceback(each, None)  # the variables of its frames hold everything that was sent
        # The errors of requests hold the whole request.
        text = "\n".join((str(each), *_strings([*each.args, *vars(each).values(), _kept(each)])))
        if hasattr(each, "request") or len(text) > _READ or _HIDDEN in _hidden(text, secrets, hide):
            return None
    return error


def related(error: BaseException | None, excluded: BaseException | None = None) -> Iterator[BaseException]:
    """Yield an error and every exception related to it: causes, contexts, members of a group, arguments and attributes.

    Args:
        error: The error.
        excluded: An exception to leave out, with those related only to it.
    """
    pending: list[object] = [error]
    seen = {id(excluded)}
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, BaseException):
            yield each
            pending += [each.__cause__, each.__context__, each.args]
            with contextlib.suppress(Exception):  # the class has an attribute that raises
                pending += [getattr(each, "exceptions", ()), *vars(each).values()]
        elif isinstance(each, (list, tuple)):
            pending += each
        elif isinstance(each, dict):  # botocore's exceptions keep their arguments in one
            pending += each.values()


def _kept(error: BaseException) -> object:
    """Return the value that some errors keep outside their `vars`: the text to decode, or the object that lacks an attribute."""
    return getattr(error, "object" if isinstance(error, UnicodeError) else "obj", None)


def json_mistake(error: ValueError | RecursionError, *, empty: bool) -> str:
    """Return what is wrong with a configuration that is not JSON, and how to fix it, in whole sentences. The text does not show the content.

    Args:
        error: The error of the decoder.
        empty: Whether the content has only white space.
    """
    if isinstance(error, UnicodeDecodeError):  # its message shows a byte
        return "it is not UTF-8. Save it as UTF-8 without a byte-order mark."
    if isinstance(error, json.JSONDecodeError) and not empty:
        return f"{error}. Correct the file there, or write it again.\n{WRITE_FILE}"
    fault = (
        "it is empty" if empty else "it is nested too deeply" if isinstance(error, RecursionError) else "it is invalid"
    )
    return f"{fault}. Write it again.\n{WRITE_FILE}"


def path_mistake(value: object, name: str) -> str | None:
    """Return what is wrong with a value that must be a path. None: it may be one. The message does not show the value.

    Args:
        value: A path, or by mistake another value, such as the JSON of a key file.
        name: The flag, variable or argument that has the value. If GOOGLE_APPLICATION_CREDENTIALS has the same value,
            the message names this variable.
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
    """Yield all strings in a value. Containers may contain themselves."""
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
    printable = "".join(each if each.isprintable() else " " for each in text)
    return re.sub(
        hide, _HIDDEN, re.sub(_CERTAIN, _HIDDEN, known_secrets.hide(printable, [*secrets, *_pasted()], _HIDDEN))
    )


def _pasted() -> Iterator[str]:
    """Yield the values of AWS variables that hold a key file instead of a name or a path. botocore's errors would quote them."""
    for name, value in os.environ.items():
        if name.startswith("AWS_"):
            found = secret_shapes.kind(value)
            if found is not None and found != "a key or token":
                yield value


def _clipped(text: str, at_most: int) -> str:
    return text if len(text) <= at_most else f"{text[:at_most]}…"

"""Pages of lists and update masks, the same in all of Google's APIs.

Sources: https://google.aip.dev/158 and https://google.aip.dev/134
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call

_PAGE_SIZE = 100  # default number of items


def paginate(call: Call, field: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the requested page of a list, by `pageSize` and `pageToken`.

    Args:
        call: the request.
        field: the field of the reply that contains the items.
        items: the whole list.

    Raises:
        RpcError: 400 if one of the parameters is invalid.
    """
    parameters = call.parameters()
    size, start = parameters.get("pageSize") or "0", parameters.get("pageToken") or "0"
    if not ((size + start).isascii() and size.isdecimal() and start.isdecimal()):
        raise RpcError(400, "Request contains an invalid argument.")
    end = int(start) + (int(size) or _PAGE_SIZE)
    more = {"nextPageToken": str(end)} if end < len(items) else {}
    return {**({field: list(items[int(start) : end])} if items else {}), **more}


def apply_mask(mask: str, old: Mapping[str, Any], new: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return a resource with the fields in the update mask taken from an update. Fields absent from the update are removed.

    Args:
        mask: fields in camel case or snake case, separated by commas. A nested field follows a dot.
        old: the resource.
        new: the update.
        known: the fields that can be updated.

    Raises:
        RpcError: 400 if the mask is empty or names another field.
    """
    result = dict(old)
    for path in filter(None, mask.split(",")):
        name, _, rest = re.sub(r"_([a-z])", lambda letter: letter[1].upper(), path).partition(".")
        if name not in known:
            raise RpcError(400, f"Invalid update mask: {path} can't be updated.")
        if rest:
            update = new.get(name, {})
            if not isinstance(update, dict):
                raise RpcError(400, f"Invalid value at '{name}'.")
            inner = {**old.get(name, {}), rest: update.get(rest)}
            result[name] = {field: value for field, value in inner.items() if value is not None}
        elif name in new:
            result[name] = new[name]
        else:
            result.pop(name, None)
    if not mask:
        raise RpcError(400, "The update mask is empty.")
    return result

"""Read JSON as Google's servers do."""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(text: str | bytes) -> Any:
    r"""Return the value of a JSON text.

    Half of a surrogate pair, such as `"\ud800"`, is not JSON for Google: no UTF-8 text contains it. Python's parser accepts it, and
    the value then fails wherever it is encoded. The errors are those of protobuf's parser:
    https://github.com/protocolbuffers/protobuf/blob/v21.12/src/google/protobuf/util/internal/json_stream_parser.cc

    Args:
        text: the text, or its bytes in UTF-8.

    Raises:
        ValueError: it is not JSON, or is nested too deeply.
    """
    try:
        value = json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
        half = _SURROGATE.search(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        raise ValueError("Message too deep.") from None
    if half is not None:
        raise ValueError("Missing low surrogate." if half[0] < "\udc00" else "Invalid unicode code point.")
    return value

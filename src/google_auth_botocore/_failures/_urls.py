"""URLs that users and servers have written, and that may be malformed."""

from urllib.parse import SplitResult, urlsplit

_NONE = SplitResult("", "", "", "", "")


def parts(url: str | None) -> SplitResult:
    """Return the parts of a URL, which are all empty if it is malformed."""
    try:
        found = urlsplit(url or "")
        found.port  # noqa: B018 - raises for a port that is not a number
    except ValueError:
        return _NONE
    return found

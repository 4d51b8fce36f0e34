"""The troubleshooting page, which `tests/failures/test_page.py` writes from the table."""

from google_auth_botocore.exceptions import _PAGE

URL = _PAGE


def link(failure: str) -> str:
    """Return the address of a failure's section. Its anchor is the id."""
    return f"{URL}#{failure}"


def without_link(message: str) -> str:
    """Return the sentences of an error's message, without its link and its command."""
    return message.partition("\nRun: ")[0].partition(f"\nMore: {URL}#")[0].rstrip()

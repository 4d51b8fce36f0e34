"""The troubleshooting page, which `tests/failures/test_page.py` writes from the table."""

# The page of the main branch. Errors of released versions link to it, so no id is ever removed from it.
URL = "https://github.com/google-auth-botocore/google-auth-botocore/blob/main/.github/troubleshooting.md"


def link(failure: str) -> str:
    """Return the address of a failure's section. Its anchor is the id."""
    return f"{URL}#{failure}"

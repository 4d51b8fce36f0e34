"""The error for a library that is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def requires(distribution: str, *, extra: str | None = None) -> Iterator[None]:
    """Run imports. If one fails, raise an error that says which extra installs the library, as the emulator does.

    An old release, from which a name cannot be imported, is reported in the same way: the extra has the lowest version.

    Args:
        distribution: The library's name on PyPI.
        extra: The extra that installs it, if it has another name.

    Raises:
        ImportError: An import failed. It is a ModuleNotFoundError if a module is missing, and the cause names the module.
    """
    try:
        yield
    except ImportError as error:
        kind = ModuleNotFoundError if isinstance(error, ModuleNotFoundError) else ImportError
        what = (
            f"the module {error.name} is missing"
            if kind is ModuleNotFoundError
            else f"another release is installed ({error.msg})"
        )
        raise kind(
            f"The adapter requires {distribution}, of which {what}. Install it with the extra.\n"
            f"Run: pip install 'google-auth-botocore[{extra or distribution}]'",
            name=error.name,
            path=error.path,
        ) from error

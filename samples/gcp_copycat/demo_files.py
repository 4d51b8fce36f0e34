"""The objects that the demo copies: real files of the installed packages, archives of them, and special cases."""

from __future__ import annotations

import gzip
import io
import os
import sysconfig
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_FILES = 400
# No file is larger, so that no single library is most of what is copied. Some libraries have hundreds of megabytes.
_MAX_FILE = 1 << 20
# Three archives of at most 9 MiB. From 8 MiB on, an object is copied in several parts.
_ARCHIVES, _MAX_ARCHIVE = 3, 9 << 20


def contents(root: Path | None = None) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield name, content and properties of each object.

    Args:
        root: directory with files to copy. None: the installed packages.
    """
    root = root or Path(sysconfig.get_path("purelib"))
    files = [path for path in sorted(root.rglob("*")) if path.suffix != ".pyc" and _is_copied(path)]
    for path in files[:: max(1, len(files) // _FILES)][:_FILES]:
        yield f"site-packages/{_name(path, root)}", path.read_bytes(), {}
    for number in range(_ARCHIVES):
        archive = _archive(files[number::_ARCHIVES], root)
        yield f"archives/site-packages-{number + 1}.tar", archive, {"content_type": "application/x-tar"}
    log = gzip.compress(b"GET / 200\n" * 10_000)
    yield "logs/app.log", log, {"content_encoding": "gzip", "content_type": "text/plain"}
    yield "empty/none", b"", {}
    yield "empty/folder/", b"", {}
    yield "names/Übergrößenträger – 日本語 😀.txt", "Grüße".encode(), {"metadata": {"Herkunft": "Köln"}}
    yield "names/a b+c#d?e=f&g%20h'(i).txt", b"punctuation", {"cache_control": "no-store"}


def _is_copied(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK) and path.stat().st_size <= _MAX_FILE


def _name(path: Path, root: Path) -> str:
    # A name that is not UTF-8 cannot be the name of an object.
    return path.relative_to(root).as_posix().encode(errors="replace").decode()


def _archive(files: Sequence[Path], root: Path) -> bytes:
    """Return an archive of the first files, as many as fit."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in files:
            # Two records hold a file's header and the end of the archive.
            if archive.tell() + path.stat().st_size + 2 * tarfile.RECORDSIZE <= _MAX_ARCHIVE:
                tar.add(path, _name(path, root))
    return archive.getvalue()

"""If the library of an adapter is missing, the error says what to install."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

# The module to hide, for each adapter that imports one.
HIDDEN = [
    ("gcloud_aio", "gcloud", "gcloud-aio-auth", "gcloud-aio"),
    ("httpx", "httpx", "httpx", "httpx"),
    ("httpx", "anyio", "httpx", "httpx"),
    ("httpx2", "httpx2", "httpx2", "httpx2"),
    ("httpx2", "anyio", "httpx2", "httpx2"),
    ("kubernetes", "kubernetes", "kubernetes", "kubernetes"),
    ("openai", "anyio", "openai", "openai"),
    ("polars", "polars", "polars", "polars"),
    ("pyiceberg", "pyiceberg", "pyiceberg", "pyiceberg"),
]


def error_of(program: str) -> list[str]:
    """Return the last two lines of a program's error."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    return done.stderr.splitlines()[-2:]


@pytest.mark.parametrize(("adapter", "module", "distribution", "extra"), HIDDEN)
def test_a_missing_library_is_an_error_that_names_the_extra(
    adapter: str, module: str, distribution: str, extra: str
) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; import google_auth_botocore.adapters.{adapter}"
    what, how = error_of(program)
    assert re.fullmatch(
        rf"ModuleNotFoundError: The adapter requires {distribution}, of which the module {module}[.\w]* is missing\. "
        r"Install it with the extra\.",
        what,
    )
    assert how == f"Run: pip install 'google-auth-botocore[{extra}]'"


def test_a_library_that_is_too_old_is_an_error_that_names_the_extra() -> None:
    program = (
        "import sys, types; sys.modules['gcloud'] = types.ModuleType('gcloud')\n"
        "sys.modules['gcloud.aio'] = types.ModuleType('gcloud.aio')\n"
        "import google_auth_botocore.adapters.gcloud_aio"
    )
    what, how = error_of(program)
    assert what.startswith("ImportError: The adapter requires gcloud-aio-auth, of which another release is installed (")
    assert how == "Run: pip install 'google-auth-botocore[gcloud-aio]'"


def test_adapters_for_google_auth_obstore_and_opentelemetry_import_without_a_library() -> None:
    """obstore accepts any callable and OpenTelemetry any session, so their adapters do not import them."""
    program = (
        "import sys; sys.modules['obstore'] = sys.modules['opentelemetry'] = None\n"
        "import google_auth_botocore.adapters.obstore, google_auth_botocore.adapters.google_auth_aio\n"
        "import google_auth_botocore.adapters.opentelemetry"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

"""`doctor`: follows a token step by step, and says at the first failure what the cause is and how to fix it.

The causes are the entries of `_failures`, which also make up the hints of the errors. Here they have more evidence.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore.cli import _credentials_flags, _exit_codes

if TYPE_CHECKING:
    from google_auth_botocore._failures._entry import Diagnosis

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="find out why there is no token, and how to fix it",
        description=(
            "Gets a token step by step and prints what it saw at each step; at the first failure, the cause and the "
            "commands that fix it. With an administrator's token in CLOUDSDK_AUTH_ACCESS_TOKEN it also reads the provider "
            "and the service account's policy; with an OAuth client in CLOUDSDK_AUTH_CLIENT_ID and "
            "CLOUDSDK_AUTH_CLIENT_SECRET it asks Google which principal it sees. It changes nothing."
        ),
        parents=[_credentials_flags.parent_parser()],
    )
    parser.add_argument("--offline", action="store_true", help="make no network call")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, for a program or a ticket; like the text, without secrets"
    )
    parser.add_argument("--call", type=_url, metavar="URL", help="also make one call: GET URL")
    parser.add_argument("--target-audience", metavar="AUDIENCE", help="also get an ID token, and use it for --call")
    parser.add_argument(
        "--aws-sts-endpoint",
        type=_url,
        metavar="URL",
        help="AWS STS endpoint to use in place of the signed URL's host",
    )
    parser.set_defaults(run=_run)


def _url(text: str) -> str:
    """Return a URL that a token may be sent to."""
    url = urlsplit(text)
    if url.hostname and (url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)):
        return text
    raise argparse.ArgumentTypeError("neither an https URL nor http on loopback")


def _run(options: argparse.Namespace) -> int:
    # Not earlier: it loads botocore.
    from google_auth_botocore.cli.doctor import _report, _walk  # noqa: PLC0415

    evidence, steps = _walk.walk(options)
    code = _code(evidence.error, [step.diagnosis for step in steps if step.state == _walk.FAILED])
    text = _report.as_json(evidence, steps, code) if options.json else _report.as_text(steps)
    print(_report.printable(evidence.recorder.hidden(text)))  # noqa: T201 - a command speaks
    return code


def _code(error: Exception | None, failures: Sequence[Diagnosis | None]) -> int:
    if isinstance(error, ConfigurationError):
        return _exit_codes.INVALID
    lasting = any(each is not None and each.failure.lasting for each in failures)
    if isinstance(error, FederationError) and error.retryable and not lasting:
        return _exit_codes.TRY_AGAIN
    return _exit_codes.REJECTED if failures else 0

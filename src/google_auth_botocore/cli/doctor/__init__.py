"""`doctor`: walks the way of a token, and says at the first failure what the true cause is and what mends it.

What it knows of causes comes from Google's troubleshooting pages and from users' reports:
https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore.cli import _credentials_flags, _exit_codes

if TYPE_CHECKING:
    from google_auth_botocore.cli.doctor._cause import Diagnosis

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "doctor",
        help="find out why there is no token, and what mends it",
        description=(
            "Walks the way of a token and says what it saw at each step; at the first failure, its true cause and the "
            "commands that mend it. With an administrator's token in CLOUDSDK_AUTH_ACCESS_TOKEN it reads the provider and "
            "the service account's policy, too; with an OAuth client in CLOUDSDK_AUTH_CLIENT_ID and "
            "CLOUDSDK_AUTH_CLIENT_SECRET it asks Google whom it sees. It changes nothing."
        ),
        parents=[_credentials_flags.parent_parser()],
    )
    parser.add_argument("--offline", action="store_true", help="only what can be seen without the network")
    parser.add_argument(
        "--json", action="store_true", help="for a program or a ticket; free of secrets, as the text is"
    )
    parser.add_argument("--call", type=_url, metavar="URL", help="also make one real call: GET URL")
    parser.add_argument(
        "--target-audience", metavar="AUDIENCE", help="also get an ID token, for --call where it is given"
    )
    parser.add_argument(
        "--aws-sts-endpoint",
        type=_url,
        metavar="URL",
        help="where to ask for the caller, in place of the signed URL's host",
    )
    parser.set_defaults(run=_run)


def _url(text: str) -> str:
    """A URL that a token may go to."""
    url = urlsplit(text)
    if url.hostname and (url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)):
        return text
    raise argparse.ArgumentTypeError("neither an https URL nor http on loopback")


def _run(options: argparse.Namespace) -> int:
    # Not before it is asked for: it loads botocore.
    from google_auth_botocore.cli.doctor import _report, _walk  # noqa: PLC0415

    seen, steps = _walk.walk(options)
    code = _code(seen.error, [step.diagnosis for step in steps if step.state == _walk.FAILED])
    text = _report.as_json(seen, steps, code) if options.json else _report.as_text(steps)
    print(_report.printable(seen.recorder.hidden(text)))  # noqa: T201 - a command speaks
    return code


def _code(error: Exception | None, failures: Sequence[Diagnosis | None]) -> int:
    if isinstance(error, ConfigurationError):
        return _exit_codes.INVALID
    lasting = any(each is not None and each.cause.lasting for each in failures)
    if isinstance(error, FederationError) and error.retryable and not lasting:
        return _exit_codes.TRY_AGAIN
    return _exit_codes.REJECTED if failures else 0

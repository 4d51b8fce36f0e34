"""`doctor`: get a token step by step, and explain the first failure: the cause and how to fix it.

The causes are entries of the table in `_failures`. Errors use the same entries for their hints; here there is more
evidence.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore._command_line import Parser
from google_auth_botocore.cli import _credentials_flags, _exit_codes

if TYPE_CHECKING:
    from google_auth_botocore._failures._entry import Diagnosis

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def add_to(commands: Any) -> None:
    """Add the command."""
    endpoints = Parser(add_help=False)
    endpoints.add_argument_group(_credentials_flags.ENDPOINTS).add_argument(
        "--aws-sts-endpoint",
        type=_url,
        metavar="URL",
        help="AWS STS endpoint to call instead of the host in the signed URL",
    )
    parser = commands.add_parser(
        "doctor",
        help="find out why there is no token, and how to fix it",
        description=(
            "Get a token step by step, and print the result of each step. At the first failure, print the cause and the "
            "commands that fix it. With an administrator's token in CLOUDSDK_AUTH_ACCESS_TOKEN, it also reads the provider "
            "and the service account's policy. With an OAuth client in CLOUDSDK_AUTH_CLIENT_ID and "
            "CLOUDSDK_AUTH_CLIENT_SECRET, it also requests the principal from Google. It changes nothing."
        ),
        usage="%(prog)s [flags]",
        examples="""
        # Check the setup of GOOGLE_APPLICATION_CREDENTIALS
        google-auth-botocore doctor
        # Also call an API with the token
        google-auth-botocore doctor --config config.json \\
          --call "https://storage.googleapis.com/storage/v1/b?project=my-project"
        # Explain the log of another program
        google-auth-botocore doctor --explain - <app.log
        """,
        parents=[_credentials_flags.parent_parser(), endpoints],
    )
    parser.add_argument("--offline", action="store_true", help="make no network calls")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, for a program or a ticket; like the text, it contains no secrets",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="also print versions, settings, each request, and the fix of every warning; no secrets",
    )
    parser.add_argument(
        "--explain",
        metavar="TEXT",
        help=(
            "explain an error message or a log, also of another library, and make no network call; -: standard input. "
            "The text is not printed"
        ),
    )
    parser.add_argument("--call", type=_url, metavar="URL", help="also call an API with the token: GET URL")
    parser.add_argument(
        "--target-audience", metavar="AUDIENCE", help="get an ID token for this audience, and use it for --call"
    )
    parser.set_defaults(run=_run)


def _url(text: str) -> str:
    """Return the URL if a token may be sent to it."""
    url = urlsplit(text)
    if url.hostname and (url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)):
        return text
    raise argparse.ArgumentTypeError("neither an https URL nor http on loopback")


def _run(options: argparse.Namespace) -> int:
    # Imported only here, because it loads botocore.
    from google_auth_botocore.cli.doctor import _explain, _report, _screen, _steps, _waiting  # noqa: PLC0415
    from google_auth_botocore.cli.doctor._evidence import Evidence  # noqa: PLC0415

    if options.explain is not None:
        return _explain.run(options)
    waiting = _waiting.waiting(sys.stdout, sys.stderr, is_report=not options.json)
    evidence, results = Evidence(options, waiting), list[_steps.Result]()
    text = _report.Text(lambda: _screen.columns(sys.stdout), verbose=options.verbose)

    def print_part(part: str) -> None:
        waiting.print(_screen.printable(evidence.recorder.redacted(part)))

    with waiting.running():
        if not options.json:
            print_part(text.head())
        for result in _steps.run(evidence):
            results.append(result)
            if not options.json:
                print_part(text.row(result))
        code = _exit_code(evidence.error, [each.diagnosis for each in results if each.state == _steps.FAILED])
        # While the context is open: a fix may require one more look at the provider or the policy.
        print_part(_report.as_json(evidence, results, code) if options.json else text.causes(results))
    return code


def _exit_code(error: Exception | None, failures: Sequence[Diagnosis | None]) -> int:
    if isinstance(error, ConfigurationError):
        return _exit_codes.INVALID
    lasting = any(each is not None and each.failure.lasting for each in failures)
    if isinstance(error, FederationError) and error.retryable and not lasting:
        return _exit_codes.TRY_AGAIN
    return _exit_codes.REJECTED if failures else 0

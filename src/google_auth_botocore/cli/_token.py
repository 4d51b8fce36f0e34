"""`token` and `id-token`: print a token as text, JSON, an HTTP header or an ExecCredential of Kubernetes.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import datetime
from typing import Any

from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore._command_line import Parser
from google_auth_botocore.cli import _credentials_flags

_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def add_to(commands: Any) -> None:
    """Add both commands."""
    flags = _credentials_flags.parent_parser()
    token = commands.add_parser(
        "token",
        help="print an access token",
        usage="%(prog)s [flags]",
        description="Print an access token for Google Cloud. It expires after at most an hour, or after --lifetime.",
        examples="""
        # With the file that GOOGLE_APPLICATION_CREDENTIALS names
        google-auth-botocore token
        # Call an API
        curl -H "$(google-auth-botocore token --config config.json --header)" \\
          "https://storage.googleapis.com/storage/v1/b?project=my-project"
        # As another AWS role, with read-only access to Cloud Storage
        google-auth-botocore token --config config.json \\
          --assume-role arn:aws:iam::111122223333:role/my-role \\
          --scopes https://www.googleapis.com/auth/devstorage.read_only
        """,
        parents=[flags, _format_flags("token")],
    )
    token.set_defaults(run=_token)
    id_token = commands.add_parser(
        "id-token",
        help="print an ID token of the service account",
        usage="%(prog)s AUDIENCE [flags]",
        description=(
            "Print an ID token of the service account, for services that authenticate their callers with OpenID Connect. Cloud "
            "Run and IAP are examples. The configuration file or --service-account must name the service account."
        ),
        examples="""
        # Call a Cloud Run service
        URL=https://my-service-abc123-uc.a.run.app
        curl -H "$(google-auth-botocore id-token "$URL" --header)" "$URL"
        """,
        parents=[flags, _format_flags("id-token AUDIENCE")],
    )
    id_token.add_argument(
        "target_audience", metavar="AUDIENCE", help="audience of the token, such as the URL of a Cloud Run service"
    )
    id_token.add_argument(
        "--include-email", action="store_true", help="include the service account's e-mail address in the token"
    )
    id_token.set_defaults(run=_id_token)


def _format_flags(command: str) -> Parser:
    parser = Parser(add_help=False)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const=_json,
        help="print JSON: the token and its expiry in UTC; default: only the token",
    )
    group.add_argument(
        "--header",
        dest="format",
        action="store_const",
        const=_header,
        help=f'print an HTTP header: curl -H "$(google-auth-botocore {command} --header)"',
    )
    group.add_argument(
        "--exec-credential",
        dest="format",
        action="store_const",
        const=_exec_credential,
        help="print an ExecCredential for kubectl",
    )
    parser.set_defaults(format=_text)
    return parser


def _token(options: argparse.Namespace) -> int:
    return _print(options, _credentials_flags.credentials(options))


def _id_token(options: argparse.Namespace) -> int:
    source = _credentials_flags.credentials(options)
    return _print(options, IDTokenCredentials(source, options.target_audience, include_email=options.include_email))


def _print(options: argparse.Namespace, credentials: Credentials | IDTokenCredentials) -> int:
    print(options.format(*credentials.get_token()))  # noqa: T201 - output of the command
    return 0


def _text(value: str, _: datetime) -> str:
    return value


def _json(value: str, expiry: datetime) -> str:
    return json.dumps({"token": value, "expiry": _rfc3339(expiry)})


def _header(value: str, _: datetime) -> str:
    return f"Authorization: Bearer {value}"


def _exec_credential(value: str, expiry: datetime) -> str:
    status = {"token": value, "expirationTimestamp": _rfc3339(expiry)}
    return json.dumps({"apiVersion": _exec_version(), "kind": "ExecCredential", "status": status})


def _exec_version() -> str:
    """Return the API version that kubectl requests, or the default if it requests an unsupported one."""
    try:
        requested = json.loads(os.environ.get("KUBERNETES_EXEC_INFO", "{}")).get("apiVersion")
    except (ValueError, AttributeError):
        requested = None
    return requested if requested in _EXEC_VERSIONS else _EXEC_VERSIONS[0]


def _rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

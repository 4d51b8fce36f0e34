"""`token` and `id-token`: a token by itself, for a shell, a header, a program or kubectl.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import datetime
from typing import Any

from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore.cli import _identity

_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def add_to(commands: Any) -> None:
    """Adds both commands."""
    identity = _identity.flags()
    token = commands.add_parser(
        "token", help="print an access token", description="Prints an access token.", parents=[identity, _form("token")]
    )
    token.set_defaults(run=_token)
    id_token = commands.add_parser(
        "id-token",
        help="print an ID token of the service account",
        description="Prints an ID token of the service account.",
        parents=[identity, _form("id-token AUDIENCE")],
    )
    id_token.add_argument("target_audience", metavar="AUDIENCE", help="whom it is for: the URL of a Cloud Run service")
    id_token.add_argument(
        "--include-email", action="store_true", help="with the service account's e-mail address in it"
    )
    id_token.set_defaults(run=_id_token)


def _form(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--json", dest="form", action="store_const", const=_json, help="the token and its expiry, in UTC"
    )
    group.add_argument(
        "--header",
        dest="form",
        action="store_const",
        const=_header,
        help=f'as a header: for curl -H "$(google-auth-botocore {command} --header)"',
    )
    group.add_argument(
        "--exec-credential", dest="form", action="store_const", const=_exec_credential, help="as kubectl wants it"
    )
    parser.set_defaults(form=_alone)
    return parser


def _token(options: argparse.Namespace) -> int:
    return _print(options, _identity.credentials(options))


def _id_token(options: argparse.Namespace) -> int:
    source = _identity.credentials(options)
    return _print(options, IDTokenCredentials(source, options.target_audience, include_email=options.include_email))


def _print(options: argparse.Namespace, credentials: Credentials | IDTokenCredentials) -> int:
    print(options.form(*credentials.get_token()))  # noqa: T201 - it was asked for
    return 0


def _alone(value: str, _: datetime) -> str:
    return value


def _json(value: str, expiry: datetime) -> str:
    return json.dumps({"token": value, "expiry": _rfc3339(expiry)})


def _header(value: str, _: datetime) -> str:
    return f"Authorization: Bearer {value}"


def _exec_credential(value: str, expiry: datetime) -> str:
    status = {"token": value, "expirationTimestamp": _rfc3339(expiry)}
    return json.dumps({"apiVersion": _exec_version(), "kind": "ExecCredential", "status": status})


def _exec_version() -> str:
    """The one that kubectl asks for, among those of this shape."""
    try:
        asked = json.loads(os.environ.get("KUBERNETES_EXEC_INFO", "{}")).get("apiVersion")
    except (ValueError, AttributeError):
        asked = None
    return asked if asked in _EXEC_VERSIONS else _EXEC_VERSIONS[0]


def _rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

"""The environment variables that point client libraries of all languages to the metadata server."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping

from google_auth_botocore import Credentials
from google_auth_botocore.cli.serve import _identity, _other_credentials

_NO_PROXY = ("NO_PROXY", "no_proxy")
_LOOPBACK = ("127.0.0.1", "localhost")


def variables(credentials: Credentials, port: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set.

    Args:
        credentials: The credentials that the server uses.
        port: The port of the server.
        environment: The current environment. The result extends its NO_PROXY.
    """
    address = f"127.0.0.1:{port}"
    found = {
        "GCE_METADATA_HOST": address,  # Go, Java, Python, .NET, Rust
        "GCE_METADATA_IP": address,  # Node.js, and Python when it checks whether there is a server
        "GCE_METADATA_ROOT": address,  # gcloud and C++
        "METADATA_SERVER_DETECTION": "assume-present",  # Node.js
        # Otherwise gcloud prefers an account that the user has logged in with.
        "CLOUDSDK_CORE_ACCOUNT": _identity.identity(credentials).email,
    }
    project = credentials.get_project_id()
    if project is not None:
        found["GOOGLE_CLOUD_PROJECT"] = project
    if credentials.quota_project_id is not None:
        found["GOOGLE_CLOUD_QUOTA_PROJECT"] = credentials.quota_project_id
    for name in _NO_PROXY:
        hosts = [host.strip() for host in environment.get(name, "").split(",") if host.strip()]
        more = [host for host in _LOOPBACK if host not in hosts and "*" not in hosts]
        found[name] = ",".join([*hosts, *more])
    return found


def for_command(variables: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command that must use the metadata server and no other credentials."""
    unset = _other_credentials.variables(environment)
    return {**{name: value for name, value in environment.items() if name not in unset}, **variables}


def for_shell(variables: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Return shell commands, for `eval` or to paste."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    unset = dict.fromkeys((*_other_credentials.UNSET, *_other_credentials.variables(environment)))
    return "\n".join([*lines, f"unset {' '.join(unset)}"])


def clear_gcloud_detection(environment: Mapping[str, str]) -> None:
    """Make gcloud look for a metadata server again. It caches for ten minutes, in a file, that there was none."""
    for directory in _other_credentials.gcloud_directories(environment)[:1]:
        cached = directory / "gce"
        with contextlib.suppress(OSError):
            if cached.read_bytes() == b"False":
                cached.unlink()

"""The variables that lead a process to the metadata server, whatever language it is written in."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

from google_auth_botocore import Credentials
from google_auth_botocore._failures._names import project_in
from google_auth_botocore.cli.serve import _rivals
from google_auth_botocore.cli.serve._metadata import Identity

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

_NO_PROXY = ("NO_PROXY", "no_proxy")
_LOOPBACK = ("127.0.0.1", "localhost")


def project(credentials: Credentials) -> str | None:
    """The project that the user named."""
    named = getattr(credentials, "project_id", None)
    return named or os.environ.get("GOOGLE_CLOUD_PROJECT") or os.environ.get("GCLOUD_PROJECT")


def identity(credentials: Credentials) -> Identity:
    """What a metadata server says about credentials; nobody is asked.

    Where the user named no project, it is the service account's own, or else the pool's, by its number, which Google's
    APIs take for an id. gcloud breaks off without one. A client that finds another in its environment or its
    configuration takes that one.
    """
    parts = urlsplit(credentials.info["audience"]).path.strip("/").split("/")
    number, pool = parts[parts.index("projects") + 1], parts[parts.index("workloadIdentityPools") + 1]
    # Without a service account: the pool as a trust domain, which no client takes for an address.
    email = credentials.service_account_email or f"{pool}.global.{number}.workload.id.goog"
    return Identity(
        email=email,
        scopes=tuple(credentials.scopes or credentials.default_scopes or (CLOUD_PLATFORM,)),
        project_id=project(credentials) or project_in(email) or number,
        project_number=int(number),
        universe_domain=credentials.universe_domain,
    )


def variables(credentials: Credentials, port: int, present: Mapping[str, str]) -> dict[str, str]:
    """The variables to set.

    Args:
        credentials: The identity that is served.
        port: Where it is served.
        present: The environment so far, whose list of hosts without a proxy is added to.
    """
    address = f"127.0.0.1:{port}"
    found = {
        "GCE_METADATA_HOST": address,  # Go, Java, Python, .NET, Rust
        "GCE_METADATA_IP": address,  # Node, and Python where it looks for the server
        "GCE_METADATA_ROOT": address,  # gcloud and C++
        "METADATA_SERVER_DETECTION": "assume-present",  # Node
        # gcloud takes an account that has logged in before this one.
        "CLOUDSDK_CORE_ACCOUNT": identity(credentials).email,
    }
    named = project(credentials)
    if named is not None:
        found["GOOGLE_CLOUD_PROJECT"] = named
    if credentials.quota_project_id is not None:
        found["GOOGLE_CLOUD_QUOTA_PROJECT"] = credentials.quota_project_id
    for name in _NO_PROXY:
        hosts = [host.strip() for host in present.get(name, "").split(",") if host.strip()]
        more = [host for host in _LOOPBACK if host not in hosts and "*" not in hosts]
        found[name] = ",".join([*hosts, *more])
    return found


def applied(variables: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that is to use the metadata server, and no other credentials."""
    rivals = _rivals.variables(present)
    return {**{name: value for name, value in present.items() if name not in rivals}, **variables}


def for_shell(variables: Mapping[str, str], present: Mapping[str, str]) -> str:
    """Return lines for `eval`, and for copying."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    unset = dict.fromkeys((*_rivals.UNSET, *_rivals.variables(present)))
    return "\n".join([*lines, f"unset {' '.join(unset)}"])


def forget_detection(present: Mapping[str, str]) -> None:
    """Let gcloud look for the metadata server: for ten minutes it remembers in a file that there was none."""
    for place in _rivals.gcloud_directories(present)[:1]:
        remembered = place / "gce"
        with contextlib.suppress(OSError):
            if remembered.read_bytes() == b"False":
                remembered.unlink()

"""Check the arguments of `install` when it is called, because many libraries hide an error of `google.auth.default`."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any

from google_auth_botocore import _settings
from google_auth_botocore.credentials import Credentials
from google_auth_botocore.exceptions import ConfigurationError

# For what the file will add.
_PLACEHOLDERS = {
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
    "service_account": "name@project.iam.gserviceaccount.com",
}


def checked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the arguments that can be used any number of times.

    Raises:
        ConfigurationError: An argument is invalid.
        TypeError: `Credentials` has no such argument.
    """
    unknown = arguments.keys() - inspect.signature(Credentials).parameters.keys()
    if unknown:
        raise TypeError(f"install() got an unexpected keyword argument {min(unknown)!r}")
    if "default_scopes" in arguments:
        raise ConfigurationError(
            "install() does not accept default_scopes: the library that calls google.auth.default() passes its own. "
            "Pass scopes to use the same ones for all libraries."
        )
    copied = dict(arguments)
    if copied.get("scopes", ()) is None:
        del copied["scopes"]
    for name in copied.keys() & {"scopes", "delegates"}:
        copied[name] = _settings.strings(name, copied[name])
    in_aws = {name: copied.get(name) for name in ("profile", "region", "assume_role", "tags", "subject_mode")}
    if any(each is not None for each in in_aws.values()):
        from google_auth_botocore._aws import arguments as aws_arguments  # noqa: PLC0415 - loads a part of botocore

        found = aws_arguments.source(**in_aws)._asdict()
        copied.update({name: found[name] for name in in_aws.keys() & copied.keys()})
    if copied.get("session") is not None:
        from google_auth_botocore._aws.base_session import BaseSession  # noqa: PLC0415 - loaded, as there is a session

        BaseSession(in_aws["profile"], in_aws["region"], copied["session"], time)
    fields = {"service_account" if name == "service_account_email" else name: each for name, each in copied.items()}
    known = {name: each for name, each in fields.items() if name in _settings.Settings._fields and each is not None}
    _settings.checked(_settings.Settings(**{**_PLACEHOLDERS, **known}))
    _settings.quota_project_id(copied.get("quota_project_id"))
    _settings.optional_text("project_id", copied.get("project_id"))
    return copied

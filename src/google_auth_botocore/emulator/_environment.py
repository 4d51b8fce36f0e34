"""The environment of an application under test: AWS keys and a configuration file, without settings of the machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._emulator import Emulator

# While `mock_aws` is active, it sets the first pair in the environment. moto's documentation recommends to set the second.
_MOTO_FAKE_KEYS = {"FOOBARKEY": "FOOBARSECRET", "testing": "testing"}

# 100 years: nothing renews keys in the environment, and tests may set the clock with freezegun or time-machine.
_LIFETIME = 100 * 365 * 86400


@contextlib.contextmanager
def changed(remove: Callable[[str], bool], variables: Mapping[str, str]) -> Iterator[None]:
    """Change environment variables inside a `with` block. Only the variables that it changes are restored.

    Args:
        remove: whether to remove the variable with this name, in upper case.
        variables: the variables to set.
    """
    names = {name for name in os.environ if remove(name.upper())} | set(variables)
    before = {name: os.environ.get(name) for name in names}
    for name in names:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def key_variables(keys: AwsKeys, region: str) -> dict[str, str]:
    """Return the variables with AWS keys and a region."""
    token = {"AWS_SESSION_TOKEN": keys.session_token} if keys.session_token else {}
    return {
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        **token,
        "AWS_REGION": region,
    }


@contextlib.contextmanager
def aws_environment(emulator: Emulator, arn: str, region: str, directory: Path) -> Iterator[AwsKeys]:
    """Set temporary keys of an AWS identity in the environment, and remove all other AWS settings.

    The emulator also accepts moto's fake keys, as keys of this identity.

    Args:
        emulator: it accepts the keys.
        arn: ARN of the identity, as returned by GetCallerIdentity.
        region: the AWS region.
        directory: an existing directory.
    """
    keys = emulator.aws_keys.issue(arn, lifetime=_LIFETIME)
    emulator.aws_keys.add_lookup(lambda access_key_id: _find_fake_keys(access_key_id, keys))
    # Without these variables, AWS libraries would read the files in the home directory.
    missing = str(directory / "no-such-directory" / "config")
    variables = {
        **key_variables(keys, region),
        "AWS_CONFIG_FILE": missing,
        "AWS_SHARED_CREDENTIALS_FILE": missing,
    }
    with changed(lambda name: name.startswith("AWS_"), variables):
        yield keys


def google_environment(configuration_file: Path, project_id: str) -> contextlib.AbstractContextManager[None]:
    """Set the configuration file and the project in the environment, and remove all other settings of Google's libraries."""
    prefixes = ("GOOGLE_", "CLOUDSDK_", "GCE_", "GCLOUD_")
    return changed(
        lambda name: name.startswith(prefixes) or name == "STORAGE_EMULATOR_HOST",
        {"GOOGLE_APPLICATION_CREDENTIALS": str(configuration_file), "GOOGLE_CLOUD_PROJECT": project_id},
    )


def find_moto_keys(access_key_id: str) -> AwsKeys | None:
    """Return keys that moto has issued, for an assumed role or a user; None for other keys."""
    if "moto.backends" not in sys.modules:
        return None
    from google_auth_botocore.emulator.aws._moto_keys import find  # noqa: PLC0415 - it imports moto

    return find(access_key_id)


def _find_fake_keys(access_key_id: str, keys: AwsKeys) -> AwsKeys | None:
    """Return moto's fake keys for the same identity, with the session token from the environment; None for other keys."""
    if access_key_id not in _MOTO_FAKE_KEYS:
        return None
    # botocore looks in the same order.
    token = os.environ.get("AWS_SECURITY_TOKEN") or os.environ.get("AWS_SESSION_TOKEN") or None
    secret = _MOTO_FAKE_KEYS[access_key_id]
    return dataclasses.replace(keys, access_key_id=access_key_id, secret_access_key=secret, session_token=token)

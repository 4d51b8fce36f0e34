"""What botocore reads from the environment: variables, the files that they name, and keys.

If the keys are there and no file is, this package reads them itself and does not import most of botocore, which takes several
times longer.
"""

import hashlib
import os

from google_auth_botocore._aws.keys import AwsKeys, checked, validated

# If this variable is set, botocore's chain uses the keys of the environment, unless a profile was passed.
ACCESS_KEY_ID = "AWS_ACCESS_KEY_ID"
# The name that botocore gives to the provider of these keys.
PROVIDER = "env"
# The variables that name a region. The first one has precedence.
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
# The files of boto, the predecessor of boto3, from which botocore reads keys, too.
_LEGACY_FILES = {"": "/etc/boto.cfg", "BOTO_CONFIG": "~/.boto"}
# Other variables that a session reads, and may reject, before it tries the first provider of its chain.
_SETTINGS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_METADATA_SERVICE_", "AWS_EC2_METADATA_SERVICE_")
# All variables that a session reads begin with one of these.
_READ = ("AWS_", "BOTO_", "HOME", "USERPROFILE")


def configured() -> bool:
    """Return whether a botocore session would read any setting other than keys and a region in the environment."""
    paths = (os.environ.get(name, default) for name, default in _FILES.items())
    return any(os.path.exists(os.path.expanduser(os.path.expandvars(path))) for path in paths) or any(  # noqa: PTH110, PTH111 - pathlib knows no variables, and costs a start-up
        name.startswith(_SETTINGS) for name in os.environ
    )


def keys() -> AwsKeys:
    """Return the keys of the environment, as botocore's EnvProvider reads them.

    Raises:
        SourceError: A key contains a character that no key has.
        PartialCredentialsError: The secret access key is missing.
        ValueError: The time when the keys expire is not a time.
    """
    access_key, secret_key = os.environ.get(ACCESS_KEY_ID), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key or os.environ.get("AWS_CREDENTIAL_EXPIRATION"):
        from botocore.credentials import EnvProvider  # noqa: PLC0415 - makes a cold start longer, and is seldom necessary

        return validated(EnvProvider().load())
    token = os.environ.get("AWS_SECURITY_TOKEN") or os.environ.get("AWS_SESSION_TOKEN")
    return checked(AwsKeys(access_key, secret_key, token or None), PROVIDER)


def surroundings() -> str:
    """Return a digest of the variables that botocore reads, and of the dates and sizes of its files.

    While it stays the same, a new session finds the same AWS identity.
    """
    seen: list[object] = []
    paths = {**_FILES, **_LEGACY_FILES}
    for name in sorted(os.environ):  # sorted, because a variable that is deleted and set again becomes the last one
        if name.startswith(_READ):
            value = os.environ.get(name, "")
            seen.append((name, value))
            # Also the files with the token of a pod, which may name another identity after it is replaced.
            if name in paths or name.endswith("_FILE"):
                paths[name] = value
    for each in paths.values():
        path = os.path.expandvars(each)
        try:
            file = os.stat(os.path.expanduser(path))  # noqa: PTH111, PTH116 - as in `configured`
        except (OSError, ValueError):
            seen.append(None)
        else:
            # st_ctime_ns, because a program that replaces a file may give it the old file's st_mtime_ns.
            seen.append((file.st_dev, file.st_ino, file.st_mtime_ns, file.st_ctime_ns, file.st_size))
    return hashlib.sha256(repr(seen).encode()).hexdigest()

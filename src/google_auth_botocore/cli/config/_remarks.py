"""Notes about values that are valid, but have no effect, do not exist, or do not belong in a configuration file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from google_auth_botocore._redaction import is_secret, quoted

# Keys of other products, such as LiteLLM, for the AWS identity. In lower case, without the prefix `aws_`: what to use instead.
_OF_OTHER_PRODUCTS = {
    "role_name": "assume_role=ARN",
    "role_arn": "assume_role=ARN",
    "role": "assume_role=ARN",
    "session_name": 'assume_role={"RoleArn": ARN, "RoleSessionName": NAME}',
    "role_session_name": 'assume_role={"RoleArn": ARN, "RoleSessionName": NAME}',
    "external_id": 'assume_role={"RoleArn": ARN, "ExternalId": ID}',
    "profile_name": "profile=NAME",
    "profile": "profile=NAME",
    "region_name": "region=NAME",
    "region": "region=NAME",
    "default_region": "region=NAME",
    "web_identity_token": "the variable AWS_WEB_IDENTITY_TOKEN_FILE",
    "web_identity_token_file": "the variable AWS_WEB_IDENTITY_TOKEN_FILE",
    "sts_endpoint": "the variable AWS_ENDPOINT_URL_STS",
}
_SECRET_NAME = re.compile(
    r"secret|passw|private_?key|access_?key|session_?token|access_?token|refresh_?token|api_?key|^token$|credentials?$"
)
# Names that match, but whose values are not secrets. `config check` reports client_secret as a mistake.
_NO_SECRETS = re.compile(r"(?:.*\.)?client_secret|.*(?:url|type|lifetime|seconds|file|path|name)")
_ACCESS_KEY = re.compile(r"A[A-Z]IA[A-Z0-9]{12,}", re.ASCII)
_LOCATION = re.compile(r"/locations/(?!global/)([^/]+)/")
_STS_REGION = re.compile(r"https://sts(?:-fips)?\.(?P<region>[a-z]+(?:-[a-z]+)+-[0-9]+)\.", re.ASCII)


def of(name: str, value: object) -> Iterator[str]:
    """Yield notes about one field.

    Args:
        name: The name of the field, with the names of the enclosing objects and dots before it.
        value: Its value. None if it is missing.
    """
    key = re.sub("[^a-z0-9]+", "_", name.rpartition(".")[2].lower()).removeprefix("aws_")
    instead = _OF_OTHER_PRODUCTS.get(key)
    if instead is not None:
        use = f"Pass {instead} to Credentials" if "=" in instead else f"Set {instead}"
        yield f"This is a key of another product, such as LiteLLM. Google's libraries and this one ignore it. {use} instead."
    if value not in (None, "") and any(_is_secret(*each) for each in _leaves(name, value)):
        yield (
            "This looks like a secret. The file needs none, and other users may be able to read it. Remove the field, and "
            "replace the secret where it was issued."
        )
    location = _LOCATION.search(value) if name == "audience" and isinstance(value, str) else None
    if location is not None:
        yield f"The location is {quoted(location[1])}. The only location of workload identity pools is global."
    if name.endswith("regional_cred_verification_url") and isinstance(value, str):
        region = _STS_REGION.match(value)
        if region is not None and region["region"] not in _regions():
            yield f"The installed botocore does not know the AWS region {region['region']}."


def _is_secret(name: str, value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    named = _SECRET_NAME.search(name.rpartition(".")[2].lower()) is not None and not _NO_SECRETS.fullmatch(name.lower())
    return named or is_secret(value) or _ACCESS_KEY.fullmatch(value) is not None


def _leaves(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the values in a value, each with its name, down to the depth that a file allows."""
    pending = [(name, value, 0)]
    while pending:
        each, found, level = pending.pop()
        if isinstance(found, (Mapping, list)) and level < 32:
            inner = found.items() if isinstance(found, Mapping) else ((each, item) for item in found)
            pending.extend((str(key), item, level + 1) for key, item in inner)
        else:
            yield each, found


def _regions() -> set[str]:
    import botocore.session  # noqa: PLC0415 - slow, and no other command needs it at its start

    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    return {region for each in partitions for region in session.get_available_regions("sts", each)}

"""AWS regions: the region of a zone, the partition of a region, and the AWS STS endpoint that Google calls."""

from __future__ import annotations

import re

from google_auth_botocore._aws.errors import SourceError
from google_auth_botocore._aws.partitions import partitions
from google_auth_botocore._external_account import DEFAULT_VERIFICATION_URL
from google_auth_botocore._redaction import quoted
from google_auth_botocore.exceptions import ConfigurationError

# The region of a call that requires one, if no region is set.
DEFAULT = "us-east-1"
_GLOBAL_HOST = "sts.amazonaws.com"
_NO_HOST = "sts-fips.amazonaws.com"  # FIPS endpoints are regional
_NAME = r"[a-z]+(?:-[a-z]+)+-[0-9]+"
# A region, an availability zone, a local zone or a Wavelength zone: us-west-2 in us-west-2-lax-1a.
_ZONE = re.compile(rf"({_NAME})(?:[a-z]|-[a-z0-9-]+)?")
_ACTION, _VERSION = "Action=GetCallerIdentity", "Version=2011-06-15"
# Without ASCII, letters of other scripts would match an s or a k. The names of the query are case-sensitive.
_VERIFICATION_URL = (
    rf"(?ai:https://(?P<host>[a-z0-9.{{}}-]+))(?::443)?/?\?(?:{_ACTION}&{_VERSION}|{_VERSION}&{_ACTION})"
)
_STS_HOST = rf"sts(?:-fips)?(?:\.(?P<region>\{{region\}}|{_NAME}))?\.(?P<suffix>[a-z0-9.-]+)"


def checked(region: str | None) -> str | None:
    """Check a region that was set in code, and return it.

    Raises:
        ConfigurationError: There is no region of this name.
    """
    if region is not None and not _ZONE.fullmatch(region) and not region.endswith("-global"):
        raise ConfigurationError(
            f"region must be an AWS region such as 'eu-central-1', not {region!r}. Correct it, or leave it out to use the AWS settings.",
            failure="region-malformed",
        )
    return region


def parent(*names: str | None) -> str | None:
    """Return the region of the first name that is not empty, which may be that of a zone. None if all are empty."""
    for name in names:
        if name and (stripped := name.strip()):
            match = _ZONE.fullmatch(stripped)
            return match[1] if match else stripped
    return None


def endpoint(region: str | None, verification_url: str | None) -> tuple[str, str]:
    """Return the region of the signature, and the host that Google calls.

    Raises:
        SourceError: No partition has this region, or the verification URL is for another partition.
    """
    host, named = (None, "{region}") if verification_url is None else _verification_host(verification_url)
    if host is not None and named != "{region}":
        return named or DEFAULT, host
    if host is None and region in (None, "aws-global"):
        return DEFAULT, _GLOBAL_HOST
    region = region or DEFAULT
    for partition in partitions():
        outputs = partition["outputs"]
        if region in partition["regions"] or re.fullmatch(partition["regionRegex"], region, re.ASCII):
            name = outputs["implicitGlobalRegion"] if region.endswith("-global") else region
            if host is None:
                return name, f"sts.{name}.{outputs['dnsSuffix']}"
            if host.partition(".{region}.")[2] in (outputs["dnsSuffix"], outputs["dualStackDnsSuffix"]):
                return name, host.replace("{region}", name)
    place = "no partition that botocore knows" if host is None else f"no partition that has {host}"
    raise SourceError(f"The AWS region {region!r} belongs to {place}.", "InvalidRegionError")


def verification_url(url: object) -> str | None:
    """Return a file's `regional_cred_verification_url`, checked. None if it is the one that gcloud writes for every partition.

    Raises:
        ConfigurationError: The URL is not an AWS STS endpoint of a partition that botocore knows.
    """
    if url is None:
        return None
    host, _ = _verification_host(url)
    if DEFAULT_VERIFICATION_URL.startswith(f"https://{host}?"):
        return None
    origin, query, rest = str(url).partition("?")
    return f"{origin.lower()}{query}{rest}"


def _verification_host(url: object) -> tuple[str, str | None]:
    match = re.fullmatch(_VERIFICATION_URL, url) if isinstance(url, str) else None
    host = re.fullmatch(_STS_HOST, match["host"].lower()) if match else None
    if host is None or not _is_endpoint(host["region"], host["suffix"]) or host[0] == _NO_HOST:
        raise ConfigurationError(
            f"The configuration's regional_cred_verification_url {quoted(url)} is not GetCallerIdentity at an AWS STS endpoint. "
            f"Set it to {DEFAULT_VERIFICATION_URL}.",
            failure="foreign-endpoint",
        )
    return host[0], host["region"]


def _is_endpoint(region: str | None, suffix: str) -> bool:
    """Return whether a partition has this suffix and the region. None: only one partition has a host without a region."""
    if region is None:
        return _GLOBAL_HOST.endswith(f".{suffix}")
    return any(
        suffix in (partition["outputs"]["dnsSuffix"], partition["outputs"]["dualStackDnsSuffix"])
        and (
            region == "{region}"
            or region in partition["regions"]
            or re.match(partition["regionRegex"], region, re.ASCII)
        )
        for partition in partitions()
    )

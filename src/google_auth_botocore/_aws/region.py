"""AWS regions: the region of a zone, the partition of a region, and the AWS STS endpoint that Google calls."""

from __future__ import annotations

import re

from google_auth_botocore._aws.errors import SourceError
from google_auth_botocore._aws.partitions import partitions
from google_auth_botocore._external_account import USUAL_VERIFICATION_URL
from google_auth_botocore._redaction import quoted
from google_auth_botocore.exceptions import ConfigurationError

# The region for a call that requires one, if none is known.
USUAL = "us-east-1"
_GLOBAL_HOST = "sts.amazonaws.com"
_NAME = r"[a-z]+(?:-[a-z]+)+-\d+"
# A region, an availability zone, a local zone or a Wavelength zone: us-west-2 in us-west-2-lax-1a.
_ZONE = re.compile(rf"({_NAME})(?:[a-z]|-[a-z0-9-]+)?")
_VERIFICATION_URL = r"https://(?P<host>[a-z0-9.{}-]+)(?::443)?/?\?Action=GetCallerIdentity&Version=2011-06-15"
_STS_HOST = rf"sts(?:-fips)?(?:\.(?P<region>\{{region\}}|{_NAME}))?\.(?P<suffix>[a-z0-9.-]+)"


def given(region: str | None) -> str | None:
    """Return a region that was set in code.

    Raises:
        ConfigurationError: There is no region of this name.
    """
    if region is not None and not _ZONE.fullmatch(region) and not region.endswith("-global"):
        raise ConfigurationError(f"region must be an AWS region such as 'eu-central-1', not {region!r}.")
    return region


def parent(name: str | None) -> str | None:
    """Return the region of a zone. None if the name is None or empty."""
    if not name or not name.strip():
        return None
    match = _ZONE.fullmatch(name.strip())
    return match[1] if match else name.strip()


def endpoint(region: str | None, verification_url: str | None) -> tuple[str, str]:
    """Return the region of the signature, and the host that Google calls.

    Raises:
        SourceError: No partition has this region, or it is not the verification URL's partition.
    """
    host, named = (None, "{region}") if verification_url is None else _verification_host(verification_url)
    if host is not None and named != "{region}":
        return named or USUAL, host
    if host is None and region in (None, "aws-global"):
        return USUAL, _GLOBAL_HOST
    region = region or USUAL
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
        ConfigurationError: It is not an STS endpoint of a partition that botocore knows.
    """
    if url is None or url == USUAL_VERIFICATION_URL:
        return None
    _verification_host(url)
    return str(url)


def _verification_host(url: object) -> tuple[str, str | None]:
    match = re.fullmatch(_VERIFICATION_URL, url) if isinstance(url, str) else None
    host = re.fullmatch(_STS_HOST, match["host"]) if match else None
    names = ("dnsSuffix", "dualStackDnsSuffix")
    if host is None or host["suffix"] not in {each["outputs"][name] for each in partitions() for name in names}:
        raise ConfigurationError(
            f"The configuration's regional_cred_verification_url {quoted(url)} is not GetCallerIdentity at an AWS STS endpoint, "
            f"such as {USUAL_VERIFICATION_URL}",
            failure="foreign-endpoint",
        )
    return host[0], host["region"]

"""The hosts of AWS STS: the global one, and one or more for each region.

Sources: https://docs.aws.amazon.com/general/latest/gr/sts.html and botocore's list of partitions. A region that is newer than this
list is accepted if its name fits. It is assumed that Google also calls the dual-stack hosts: the library accepts them in
`regional_cred_verification_url`.
"""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

import botocore.loaders

_GLOBAL = "sts.amazonaws.com"
_HOST = re.compile(r"sts(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)")
# The other regions have no host of this name. In GovCloud, the usual hosts are FIPS endpoints:
# https://aws.amazon.com/compliance/fips/
_FIPS_REGIONS = frozenset({"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1"})


class Endpoint(NamedTuple):
    """An AWS STS endpoint: its partition, and the region that signatures for it must have."""

    partition: str
    region: str


def endpoint(host: str) -> Endpoint | None:
    """Return the endpoint of a host name; None: AWS STS has no such host."""
    if host == _GLOBAL:
        return Endpoint("aws", "us-east-1")
    match = _HOST.fullmatch(host)
    if match is None or (match["fips"] and match["region"] not in _FIPS_REGIONS):
        return None
    for partition in _partitions():
        outputs = partition["outputs"]
        # The name of a region that is newer than botocore's data matches, too. The pseudo-regions, such as aws-global, do not.
        has_region = re.fullmatch(partition["regionRegex"], match["region"])
        if has_region and match["suffix"] in (outputs["dnsSuffix"], outputs["dualStackDnsSuffix"]):
            return Endpoint(outputs["name"], match["region"])
    return None


@functools.cache
def _partitions() -> list[dict[str, Any]]:
    """Return botocore's partitions. The package reads them itself, and its mistakes must not be the emulator's, too."""
    return botocore.loaders.Loader().load_data("partitions")["partitions"]  # type: ignore[no-any-return]

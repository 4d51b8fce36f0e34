"""AWS partitions: from botocore's data file, or from the table below if botocore has no data.

botocore cannot read its data folder from a zip on `sys.path` (EMR, PySpark's `--py-files`, Zappa), and some bundles
leave the folder out. Signing needs only the DNS suffixes, so they are repeated here.
"""

from __future__ import annotations

import functools
from typing import Any

import botocore.loaders
from botocore.exceptions import DataNotFoundError

_COLUMNS = ("name", "regionRegex", "dnsSuffix", "dualStackDnsSuffix", "implicitGlobalRegion", "global")
# The name of each partition, and the columns that `region` uses, as in botocore's `data/partitions.json`. A test compares the two.
_TABLE = (
    ("aws", r"^(us|eu|ap|sa|ca|me|af|il|mx)\-\w+\-\d+$", "amazonaws.com", "api.aws", "us-east-1", "aws-global"),
    (
        "aws-cn",
        r"^cn\-\w+\-\d+$",
        "amazonaws.com.cn",
        "api.amazonwebservices.com.cn",
        "cn-northwest-1",
        "aws-cn-global",
    ),
    ("aws-eusc", r"^eusc\-(de)\-\w+\-\d+$", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1", ""),
    ("aws-iso", r"^us\-iso\-\w+\-\d+$", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1", "aws-iso-global"),
    ("aws-iso-b", r"^us\-isob\-\w+\-\d+$", "sc2s.sgov.gov", "api.aws.scloud", "us-isob-east-1", "aws-iso-b-global"),
    (
        "aws-iso-e",
        r"^eu\-isoe\-\w+\-\d+$",
        "cloud.adc-e.uk",
        "api.cloud-aws.adc-e.uk",
        "eu-isoe-west-1",
        "aws-iso-e-global",
    ),
    (
        "aws-iso-f",
        r"^us\-isof\-\w+\-\d+$",
        "csp.hci.ic.gov",
        "api.aws.hci.ic.gov",
        "us-isof-south-1",
        "aws-iso-f-global",
    ),
    ("aws-us-gov", r"^us\-gov\-\w+\-\d+$", "amazonaws.com", "api.aws", "us-gov-west-1", "aws-us-gov-global"),
)
OWN: list[dict[str, Any]] = [
    {"regionRegex": row["regionRegex"], "regions": {row["global"]}, "outputs": row}
    for row in (dict(zip(_COLUMNS, values, strict=True)) for values in _TABLE)
]


@functools.lru_cache
def partitions() -> list[dict[str, Any]]:
    """Return the partitions in the form of botocore's data file."""
    try:
        # botocore's endpoint resolver reads the same file, but also 1 MB of endpoints that are not needed here.
        return botocore.loaders.Loader().load_data("partitions")["partitions"]  # type: ignore[no-any-return]
    except (DataNotFoundError, FileNotFoundError, NotADirectoryError, PermissionError, ValueError):
        return OWN

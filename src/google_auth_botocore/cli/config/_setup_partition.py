"""The AWS partition of a set-up: a known one, or the one of the account that runs the printed commands.

Text that is known only when the commands run is a placeholder in the plan. The printers replace it with a variable.
https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
"""

from __future__ import annotations

import re

# No name that a flag accepts contains `<`.
PARTITION = "<partition>"
DNS_SUFFIX = "<dns-suffix>"
# The issuer of the JWTs of the AWS account.
ISSUER = "<issuer>"

# The value of --partition for the account that runs the commands.
OF_ACCOUNT = "account"
PARTITIONS = ("aws", "aws-us-gov", "aws-cn")
LONGEST = max(PARTITIONS, key=len)
_REGIONS = {"us-gov-": "aws-us-gov", "cn-": "aws-cn"}


def in_arns(partition: str) -> str:
    """Return the partition as it stands in ARNs: its name, or a placeholder."""
    return PARTITION if partition == OF_ACCOUNT else partition


def dns_suffix(partition: str) -> str:
    """Return the end of AWS host names in a partition, or a placeholder."""
    if partition == OF_ACCOUNT:
        return DNS_SUFFIX
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"


def of_arn(arn: str) -> str | None:
    """Return the partition in an ARN. None: the text is not an ARN."""
    return arn.split(":")[1] if arn.startswith("arn:") else None


def of_host(host: str) -> str | None:
    """Return the partition that an AWS host name or service principal is in. None: each partition has this form."""
    if host.endswith(".amazonaws.com.cn"):
        return "aws-cn"
    region = re.search(r"(?<![a-z0-9-])[a-z]{2}(-[a-z]+)+-[0-9](?=\.amazonaws\.com$)", host)
    return of_region(region[0]) if region else None


def of_principal(principal: str) -> str | None:
    """Return the partition that follows from a principal. None: the principal can be in each partition."""
    return of_arn(principal) or of_host(principal)


def of_region(region: str) -> str | None:
    """Return the partition of a region. None: it is not one of `PARTITIONS`."""
    for start, partition in _REGIONS.items():
        if region.startswith(start):
            return partition
    return None if re.match("us-iso|eu-iso|eusc-", region) else "aws"

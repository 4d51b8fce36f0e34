"""Counts the objects that each customer of a service has exported: `python many_tenants.py customers.json`.

Requires google-cloud-storage. The service runs on AWS. It has one AWS role for each customer, and the role of this program may
assume all of them. A customer's project in Google Cloud trusts only the role for this customer, with `google-auth-botocore
config setup --existing-role tenant-acme`. So a fault in this program cannot use one customer's access for another customer's
request. The file has the four values for each customer:

    {"acme": {"provider": "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws/providers/prod",
              "service_account": "exports@my-project.iam.gserviceaccount.com",
              "role": "arn:aws:iam::111122223333:role/tenant-acme",
              "bucket": "acme-exports"}}

Time: 20 minutes. Cost: one listing per 1,000 objects.
"""

from __future__ import annotations

import functools
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from google.api_core.exceptions import GoogleAPIError
from google.cloud.storage import Client
from requests import RequestException

from google_auth_botocore import ConfigurationError, Credentials, FederationError


class Customer(NamedTuple):
    """The settings of a customer."""

    name: str
    provider: str
    service_account: str
    role: str
    bucket: str


# Credentials keep the customer's keys and tokens until they expire. They share the botocore session, the keys of this machine
# and the STS client, so a thousand of them take 20 MB. The customers that were used least recently are dropped first.
@functools.lru_cache(maxsize=1000)
def credentials_of(customer: Customer) -> Credentials:
    """Return the credentials of a customer, for all requests and threads."""
    return Credentials(customer.provider, service_account_email=customer.service_account, assume_role=customer.role)


def report(customer: Customer) -> str:
    """Return a line about the customer. A failure of one customer does not affect the others."""
    try:
        client = Client(project="-", credentials=credentials_of(customer))
        number = sum(1 for _ in client.list_blobs(customer.bucket))
    except (ConfigurationError, FederationError, GoogleAPIError, RequestException) as error:
        return f"{customer.name}: failed: {error}"
    return f"{customer.name}: {number} objects"


if __name__ == "__main__":
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    customers = [Customer(name, **values) for name, values in settings.items()]
    with ThreadPoolExecutor(16) as pool:
        for line in pool.map(report, customers):
            print(line, flush=True)

"""Lists the objects in a bucket: `python quickstart.py my-bucket`.

Requires google-cloud-storage. Replace the names of the provider, the service account and the project with your own.

Time: 5 minutes. Cost: one listing per 1,000 objects.
"""

from __future__ import annotations

import sys

from google.cloud.storage import Client

from google_auth_botocore import Credentials

credentials = Credentials(
    "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod",
    service_account_email="gcp-copycat@my-project.iam.gserviceaccount.com",
)
client = Client(project="my-project", credentials=credentials)

for blob in client.list_blobs(sys.argv[1]):
    print(f"{blob.size:>12,}  {blob.name}")

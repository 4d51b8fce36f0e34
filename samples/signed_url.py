"""Prints a URL by which whoever has it may read an object for 15 minutes: `python signed_url.py my-bucket report.pdf`.

It needs google-cloud-storage; GOOGLE_APPLICATION_CREDENTIALS, the file that `google-auth-botocore config create` writes,
with a service account in it; and for the AWS role roles/iam.serviceAccountTokenCreator on that account. No key is on this
machine: the service account signs by IAM Credentials, a call for each URL.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from google.cloud.storage import Client

from google_auth_botocore import default

bucket, name = sys.argv[1:]
credentials, project_id = default()
client = Client(project=project_id, credentials=credentials)
blob = client.bucket(bucket).blob(name)

print(blob.generate_signed_url(version="v4", expiration=timedelta(minutes=15)))

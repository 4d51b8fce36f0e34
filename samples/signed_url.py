"""Prints a signed URL, with which anyone can read an object for 15 minutes: `python signed_url.py my-bucket report.pdf`.

Requires google-cloud-storage. GOOGLE_APPLICATION_CREDENTIALS names the file that `google-auth-botocore config create` wrote,
with a service account. The AWS role requires roles/iam.serviceAccountTokenCreator on that account, which `config setup --grant
roles/iam.serviceAccountTokenCreator` grants. There is no key on this machine: the IAM Credentials API signs each URL, with one
call per URL.

Time: 5 minutes. Cost: none for the URL; the download is billed.
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

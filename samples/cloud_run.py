"""Calls a Cloud Run service that admits its invokers alone: `python cloud_run.py https://hello-123456789012.europe-west1.run.app/`.

It needs GOOGLE_APPLICATION_CREDENTIALS, the file that `google-auth-botocore config create` writes, with a service
account in it. The AWS role has roles/iam.serviceAccountOpenIdTokenCreator on that account, and the account
roles/run.invoker on the service. An ID token is for one service: its URL, without a path.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from google.auth.transport.requests import AuthorizedSession

from google_auth_botocore import Credentials, IDTokenCredentials

url = urlsplit(sys.argv[1])
credentials = Credentials.from_file(os.environ["GOOGLE_APPLICATION_CREDENTIALS"])
# The service sees who calls.
caller = IDTokenCredentials(credentials, f"{url.scheme}://{url.netloc}", include_email=True)

with AuthorizedSession(caller) as session:
    response = session.get(url.geturl(), timeout=30)
response.raise_for_status()
print(response.text)

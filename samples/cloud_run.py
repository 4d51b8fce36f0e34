"""Calls a private Cloud Run service: `python cloud_run.py https://hello-123456789012.europe-west1.run.app/`.

GOOGLE_APPLICATION_CREDENTIALS names the file that `google-auth-botocore config create` wrote, with a service account. The
AWS role requires roles/iam.workloadIdentityUser on that account, which `config setup` grants, and the account requires
roles/run.invoker on the service. An ID token is valid for one service, which is identified by its URL without a path.

Time: 10 minutes. Cost: the request on Cloud Run.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from google.auth.transport.requests import AuthorizedSession

from google_auth_botocore import Credentials, IDTokenCredentials

url = urlsplit(sys.argv[1])
credentials = Credentials.from_file(os.environ["GOOGLE_APPLICATION_CREDENTIALS"])
# With the email, the service knows which account calls it.
caller = IDTokenCredentials(credentials, f"{url.scheme}://{url.netloc}", include_email=True)

with AuthorizedSession(caller) as session:
    response = session.get(url.geturl(), timeout=30)
response.raise_for_status()
print(response.text)

"""Tasks for Celery and RQ workers that need a token within a time limit. CREDENTIALS_URL is the URL of Google's STS."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from google_auth_botocore import Credentials

FOLDER = os.environ.get("QUEUE_FOLDER", "/nonexistent")
AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws/providers/prod"

app = Celery("queues.tasks", broker="filesystem://", backend=f"file://{FOLDER}/results")
app.conf.update(
    broker_transport_options={
        "data_folder_in": f"{FOLDER}/queue",
        "data_folder_out": f"{FOLDER}/queue",
        "processed_folder": f"{FOLDER}/done",
        "control_folder": f"{FOLDER}/control",
    },
    worker_pool_restarts=False,
    broker_connection_retry_on_startup=True,
)

# One object for all tasks of a worker, as in an application.
_credentials: list[Credentials] = []


def prepare() -> str:
    """Create the credentials. This loads botocore, which takes a while."""
    _credentials.append(Credentials(AUDIENCE, token_url=os.environ["CREDENTIALS_URL"]))
    return "prepared"


def token() -> str:
    """Return a new token, or the name of the exception."""
    try:
        _credentials[0].refresh()
    except BaseException as error:
        return type(error).__name__
    return str(_credentials[0].token)


in_celery: dict[str, Any] = {each.__name__: app.task(name=each.__name__)(each) for each in (prepare, token)}

"""Google's hooks in Airflow with the AWS role that Airflow runs with. Put it into `$AIRFLOW_HOME/plugins/`.

Airflow needs apache-airflow-providers-google and google-auth-botocore, GOOGLE_APPLICATION_CREDENTIALS, the file that
`google-auth-botocore config create` writes, and a connection without a key:
`AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT=google-cloud-platform://`. Then, in a DAG::

    from airflow_plugin import StorageHook

    @task
    def names() -> list[str]:
        return StorageHook().list("my-bucket")

Any other hook of Google's becomes one of these in a line, as below. Operators make hooks of their own; for those, run
the worker by `google-auth-botocore serve -- airflow celery worker`, with no plugin.
"""

from __future__ import annotations

import functools
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook
from airflow.providers.google.cloud.hooks.gcs import GCSHook

from google_auth_botocore import default


@functools.cache
def _identity() -> tuple[Any, str | None]:
    """One object for a process: its hooks share a token."""
    return default()


class FromAws:
    """To be named before a hook of Google's."""

    def get_credentials_and_project_id(self) -> tuple[Any, str | None]:
        """What every one of them asks for."""
        return _identity()


class StorageHook(FromAws, GCSHook):
    """Cloud Storage."""


class QueryHook(FromAws, BigQueryHook):
    """BigQuery."""


class Plugin(AirflowPlugin):
    """What `airflow plugins` lists."""

    name = "google_from_aws"

"""Lets Google's hooks in Airflow use the AWS role that Airflow runs with. Copy this file to `$AIRFLOW_HOME/plugins/`.

Requires apache-airflow-providers-google and google-auth-botocore. GOOGLE_APPLICATION_CREDENTIALS names the file that
`google-auth-botocore config create` wrote. The connection holds no key:
`AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT=google-cloud-platform://`. Use a hook in a DAG::

    from airflow_plugin import StorageHook

    @task
    def names() -> list[str]:
        return StorageHook().list("my-bucket")

Any other Google hook can be adapted in one line, as below. Operators create their own hooks. To use operators, start the
worker with `google-auth-botocore serve -- airflow celery worker`, without this plugin.

Time: 10 minutes. Cost: what the tasks use.
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
    """Return one credentials object per process, so that all hooks share a token."""
    return default()


class FromAws:
    """Mixin that must come before the Google hook in the list of base classes."""

    def get_credentials_and_project_id(self) -> tuple[Any, str | None]:
        """Return the credentials and the project. Every Google hook calls this method."""
        return _identity()


class StorageHook(FromAws, GCSHook):
    """Hook for Cloud Storage."""


class QueryHook(FromAws, BigQueryHook):
    """Hook for BigQuery."""


class Plugin(AirflowPlugin):
    """The entry in the output of `airflow plugins`."""

    name = "google_from_aws"

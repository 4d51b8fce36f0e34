"""Prints what a query finds as a pandas DataFrame: `python bigquery_to_pandas.py 'SELECT 42 AS answer'`.

It needs pandas-gbq; GOOGLE_APPLICATION_CREDENTIALS, the file that `google-auth-botocore config create` writes; and, for
whom that names, roles/bigquery.jobUser on the project and roles/bigquery.dataViewer on the data. A long answer comes by
the BigQuery Storage API, with the same credentials, where google-cloud-bigquery-storage is installed.
"""

from __future__ import annotations

import sys

import pandas_gbq

from google_auth_botocore import default

credentials, project_id = default()

frame = pandas_gbq.read_gbq(sys.argv[1], project_id=project_id, credentials=credentials, progress_bar_type=None)
print(frame.to_string(index=False))

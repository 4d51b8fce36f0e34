"""Prints the result of a query as a pandas DataFrame: `python bigquery_to_pandas.py 'SELECT 42 AS answer'`.

Requires pandas-gbq. GOOGLE_APPLICATION_CREDENTIALS names the file that `google-auth-botocore config create` wrote. The
identity in that file requires roles/bigquery.jobUser on the project and roles/bigquery.dataViewer on the data. If
google-cloud-bigquery-storage is installed, large results are read with the BigQuery Storage API and the same credentials.

Time: 5 minutes. Cost: $6.25 per TiB that the query reads.
"""

from __future__ import annotations

import sys

import pandas_gbq

from google_auth_botocore import default

credentials, project_id = default()

frame = pandas_gbq.read_gbq(sys.argv[1], project_id=project_id, credentials=credentials, progress_bar_type=None)
print(frame.to_string(index=False))

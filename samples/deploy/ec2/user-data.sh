#!/bin/sh
# Amazon Linux 2023, as root, at the first start.
set -eu

dnf install -y python3.11
python3.11 -m venv /opt/gcp-copycat
/opt/gcp-copycat/bin/pip install 'google-auth-botocore[copycat]'
aws s3 cp --recursive s3://my-s3-bucket/gcp-copycat/ /opt/gcp-copycat/app/

export GCP_COPYCAT_SOURCE=my-gcs-bucket
export GCP_COPYCAT_DESTINATION=my-s3-bucket
export GCP_COPYCAT_AUDIENCE=//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod
export GCP_COPYCAT_SERVICE_ACCOUNT=gcp-copycat@my-project.iam.gserviceaccount.com
/opt/gcp-copycat/bin/python /opt/gcp-copycat/app/gcp_copycat.py --no-progress

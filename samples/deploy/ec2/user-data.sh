#!/bin/sh
# Runs as root at the first start of Amazon Linux 2023. Root installs files and starts the unit, but never runs the program.
set -eu
umask 022

# The unit reports each run. This line reports an instance on which this script fails before the unit starts.
trap '[ $? = 0 ] || aws cloudwatch put-metric-data --namespace gcp-copycat --metric-name failed --value 1' EXIT

dnf install -y python3.11 amazon-cloudwatch-agent
useradd --system --no-create-home --shell /sbin/nologin gcp-copycat
python3.11 -m venv /opt/gcp-copycat
# The workload can read this bucket but cannot write to it.
aws s3 cp --recursive s3://${program_bucket}/gcp-copycat/ /opt/gcp-copycat/app/
aws s3 cp --recursive s3://${program_bucket}/units/ /opt/gcp-copycat/units/
# Wheels only: installing a source distribution runs its code, as root. The package itself is the wheel in the bucket.
/opt/gcp-copycat/bin/pip install --only-binary=:all: "$(echo /opt/gcp-copycat/app/google_auth_botocore-*.whl)[copycat]"

cat > /etc/gcp-copycat.env <<'END'
GCP_COPYCAT_SOURCE=${source_bucket}
GCP_COPYCAT_DESTINATION=${destination_bucket}
GCP_COPYCAT_EXPECTED_BUCKET_OWNER=${aws_account}
GCP_COPYCAT_AUDIENCE=${audience}
GCP_COPYCAT_SERVICE_ACCOUNT=${service_account}
GCP_COPYCAT_CHECKPOINT=/var/lib/gcp-copycat/checkpoint.json
GCP_COPYCAT_MANIFEST=/var/lib/gcp-copycat/manifest.jsonl
GCP_COPYCAT_PROCESSES=2
GCP_COPYCAT_MEMORY=256
GCP_COPYCAT_LOG_FORMAT=json
END

cd /opt/gcp-copycat/units
install -d /var/log/gcp-copycat
install -m 644 gcp-copycat.service gcp-copycat.timer /etc/systemd/system/
install -m 644 gcp-copycat.logrotate /etc/logrotate.d/gcp-copycat
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s \
  -c file:/opt/gcp-copycat/units/amazon-cloudwatch-agent.json
systemctl daemon-reload
systemctl enable --now gcp-copycat.timer
systemctl start --no-block gcp-copycat.service

#!/bin/sh
# Bootstrap action of Amazon EMR 7: serve Google tokens on each node of the cluster. The argument is the s3:// URL of a folder with
# external_account.json, google-auth-botocore.service and the wheel of google-auth-botocore.
set -eu

files=$(mktemp -d)
aws s3 cp --recursive "$1" "$files"

# The python3 of EMR 7 is Python 3.9, which is too old.
sudo dnf install -y python3.11
sudo useradd --system --no-create-home google-tokens
sudo python3.11 -m venv /opt/google-auth-botocore
sudo /opt/google-auth-botocore/bin/pip install --only-binary=:all: "$files"/google_auth_botocore-*.whl
sudo install -D -m 644 "$files/external_account.json" /etc/google-auth-botocore/external_account.json
sudo install -m 644 "$files/google-auth-botocore.service" /etc/systemd/system/
sudo systemctl daemon-reload
sudo systemctl enable --now google-auth-botocore.service

# Fail the bootstrap action, and with it the node, if there is no token after a minute.
for _ in $(seq 30); do
  if curl --silent --fail http://127.0.0.1:8181/healthz; then
    exit 0
  fi
  sleep 2
done
curl --silent http://127.0.0.1:8181/healthz >&2 || true
exit 1

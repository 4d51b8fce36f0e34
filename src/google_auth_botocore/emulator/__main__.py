"""`python -m google_auth_botocore.emulator`: run the emulator and print how to point clients at it."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from google_auth_botocore.emulator import AwsKeys, AwsProvider, Emulator, ServiceAccount

_TWELVE_HOURS = 43_200  # the longest lifetime that AWS allows for a role's keys
_GCLOUD_CLIENT_ID = "32555940559.apps.googleusercontent.com"  # built into gcloud; no setting replaces it


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Return the exit code."""
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    google = Emulator(port=options.port, sts_verdict_url=options.sts_verdict_url)
    try:
        google.add_project(options.project, options.project_number)
        provider = google.add_aws_provider(
            options.account,
            options.project_number,
            options.pool,
            options.provider,
            attribute_condition=options.attribute_condition,
        )
        accounts = [google.add_service_account(email) for email in options.service_account]
        if options.sts_verdict_url:
            aws = f"# AWS keys: any keys that {options.sts_verdict_url} accepts."
        else:
            arn = options.arn or f"arn:aws:sts::{options.account}:assumed-role/app/i-0abc"
            aws = _exports(google.aws_keys.issue(arn, lifetime=_TWELVE_HOURS))
        # gcloud authenticates as this client when it exchanges for direct access and when it introspects its token.
        google.add_oauth_client(_GCLOUD_CLIENT_ID)
        for account in accounts:
            google.grant(account.email, "roles/iam.workloadIdentityUser", provider.principal_set())
        with google:
            print(_instructions(google, provider, accounts, aws, options.project), flush=True)  # noqa: T201
            stop.wait()
    except (OSError, ValueError) as error:
        print(f"Cannot start the emulator: {error}.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m google_auth_botocore.emulator",
        description="Emulate Google's side of workload identity federation on loopback.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=_port, default=8085, help="port on 127.0.0.1; 0: any free port")
    add("--project", default="my-project", help="ID of the clients' project")
    add("--project-number", default="123456789012", help="number of the project that contains the pool")
    add("--pool", default="aws-pool", help="ID of the workload identity pool")
    add("--provider", default="prod", help="ID of the AWS provider in the pool")
    add("--account", default="123456789012", help="AWS account that the provider trusts")
    add("--attribute-condition", metavar="CEL", help="attribute condition of the provider")
    add(
        "--service-account",
        metavar="EMAIL",
        nargs="*",
        default=["copycat@my-project.iam.gserviceaccount.com"],
        help="service accounts that the pool may impersonate; without a value: direct resource access",
    )
    add("--arn", help="AWS identity to issue keys for; None: a session of a role in the account")
    add(
        "--sts-verdict-url",
        metavar="URL",
        help="AWS STS endpoint that verifies signatures, instead of the keys issued here",
    )
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"invalid port {text!r}: must be 0-65535")
    return int(text)


def _exports(keys: AwsKeys) -> str:
    environment = {
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_SESSION_TOKEN": keys.session_token or "",
        "AWS_REGION": "us-east-1",
    }
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items())
    return f"# AWS keys of {keys.arn}, valid until {keys.expiry:%Y-%m-%d %H:%M} UTC:\n{exports}"


def _instructions(
    google: Emulator,
    provider: AwsProvider,
    accounts: Sequence[ServiceAccount],
    aws: str,
    project_id: str,
) -> str:
    """Return instructions that can be pasted into a shell."""
    target = accounts[0].email if accounts else None
    project = shlex.quote(project_id)
    variables = google.gcloud_environment(project_id)
    administrator = " \\\n    ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    source = json.dumps(_external_account(google, provider, target), indent=2)
    return f"""\
# The emulator listens on {google.url}. Press Ctrl-C to stop it.

{aws}

# Connect to it without a proxy:
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

# google-auth:
cat > external_account.json <<'JSON'
{source}
JSON
export GOOGLE_APPLICATION_CREDENTIALS="$PWD/external_account.json"
export GOOGLE_CLOUD_PROJECT={project}

# gcloud, as the workload:
export CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE="$PWD/external_account.json"
export CLOUDSDK_CORE_PROJECT={project}
export CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS={google.url}/

# gcloud, as an administrator, to set up more with gcloud iam, gcloud services and gcloud projects:
#   as_admin gcloud iam workload-identity-pools list --location=global
as_admin() {{
  env {administrator} "$@"
}}

# google-auth-botocore accepts only Google's endpoints from a file, so pass these on the command line:
#   google-auth-botocore token --token-url={google.token_url} --iam-credentials-endpoint={google.iam_credentials_endpoint}
# or in Python:
#   Credentials(
#       {provider.audience!r},
#       service_account_email={target!r},
#       token_url={google.token_url!r},
#       iam_credentials_endpoint={google.iam_credentials_endpoint!r},
#   )
"""


def _external_account(google: Emulator, provider: AwsProvider, service_account: str | None) -> dict[str, Any]:
    """Return the configuration file for google-auth and gcloud, with the emulator's endpoints instead of Google's."""
    metadata = "http://169.254.169.254/latest/meta-data"
    impersonation = f"{google.url}/v1/projects/-/serviceAccounts/{service_account}:generateAccessToken"
    return {
        "type": "external_account",
        "audience": provider.audience,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": google.token_url,
        "token_info_url": google.introspect_url,
        **({"service_account_impersonation_url": impersonation} if service_account else {}),
        "credential_source": {
            "environment_id": "aws1",
            "region_url": f"{metadata}/placement/availability-zone",
            "url": f"{metadata}/iam/security-credentials",
            "regional_cred_verification_url": (
                "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
            ),
        },
    }


if __name__ == "__main__":
    sys.exit(main())

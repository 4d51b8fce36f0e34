"""Instructions for clients of a running emulator: the configuration file, the environment of clients, and the text that the command prints."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._emulator import Emulator
from google_auth_botocore.emulator._endpoints import Endpoints
from google_auth_botocore.emulator._environment import key_variables
from google_auth_botocore.emulator._providers import AwsProvider

# Variables that replace the list of trusted CAs: requests and botocore, OpenSSL and Go and Ruby, curl, gcloud.
_CA_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE")


@dataclass(frozen=True)
class Client:
    """What a client of the emulator needs.

    Attributes:
        google: the running emulator.
        endpoints: the URLs that the client uses.
        provider: its provider.
        service_account: e-mail address of the service account to impersonate; None: direct resource access.
        project: ID of its project.
        keys: its AWS keys; None: keys that `sts_verdict_url` accepts.
        sts_verdict_url: the AWS STS endpoint that verifies signatures; None: the emulator does.
    """

    google: Emulator
    endpoints: Endpoints
    provider: AwsProvider
    service_account: str | None
    project: str
    keys: AwsKeys | None
    sts_verdict_url: str | None

    def configuration(self) -> str:
        """Return the configuration file for Google's libraries and gcloud, as JSON."""
        return json.dumps(_external_account(self), indent=2) + "\n"

    def aws_environment(self) -> dict[str, str]:
        """Return the variables with the AWS keys."""
        return {} if self.keys is None else key_variables(self.keys, "us-east-1")

    def files(self, directory: Path) -> dict[str, str]:
        """Return the content of each file for `directory`, by name. The one with the variables is last."""
        certificates: dict[str, str] = {}
        if self.google.certificate is not None:
            ca = self.google.certificate.ca
            # The public CAs, too: clients use one list for the emulator and for all other servers.
            public = Path(DEFAULT_CA_BUNDLE_PATH).read_text(encoding="utf-8")
            certificates = {"ca.pem": ca, "ca-bundle.pem": f"{public.rstrip()}\n\n# The emulator's CA\n{ca}"}
        environment = {
            **self.aws_environment(),
            "GOOGLE_APPLICATION_CREDENTIALS": str(directory / "external_account.json"),
            "GOOGLE_CLOUD_PROJECT": self.project,
            **(_ca_environment(directory) if certificates else {}),
        }
        lines = [f"{line}\n" for line in _assignments(environment)]
        return {**certificates, "external_account.json": self.configuration(), "emulator.env": "".join(lines)}


def instructions(client: Client, written: Path | None) -> str:
    """Return instructions that can be pasted into a shell.

    Args:
        client: the client.
        written: the directory with its files; None: the instructions create them.
    """
    google, endpoints, project = client.google, client.endpoints, shlex.quote(client.project)
    if client.keys is None:
        aws = f"# AWS keys: any keys that {client.sts_verdict_url} accepts."
    else:
        expiry = client.keys.expiry
        until = "which never expire" if expiry is None else f"valid until {expiry:%Y-%m-%d %H:%M} UTC"
        aws = f"# AWS keys, {until}, of\n# {client.keys.arn}:\n{_exports(client.aws_environment())}"
    if written is None:
        configuration = '"$PWD/external_account.json"'
        create_configuration = f"cat > external_account.json <<'JSON'\n{client.configuration()}JSON\n"
    else:
        configuration = shlex.quote(str(written / "external_account.json"))
        create_configuration = ""
    administrator = " \\\n    ".join(_assignments(google.gcloud_environment(client.project)))
    return f"""\
# The emulator listens on {google.url}. Press Ctrl-C to stop it.

{aws}

# Connect to it without a proxy:
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
{_trust(client, written)}
# google-auth:
{create_configuration}export GOOGLE_APPLICATION_CREDENTIALS={configuration}
export GOOGLE_CLOUD_PROJECT={project}

# gcloud, as the workload:
export CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE={configuration}
export CLOUDSDK_CORE_PROJECT={project}
export CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS={endpoints.iam_credentials_endpoint}/

# gcloud, as an administrator, to set up more with gcloud iam, gcloud services
# and gcloud projects:
#   as_admin gcloud iam workload-identity-pools list --location=global
as_admin() {{
  env {administrator} "$@"
}}

# google-auth-botocore accepts only Google's endpoints from a file, so pass
# these on the command line:
#   google-auth-botocore token --token-url={endpoints.token_url} --iam-credentials-endpoint={endpoints.iam_credentials_endpoint}
# or in Python:
#   Credentials(
#       {client.provider.audience!r},
#       service_account_email={client.service_account!r},
#       token_url={endpoints.token_url!r},
#       iam_credentials_endpoint={endpoints.iam_credentials_endpoint!r},
#   )
"""


def _trust(client: Client, written: Path | None) -> str:
    """Return the commands that make clients trust the CA."""
    certificate = client.google.certificate
    if certificate is None:
        return ""
    if written is not None:
        return f"\n# Trust its CA:\n{_exports(_ca_environment(written))}\n"
    names = " ".join(f'{name}="$PWD/ca.pem"' for name in (*_CA_BUNDLE_VARIABLES, "NODE_EXTRA_CA_CERTS"))
    return f"\n# Trust its CA, and no other:\ncat > ca.pem <<'PEM'\n{certificate.ca}PEM\nexport {names}\n"


def _ca_environment(directory: Path) -> dict[str, str]:
    """Return the variables that make clients trust the CA in a directory that has the emulator's files."""
    bundle = str(directory / "ca-bundle.pem")
    return {**dict.fromkeys(_CA_BUNDLE_VARIABLES, bundle), "NODE_EXTRA_CA_CERTS": str(directory / "ca.pem")}


def _exports(environment: Mapping[str, str]) -> str:
    return "\n".join(f"export {assignment}" for assignment in _assignments(environment))


def _assignments(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={shlex.quote(value)}" for name, value in environment.items()]


def _external_account(client: Client) -> dict[str, Any]:
    """Return the configuration file, with the URLs that the client uses."""
    metadata = "http://169.254.169.254/latest/meta-data"
    accounts = f"{client.endpoints.iam_credentials_endpoint}/v1/projects/-/serviceAccounts"
    impersonation = f"{accounts}/{client.service_account}:generateAccessToken"
    return {
        "type": "external_account",
        "audience": client.provider.audience,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": client.endpoints.token_url,
        "token_info_url": client.endpoints.introspect_url,
        **({"service_account_impersonation_url": impersonation} if client.service_account else {}),
        "credential_source": {
            "environment_id": "aws1",
            "region_url": f"{metadata}/placement/availability-zone",
            "url": f"{metadata}/iam/security-credentials",
            "regional_cred_verification_url": (
                "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
            ),
        },
    }

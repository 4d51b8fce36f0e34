"""`Emulator`: the public class. It sets up state, connects the emulated APIs and runs the server.

A request goes from `_server` to the API with a matching route. For workloads, the APIs are `_sts`, `_iam_credentials` and
`_oauth`; for administrators, `_service_accounts_api`, `_pools_api`, `_service_usage` and `_resource_manager`. They share the
state in `_pools`, `_providers`, `_service_accounts`, `_iam_policies`, `_projects`, `_tokens` and `_signing_keys`. A new API is
a class with `routes()`, added in `Emulator.__init__`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, final

from google_auth_botocore.emulator._administration import Administration
from google_auth_botocore.emulator._aws_keys import AwsKeyRegistry
from google_auth_botocore.emulator._aws_sts import EndpointVerifier, RegistryVerifier
from google_auth_botocore.emulator._endpoints import Endpoints
from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._iam_credentials import IamCredentials
from google_auth_botocore.emulator._iam_policies import Policies
from google_auth_botocore.emulator._oauth import OAuth
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._pools import Pools
from google_auth_botocore.emulator._pools_api import PoolsApi
from google_auth_botocore.emulator._projects import ORGANIZATION, SERVICES, Projects
from google_auth_botocore.emulator._providers import AWS_ATTRIBUTE_MAPPING, AwsProvider, Provider
from google_auth_botocore.emulator._resource_manager import ResourceManager
from google_auth_botocore.emulator._server import Server
from google_auth_botocore.emulator._service_accounts import ServiceAccount, ServiceAccounts
from google_auth_botocore.emulator._service_accounts_api import ServiceAccountsApi
from google_auth_botocore.emulator._service_usage import ServiceUsage
from google_auth_botocore.emulator._settings import Settings
from google_auth_botocore.emulator._signing_keys import KeyRing
from google_auth_botocore.emulator._sts import SecurityTokenService
from google_auth_botocore.emulator._tokens import TokenInfo, Tokens

_ADMINISTRATOR = "admin@example.com"


@final
class Emulator(Endpoints, Settings):
    """Google's side of workload identity federation, served on loopback inside a `with` block.

    Attributes:
        aws_keys: the AWS keys that the emulator accepts.
        calls: every request so far, in order of arrival.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        sts_verdict_url: str | None = None,
    ) -> None:
        """Create an emulator. A `with` block starts and stops it.

        Args:
            port: port on 127.0.0.1; 0: any free port.
            clock: returns the emulator's time, in seconds since the epoch.
            sts_verdict_url: an AWS STS endpoint (moto, LocalStack or AWS itself) that verifies the signatures instead of
                `aws_keys`. Every signed request is sent to it, whatever host the request names.
        """
        super().__init__(clock)
        self._port = port
        self._server: Server | None = None
        self._faults = FaultScript()
        self._pools = Pools(self._now)
        self._accounts = ServiceAccounts()
        self._policies = Policies()
        self._projects = Projects()
        self._projects.add("my-project", "123456789012")
        self._keys = KeyRing(self._now)
        self._tokens = Tokens(self, self._pools.is_suspended)
        self.calls: list[Call] = []
        self.aws_keys: AwsKeyRegistry = AwsKeyRegistry(self._now)
        self._sts = SecurityTokenService(
            self,
            self._pools,
            self._tokens,
            EndpointVerifier(sts_verdict_url) if sts_verdict_url else RegistryVerifier(self.aws_keys, self._now),
        )
        self._oauth = OAuth(self, self._accounts, self._keys, self._tokens)
        administration = Administration(self._accounts, self._policies, self._projects, self._tokens)
        apis = (
            self._sts,
            IamCredentials(self, self._accounts, self._policies, self._projects, self._keys, self._tokens),
            self._oauth,
            ServiceAccountsApi(administration),
            PoolsApi(administration, self._pools),
            ServiceUsage(administration),
            ResourceManager(administration),
        )
        self._routes = [route for api in apis for route in api.routes()]

    def __enter__(self) -> Emulator:
        """Start the server.

        Raises:
            RuntimeError: it is already running.
            OSError: the port is not available.
        """
        if self._server is not None:
            raise RuntimeError("the emulator is already running")
        self._server = Server(self._port, self._routes, self._faults, self.calls, self._now)
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server and close all connections."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _now(self) -> float:
        return self.clock()  # read the attribute each time, because tests may replace it

    @property
    def url(self) -> str:
        """The emulator's base URL: `http://127.0.0.1:PORT`."""
        if self._server is None:
            raise RuntimeError("the emulator is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._server.port}"

    def gcloud_environment(self, project_id: str = "my-project") -> dict[str, str]:
        """Return variables that let gcloud administer a project in the emulator, without a file, a login or a prompt.

        `CLOUDSDK_CONFIG`, the directory with gcloud's state, is left to the caller.

        Args:
            project_id: the project that gcloud uses.
        """
        apis = ("CLOUDRESOURCEMANAGER", "IAM", "IAMCREDENTIALS", "SERVICEUSAGE")
        return {
            "CLOUDSDK_AUTH_ACCESS_TOKEN": self.administrator_token(),
            "CLOUDSDK_CORE_PROJECT": project_id,
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{self.url}/" for api in apis},
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        }

    def administrator_token(self, lifetime: float = 43_200) -> str:
        """Return an access token of a user who owns every project and may set up everything through Google's APIs.

        Args:
            lifetime: lifetime in seconds.
        """
        self._policies.grant(ORGANIZATION, "roles/owner", f"user:{_ADMINISTRATOR}")
        scopes = ("https://www.googleapis.com/auth/cloud-platform",)
        return self._tokens.issue(_ADMINISTRATOR, {f"user:{_ADMINISTRATOR}"}, scopes, lifetime)[0]

    def add_project(self, project_id: str, project_number: str, services: Iterable[str] = SERVICES) -> None:
        """Create a project. It replaces one with the same ID or number.

        The project `my-project`, 123456789012, exists from the start.

        Args:
            project_id: ID, such as `my-project`.
            project_number: number, as used in resource names.
            services: the APIs that are enabled. In a new Google Cloud project, none of the identity services are.

        Raises:
            ValueError: the ID or the number is invalid.
        """
        self._projects.add(project_id, project_number, services)

    def add_aws_provider(
        self,
        account_id: str = "123456789012",
        project_number: str = "123456789012",
        pool: str = "aws-pool",
        provider: str = "prod",
        *,
        attribute_mapping: Mapping[str, str] | None = None,
        attribute_condition: str | None = None,
        disabled: bool = False,
    ) -> AwsProvider:
        """Create a provider that trusts an AWS account. It replaces one with the same name.

        Args:
            account_id: the AWS account, 12 digits.
            project_number: number of the Google Cloud project that contains the pool.
            pool: ID of the workload identity pool, which is created if it does not exist.
            provider: ID of the provider.
            attribute_mapping: CEL expressions by Google attribute; None: Google's default for AWS.
            attribute_condition: a CEL expression that must be true.
            disabled: whether the provider is disabled.

        Raises:
            ValueError: the mapping or the condition breaks one of Google's rules or limits.
        """
        added = AwsProvider(
            project_number,
            pool,
            provider,
            attribute_mapping or AWS_ATTRIBUTE_MAPPING,
            attribute_condition,
            disabled,
            account_id,
        )
        self._add_provider(added)
        return added

    def add_oidc_provider(
        self,
        issuer: str,
        project_number: str = "123456789012",
        pool: str = "aws-pool",
        provider: str = "oidc",
        *,
        allowed_audiences: Sequence[str] = (),
        attribute_mapping: Mapping[str, str] | None = None,
        attribute_condition: str | None = None,
        disabled: bool = False,
        jwks: Mapping[str, Any] | None = None,
    ) -> OidcProvider:
        """Create a provider that trusts an OpenID Connect issuer. It replaces one with the same name.

        Args:
            issuer: the `iss` of its tokens: an https URL, or http on loopback.
            project_number: number of the Google Cloud project that contains the pool.
            pool: ID of the workload identity pool, which is created if it does not exist.
            provider: ID of the provider.
            allowed_audiences: allowed values of `aud`; empty: the provider's full resource name, with or without
                `https:`.
            attribute_mapping: CEL expressions by Google attribute; None: `google.subject` is `assertion.sub`.
            attribute_condition: a CEL expression that must be true.
            disabled: whether the provider is disabled.
            jwks: the issuer's JSON Web Key Set; None: fetch it from the issuer for each exchange.

        Raises:
            ValueError: the issuer, the mapping or the condition breaks one of Google's rules or limits.
        """
        added = OidcProvider(
            project_number,
            pool,
            provider,
            attribute_mapping or {"google.subject": "assertion.sub"},
            attribute_condition,
            disabled,
            issuer,
            allowed_audiences,
            jwks,
        )
        self._add_provider(added)
        return added

    def _add_provider(self, provider: Provider) -> None:
        self._projects.ensure(provider.project_number)
        self._pools.add(provider)

    def add_service_account(self, email: str, *, lifetime_extension: bool = False) -> ServiceAccount:
        """Create a service account.

        Args:
            email: `NAME@PROJECT.iam.gserviceaccount.com`.
            lifetime_extension: whether `constraints/iam.allowServiceAccountCredentialLifetimeExtension` lists it.

        Raises:
            ValueError: the address is not a service account's.
        """
        return self._accounts.add(email, lifetime_extension=lifetime_extension)

    def grant(self, service_account: str, role: str, member: str) -> None:
        """Add an IAM binding to a service account.

        Args:
            service_account: its e-mail address or unique ID.
            role: a role, such as `roles/iam.workloadIdentityUser`.
            member: `principal://…`, `principalSet://…` or `serviceAccount:EMAIL`.

        Raises:
            ValueError: the service account does not exist, or the role or the member is invalid.
        """
        self._policies.grant(self._require_account(service_account).email, role, member)

    def allow_domain_wide_delegation(self, service_account: str, scopes: Iterable[str]) -> None:
        """Let a service account act as any user of the domain, as an administrator of Google Workspace does.

        Args:
            service_account: its e-mail address or unique ID.
            scopes: the scopes that it may request.

        Raises:
            ValueError: the service account does not exist.
        """
        self._oauth.delegations[self._require_account(service_account).email] = frozenset(scopes)

    def _require_account(self, name: str) -> ServiceAccount:
        account = self._accounts.find(name)
        if account is None:
            raise ValueError(f"there is no service account {name!r}")
        return account

    def add_oauth_client(self, client_id: str, secret: str | None = None) -> None:
        """Register an OAuth client, which may introspect tokens. Without a secret, any is accepted: gcloud's is public."""
        self._sts.oauth_clients[client_id] = secret

    def check_access_token(self, value: str) -> TokenInfo | None:
        """Return what an access token stands for, as an API that receives it would check. None: unknown or expired."""
        return self._tokens.check(value)

    def check_signature(self, service_account: str, message: bytes, signature: bytes) -> bool | None:
        """Check whether a service account signed a message, as an API that receives a signed request does.

        Returns:
            Whether the signature is valid; None: the service account does not exist.
        """
        account = self._accounts.find(service_account)
        return None if account is None else self._keys.key_for(account.email).verifies(message, signature)

    def fail(self, path: str, fault: Fault) -> None:
        """Apply a fault to the next requests whose path contains `path` or matches it as a glob."""
        self._faults.add(path, fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def count(self, path: str) -> int:
        """Return the number of requests so far whose path contains `path`."""
        return sum(path in call.path for call in list(self.calls))

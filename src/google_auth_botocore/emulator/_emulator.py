"""The emulator as one object: state, settings, and the server in front of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, final

from google_auth_botocore.emulator._administration import Administration
from google_auth_botocore.emulator._aws_keys import AwsKeyRegistry
from google_auth_botocore.emulator._aws_sts import EndpointVerdict, RegistryVerdict
from google_auth_botocore.emulator._bindings import Policies
from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._iam_credentials import IamCredentials
from google_auth_botocore.emulator._oauth import ID_TOKEN_ISSUER, OAuth
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
class Emulator(Settings):
    """Google's side of workload identity federation, served on loopback while its context is open.

    Attributes:
        aws_keys: the AWS keys that count as issued.
        calls: every request so far, in order of arrival.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        sts_verdict_url: str | None = None,
    ) -> None:
        """Sets up an emulator; entering its context starts it.

        Args:
            port: on 127.0.0.1; 0: any free one.
            clock: gives the emulator's time, in seconds since the epoch.
            sts_verdict_url: an AWS STS endpoint that judges the signatures (moto, LocalStack, AWS itself), in place of
                the keys in `aws_keys`. It gets every signed request, whatever host that names.
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
        self._tokens = Tokens(self, self._pools.suspends)
        self.calls: list[Call] = []
        self.aws_keys: AwsKeyRegistry = AwsKeyRegistry(self._now)
        self._sts = SecurityTokenService(
            self,
            self._pools,
            self._tokens,
            EndpointVerdict(sts_verdict_url) if sts_verdict_url else RegistryVerdict(self.aws_keys, self._now),
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
        """Starts the server.

        Raises:
            RuntimeError: it is running already.
            OSError: the port can't be had.
        """
        if self._server is not None:
            raise RuntimeError("the emulator is running already")
        self._server = Server(self._port, self._routes, self._faults, self.calls, self._now)
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops the server and hangs up on its clients."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _now(self) -> float:
        return self.clock()  # the attribute may be set anew at any time

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT`."""
        if self._server is None:
            raise RuntimeError("the emulator is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def token_url(self) -> str:
        """The token exchange: Google's `https://sts.googleapis.com/v1/token`."""
        return f"{self.url}/v1/token"

    @property
    def introspect_url(self) -> str:
        """The token introspection: Google's `https://sts.googleapis.com/v1/introspect`."""
        return f"{self.url}/v1/introspect"

    @property
    def iam_credentials_endpoint(self) -> str:
        """The IAM Credentials API, scheme and host: Google's `https://iamcredentials.googleapis.com`."""
        return self.url

    @property
    def oauth_token_url(self) -> str:
        """The OAuth token endpoint: Google's `https://oauth2.googleapis.com/token`."""
        return f"{self.url}/token"

    @property
    def certs_url(self) -> str:
        """The certificates that verify ID tokens: Google's `https://www.googleapis.com/oauth2/v1/certs`."""
        return f"{self.url}/oauth2/v1/certs"

    @property
    def jwks_url(self) -> str:
        """The same keys as a JSON Web Key Set: Google's `https://www.googleapis.com/oauth2/v3/certs`."""
        return f"{self.url}/oauth2/v3/certs"

    @property
    def id_token_issuer(self) -> str:
        """The `iss` of ID tokens, which is Google's own."""
        return ID_TOKEN_ISSUER

    def gcloud_environment(self, project_id: str = "my-project") -> dict[str, str]:
        """The variables that let gcloud set up a project here, as its administrator: no file, no login, no question.

        `CLOUDSDK_CONFIG`, gcloud's own directory, is left to the caller.

        Args:
            project_id: the project that gcloud works in.
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
        """Gives an access token of a user who is an owner of every project, and may set up everything by Google's APIs.

        Args:
            lifetime: in seconds.
        """
        self._policies.grant(ORGANIZATION, "roles/owner", f"user:{_ADMINISTRATOR}")
        scopes = ("https://www.googleapis.com/auth/cloud-platform",)
        return self._tokens.mint(_ADMINISTRATOR, {f"user:{_ADMINISTRATOR}"}, scopes, lifetime)[0]

    def add_project(self, project_id: str, project_number: str, services: Iterable[str] = SERVICES) -> None:
        """Makes a project, in place of one with the same id or number. `my-project`, 123456789012, is there from the start.

        Args:
            project_id: `my-project`, say.
            project_number: what resource names hold.
            services: the APIs that are enabled; none of the identity services are in a new project of Google's.

        Raises:
            ValueError: the id or the number is not one.
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
        """Makes a provider that trusts an AWS account, in place of one of the same name.

        Args:
            account_id: the AWS account, 12 digits.
            project_number: of the Google Cloud project that has the pool.
            pool: id of the workload identity pool, made on the way.
            provider: id of the provider.
            attribute_mapping: CEL expressions by Google attribute; None: Google's default for AWS.
            attribute_condition: a CEL expression that has to be true.
            disabled: whether it is out of service.

        Raises:
            ValueError: the mapping or the condition breaks a rule or a limit of Google's.
        """
        made = AwsProvider(
            project_number,
            pool,
            provider,
            attribute_mapping or AWS_ATTRIBUTE_MAPPING,
            attribute_condition,
            disabled,
            account_id,
        )
        self._add(made)
        return made

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
        """Makes a provider that trusts an OpenID Connect issuer, in place of one of the same name.

        Args:
            issuer: the `iss` of its tokens: an https URL, or http on loopback.
            project_number: of the Google Cloud project that has the pool.
            pool: id of the workload identity pool, made on the way.
            provider: id of the provider.
            allowed_audiences: what `aud` may be; none: the provider's full resource name, with or without `https:`.
            attribute_mapping: CEL expressions by Google attribute; None: `google.subject` is `assertion.sub`.
            attribute_condition: a CEL expression that has to be true.
            disabled: whether it is out of service.
            jwks: the issuer's JSON Web Key Set; None: fetched from the issuer at each exchange.

        Raises:
            ValueError: the issuer, the mapping or the condition breaks a rule or a limit of Google's.
        """
        made = OidcProvider(
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
        self._add(made)
        return made

    def _add(self, provider: Provider) -> None:
        self._projects.ensure(provider.project_number)
        self._pools.add(provider)

    def add_service_account(self, email: str, *, lifetime_extension: bool = False) -> ServiceAccount:
        """Makes a service account.

        Args:
            email: `NAME@PROJECT.iam.gserviceaccount.com`.
            lifetime_extension: whether `constraints/iam.allowServiceAccountCredentialLifetimeExtension` lists it.

        Raises:
            ValueError: the address is not one of a service account.
        """
        return self._accounts.add(email, lifetime_extension=lifetime_extension)

    def grant(self, service_account: str, role: str, member: str) -> None:
        """Adds an IAM binding to a service account.

        Args:
            service_account: its e-mail address or unique id.
            role: `roles/iam.workloadIdentityUser`, say.
            member: `principal://…`, `principalSet://…` or `serviceAccount:EMAIL`.

        Raises:
            ValueError: there is no such service account, or no such kind of member.
        """
        self._policies.grant(self._existing(service_account).email, role, member)

    def allow_domain_wide_delegation(self, service_account: str, scopes: Iterable[str]) -> None:
        """Lets a service account speak for every user of the domain, as an administrator of Google Workspace does.

        Args:
            service_account: its e-mail address or unique id.
            scopes: all those that it may ask for.

        Raises:
            ValueError: there is no such service account.
        """
        self._oauth.delegations[self._existing(service_account).email] = frozenset(scopes)

    def _existing(self, name: str) -> ServiceAccount:
        account = self._accounts.find(name)
        if account is None:
            raise ValueError(f"there is no service account {name!r}")
        return account

    def add_oauth_client(self, client_id: str, secret: str | None = None) -> None:
        """Registers an OAuth client, which may introspect tokens; None: with any secret, as gcloud's is no secret."""
        self._sts.oauth_clients[client_id] = secret

    def check_access_token(self, value: str) -> TokenInfo | None:
        """Gives what an access token stands for: the check that an API behind it makes. None: unknown or expired."""
        return self._tokens.check(value)

    def check_signature(self, service_account: str, message: bytes, signature: bytes) -> bool | None:
        """Tells whether a service account signed a message: the check that an API makes of a signed request.

        Returns:
            None: there is no such service account.
        """
        account = self._accounts.find(service_account)
        return None if account is None else self._keys.of(account.email).verifies(message, signature)

    def fail(self, path: str, fault: Fault) -> None:
        """Lets a fault hit the next requests whose path contains `path`, or matches it as a glob."""
        self._faults.add(path, fault)

    def clear_faults(self) -> None:
        """Ends all faults."""
        self._faults.clear()

    def count(self, path: str) -> int:
        """Counts the requests so far whose path contains `path`."""
        return sum(path in call.path for call in list(self.calls))

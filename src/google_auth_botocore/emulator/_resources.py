"""What exists in the emulated Google Cloud, and the methods with which tests create it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from google_auth_botocore.emulator._aws_keys import AwsKeyRegistry
from google_auth_botocore.emulator._iam_policies import Policies
from google_auth_botocore.emulator._members import Members
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._pools import Pools
from google_auth_botocore.emulator._projects import SERVICES, Projects
from google_auth_botocore.emulator._providers import AWS_ATTRIBUTE_MAPPING, AwsProvider, Provider
from google_auth_botocore.emulator._service_accounts import ServiceAccount, ServiceAccounts
from google_auth_botocore.emulator._settings import Settings
from google_auth_botocore.emulator._signing_keys import KeyRing
from google_auth_botocore.emulator._tokens import Tokens


class Resources(Settings):
    """Projects, pools, providers, service accounts and their policies, OAuth clients, AWS keys, signing keys and tokens.

    The emulated APIs share them. `_state` saves and loads them.

    Attributes:
        aws_keys: the AWS keys that the emulator accepts.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._pools = Pools(self._now)
        self._accounts = ServiceAccounts()
        self._members = Members(self._has_pool, lambda email: self._accounts.find(email) is not None)
        self._policies = Policies(self._members)
        self._projects = Projects()
        self._projects.add("my-project", "123456789012")
        self._keys = KeyRing(self._now)
        self._tokens = Tokens(self, self._pools.is_suspended)
        # The scopes with which a service account may act as any user of the domain, by its e-mail address.
        self._delegations: dict[str, frozenset[str]] = {}
        # The secret of each OAuth client that may introspect tokens, by client ID. None: any secret is accepted.
        self._oauth_clients: dict[str, str | None] = {}
        self.aws_keys: AwsKeyRegistry = AwsKeyRegistry(self._now)

    def _now(self) -> float:
        return self.clock()  # read the attribute each time, because tests may replace it

    def _has_pool(self, name: str) -> bool:
        """Return whether a pool exists. Its name may have the project's ID: it is not known that IAM rejects that."""
        _, project_id, rest = name.split("/", 2)
        project = self._projects.find(project_id)
        return project is not None and self._pools.has_pool(f"{project.resource}/{rest}")

    def add_project(self, project_id: str, project_number: str, services: Iterable[str] = SERVICES) -> None:
        """Create a project. It replaces one with the same ID or number.

        The project `my-project`, 123456789012, exists from the start.

        Args:
            project_id: ID, such as `my-project`.
            project_number: number, as used in resource names.
            services: the APIs that are enabled. A new Google Cloud project has none of the identity services enabled.

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
            member: `principal://…`, `principalSet://…` or `serviceAccount:EMAIL`. Its pool or service account must exist.

        Raises:
            ValueError: the service account does not exist, or IAM would reject the role or the member.
        """
        self._policies.grant(self._require_account(service_account).email, role, member)

    def check_member(self, member: str) -> None:
        """Check a member of an IAM policy, as `grant` does.

        Args:
            member: such as `principal://…`, `principalSet://…` or `serviceAccount:EMAIL`.

        Raises:
            ValueError: IAM would reject it.
        """
        self._members.canonical(member)

    def allow_domain_wide_delegation(self, service_account: str, scopes: Iterable[str]) -> None:
        """Let a service account act as any user of the domain, as an administrator of Google Workspace does.

        Args:
            service_account: its e-mail address or unique ID.
            scopes: the scopes that it may request.

        Raises:
            ValueError: the service account does not exist.
        """
        self._delegations[self._require_account(service_account).email] = frozenset(scopes)

    def _require_account(self, name: str) -> ServiceAccount:
        account = self._accounts.find(name)
        if account is None:
            raise ValueError(f"there is no service account {name!r}")
        return account

    def add_oauth_client(self, client_id: str, secret: str | None = None) -> None:
        """Register an OAuth client that may introspect tokens.

        Args:
            client_id: its client ID.
            secret: its secret; None: every secret is accepted, as for gcloud, whose secret is public.
        """
        self._oauth_clients[client_id] = secret

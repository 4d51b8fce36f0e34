"""`Emulator`: the public class. It connects the emulated APIs with what exists in the emulated cloud, and runs the server.

A request goes from `_server` to the API with a matching route. For workloads, the APIs are `_sts`, `_iam_credentials`, `_oauth`
and `_tokeninfo`; for administrators, `_service_accounts_api`, `_pools_api`, `_service_usage` and `_resource_manager`. They share
what is in `_resources`. A new API is a class with `routes()`, added in `Emulator.__init__`.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import final

from google_auth_botocore.emulator import _certificates, _tls
from google_auth_botocore.emulator._administration import Administration
from google_auth_botocore.emulator._aws_sts import EndpointVerifier, RegistryVerifier
from google_auth_botocore.emulator._certificates import ServerCertificate
from google_auth_botocore.emulator._endpoints import Endpoints
from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._google_hosts import IDENTITY_SERVICES, TLS_NAMES
from google_auth_botocore.emulator._health import Health
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._iam_credentials import IamCredentials
from google_auth_botocore.emulator._intercept import Interception
from google_auth_botocore.emulator._oauth import OAuth
from google_auth_botocore.emulator._pools_api import PoolsApi
from google_auth_botocore.emulator._projects import ORGANIZATION
from google_auth_botocore.emulator._resource_manager import ResourceManager
from google_auth_botocore.emulator._resources import Resources
from google_auth_botocore.emulator._server import Server
from google_auth_botocore.emulator._service_accounts_api import ServiceAccountsApi
from google_auth_botocore.emulator._service_usage import ServiceUsage
from google_auth_botocore.emulator._settings import system_time
from google_auth_botocore.emulator._sts import SecurityTokenService
from google_auth_botocore.emulator._tokeninfo import TokenInfoEndpoint
from google_auth_botocore.emulator._tokens import TokenInfo

_ADMINISTRATOR = "admin@example.com"


@final
class Emulator(Endpoints, Resources):
    """Google's side of workload identity federation, served on loopback inside a `with` block.

    Attributes:
        aws_keys: the AWS keys that the emulator accepts.
        calls: every request so far, in order of arrival.
        certificate: the certificate for TLS, and the CA that clients have to trust; None: without TLS.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Callable[[], float] = system_time,
        sts_verdict_url: str | None = None,
        host: str = "127.0.0.1",
        tls: bool = False,
        tls_names: Iterable[str] = (),
        max_calls: int | None = None,
    ) -> None:
        """Create an emulator. A `with` block starts and stops it.

        Args:
            port: port on `host`; 0: any free port.
            clock: returns the emulator's time, in seconds since the epoch.
            sts_verdict_url: an AWS STS endpoint (moto, LocalStack or AWS itself) that verifies the signatures instead of
                `aws_keys`. Every signed request is sent to it, whatever host the request names.
            host: IP address or host name to listen on. The emulator issues tokens and changes its state for every client that
                can reach it.
            tls: whether to serve HTTPS, with a certificate of a throw-away CA for loopback, `host` and Google's hosts.
            tls_names: further host names and IP addresses in the certificate.
            max_calls: number of the latest requests to keep in `calls`; None: all.

        Raises:
            ValueError: a name for the certificate is neither a host name nor an IP address.
        """
        super().__init__(clock)
        self._port = port
        self._host = host
        self._max_calls = max_calls
        self.certificate: ServerCertificate | None = None
        if tls:
            names = [*_certificates.LOOPBACK, *TLS_NAMES, *tls_names]
            self.certificate = _certificates.create(names if _is_wildcard(host) else [*names, host])
        self._server: Server | None = None
        self._faults = FaultScript()
        self.calls: list[Call] = []
        verifier = EndpointVerifier(sts_verdict_url) if sts_verdict_url else RegistryVerifier(self.aws_keys, self._now)
        administration = Administration(self._accounts, self._policies, self._projects, self._tokens)
        apis = (
            SecurityTokenService(self, self._pools, self._tokens, self._oauth_clients, verifier),
            IamCredentials(self, self._accounts, self._policies, self._projects, self._keys, self._tokens),
            OAuth(self, self._accounts, self._keys, self._tokens, self._delegations),
            TokenInfoEndpoint(self, self._accounts, self._keys, self._tokens),
            Health(self),
            ServiceAccountsApi(administration),
            PoolsApi(administration, self._pools),
            ServiceUsage(administration),
            ResourceManager(administration),
        )
        self._routes = [route for api in apis for route in api.routes()]
        self._interception = Interception(
            self, lambda: self._server is not None, lambda: dict.fromkeys(IDENTITY_SERVICES, self.url)
        )

    def __enter__(self) -> Emulator:
        """Start the server.

        Raises:
            RuntimeError: it is already running.
            OSError: the port is not available.
        """
        if self._server is not None:
            raise RuntimeError("the emulator is already running")
        self._server = Server(
            self._port,
            self._routes,
            self._faults,
            self.calls,
            self._now,
            max_calls=self._max_calls,
            host=self._host,
            context=None if self.certificate is None else _tls.server_context(self.certificate),
        )
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

    @property
    def url(self) -> str:
        """The emulator's base URL: `http://127.0.0.1:PORT`, or with `https` and the host that was set."""
        if self._server is None:
            raise RuntimeError("the emulator is not running: use it as a context manager")
        host = self._host
        if _is_wildcard(host):  # clients cannot connect to it, but on this machine they can use loopback
            host = "::1" if ":" in host else "127.0.0.1"
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._server.port}"

    @contextlib.contextmanager
    def intercept(self) -> Iterator[Emulator]:
        """Redirect this process's requests to Google's identity services to the emulator, inside a `with` block.

        An application runs unmodified inside it: the hosts sts, iamcredentials, oauth2, iam, cloudresourcemanager and
        serviceusage of googleapis.com are the emulator's, and www.googleapis.com for public keys. This applies to this
        package, google.auth and every client that uses requests, urllib3 or httplib2, in all threads, also to sessions
        and credentials that exist already. Tokens that they already have remain as they are.

        Requests to Google's other hosts raise `NotEmulatedError`: a test should not call the real Google by mistake.
        Requests to all other hosts are unchanged. Mocks of requests (`responses`, requests-mock, moto's `mock_aws`)
        answer first; a mock of `responses` rejects requests that it does not know, unless it passes them on.

        Blocks can be nested: the innermost that serves a host applies. The emulator is started if it is not running, and
        stopped with the last block that started it. It also works as a decorator.

        It does not apply to httpx and aiohttp, nor to gRPC: they get a `NotEmulatedError`, except gRPC channels that were
        created before. It does not apply to other processes, except those that are forked inside the block.
        """
        with self._interception.block():
            yield self

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


def _is_wildcard(host: str) -> bool:
    """Return whether a host stands for all addresses of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host

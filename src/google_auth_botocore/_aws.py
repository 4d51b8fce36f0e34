"""The AWS identity: botocore's chain or a session that was given, as one frozen set of keys and a region.

The only module that deals with botocore's sessions; every exception of botocore's becomes a `FederationError` here.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import botocore.config
import botocore.credentials
import botocore.exceptions
import botocore.loaders
from botocore.credentials import AssumeRoleCredentialFetcher, EnvProvider, ReadOnlyCredentials
from botocore.utils import InstanceMetadataRegionFetcher

from google_auth_botocore import _hints, _quiet, _text
from google_auth_botocore._config import USUAL_VERIFICATION_URL
from google_auth_botocore._subject_token import Signer
from google_auth_botocore.exceptions import (
    ConfigurationError,
    FederationError,
    TransientFederationError,
)

# Fixed, so that principal://…/subject/arn:aws:sts::ACCOUNT:assumed-role/ROLE/google-auth-botocore can be bound to.
_ROLE_SESSION_NAME = "google-auth-botocore"
_CLIENT_TIMEOUT = 10.0
# Nobody who needs a token waits longer for another thread's work on the same identity.
_LOCK_TIMEOUT = 30.0
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")
# The region in the name of an availability zone, local zone or Wavelength zone: us-west-2 in us-west-2-lax-1a.
_REGION = re.compile(r"([a-z]+(?:-[a-z]+)+-\d+)(?:[a-z]|-[a-z0-9-]+)?")
_GLOBAL_REGION = "us-east-1"
_GLOBAL_HOST = "sts.amazonaws.com"
_VERIFICATION_URL = re.compile(
    r"https://(?P<host>[a-z0-9.{}-]+)(?::443)?/?\?Action=GetCallerIdentity&Version=2011-06-15"
)

Result = TypeVar("Result")

_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
}
_TRANSIENT = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.MetadataRetrievalError,
)


@dataclass(frozen=True)
class Source:
    """Where the AWS identity comes from; everything that goes into a pickle.

    Attributes:
        profile: Profile of the session made here.
        region: Region given in code.
        assume_role: Arguments of AssumeRole, in the order of their names.
    """

    profile: str | None = None
    region: str | None = None
    assume_role: tuple[tuple[str, Any], ...] = ()


def source(profile: object, region: object, assume_role: object) -> Source:
    """Checks the AWS arguments of `Credentials`."""
    profile, region = _optional("profile", profile), _optional("region", region)
    if region and (not _REGION.fullmatch(region) and not region.endswith("-global")):
        raise ConfigurationError(
            f"region must be an AWS region such as 'eu-central-1', not {region!r}."
        )
    arguments = {"RoleArn": assume_role} if isinstance(assume_role, str) else assume_role
    if arguments is not None:
        if not isinstance(arguments, Mapping) or not _ROLE_ARN.fullmatch(
            str(arguments.get("RoleArn"))
        ):
            raise ConfigurationError(
                "assume_role must be a role's ARN (arn:aws:iam::123456789012:role/NAME), or a mapping of AssumeRole's arguments "
                f"with such a RoleArn, not {assume_role!r}."
            )
        arguments = {"RoleSessionName": _ROLE_SESSION_NAME, **arguments}
    return Source(profile, region, tuple(sorted((arguments or {}).items())))


def _optional(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    raise ConfigurationError(f"{name} must be a string, not {value!r}.")


class AwsIdentity:
    """The keys of one AWS identity, resolved when they are needed and kept while they are fresh.

    Args:
        origin: Profile, region and role.
        session: A botocore or boto3 session; None for one of our own.
    """

    def __init__(self, origin: Source, session: Any = None) -> None:
        self.origin = origin
        # boto3 keeps the session that it wraps in a private attribute; all of boto3's own extensions read it there.
        self.session = getattr(session, "_session", session)
        if session is not None and not hasattr(self.session, "get_scoped_config"):
            raise ConfigurationError(
                f"session must be a botocore or boto3 Session, not {type(session).__name__}."
            )
        if type(self.session).__module__.startswith("aiobotocore"):
            raise ConfigurationError(
                "session is an aiobotocore session, whose credentials can only be awaited. Pass a botocore or boto3 Session."
            )
        if session is not None and origin.profile:
            raise ConfigurationError(
                "profile belongs to the session made here; a session that is given has its own. Give one of the two."
            )
        if not self._environment_decides():
            # Now, and not at the first request: an import that a fork catches half done hangs the child. Where the
            # environment decides it is left out, because it would cost a cold start a fifth more.
            _session_module()
        self._forked = False
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._own: Any = None
        self._credentials: Any = None
        self._look_again = False
        self._metadata_region: str | None = None
        # ARN of the role without its session, arn:aws:sts::ACCOUNT:assumed-role/ROLE, where the configuration says it.
        self.assumed_role: str | None = None

    def after_fork(self) -> None:
        """In the child: fresh locks, and no connection or lock of the parent's session."""
        self._start_afresh()
        self._forked = True

    def forget(self) -> None:
        """Drops keys that AWS no longer takes; the next call resolves them again."""
        self._credentials = None
        self._own = None
        self._look_again = self.session is not None

    def signer(self, verification_url: str | None, *, ahead: bool) -> Signer:
        """The keys as they are now, and the endpoint they are verified at.

        Args:
            verification_url: The file's `regional_cred_verification_url`; None: by the region's partition.
            ahead: Nobody waits for the keys, so nobody is asked for an MFA code.

        Raises:
            FederationError: botocore finds no keys, half a set, or its source fails.
        """
        return self._guarded(lambda: self._signer(verification_url, ahead=ahead))

    def web_identity_token(self, audience: str, *, ahead: bool) -> str:
        """A JWT in which AWS says who the caller is: GetWebIdentityToken, signed with RS256, which Google takes too.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html

        Args:
            audience: Who is to trust it.
            ahead: As for `signer`.

        Raises:
            FederationError: As `signer`; or the account has it switched off, or the region is not known.
        """

        def ask() -> str:
            session = self._session()
            credentials, region = self._from_session(ahead=ahead)
            if region is None:
                raise FederationError(
                    "GetWebIdentityToken has regional endpoints only, and no AWS region is set.",
                    step="aws",
                    reason="NoRegionError",
                    hint=_hints.AWS_REGION,
                )
            keys = _frozen(credentials)
            client = session.create_client(
                "sts",
                region_name=region,
                config=_client_config(),
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
            )
            if not hasattr(client, "get_web_identity_token"):
                raise FederationError(
                    f"botocore {botocore.__version__} does not know GetWebIdentityToken.",
                    step="aws",
                    reason="UnknownOperation",
                    hint="Upgrade it: pip install --upgrade botocore",
                )
            reply = client.get_web_identity_token(Audience=[audience], SigningAlgorithm="RS256")
            return str(reply["WebIdentityToken"])

        return self._guarded(ask)

    def _guarded(self, work: Callable[[], Result]) -> Result:
        if not self._lock.acquire(timeout=_LOCK_TIMEOUT):
            raise TransientFederationError(
                f"Another thread has been waiting for the AWS credentials for {_LOCK_TIMEOUT:.0f} s.",
                step="aws",
            )
        try:
            with _quiet.working():
                return work()
        except FederationError:
            self.forget()
            raise
        except Exception as error:  # noqa: BLE001 - botocore lets RuntimeError, ValueError and dateutil's errors through
            failure = error
        finally:
            self._lock.release()
        # What was resolved may be half of it, or out of date: the next call looks again.
        self.forget()
        raise _translated(failure) from _text.harmless(failure, hide=_text.KEY_LIKE)

    def _signer(self, verification_url: str | None, *, ahead: bool) -> Signer:
        credentials: Any
        if self._environment_decides():
            credentials, region = EnvProvider().load(), self._stated_region()
        else:
            credentials, region = self._from_session(ahead=ahead)
        keys = _frozen(credentials)
        for name, value in (
            ("access key id", keys.access_key),
            ("secret access key", keys.secret_key),
            ("session token", keys.token),
        ):
            if value is not None and re.search(r"\s", value):
                raise FederationError(
                    f"The AWS {name} from {credentials.method} contains white space.",
                    step="aws",
                    reason="InvalidCredentials",
                    hint=_hints.AWS_WHITE_SPACE,
                )
        region, host = _endpoint(region, verification_url)
        return Signer(keys, region, host)

    def _environment_decides(self) -> bool:
        """Whether the first link of botocore's chain has it all: a whole session costs several times the start-up."""
        chosen = self.session is not None or self.origin.profile or self.origin.assume_role
        return (
            not chosen
            and bool(os.environ.get(EnvProvider.ACCESS_KEY))
            and bool(self._stated_region())
        )

    def _stated_region(self) -> str | None:
        """Region from the argument or the environment."""
        stated = (
            self.origin.region,
            os.environ.get("AWS_REGION"),
            os.environ.get("AWS_DEFAULT_REGION"),
        )
        return next(filter(None, map(_parent_region, stated)), None)

    def _from_session(self, *, ahead: bool) -> tuple[Any, str | None]:
        session = self._session()
        region = self._region(session)
        if self._credentials is None:
            self._credentials = self._resolve(session, region)
            self.assumed_role = _assumed_role(self._credentials, session, self.origin)
        credentials = self._credentials
        if ahead and _would_prompt(session, self.origin) and _refresh_needed(credentials):
            raise FederationError(
                "The AWS role wants an MFA code, and nobody is asked for one in the background.",
                step="aws",
                reason="MfaRequired",
                hint=_hints.AWS_MFA,
            )
        if region is None and _method(credentials) == "iam-role":
            region = self._region_from_metadata(session)
        return credentials, region

    def _session(self) -> Any:
        if self.session is not None:
            if self._forked and _carryable(self.session):
                self.session = _new_session(
                    self.session.profile, self.session.get_config_variable("region")
                )
            self._forked = False
            return self.session
        if self._own is None:
            self._own = _new_session(self.origin.profile, None)
            # AssumeRole in the profile's own chain must go to the right partition, and to some region at all.
            self._own.set_config_variable("region", self._region(self._own) or _GLOBAL_REGION)
        return self._own

    def _region(self, session: Any) -> str | None:
        if self.session is not None and not self.origin.region:
            own = session.get_config_variable("region")
            if own and own.strip():
                return _parent_region(own)
        return self._stated_region() or _parent_region(session.get_scoped_config().get("region"))

    def _region_from_metadata(self, session: Any) -> str | None:
        if self._metadata_region is None:
            self._metadata_region = _parent_region(_metadata_region(session))
        return self._metadata_region

    def _resolve(self, session: Any, region: str | None) -> Any:
        credentials = session.get_credentials()
        if self._look_again and _carryable(session):
            # A session keeps what it found once, even when AWS finds it expired; its chain looks again.
            credentials = session.get_component("credential_provider").load_credentials()
        self._look_again = False
        if credentials is None:
            raise FederationError(
                "botocore found no AWS credentials in any of its sources.",
                step="aws",
                reason="NoCredentialsError",
                hint=_hints.AWS_NONE,
            )
        if not self.origin.assume_role:
            return credentials
        arguments = dict(self.origin.assume_role)
        if region is None and _method(credentials) == "iam-role":
            region = self._region_from_metadata(session)
        fetcher = AssumeRoleCredentialFetcher(
            partial(
                session.create_client, region_name=region or _GLOBAL_REGION, config=_client_config()
            ),
            credentials,
            arguments.pop("RoleArn"),
            extra_args=arguments,
        )
        return botocore.credentials.DeferredRefreshableCredentials(
            fetcher.fetch_credentials, "assume-role"
        )

    def description(self) -> dict[str, object]:
        """What tells this identity from another, without asking anybody; no secret."""
        role = dict(self.origin.assume_role)
        # An ExternalId is nobody else's business.
        hidden = hashlib.sha256(repr(sorted(role.items())).encode()).hexdigest()[:8]
        return {
            "session": None
            if self.session is None
            else f"{type(self.session).__qualname__} at {id(self.session):#x}",
            "profile": self.origin.profile,
            "region": self.origin.region,
            "assume_role": f"{role['RoleArn']} as {role['RoleSessionName']} ({hidden})"
            if role
            else None,
        }

    def pickled(self) -> Source:
        """What another process needs to resolve the identity by itself.

        Raises:
            pickle.PicklingError: The session holds keys that were set in code.
        """
        if self.session is None:
            return self.origin
        if not _carryable(self.session):
            raise pickle.PicklingError(
                "This Credentials object has a session with keys of its own, and keys are never pickled. "
                "Give profile=, region= or assume_role= instead of session=, so that the other process resolves its own identity."
            )
        region = self.origin.region or self.session.get_config_variable("region")
        return Source(self.session.profile, region, self.origin.assume_role)


def _session_module() -> Any:
    import botocore.session  # noqa: PLC0415 - see where it is called

    return botocore.session


def _new_session(profile: str | None, region: str | None) -> Any:
    session = _session_module().Session(profile=profile)
    session.set_default_client_config(_client_config())
    if region:
        session.set_config_variable("region", region)
    return session


def _client_config() -> Any:
    return botocore.config.Config(connect_timeout=_CLIENT_TIMEOUT, read_timeout=_CLIENT_TIMEOUT)


def _frozen(credentials: Any) -> ReadOnlyCredentials:
    """Access key, secret and session token of one moment."""
    try:
        return credentials.get_frozen_credentials()  # type: ignore[no-any-return]
    except RuntimeError:
        # Fresh keys that have expired by the local clock, which may be hours off. AWS, whom Google asks, has
        # the last word on them; botocore has no public way to keys that it thinks expired.
        keys = getattr(credentials, "_frozen_credentials", None)
        if keys is None:
            raise
        return keys  # type: ignore[no-any-return]


def _method(credentials: Any) -> str | None:
    """Name of the link of the chain that the keys came from."""
    return getattr(credentials, "method", None)


def _refresh_needed(credentials: Any) -> bool:
    refreshable = isinstance(credentials, botocore.credentials.RefreshableCredentials)
    return refreshable and bool(credentials.refresh_needed())


def _assumed_role(credentials: Any, session: Any, origin: Source) -> str | None:
    arn = dict(origin.assume_role).get("RoleArn")
    if arn is None and _method(credentials) in ("assume-role", "assume-role-with-web-identity"):
        arn = session.get_scoped_config().get("role_arn") or os.environ.get("AWS_ROLE_ARN")
    match = re.fullmatch(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:.*/)?([^/]+)", arn or "")
    return f"arn:{match[1]}:sts::{match[2]}:assumed-role/{match[3]}" if match else None


def _would_prompt(session: Any, origin: Source) -> bool:
    """Whether new keys may need an MFA code from the terminal."""
    if "SerialNumber" in dict(origin.assume_role):
        return True
    profiles = session.full_config["profiles"]
    name, seen = session.profile or "default", set()
    while name in profiles and name not in seen:
        seen.add(name)
        if "mfa_serial" in profiles[name]:
            return True
        name = profiles[name].get("source_profile")
    return False


def _carryable(session: Any) -> bool:
    """Whether another process, or the child of a fork, finds the same identity by the session's profile alone."""
    credentials = session.get_credentials()
    method = _method(credentials)
    if method == "assume-role":  # also a common choice of those who assume roles in code
        return "role_arn" in session.get_scoped_config()
    chain = botocore.credentials.create_credential_resolver(_new_session(None, None))
    return credentials is None or method in {provider.METHOD for provider in chain.providers}


def _parent_region(name: str | None) -> str | None:
    """The region of a zone's name; None for none or an empty one."""
    if not name or not name.strip():
        return None
    match = _REGION.fullmatch(name.strip())
    return match[1] if match else name.strip()


def _metadata_region(session: Any) -> str | None:
    """Asks the instance metadata service where the instance is."""
    names = (
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "ec2_metadata_v1_disabled",
    )
    fetcher = _RegionFetcher(
        timeout=session.get_config_variable("metadata_service_timeout"),
        num_attempts=session.get_config_variable("metadata_service_num_attempts"),
        config={name: session.get_config_variable(name) for name in names},
    )
    return fetcher.retrieve_region()  # type: ignore[no-any-return]


_Fetcher: Any = InstanceMetadataRegionFetcher  # its private names, used below, are not in the stubs


class _RegionFetcher(_Fetcher):  # type: ignore[misc]  # an Any
    """botocore's own, but for the path: it takes the last letter off an availability zone, which is no region in a local zone.

    `_URL_PATH` and `_get_region` are private to botocore; a test notices when they go.
    """

    _URL_PATH = "latest/meta-data/placement/region"

    def _get_region(self) -> str:
        token = self._fetch_metadata_token()
        return str(self._get_request(self._URL_PATH, self._default_retry, token=token).text)


def _partitions() -> list[dict[str, Any]]:
    # The file that the endpoint resolver reads too, along with 1 MB of endpoints that are not needed.
    return botocore.loaders.Loader().load_data("partitions")["partitions"]  # type: ignore[no-any-return]


def _endpoint(region: str | None, verification_url: str | None) -> tuple[str, str]:
    """Region of the signature and host that Google asks."""
    if verification_url is not None:
        host = _verification_host(verification_url).replace("{region}", region or _GLOBAL_REGION)
        match = re.match(r"sts(?:-fips)?\.([a-z0-9-]+)\.", host)
        return (_GLOBAL_REGION if host == _GLOBAL_HOST or match is None else match[1]), host
    if region is None or region == "aws-global":
        return _GLOBAL_REGION, _GLOBAL_HOST
    for partition in _partitions():
        outputs = partition["outputs"]
        if region in partition["regions"] or re.fullmatch(partition["regionRegex"], region):
            if region.endswith("-global"):
                region = outputs["implicitGlobalRegion"]
            return region, f"sts.{region}.{outputs['dnsSuffix']}"
    raise FederationError(
        f"The AWS region {region!r} belongs to no partition that botocore knows.",
        step="aws",
        reason="InvalidRegionError",
        hint=_hints.AWS_REGION,
    )


def verification_url(url: object) -> str | None:
    """Checks a file's `regional_cred_verification_url`; None: by partition, as gcloud means it.

    Raises:
        ConfigurationError: It is not an STS endpoint of a partition that botocore knows.
    """
    if url is None or url == USUAL_VERIFICATION_URL:
        return None
    if isinstance(url, str):
        _verification_host(url)
        return url
    raise ConfigurationError(f"regional_cred_verification_url must be a string, not {url!r}.")


def _verification_host(url: str) -> str:
    match = _VERIFICATION_URL.fullmatch(url)
    suffixes = {
        partition["outputs"][name]
        for partition in _partitions()
        for name in ("dnsSuffix", "dualStackDnsSuffix")
    }
    pattern = r"sts(?:-fips)?(?:\.(?:\{region\}|[a-z]+(?:-[a-z]+)+-\d+))?\.(.+)"
    host = re.fullmatch(pattern, match["host"]) if match else None
    if match is None or host is None or host[1] not in suffixes:
        raise ConfigurationError(
            f"The configuration's regional_cred_verification_url {url!r} is not GetCallerIdentity at an AWS STS endpoint, such as "
            f"{USUAL_VERIFICATION_URL}"
        )
    return match["host"]


def _translated(error: Exception) -> FederationError:
    """botocore's exception as ours."""
    reason, status = type(error).__name__, None
    transient = isinstance(error, _TRANSIENT)
    if isinstance(error, botocore.exceptions.ClientError):
        response: Mapping[str, Any] = error.response
        reason = response.get("Error", {}).get("Code") or reason
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        transient = reason in _THROTTLED or (status or 0) >= 500
    make = TransientFederationError if transient else FederationError
    return make(
        f"botocore could not get AWS credentials ({reason}): {_text.cleaned(str(error), hide=_text.KEY_LIKE).rstrip('.')}.",
        step="aws",
        reason=reason,
        status_code=status,
        hint=_hints.aws(reason),
    )

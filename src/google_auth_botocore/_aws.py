"""The AWS identity: botocore's chain or a session that was given, as one frozen set of keys and a region.

The only module that deals with botocore's sessions; every exception of botocore's becomes a `FederationError` here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import botocore.credentials
from botocore.credentials import AssumeRoleCredentialFetcher, EnvProvider

from google_auth_botocore import _aws_errors, _aws_keys, _config, _exchange_log, _hints, _redaction, _region, _session
from google_auth_botocore._exchange import ExchangeContext
from google_auth_botocore._subject_token import Signer
from google_auth_botocore.exceptions import (
    ConfigurationError,
    FederationError,
    TransientFederationError,
)

_LOGGER = logging.getLogger(__name__)

# Fixed, so that principal://…/subject/arn:aws:sts::ACCOUNT:assumed-role/ROLE/google-auth-botocore can be bound to.
_ROLE_SESSION_NAME = "google-auth-botocore"
# Nobody who needs a token waits longer for another thread's work on the same identity.
_LOCK_TIMEOUT = 30.0
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")

Result = TypeVar("Result")


class Source(NamedTuple):
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
    """Checks the AWS arguments of `Credentials`.

    Raises:
        ConfigurationError: One of them can't be right.
    """
    arguments = {"RoleArn": assume_role} if isinstance(assume_role, str) else assume_role
    if arguments is not None:
        if (
            not isinstance(arguments, Mapping)
            or not all(isinstance(name, str) for name in arguments)
            or not _ROLE_ARN.fullmatch(str(arguments.get("RoleArn")))
        ):
            if isinstance(assume_role, Mapping):  # an ExternalId is nobody else's business
                assume_role = {name: value if name == "RoleArn" else "…" for name, value in assume_role.items()}
            raise ConfigurationError(
                "assume_role must be a role's ARN (arn:aws:iam::123456789012:role/NAME), or a mapping of AssumeRole's "
                f"arguments with such a RoleArn, not {_redaction.quoted(assume_role)}."
            )
        arguments = {"RoleSessionName": _ROLE_SESSION_NAME, **arguments}
    return Source(
        _config.optional_text("profile", profile or None),
        _region.given(_config.optional_text("region", region or None)),
        tuple(sorted(arguments.items())) if arguments else (),
    )


def _regional(builtins: dict[str, Any], **_: object) -> None:
    builtins["AWS::STS::UseGlobalEndpoint"] = False


class AwsIdentity:
    """The keys of one AWS identity, resolved when they are needed and kept while they are fresh.

    Args:
        origin: Profile, region and role.
        session: A botocore or boto3 session; None for one of our own.
        asks_aws: AWS will be asked for a JWT, which takes a session wherever the keys are.
    """

    def __init__(self, origin: Source, session: Any = None, *, asks_aws: bool = False) -> None:
        self.origin = origin
        # boto3 keeps the session that it wraps in a private attribute; all of boto3's own extensions read it there.
        self.session = self._given = getattr(session, "_session", session)
        if session is not None and (isinstance(session, type) or not hasattr(self.session, "get_scoped_config")):
            seen = f"the class {session.__name__}" if isinstance(session, type) else type(session).__name__
            raise ConfigurationError(f"session must be a botocore or boto3 Session, not {seen}.")
        if any(base.__module__.startswith("aiobotocore") for base in type(self.session).__mro__):
            raise ConfigurationError(
                "session is an aiobotocore session, whose credentials can only be awaited. Pass a botocore or boto3 Session."
            )
        if session is not None and origin.profile:
            raise ConfigurationError(
                "profile belongs to the session made here; a session that is given has its own. Give one of the two."
            )
        self._start_afresh()
        if asks_aws or not self._environment_decides():
            # Now, and not at the first request: an import that a fork catches half done hangs the child. Where the
            # environment decides it is left out, because it would cost a cold start a fifth more.
            _session.load()
        self._forked = False

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._own: Any = None
        self._credentials: Any = None
        self._look_again = False
        self._metadata_region: str | None = None
        self._configured: bool | None = None
        # ARN of the role without its session, arn:aws:sts::ACCOUNT:assumed-role/ROLE, where the configuration says it.
        self.assumed_role: str | None = None

    def after_fork(self) -> None:
        """In the child: fresh locks, and no connection or lock of the parent's session."""
        self._start_afresh()
        self._forked = True

    def forget(self) -> None:
        """Drops keys that AWS no longer takes; the next call resolves them again."""
        self._guarded(self._forget)

    def _forget(self) -> None:
        self._credentials = None
        self._own = None
        self._configured = None
        self._look_again = self.session is not None

    def signer(self, verification_url: str | None, context: ExchangeContext) -> Signer:
        """The keys as they are now, and the endpoint they are verified at.

        Args:
            verification_url: The file's `regional_cred_verification_url`; None: by the region's partition.
            context: The terms of the exchange that the keys are for.

        Raises:
            FederationError: botocore finds no keys, half a set, or its source fails.
        """
        return self._guarded(lambda: self._signer(verification_url, context))

    def web_identity_token(self, audience: str, context: ExchangeContext) -> str:
        """A JWT in which AWS says who the caller is: GetWebIdentityToken, signed with RS256, which Google takes too.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html

        Args:
            audience: Who is to trust it.
            context: As for `signer`.

        Raises:
            FederationError: As `signer`; or the account has it switched off, or the region is not known.
        """

        def ask() -> str:
            session = self._session()
            credentials, region = self._from_session(context)
            if region in (None, "aws-global"):
                raise _aws_errors.failed(
                    "GetWebIdentityToken has regional endpoints only, and no AWS region is set.",
                    "NoRegionError",
                    _hints.AWS_REGION,
                )
            keys = _aws_keys.usable(credentials)
            client = session.create_client(
                "sts",
                region_name=region,
                config=_session.client_config(),
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
            )
            if not hasattr(client, "get_web_identity_token"):
                raise _aws_errors.failed(
                    f"botocore {botocore.__version__} does not know GetWebIdentityToken.",
                    "UnknownOperation",
                    "Upgrade it: pip install --upgrade botocore",
                )
            # Whatever sts_regional_endpoints says.
            client.meta.events.register("before-endpoint-resolution.sts", _regional)
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
            return work()
        except FederationError:
            self._forget()
            raise
        except Exception as error:  # noqa: BLE001 - botocore lets RuntimeError, ValueError and dateutil's errors through
            failure = error
            # What was resolved may be half of it, or out of date: the next call looks again.
            self._forget()
            if (
                self.session is not None
                and isinstance(error, _aws_errors.OF_A_FILE)
                and _session.by_chain(self.session)
            ):
                # A session reads its files once; where it could not, another one may by now.
                self.session = _session.anew(self.session)
        finally:
            self._lock.release()
        try:
            raise _aws_errors.translated(failure) from _redaction.safe_cause(failure, hide=_aws_errors.SECRET)
        finally:
            del failure  # whose traceback has this frame

    def _signer(self, verification_url: str | None, context: ExchangeContext) -> Signer:
        credentials: Any
        if self._environment_decides():
            credentials, region = EnvProvider().load(), self._stated_region()
        else:
            credentials, region = self._from_session(context)
        keys = _aws_keys.usable(credentials)
        region, host = _region.endpoint(region, verification_url)
        _LOGGER.debug("AWS keys from %s, to be verified at %s in %s", _session.method(credentials), host, region)
        return Signer(keys, region, host)

    def _environment_decides(self) -> bool:
        """Whether the first link of botocore's chain is all there is: a whole session costs several times the start-up."""
        chosen = self.session is not None or self.origin.profile or self.origin.assume_role
        if chosen or not os.environ.get(EnvProvider.ACCESS_KEY):
            return False
        if self._configured is None:  # looked up once, as a session reads its files once
            self._configured = _session.configured()
        return not self._configured

    def _stated_region(self) -> str | None:
        """Region from the argument or the environment."""
        stated = (self.origin.region, os.environ.get("AWS_REGION"), os.environ.get("AWS_DEFAULT_REGION"))
        return next(filter(None, map(_region.parent, stated)), None)

    def _from_session(self, context: ExchangeContext) -> tuple[Any, str | None]:
        session = self._session()
        region = self._region(session)
        if self._credentials is None:
            self._credentials = self._resolve(session, region)
            self.assumed_role = _session.assumed_role(
                self._credentials, session, dict(self.origin.assume_role).get("RoleArn")
            )
        credentials = self._credentials
        if context.background and self._prompts(session) and _aws_keys.refresh_needed(credentials):
            raise _aws_errors.failed(
                "The AWS role wants an MFA code, and nobody is asked for one in the background.",
                "MfaRequired",
                _hints.AWS_MFA,
            )
        return credentials, region or self._region_of_instance(session, credentials)

    def _prompts(self, session: Any) -> bool:
        return "SerialNumber" in dict(self.origin.assume_role) or _session.prompts(session)

    def _session(self) -> Any:
        if self.session is not None:
            if self._forked and _session.carryable(self.session):
                self.session = _session.anew(self.session)
            self._forked = False
            return self.session
        if self._own is None:
            self._own = _session.new(self.origin.profile, None)
            # AssumeRole in the profile's own chain must go to the right partition, and to some region at all.
            self._own.set_config_variable("region", self._region(self._own) or _region.USUAL)
        return self._own

    def _region(self, session: Any) -> str | None:
        if self.session is not None and not self.origin.region:
            own = session.get_config_variable("region")
            if own and own.strip():
                return _region.parent(own)
        return self._stated_region() or _region.parent(session.get_scoped_config().get("region"))

    def _region_of_instance(self, session: Any, credentials: Any) -> str | None:
        """Where the instance is that the keys came from; asked for once."""
        if self._metadata_region is None and _session.method(credentials) == "iam-role":
            self._metadata_region = _region.parent(_region.from_metadata(session))
        return self._metadata_region

    def _resolve(self, session: Any, region: str | None) -> Any:
        credentials = session.get_credentials()
        if self._look_again and _session.carryable(session):
            # A session keeps what it found once, even when AWS finds it expired; its chain looks again.
            credentials = session.get_component("credential_provider").load_credentials()
        self._look_again = False
        if credentials is None:
            raise _aws_errors.failed(
                "botocore found no AWS credentials in any of its sources.", "NoCredentialsError", _hints.AWS_NONE
            )
        if not self.origin.assume_role:
            return credentials
        arguments = dict(self.origin.assume_role)
        region = region or self._region_of_instance(session, credentials) or _region.USUAL
        fetcher = AssumeRoleCredentialFetcher(
            partial(session.create_client, region_name=region, config=_session.client_config()),
            _aws_keys.Usable(credentials),
            arguments.pop("RoleArn"),
            extra_args=arguments,
        )
        return botocore.credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def description(self) -> dict[str, object]:
        """What tells this identity from another, without asking anybody; no secret."""
        role = dict(self.origin.assume_role)
        # An ExternalId is nobody else's business.
        hidden = hashlib.sha256(repr(sorted(role.items())).encode()).hexdigest()[:8]
        return {
            # The one that was given, also where another has taken its place: the description never changes.
            "session": None if self._given is None else f"{type(self._given).__qualname__} at {id(self._given):#x}",
            "profile": self.origin.profile,
            "region": self.origin.region,
            "assume_role": f"{role['RoleArn']} as {role['RoleSessionName']} ({hidden})" if role else None,
        }

    def pickled(self) -> Source:
        """What another process needs to resolve the identity by itself.

        Raises:
            pickle.PicklingError: The session holds keys that were set in code, or can't use its files.
        """
        if self.session is None:
            return self.origin
        import pickle  # noqa: PLC0415 - loaded by whoever pickles

        remedy = "Give profile=, region= or assume_role= instead of session=, so that the other process resolves its own identity."
        try:
            carryable = _exchange_log.apart(self, lambda: self._guarded(lambda: _session.carryable(self.session)))
        except FederationError as error:
            raise pickle.PicklingError(f"What session these credentials have can't be told: {error} {remedy}") from None
        if not carryable:
            raise pickle.PicklingError(
                f"This Credentials object has a session with keys of its own, and keys are never pickled. {remedy}"
            )
        region = self.origin.region or self.session.get_config_variable("region")
        return Source(self.session.profile, region, self.origin.assume_role)

"""The AWS identity: keys of one moment and a region, from botocore's chain or from a session that the caller passed.

Every exception of botocore becomes a `FederationError` here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from functools import partial
from typing import Any

import botocore.credentials
from botocore.credentials import AssumeRoleCredentialFetcher, EnvProvider, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError, MetadataRetrievalError

from google_auth_botocore._aws import errors, instance_metadata, web_identity_token
from google_auth_botocore._aws import region as regions
from google_auth_botocore._aws import session as sessions
from google_auth_botocore._aws.arguments import Source
from google_auth_botocore._aws.guard import Guard
from google_auth_botocore._aws.instance_metadata import InstanceMetadata
from google_auth_botocore._aws.keys import ValidatedCredentials, refresh_needed, validated
from google_auth_botocore._aws.subject_token import Signer
from google_auth_botocore._failures._facts import NO_KEYS, Facts, Keys, argument
from google_auth_botocore._refresh import exchange_log
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import DEADLINE, ExchangeContext, PromptRequired
from google_auth_botocore.exceptions import ConfigurationError, FederationError

_LOGGER = logging.getLogger(__name__)

# The beginning of the access key ids of temporary keys.
_TEMPORARY_KEY_ID = "ASIA"


class AwsIdentity:
    """The keys of one AWS identity, resolved when they are needed and kept while they are fresh.

    Args:
        origin: Profile, region and role.
        session: A botocore or boto3 session. None: this package creates one.
        requires_session: AWS's JWT is requested, which requires a session even if the environment has the keys.
        clock: Elapsed time and sleep, for retries and deadlines.
    """

    def __init__(
        self, origin: Source, session: Any = None, *, requires_session: bool = False, clock: Clock = time
    ) -> None:
        self.origin = origin
        self._clock = clock
        # boto3 keeps the session that it wraps in a private attribute, which boto3's own extensions read, too.
        self.session = self._original_session = getattr(session, "_session", session)
        if session is not None and (isinstance(session, type) or not hasattr(self.session, "get_scoped_config")):
            seen = f"the class {session.__name__}" if isinstance(session, type) else type(session).__name__
            raise ConfigurationError(f"session must be a botocore or boto3 Session, not {seen}.")
        if any(base.__module__.startswith("aiobotocore") for base in type(self.session).__mro__):
            raise ConfigurationError(
                "session is an aiobotocore session, whose credentials can only be awaited. Pass a botocore or boto3 Session.",
                failure="asynchronous-session",
            )
        if session is not None and origin.profile:
            raise ConfigurationError(
                "profile is for a session that is created here, and session has its own profile. Pass one of the two.",
                failure="profile-with-session",
            )
        self._start_afresh()
        if requires_session or not self._environment_decides():
            # Now, and not at the first request: an import that a fork interrupts hangs the child. If the environment has the
            # keys, it is not loaded, because it would add a fifth to a cold start.
            sessions.load()
        self._forked = False

    def _start_afresh(self) -> None:
        self._guard = Guard(self._clock, self._forget, self.facts)
        self._keys_seen = NO_KEYS
        self._forget()
        self._replace = False
        # These do not change while the machine runs.
        self._metadata_region: str | None = None
        self._metadata_seen = False
        # ARN of the role without its session, arn:aws:sts::ACCOUNT:assumed-role/ROLE, if the configuration names the role.
        self.assumed_role: str | None = None

    def after_fork(self) -> None:
        """In the child of a fork: create new locks, and use no connection or lock of the parent's session."""
        self._start_afresh()
        self._forked = True

    def forget(self, context: ExchangeContext | None = None) -> bool:
        """Drop keys that AWS rejected, so that the next call resolves them again.

        Returns:
            Whether that may find other keys. It cannot if the keys were set in code, and no role is assumed with them.
        """

        def drop() -> bool:
            self._forget()
            return self.session is None or bool(self.origin.assume_role) or sessions.replaceable(self.session)

        return self._guard.run(drop, context)

    def _forget(self) -> None:
        self._credentials: Any = None  # the credentials that sign: the role's, if one is assumed
        self._base_credentials: Any = None  # the credentials that the role is assumed with, or the same
        self._own: Any = None
        self._configured: bool | None = None
        # A session reads its files once, and keeps the keys that it found.
        self._replace = self.session is not None

    def signer(self, verification_url: str | None, context: ExchangeContext) -> Signer:
        """Return the current keys, and the endpoint that verifies them.

        Args:
            verification_url: The file's `regional_cred_verification_url`. None: the endpoint of the region's partition.
            context: The terms of the exchange that needs the keys.

        Raises:
            FederationError: botocore finds no keys or an incomplete set, or a source fails.
            PromptRequired: An MFA code is required, and the context does not allow a prompt for it.
        """

        def sign_with() -> Signer:
            keys, credentials, session = self._keys(context)
            self._guard.keys_found = True
            region, host = regions.endpoint(self._region(session, credentials), verification_url)
            _LOGGER.debug("AWS keys from %s, to be verified at %s in %s", sessions.method(credentials), host, region)
            return Signer(keys, region, host)

        return self._guard.run(sign_with, context)

    def web_identity_token(self, audience: str, context: ExchangeContext) -> str:
        """Return a JWT in which AWS names the identity.

        Args:
            audience: The service that accepts it.
            context: See `signer`.

        Raises:
            FederationError: See `signer`. Also if the account has disabled the call, or the region is unknown.
            PromptRequired: See `signer`.
        """

        def request() -> str:
            keys, credentials, session = self._keys_from_session(context)
            self._guard.keys_found = True
            region = self._region(session, credentials)
            return web_identity_token.request(session, keys, region, audience, self._client_config())

        return self._guard.run(request, context)

    def _keys(self, context: ExchangeContext) -> tuple[ReadOnlyCredentials, Any, Any]:
        """Return the keys, the credentials object and, unless the environment has them, the session that they came from."""
        if not self._environment_decides():
            return self._keys_from_session(context)
        credentials = EnvProvider().load()
        keys = validated(credentials)
        self._see(keys, credentials)
        return keys, credentials, None

    def _see(self, keys: ReadOnlyCredentials, credentials: Any) -> None:
        """Keep what errors say about the keys."""
        temporary = (keys.access_key or "").startswith(_TEMPORARY_KEY_ID)
        self._keys_seen = Keys(sessions.method(credentials), temporary, bool(keys.token))

    def facts(self) -> Facts:
        """Return what is known about this identity, for an error."""
        profile = self.origin.profile
        if profile is None and self.session is not None:
            profile = self.session.instance_variables().get("profile")
        return Facts(
            "aws",
            profile=argument(profile),
            region=argument(self.origin.region),
            role=dict(self.origin.assume_role).get("RoleArn"),
            keys=self._keys_seen._replace(assumed_role=self.assumed_role),
        )

    def _environment_decides(self) -> bool:
        """Return whether the environment has the keys and no session is needed, which takes several times longer to create."""
        chosen = self.session is not None or self.origin.profile or self.origin.assume_role
        if chosen or not os.environ.get(EnvProvider.ACCESS_KEY):
            return False
        if self._configured is None:  # only once, as a session reads its files only once
            self._configured = sessions.configured()
        return not self._configured

    def _keys_from_session(self, context: ExchangeContext) -> tuple[ReadOnlyCredentials, Any, Any]:
        session = self._session()
        if self._credentials is None:
            self._credentials = self._resolve(session)
            self.assumed_role = sessions.assumed_role(
                self._credentials, session, dict(self.origin.assume_role).get("RoleArn")
            )
        prompts = self._prompts(session)
        if prompts:
            self._allow_prompt(context)
        if session is not self._original_session:
            sessions.limit_requests(session, self._guard.retries.request_timeout)
        keys = validated(self._credentials)
        self._see(keys, self._credentials)
        if prompts:
            context.deadline = self._clock.monotonic() + DEADLINE  # the time that the user took does not count
        return keys, self._credentials, session

    def _prompts(self, session: Any) -> bool:
        """Return whether botocore will prompt for an MFA code at the terminal when the keys are read."""
        if not refresh_needed(self._credentials):
            return False
        if "SerialNumber" in dict(self.origin.assume_role):
            return True
        return refresh_needed(self._base_credentials) and sessions.prompts(session)

    def _allow_prompt(self, context: ExchangeContext) -> None:
        if context.background:
            raise errors.SourceError(
                "The AWS role requires an MFA code, and a background refresh does not prompt for one.", "MfaRequired"
            )
        if not context.may_prompt:
            raise PromptRequired
        self._guard.activity = " and waiting for an MFA code at the terminal"
        self._guard.retries.stop()  # prompt only once

    def _client_config(self) -> Any:
        return sessions.client_config(self._guard.retries.request_timeout)

    def _session(self) -> Any:
        if self.session is None:
            if self._own is None:
                session = self._waiting_for_metadata(sessions.new(self.origin.profile))
                # AssumeRole in the profile's own chain requires a region of the right partition.
                session.set_config_variable("region", self._configured_region(session) or regions.USUAL)
                self._own = session
            return self._own
        if (self._forked and sessions.portable(self.session)) or (self._replace and sessions.replaceable(self.session)):
            self.session = self._waiting_for_metadata(sessions.recreate(self.session))
        self._forked = self._replace = False
        return self.session

    def _waiting_for_metadata(self, session: Any) -> Any:
        sessions.wait_for_metadata(session, self._guard.retries)
        return session

    def _region(self, session: Any, credentials: Any) -> str | None:
        if session is None:
            return self._explicit_region()
        return self._configured_region(session) or self._region_of_instance(session, credentials)

    def _configured_region(self, session: Any) -> str | None:
        if self.session is not None and not self.origin.region:
            own = session.get_config_variable("region")
            if own and own.strip():
                return regions.parent(own)
        return self._explicit_region() or regions.parent(session.get_scoped_config().get("region"))

    def _explicit_region(self) -> str | None:
        """Return the region of the argument or the environment."""
        names = (self.origin.region, os.environ.get("AWS_REGION"), os.environ.get("AWS_DEFAULT_REGION"))
        return next(filter(None, map(regions.parent, names)), None)

    def _region_of_instance(self, session: Any, credentials: Any) -> str | None:
        """Return the region of the instance that the keys came from. It is requested only once."""
        if self._metadata_region is None and sessions.method(credentials) == instance_metadata.METHOD:
            self._metadata_region = regions.parent(self._metadata(session).region())
        return self._metadata_region

    def _metadata(self, session: Any) -> InstanceMetadata:
        return InstanceMetadata(session, self._guard, seen=self._metadata_seen)

    def _resolve(self, session: Any) -> Any:
        credentials = self._base_credentials = self._found(session)
        if not self.origin.assume_role:
            return credentials
        arguments = dict(self.origin.assume_role)
        region = self._region(session, credentials) or regions.USUAL

        def create_client(service: str, **options: Any) -> Any:
            return session.create_client(service, region_name=region, config=self._client_config(), **options)

        fetcher = AssumeRoleCredentialFetcher(
            create_client,
            ValidatedCredentials(credentials),
            arguments.pop("RoleArn"),
            extra_args=arguments,
        )
        return botocore.credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def _found(self, session: Any) -> Any:
        """Return the credentials that the session's chain finds first."""
        try:
            credentials = session.get_credentials()
        except CredentialRetrievalError as error:
            # The profile names metadata as its source, and botocore does not say why there are no keys.
            if error.kwargs.get("provider") != instance_metadata.CANONICAL_NAME:
                raise
            if self._metadata(session).credentials() is None:
                raise
            raise MetadataRetrievalError(error_msg="Instance metadata had no keys, and has them now.") from None
        if credentials is None and (session is not self._original_session or sessions.uses_metadata(session)):
            credentials = self._metadata(session).credentials()
        if credentials is None:
            raise errors.SourceError("botocore found no AWS credentials in any of its sources.", "NoCredentialsError")
        self._metadata_seen |= sessions.method(credentials) == instance_metadata.METHOD
        return credentials

    def description(self) -> dict[str, object]:
        """Return what distinguishes this identity from others, without secrets. Makes no network call."""
        role = dict(self.origin.assume_role)
        # An ExternalId is not shown, only a hash of all arguments.
        hidden = hashlib.sha256(repr(sorted(role.items())).encode()).hexdigest()[:8]
        return {
            # The session that was passed, even if another one has replaced it: the description never changes.
            "session": None
            if self._original_session is None
            else f"{type(self._original_session).__qualname__} at {id(self._original_session):#x}",
            "profile": self.origin.profile,
            "region": self.origin.region,
            "assume_role": f"{role['RoleArn']} as {role['RoleSessionName']} ({hidden})" if role else None,
        }

    def pickled(self) -> Source:
        """Return the source that another process needs to resolve the identity itself.

        Raises:
            pickle.PicklingError: The session has keys that were set in code, or cannot use its files.
        """
        if self.session is None:
            return self.origin
        import pickle  # noqa: PLC0415 - only pickling needs it

        remedy = "Pass profile=, region= or assume_role= instead of session=, so that the other process resolves its own identity."
        try:
            portable = exchange_log.apart(self, partial(self._guard.run, partial(sessions.portable, self.session)))
        except FederationError as error:
            raise pickle.PicklingError(
                f"The session of these credentials cannot be examined. {remedy} {error}"
            ) from None
        if not portable:
            raise pickle.PicklingError(
                f"The session of these credentials has its own keys, and keys are never pickled. {remedy}"
            )
        region = self.origin.region or self.session.get_config_variable("region")
        return Source(self.session.profile, region, self.origin.assume_role)

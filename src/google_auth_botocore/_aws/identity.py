"""The AWS identity: botocore's chain or a session that was given, as one frozen set of keys and a region.

The only module that deals with botocore's sessions; every exception of botocore's becomes a `FederationError` here.
"""

from __future__ import annotations

import hashlib
import logging
import os
from typing import Any

import botocore.credentials
from botocore.credentials import AssumeRoleCredentialFetcher, EnvProvider, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError, MetadataRetrievalError

from google_auth_botocore._aws import errors, instance_metadata
from google_auth_botocore._aws import keys as aws_keys
from google_auth_botocore._aws import region as aws_region
from google_auth_botocore._aws import session as aws_session
from google_auth_botocore._aws import web_identity_token as aws_web_identity_token
from google_auth_botocore._aws.arguments import Source
from google_auth_botocore._aws.guard import Guard
from google_auth_botocore._aws.instance_metadata import InstanceMetadata
from google_auth_botocore._aws.subject_token import Signer
from google_auth_botocore._failures._facts import NO_KEYS, Facts, Keys, argument
from google_auth_botocore._refresh import exchange_log
from google_auth_botocore._refresh.clock import Clock, SystemClock
from google_auth_botocore._refresh.exchange import DEADLINE, ExchangeContext, PromptRequired
from google_auth_botocore.exceptions import ConfigurationError, FederationError

_LOGGER = logging.getLogger(__name__)

# What the access key ids of temporary keys begin with.
_TEMPORARY_KEY_ID = "ASIA"


class AwsIdentity:
    """The keys of one AWS identity, resolved when they are needed and kept while they are fresh.

    Args:
        origin: Profile, region and role.
        session: A botocore or boto3 session; None for one of our own.
        asks_aws: AWS will be asked for a JWT, which takes a session wherever the keys are.
        clock: Elapsed time and sleep, for retries and deadlines.
    """

    def __init__(
        self, origin: Source, session: Any = None, *, asks_aws: bool = False, clock: Clock | None = None
    ) -> None:
        self.origin = origin
        self._clock: Clock = SystemClock() if clock is None else clock
        # boto3 keeps the session that it wraps in a private attribute; all of boto3's own extensions read it there.
        self.session = self._given = getattr(session, "_session", session)
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
                "profile belongs to the session made here; a session that is given has its own. Give one of the two.",
                failure="profile-with-session",
            )
        self._start_afresh()
        if asks_aws or not self._environment_decides():
            # Now, and not at the first request: an import that a fork catches half done hangs the child. Where the
            # environment decides it is left out, because it would cost a cold start a fifth more.
            aws_session.load()
        self._forked = False

    def _start_afresh(self) -> None:
        self._guard = Guard(self._clock, self._forget, self.facts)
        self._keys_seen = NO_KEYS
        self._forget()
        self._replace = False
        # What is true of a machine for good.
        self._metadata_region: str | None = None
        self._metadata_seen = False
        # ARN of the role without its session, arn:aws:sts::ACCOUNT:assumed-role/ROLE, where the configuration says it.
        self.assumed_role: str | None = None

    def after_fork(self) -> None:
        """In the child: fresh locks, and no connection or lock of the parent's session."""
        self._start_afresh()
        self._forked = True

    def forget(self, context: ExchangeContext | None = None) -> bool:
        """Drop keys that AWS rejected, so that the next call resolves them again.

        Returns:
            Whether that may find other keys. It cannot if the keys were set in code, and no role is assumed with them.
        """

        def drop() -> bool:
            self._forget()
            return self.session is None or bool(self.origin.assume_role) or aws_session.replaceable(self.session)

        return self._guard.run(drop, context)

    def _forget(self) -> None:
        self._credentials: Any = None  # the last ones of the chain; of a role, the role's
        self._base: Any = None  # those that the role is assumed with, or the same
        self._own: Any = None
        self._configured: bool | None = None
        # A session reads its files once, and keeps the keys that it found.
        self._replace = self.session is not None

    def signer(self, verification_url: str | None, context: ExchangeContext) -> Signer:
        """The keys as they are now, and the endpoint they are verified at.

        Args:
            verification_url: The file's `regional_cred_verification_url`; None: by the region's partition.
            context: The terms of the exchange that the keys are for.

        Raises:
            FederationError: botocore finds no keys, half a set, or its source fails.
            PromptRequired: An MFA code is needed, and the context does not allow asking for it.
        """

        def sign_with() -> Signer:
            keys, credentials, session = self._keys(context)
            self._guard.keys_found()
            region, host = aws_region.endpoint(self._region(session, credentials), verification_url)
            _LOGGER.debug("AWS keys from %s, to be verified at %s in %s", aws_session.method(credentials), host, region)
            return Signer(keys, region, host)

        return self._guard.run(sign_with, context)

    def web_identity_token(self, audience: str, context: ExchangeContext) -> str:
        """A JWT in which AWS says who the caller is.

        Args:
            audience: Who is to trust it.
            context: As for `signer`.

        Raises:
            FederationError: As `signer`; or the account has it switched off, or the region is not known.
            PromptRequired: As `signer`.
        """

        def ask() -> str:
            keys, credentials, session = self._keys_from_session(context)
            self._guard.keys_found()
            region = self._region(session, credentials)
            return aws_web_identity_token.request(session, keys, region, audience, self._client_config())

        return self._guard.run(ask, context)

    def _keys(self, context: ExchangeContext) -> tuple[ReadOnlyCredentials, Any, Any]:
        """One set of keys, the credentials object and, unless the environment has them, the session that they came from."""
        if not self._environment_decides():
            return self._keys_from_session(context)
        credentials = EnvProvider().load()
        keys = aws_keys.usable(credentials)
        self._see(keys, credentials)
        return keys, credentials, None

    def _see(self, keys: ReadOnlyCredentials, credentials: Any) -> None:
        """Keep what errors tell about the keys."""
        temporary = (keys.access_key or "").startswith(_TEMPORARY_KEY_ID)
        self._keys_seen = Keys(aws_session.method(credentials), temporary, bool(keys.token))

    def facts(self) -> Facts:
        """What is known about this identity, for an error."""
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
        """Whether the first link of botocore's chain is all there is: a whole session costs several times the start-up."""
        chosen = self.session is not None or self.origin.profile or self.origin.assume_role
        if chosen or not os.environ.get(EnvProvider.ACCESS_KEY):
            return False
        if self._configured is None:  # looked up once, as a session reads its files once
            self._configured = aws_session.configured()
        return not self._configured

    def _keys_from_session(self, context: ExchangeContext) -> tuple[ReadOnlyCredentials, Any, Any]:
        session = self._session()
        if self._credentials is None:
            self._credentials = self._resolve(session)
            self.assumed_role = aws_session.assumed_role(
                self._credentials, session, dict(self.origin.assume_role).get("RoleArn")
            )
        prompts = self._prompts(session)
        if prompts:
            self._allow_prompt(context)
        if session is not self._given:
            aws_session.limit_requests(session, self._guard.retries.request_timeout)
        keys = aws_keys.usable(self._credentials)
        self._see(keys, self._credentials)
        if prompts:
            context.deadline = self._clock.monotonic() + DEADLINE  # the user's time is not the exchange's
        return keys, self._credentials, session

    def _prompts(self, session: Any) -> bool:
        """Whether botocore is going to ask for an MFA code at the terminal when the keys are read."""
        if not aws_keys.refresh_needed(self._credentials):
            return False
        if "SerialNumber" in dict(self.origin.assume_role):
            return True
        return aws_keys.refresh_needed(self._base) and aws_session.prompts(session)

    def _allow_prompt(self, context: ExchangeContext) -> None:
        if context.background:
            raise errors.SourceError(
                "The AWS role requires an MFA code, and a background refresh does not ask for one.", "MfaRequired"
            )
        if not context.may_prompt:
            raise PromptRequired
        self._guard.activity = " and waiting for an MFA code at the terminal"
        self._guard.retries.stop()  # the user is asked once

    def _client_config(self) -> Any:
        return aws_session.client_config(self._guard.retries.request_timeout)

    def _session(self) -> Any:
        if self.session is None:
            if self._own is None:
                session = self._patient(aws_session.new(self.origin.profile))
                # AssumeRole in the profile's own chain must go to the right partition, and to some region at all.
                session.set_config_variable("region", self._configured_region(session) or aws_region.USUAL)
                self._own = session
            return self._own
        if (self._forked and aws_session.carryable(self.session)) or (
            self._replace and aws_session.replaceable(self.session)
        ):
            self.session = self._patient(aws_session.anew(self.session))
        self._forked = self._replace = False
        return self.session

    def _patient(self, session: Any) -> Any:
        aws_session.be_patient(session, self._guard.retries)
        return session

    def _region(self, session: Any, credentials: Any) -> str | None:
        if session is None:
            return self._stated_region()
        return self._configured_region(session) or self._region_of_instance(session, credentials)

    def _configured_region(self, session: Any) -> str | None:
        if self.session is not None and not self.origin.region:
            own = session.get_config_variable("region")
            if own and own.strip():
                return aws_region.parent(own)
        return self._stated_region() or aws_region.parent(session.get_scoped_config().get("region"))

    def _stated_region(self) -> str | None:
        """Region from the argument or the environment."""
        stated = (self.origin.region, os.environ.get("AWS_REGION"), os.environ.get("AWS_DEFAULT_REGION"))
        return next(filter(None, map(aws_region.parent, stated)), None)

    def _region_of_instance(self, session: Any, credentials: Any) -> str | None:
        """The region of the instance that the keys came from. It is requested once."""
        if self._metadata_region is None and aws_session.method(credentials) == instance_metadata.METHOD:
            self._metadata_region = aws_region.parent(self._metadata(session).region())
        return self._metadata_region

    def _metadata(self, session: Any) -> InstanceMetadata:
        return InstanceMetadata(session, lambda: self._guard.retries, seen=self._metadata_seen)

    def _resolve(self, session: Any) -> Any:
        credentials = self._base = self._found(session)
        if not self.origin.assume_role:
            return credentials
        arguments = dict(self.origin.assume_role)
        region = self._region(session, credentials) or aws_region.USUAL
        fetcher = AssumeRoleCredentialFetcher(
            lambda service, **more: session.create_client(
                service, region_name=region, config=self._client_config(), **more
            ),
            aws_keys.Usable(credentials),
            arguments.pop("RoleArn"),
            extra_args=arguments,
        )
        return botocore.credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def _found(self, session: Any) -> Any:
        """What the session's chain finds first."""
        try:
            credentials = session.get_credentials()
        except CredentialRetrievalError as error:
            # The profile names metadata as its source, and botocore does not tell why there is nothing.
            if error.kwargs.get("provider") != instance_metadata.CANONICAL_NAME:
                raise
            if self._metadata(session).credentials() is None:
                raise
            raise MetadataRetrievalError(error_msg="Instance metadata had no keys, and has them now.") from None
        if credentials is None and (session is not self._given or aws_session.asks_metadata(session)):
            credentials = self._metadata(session).credentials()
        if credentials is None:
            raise errors.SourceError("botocore found no AWS credentials in any of its sources.", "NoCredentialsError")
        self._metadata_seen |= aws_session.method(credentials) == instance_metadata.METHOD
        return credentials

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
            carryable = exchange_log.apart(self, lambda: self._guard.run(lambda: aws_session.carryable(self.session)))
        except FederationError as error:
            raise pickle.PicklingError(f"What session these credentials have can't be told: {error} {remedy}") from None
        if not carryable:
            raise pickle.PicklingError(
                f"This Credentials object has a session with keys of its own, and keys are never pickled. {remedy}"
            )
        region = self.origin.region or self.session.get_config_variable("region")
        return Source(self.session.profile, region, self.origin.assume_role)

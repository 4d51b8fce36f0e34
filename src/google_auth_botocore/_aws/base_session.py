"""A botocore session, its credentials and its region, found when they are needed."""

from __future__ import annotations

import os
from typing import Any

from botocore.exceptions import CredentialRetrievalError, MetadataRetrievalError

from google_auth_botocore._aws import environment, errors, instance_metadata
from google_auth_botocore._aws import region as regions
from google_auth_botocore._aws import session as sessions
from google_auth_botocore._aws.instance_metadata import InstanceMetadata
from google_auth_botocore._aws.keys import method
from google_auth_botocore._aws.retry import Retries
from google_auth_botocore._redaction import described
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore.exceptions import ConfigurationError


class BaseSession:
    """The identity of a session that the caller passed, or of botocore's chain with a profile.

    Args:
        profile: AWS profile, if no session is passed.
        region: Region that was set in code.
        session: A botocore or boto3 session. None: one is created when it is needed.
        clock: Elapsed time.

    Attributes:
        session: The session that was passed, or the one that has replaced it.
        surroundings: What a new session would have read when the variables and files were last read here, as in
            `environment.surroundings`.
        original_session: The session that was passed.
        retries: The attempts at the work that is running.
    """

    def __init__(self, profile: str | None, region: str | None, session: Any, clock: Clock) -> None:
        self._clock = clock
        self._profile = profile
        self._region = region
        # boto3 keeps the session that it wraps in a private attribute, which boto3's own extensions read, too.
        self.session: Any = getattr(session, "_session", session)
        self.original_session: Any = self.session
        if session is not None and (isinstance(session, type) or not hasattr(self.session, "get_scoped_config")):
            raise ConfigurationError(
                f"session must be a botocore or boto3 Session, not {described(session)}. {_session_fix(session)}",
                failure="session-wrong",
            )
        if any(base.__module__.startswith("aiobotocore") for base in type(self.session).__mro__):
            raise ConfigurationError(
                "session is an aiobotocore session, whose credentials can only be awaited. Pass a botocore or boto3 Session.",
                failure="asynchronous-session",
            )
        if session is not None and profile:
            raise ConfigurationError(
                "profile cannot be combined with session, which has its own profile. Pass one of the two.",
                failure="profile-with-session",
            )
        self.surroundings = environment.surroundings()
        self.start_afresh(forked=False)

    def start_afresh(self, *, forked: bool) -> None:
        """Forget all that was found. In the child of a fork: use no connection or lock of the parent's session."""
        self.retries = Retries(None, self._clock)
        self.forget()
        self._replace, self._forked = False, forked
        # These do not change while the machine runs.
        self._metadata_region: str | None = None
        self._metadata_seen = False

    def forget(self) -> None:
        """Find everything again the next time, except what a machine never loses."""
        self._created_session: Any = None
        # A session reads its files once, and keeps the keys that it found.
        self._replace = self.session is not None

    def current_session(self) -> Any:
        """Return the session with the identity: the caller's, or one that is created here."""
        if self.session is None:
            if self._created_session is None:
                self.surroundings = environment.surroundings()
                session = sessions.new(self.retries, self._profile)
                # A role of the profile is assumed in this region, which must be of the right partition.
                session.set_config_variable("region", self._configured_region(session) or regions.DEFAULT)
                self._created_session = session
            return self._created_session
        if (self._forked and sessions.portable(self.session)) or (self._replace and sessions.replaceable(self.session)):
            self.session = sessions.recreate(self.retries, self.session)
        self._forked = self._replace = False
        return self.session

    def resolve(self, session: Any) -> Any:
        """Return the credentials that the session's chain finds first."""
        try:
            credentials = session.get_credentials()
        except CredentialRetrievalError as error:
            # The profile names instance metadata as its source, and botocore's error does not say why there are no keys.
            if error.kwargs.get("provider") != instance_metadata.CANONICAL_NAME:
                raise
            if self._metadata(session).credentials() is None:
                raise
            raise MetadataRetrievalError(error_msg="Instance metadata had no keys, and has them now.") from None
        if credentials is None and (session is not self.original_session or sessions.uses_metadata(session)):
            credentials = self._metadata(session).credentials()
        if credentials is None:
            raise errors.SourceError("botocore found no AWS credentials in any of its sources.", "NoCredentialsError")
        self._metadata_seen |= method(credentials) == instance_metadata.METHOD
        return credentials

    def region(self, session: Any, credentials: Any) -> str | None:
        """Return the region that is set, or that of the instance that the keys came from, which is requested only once."""
        region = self._configured_region(session)
        if region is not None:
            return region
        if self._metadata_region is None and method(credentials) == instance_metadata.METHOD:
            self._metadata_region = regions.parent(self._metadata(session).region())
        return self._metadata_region

    def _configured_region(self, session: Any) -> str | None:
        if self.session is not None and not self._region:
            own = session.get_config_variable("region")
            if own and own.strip():
                return regions.parent(own)
        explicit = regions.parent(self._region, *map(os.environ.get, environment.REGIONS))
        return explicit or regions.parent(session.get_scoped_config().get("region"))

    def _metadata(self, session: Any) -> InstanceMetadata:
        return InstanceMetadata(session, self, seen=self._metadata_seen)


def _session_fix(value: Any) -> str:
    """Return how to get a session, if another object was passed for it."""
    if isinstance(value, type):
        return "Call the class, such as boto3.Session()."
    if isinstance(value, str):
        return "For the name of an AWS profile, use profile=."
    if hasattr(value, "access_key"):
        return "Pass the session that has these keys, such as boto3.Session()."
    if hasattr(value, "meta"):  # a client or a resource of boto3
        return "Pass the session that creates the client, such as boto3.Session()."
    return "Pass boto3.Session(), or leave it out to use botocore's default chain."

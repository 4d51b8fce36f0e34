"""The AWS identity: a consistent set of keys, those of the base identity or of a role that is assumed with it.

Every exception of botocore becomes a `FederationError` here.
"""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from google_auth_botocore._aws import arguments, environment
from google_auth_botocore._aws import region as regions
from google_auth_botocore._aws.arguments import Source
from google_auth_botocore._aws.guard import Guard
from google_auth_botocore._aws.keys import AwsKeys, method
from google_auth_botocore._aws.subject_token import Signer
from google_auth_botocore._failures._facts import NO_KEYS, Facts, Keys, argument
from google_auth_botocore._refresh import exchange_log, forks
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import ExchangeContext
from google_auth_botocore.exceptions import FederationError

if TYPE_CHECKING:
    from google_auth_botocore._aws.base_identity import Found
    from google_auth_botocore._aws.session_keys import SessionKeys

_LOGGER = logging.getLogger(__name__)

# The beginning of the access key ids of temporary keys.
_TEMPORARY_KEY_ID = "ASIA"


class AwsIdentity:
    """The keys of one AWS identity, resolved when they are needed and kept while they are fresh.

    Args:
        origin: Profile, region and role.
        session: A botocore or boto3 session. None: this package creates one.
        requires_session: Whether a session is needed even if the environment has the keys, as it is for AWS's JWT.
        clock: Elapsed time and sleep, for retries and deadlines.
    """

    def __init__(
        self, origin: Source, session: Any = None, *, requires_session: bool = False, clock: Clock = time
    ) -> None:
        self.origin = origin
        self._session = session
        self._clock = clock
        self._session_keys: SessionKeys | None = None
        self._surroundings = ""
        self._start_afresh()
        if requires_session or origin.assume_role or not self._environment_decides():
            # Load botocore now, and not at the first request: an import that a fork interrupts hangs the child. If the environment
            # has the keys, most of it is not loaded, because that would make a cold start a fifth longer.
            self._with_session()
        else:
            self._surroundings = environment.surroundings()
        forks.watch(self)

    def _start_afresh(self) -> None:
        self._guard = Guard(self._clock, self._forget, self.facts)
        self._keys_seen = NO_KEYS
        self._configured: bool | None = None
        # ARN of the role without its session, arn:aws:sts::ACCOUNT:assumed-role/ROLE, if the configuration names the role.
        self.assumed_role: str | None = None

    def after_fork(self) -> None:
        """In the child of a fork: create new locks, and use no connection or lock of the parent's session."""
        if self._session_keys is not None:
            self._session_keys.after_fork()
        self._start_afresh()

    @property
    def session(self) -> Any:
        """The botocore session that the caller passed, or the one that has replaced it."""
        return None if self._session is None else self._with_session().base.session

    @property
    def surroundings(self) -> str:
        """What a new session would have read when the variables and files were last read: see `environment.surroundings`."""
        session_keys = self._session_keys
        return self._surroundings if session_keys is None else session_keys.base.surroundings

    @surroundings.setter
    def surroundings(self, value: str) -> None:
        if self._session_keys is None:
            self._surroundings = value
        else:
            self._session_keys.base.surroundings = value

    def forget(self, context: ExchangeContext | None = None) -> bool:
        """Drop keys that AWS rejected, so that the next call resolves them again.

        Returns:
            Whether resolving again may find other keys. It cannot if the keys were set in code and no role is assumed with
            them.
        """

        def drop() -> bool:
            self._forget()
            return self._session_keys is None or self._session_keys.forgettable(context)

        return self._guard.run(drop, context)

    def _forget(self) -> None:
        self._configured = None
        if self._session_keys is not None:
            self._session_keys.forget()

    def current_base(self) -> object:
        """Return the base identity with which the next keys are found. None: it has none so far."""
        session_keys = self._session_keys  # another thread may replace it
        return None if session_keys is None else session_keys.current_base()

    def _environment_decides(self) -> bool:
        """Return whether the environment has the keys and no session is needed, which takes several times longer to create."""
        if (
            self._session is not None
            or self.origin.profile
            or self.origin.assume_role
            or not os.environ.get(environment.ACCESS_KEY_ID)
        ):
            return False
        if self._configured is None:  # only once, as a session reads its files only once
            self._configured = environment.configured()
        return not self._configured

    def _with_session(self) -> SessionKeys:
        if self._session_keys is None:
            from google_auth_botocore._aws.session_keys import SessionKeys  # noqa: PLC0415 - see __init__

            self._session_keys = SessionKeys(self.origin, self._session, self._clock, self.facts)
        return self._session_keys

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
            if self._environment_decides():
                self._session_keys, self._surroundings = None, environment.surroundings()
                keys = environment.keys()
                self.assumed_role = None
                region = regions.parent(self.origin.region, *map(os.environ.get, environment.REGIONS))
                self._see(keys, environment.PROVIDER)
            else:
                found = self._find()
                keys, region = found[0], self._with_session().region(found)
            region, host = regions.endpoint(region, verification_url)
            _LOGGER.debug("AWS keys from %s, to be verified at %s in %s", self._keys_seen.source, host, region)
            return Signer(keys, region, host)

        return self._guard.run(sign_with, context)

    def web_identity_token(self, audience: str, context: ExchangeContext) -> str:
        """Return AWS's JWT, which names the identity.

        Args:
            audience: The service that accepts it.
            context: See `signer`.

        Raises:
            FederationError: See `signer`. Also if the account has disabled the call, or the region is unknown.
            PromptRequired: See `signer`.
        """

        def request() -> str:
            found = self._find()
            return self._with_session().web_identity_token(self._guard, found, audience)

        return self._guard.run(request, context)

    def _find(self) -> Found:
        """Find the keys with a session. They are kept if what follows fails temporarily."""
        session_keys = self._with_session()
        found = session_keys.find(self._guard)
        self._guard.keys_found = True
        self.assumed_role = session_keys.assumed_role(found)
        self._see(found[0], method(found[1]))
        return found

    def _see(self, keys: AwsKeys, provider: str | None) -> None:
        """Record the facts about the keys, for errors."""
        temporary = keys.access_key.startswith(_TEMPORARY_KEY_ID)
        self._keys_seen = Keys(provider, temporary, bool(keys.token))

    def facts(self) -> Facts:
        """Return what is known about this identity, for an error."""
        profile = self.origin.profile
        if profile is None and self.session is not None:
            profile = self.session.instance_variables().get("profile")
        return Facts(
            "aws",
            profile=argument(profile),
            region=argument(self.origin.region),
            role=self.origin.role_arn,
            keys=self._keys_seen._replace(assumed_role=self.assumed_role),
        )

    def description(self) -> dict[str, str]:
        """Return the arguments of `Credentials` that distinguish this identity from others, as Python code without secrets.

        It makes no network call.
        """
        # The session that the caller passed, even if another one has replaced it: the description must never change.
        session = None if self._session is None else self._with_session().base.original_session
        parts = {
            "profile": self.origin.profile,
            "region": self.origin.region,
            "assume_role": arguments.described(self.origin.assume_role),
            "tags": self.origin.tags,
            "subject_mode": self.origin.subject_mode,
        }
        texts = {name: repr(value) for name, value in parts.items() if value is not None}
        # The angle brackets show that this is not code, as in Python's own `repr`.
        return texts if session is None else {"session": f"<{type(session).__qualname__} at {id(session):#x}>", **texts}

    def pickled(self) -> Source:
        """Return the source that another process needs to resolve the identity itself.

        Raises:
            pickle.PicklingError: The session has keys that were set in code, or cannot use its files.
        """
        session = self.session
        if session is None:
            return self.origin
        import pickle  # noqa: PLC0415 - only pickling needs it

        from google_auth_botocore._aws import session as sessions  # noqa: PLC0415 - loaded, as there is a session

        remedy = "Pass profile=, region= or assume_role= instead of session=, so that the other process resolves its own identity."
        try:
            portable = exchange_log.outside_exchange(
                self, partial(self._guard.run, partial(sessions.portable, session))
            )
        except FederationError as error:
            raise pickle.PicklingError(
                f"The session of these credentials cannot be examined. {remedy} {error}"
            ) from None
        if not portable:
            raise pickle.PicklingError(
                f"The session of these credentials has its own keys, and keys are never pickled. {remedy}"
            )
        region = self.origin.region or session.get_config_variable("region")
        return self.origin._replace(profile=session.profile, region=region)

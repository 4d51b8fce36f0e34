"""The keys of a botocore session, or of a role that is assumed with them.

Importing this module loads most of botocore. `identity` does so when it needs a session.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import ClientError

from google_auth_botocore._aws import errors, shared_bases, web_identity_token
from google_auth_botocore._aws import region as regions
from google_auth_botocore._aws import session as sessions
from google_auth_botocore._aws.arguments import Source
from google_auth_botocore._aws.base_identity import BaseIdentity, Found
from google_auth_botocore._aws.guard import Guard
from google_auth_botocore._aws.keys import AwsKeys, KeysReader, validated
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import DEADLINE, ExchangeContext


class SessionKeys:
    """The keys of a base identity, or of a role that is assumed with it, kept while they are fresh.

    Args:
        origin: Profile, region and role.
        session: A botocore or boto3 session. None: one is created when it is needed.
        clock: Elapsed time.
        facts: Returns what is known about the identity, for errors.

    Attributes:
        base: The base identity. If others share it, it is replaced when it is needed.
    """

    def __init__(self, origin: Source, session: Any, clock: Clock, facts: Callable[[], Facts]) -> None:
        self._origin = origin
        self._clock = clock
        self._facts = facts
        # Many objects differ only in their roles.
        self._shares_base = session is None and bool(origin.assume_role)
        self.base = BaseIdentity(origin.profile, origin.region, session, clock)
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._role_credentials: Any = None
        self._role_session: Any = None
        self._base_is_current = not self._shares_base
        # The base's credentials that the role was last assumed with, and the exchange in which AWS last rejected such credentials.
        self._used_base: Any = None
        self._rejected_in: ExchangeContext | None = None

    def after_fork(self) -> None:
        """In the child of a fork: use no connection or lock of the parent's session."""
        if self._shares_base:
            self.base = BaseIdentity(self._origin.profile, self._origin.region, None, self._clock)
        else:
            self.base.start_afresh(forked=True)
        self._start_afresh()

    def forget(self) -> None:
        """Find everything again the next time."""
        self._role_credentials = None
        if self._shares_base:
            self._base_is_current = False  # other identities may be using it
        else:
            self.base.forget()

    def forgettable(self, context: ExchangeContext | None) -> bool:
        """Return whether finding everything again may find other keys than those that AWS rejected in this exchange."""
        if context is not None and context is self._rejected_in:
            return False  # the base identity's keys have just been resolved again
        session = self.base.session
        return session is None or bool(self._origin.assume_role) or sessions.replaceable(session)

    def current_base(self) -> BaseIdentity:
        """Return the base identity with which the next keys are found."""
        return self.base if self._base_is_current else shared_bases.current(self._origin, self._clock)

    def find(self, guard: Guard) -> Found:
        """Return the keys, the credentials object that they came from, and its session.

        Args:
            guard: The guard of the work that needs them.

        Raises:
            Exception: An exception of botocore.
            SourceError: There are no keys, or they are invalid.
            PromptRequired: The user must type an MFA code, and this thread may not prompt for it.
        """
        self.base, self._base_is_current = self.current_base(), True
        return self._role_keys(guard) if self._origin.assume_role else self.base.keys(guard)

    def web_identity_token(self, guard: Guard, found: Found, audience: str) -> str:
        """Return AWS's JWT for the holder of the keys that were found."""
        keys, _, session = found
        create_client = partial(self.base.new_client, guard, session)
        config = sessions.client_config(guard.retries.request_timeout)
        region = self.region(found)
        return web_identity_token.request(create_client, keys, region, audience, config, self._origin)

    def region(self, found: Found) -> str | None:
        """Return the region of the keys that were found."""
        _, credentials, session = found
        return self.base.region(session, credentials)

    def assumed_role(self, found: Found) -> str | None:
        """Return the ARN of the assumed role that the keys are from, without its session, if the configuration names the role."""
        _, credentials, session = found
        return sessions.assumed_role(credentials, session, self._origin.role_arn)

    def _role_keys(self, guard: Guard) -> Found:
        role, prompts = self._role_credentials, False
        if role is None or sessions.refresh_needed(role):
            prepared = self.base.prepare(guard, find=role is None)
            if role is None and prepared is not None:
                self._role_session, region = prepared
                role = self._role_credentials = self._role(guard, region or regions.DEFAULT)
            prompts = "SerialNumber" in (self._origin.assume_role or ())
            if prompts:
                guard.allow_prompt()
        try:
            keys = validated(role)
        except ClientError as error:
            rejected = errors.rejected_keys(errors.translate(error, self._facts()))
            if not rejected or guard.context is self._rejected_in:
                raise
            # AWS rejected the base identity's keys.
            self.base.forget_rejected(self._used_base, guard)
            if prompts:
                raise
        else:
            rejected = False
        if rejected:
            # Assume the role with other keys, once in an exchange.
            self._rejected_in = guard.context
            self.forget()
            return self.find(guard)
        if prompts and guard.context is not None:
            # The time that the user took does not count.
            guard.context.deadline = self._clock.monotonic() + DEADLINE
        return keys, role, self._role_session

    def _role(self, guard: Guard, region: str) -> Any:
        """Return the credentials of the role, which is assumed whenever their keys are needed and not fresh."""
        base, arguments = self.base, dict(self._origin.assume_role or {})

        def base_keys() -> AwsKeys:
            keys, self._used_base, self._role_session = base.keys(guard)
            return keys

        def client(service: str, **keys: Any) -> Any:
            return base.client(guard, self._role_session, service, region_name=region, **keys)

        fetcher = AssumeRoleCredentialFetcher(
            client, KeysReader(base_keys), arguments.pop("RoleArn"), extra_args=arguments
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

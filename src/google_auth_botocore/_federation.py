"""What copies of one `Credentials` share: the AWS identity, and a source for each token that somebody has asked for."""

from __future__ import annotations

import contextlib
import itertools
import os
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from google_auth_botocore import _failures
from google_auth_botocore._aws import errors
from google_auth_botocore._aws import identity as aws_identity
from google_auth_botocore._aws import subject_token as aws_subject_token
from google_auth_botocore._google import api, transport
from google_auth_botocore._google.sender import Sender
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import ExchangeContext, Request
from google_auth_botocore._refresh.single_flight import SingleFlight
from google_auth_botocore._refresh.token import IssuedToken
from google_auth_botocore._refresh.token_source import TokenSource
from google_auth_botocore._settings import JWT, Settings
from google_auth_botocore.exceptions import FederationError

# All that a federated token may do that is only there to impersonate.
_IAM_SCOPE = "https://www.googleapis.com/auth/iam"
# A federated token is used for a call to IAM Credentials as long as it outlives the call, and in its last quarter
# renewed meanwhile: while IAM Credentials is up, a Security Token Service that is down goes unnoticed.
_LONG_ENOUGH = 60.0
# How many token sources are kept; clients make short-lived copies, and back ends one for each user.
_KEPT = 1000
# How many tokens an error is searched for; a server hardly quotes an older one.
_HIDDEN_TOKENS = 32

Result = TypeVar("Result")


class Federation:
    """One AWS identity and the Google tokens that come from it.

    Args:
        identity: The AWS side.
        clock: Wall and elapsed time.
    """

    def __init__(self, identity: aws_identity.AwsIdentity, clock: Clock) -> None:
        self.identity = identity
        self._clock = clock
        # How far AWS's and Google's clocks are ahead of ours, in seconds; measured when one of them refuses a date.
        self._offset = 0.0
        # Changed without a lock, by methods that the interpreter runs as a whole: a finalizer that asks for a token, and that
        # its thread runs while it holds a lock of ours, would wait for a worker that waits for the lock.
        self._sources: OrderedDict[Hashable, TokenSource] = OrderedDict()
        # The secrets of the subject token that the federated token was obtained with: IAM Credentials might quote them.
        self._proof_secrets: tuple[str, ...] = ()
        _FEDERATIONS.add(self)

    def after_fork(self) -> None:
        """In the child of a fork: an AWS session and connections of its own."""
        self.identity.after_fork()

    def tokens(self, settings: Settings) -> TokenSource:
        """The source of access tokens: one for all who want the same."""
        if settings.service_account is None:
            return self._federated(settings, settings.scopes)
        fetch = self._delegated if settings.subject is not None else self._impersonated
        return self._source(settings, lambda request, context: fetch(settings, request, context))

    def id_tokens(self, settings: Settings, audience: str, include_email: bool) -> TokenSource:
        """The source of ID tokens for an audience."""

        def fetch(request: Request, context: ExchangeContext) -> IssuedToken:
            def generate(sender: Sender, bearer: str) -> IssuedToken:
                facts = self.identity.facts()
                return api.generate_id_token(sender, settings, bearer, facts, audience, include_email)

            return self._with_federated_token(settings, request, context, generate)

        return self._source((settings, audience, include_email), fetch)

    def sign(self, settings: Settings, request: Request, blob: bytes) -> api.Signature:
        """Return the service account's signature of the blob."""

        def generate(sender: Sender, bearer: str) -> api.Signature:
            return api.sign_blob(sender, settings, bearer, self.identity.facts(), blob)

        def perform(request: Request, context: ExchangeContext) -> api.Signature:
            return self._with_federated_token(settings, request, context, generate)

        return SingleFlight(perform, lambda *_: None, self._clock, self).new_result(request, None)

    def _source(self, key: Hashable, fetch: Callable[..., IssuedToken], *, full_window: bool = False) -> TokenSource:
        source = self._sources.get(key)
        if source is None:
            new = TokenSource(fetch, transport.shareable, self._clock, self, full_window=full_window)
            source = self._sources.setdefault(key, new)
        with contextlib.suppress(KeyError):  # another thread has just dropped it
            self._sources.move_to_end(key)
            while len(self._sources) > _KEPT:
                self._sources.popitem(last=False)
        return source

    def _federated(self, settings: Settings, scopes: tuple[str, ...]) -> TokenSource:
        key = (
            settings.sts_url,
            settings.audience,
            settings.subject_token_type,
            settings.verification_url,
            scopes,
        )
        return self._source(
            key,
            lambda request, context: self._exchanged(settings, scopes, request, context),
            full_window=scopes == (_IAM_SCOPE,),
        )

    def _exchanged(
        self, settings: Settings, scopes: tuple[str, ...], request: Request, context: ExchangeContext
    ) -> IssuedToken:
        resolved_again = dated_again = False
        while True:
            sender = self._sender(request, context)
            try:
                subject_token = self._subject_token(settings, sender, context)
                return api.exchange(sender, settings, subject_token, scopes, self.identity.facts())
            except FederationError as error:
                if not resolved_again and errors.rejected_keys(error):
                    resolved_again = True
                    if not self.identity.forget(context):
                        raise
                elif _failures.rejected_date(error) and not dated_again and sender.date is not None:
                    dated_again = True
                    self._offset = sender.date - self._clock.time()
                else:
                    raise

    def _subject_token(self, settings: Settings, sender: Sender, context: ExchangeContext) -> str:
        context.step, context.doing = "aws", "botocore is still getting the AWS keys"
        if settings.subject_token_type == JWT:
            value = self.identity.web_identity_token(f"https:{settings.audience}", context)
            secrets: tuple[str, ...] = (value,)
        else:
            signer = self.identity.signer(settings.verification_url, context)
            signed = aws_subject_token.sign(signer, settings.audience, self._clock.time() + self._offset)
            value, secrets = signed.value, signed.secrets
        sender.secrets.extend(secrets)
        self._proof_secrets = secrets
        return value

    def _impersonated(self, settings: Settings, request: Request, context: ExchangeContext) -> IssuedToken:
        def generate(sender: Sender, bearer: str) -> IssuedToken:
            return api.generate_access_token(sender, settings, bearer, self.identity.facts())

        return self._with_federated_token(settings, request, context, generate)

    def _delegated(self, settings: Settings, request: Request, context: ExchangeContext) -> IssuedToken:
        """A Workspace user's token: the service account signs that it acts for the user."""

        def sign(sender: Sender, bearer: str) -> str:
            now = int(self._clock.time() + self._offset)  # the exchange before this may have measured it
            claims: Mapping[str, Any] = {
                "iss": settings.service_account,
                "sub": settings.subject,
                "aud": "https://oauth2.googleapis.com/token",
                "scope": " ".join(settings.scopes),
                "iat": now,
                "exp": now + settings.lifetime,
            }
            return api.sign_jwt(sender, settings, bearer, self.identity.facts(), claims)

        dated_again = False
        while True:
            # The assertion is for another server, which knows nothing of the federated token.
            assertion = self._with_federated_token(settings, request, context, sign)
            # Not made before: it knows what must not be quoted, and that is what the assertion was had for, too.
            sender = self._sender(request, context)
            try:
                return api.assertion_token(sender, settings, assertion, self.identity.facts())
            except FederationError as error:
                if dated_again or not _failures.rejected_date(error) or sender.date is None:
                    raise
                # AWS takes a date that is some minutes off, and this server does not.
                dated_again = True
                self._offset = sender.date - self._clock.time()

    def _with_federated_token(
        self,
        settings: Settings,
        request: Request,
        context: ExchangeContext,
        work: Callable[[Sender, str], Result],
    ) -> Result:
        """Calls IAM Credentials; when it finds the federated token wrong, once more with another."""
        source = self._federated(settings, (_IAM_SCOPE,))
        cached = source.get(request, min_lifetime=_LONG_ENOUGH, context=context)
        try:
            return work(self._sender(request, context), cached.value)
        except FederationError as error:
            if error.status_code != 401:
                raise
        cached = source.replace(request, cached, context)
        return work(self._sender(request, context), cached.value)

    def _sender(self, request: Request, context: ExchangeContext) -> Sender:
        """Return a sender for one new token, which hides what the servers know: older tokens, and the proof of identity."""
        return Sender(request, self._clock, context, self._known_secrets)

    def _known_secrets(self) -> list[str]:
        recent = itertools.islice(reversed(self._sources.copy().values()), _HIDDEN_TOKENS)
        cached = [source.cached for source in recent]
        return [*self._proof_secrets, *(each.value for each in cached if each is not None)]


_FEDERATIONS: weakref.WeakSet[Federation] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    transport.drop_own()
    for federation in list(_FEDERATIONS):
        federation.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)

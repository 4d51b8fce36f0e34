"""Getting a token: AWS keys prove an identity, which Google's services exchange for tokens. Copies of credentials share this.

Federation.tokens(settings)     a TokenSource for each token that is requested
|
TokenSource.get() or refresh()  the current token, or one exchange on a worker thread:
|
|   service account                 direct resource access
|
_impersonated                   _exchanged
or _delegated (for a subject)       |   AwsIdentity.signer()        AWS keys, from botocore
or an ID token or a signature       |   subject_token.sign()        subject token, signed and not sent
|                               |   GoogleClient.exchange()     federated token, from Google's STS
|   _with_federated_token           (or AwsIdentity.web_identity_token() instead of the first two)
|       TokenSource.get()       the shared federated token, from _exchanged
|       GoogleClient.generate_access_token(), generate_id_token(), sign_blob() or sign_jwt()
|                               IAM Credentials: an access token, an ID token or a signature
|   GoogleClient.assertion_token()
|                               for a subject: the OAuth endpoint accepts the signed JWT
"""

from __future__ import annotations

import contextlib
import itertools
import os
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import TypeVar

from google_auth_botocore import _failures
from google_auth_botocore._aws import errors
from google_auth_botocore._aws.identity import AwsIdentity
from google_auth_botocore._aws.subject_token import SubjectToken, sign
from google_auth_botocore._google import transport
from google_auth_botocore._google.api import GoogleClient, Signature
from google_auth_botocore._google.sender import Sender
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import ExchangeContext, Request
from google_auth_botocore._refresh.single_flight import SingleFlight
from google_auth_botocore._refresh.token import IssuedToken
from google_auth_botocore._refresh.token_source import TokenSource
from google_auth_botocore._settings import JWT, Settings
from google_auth_botocore.exceptions import FederationError

# The scope of the federated token with which a service account is impersonated.
_IAM_SCOPE = "https://www.googleapis.com/auth/iam"
# Seconds. A federated token is used for a call to IAM Credentials if it is valid for longer than the call takes, and in its
# advisory window it is refreshed in the background: an outage of the Security Token Service has no effect meanwhile.
_LONG_ENOUGH = 60.0
# How many token sources are kept. Clients create short-lived copies, and back ends create one for each user.
_MOST_SOURCES = 1000
# How many of the latest tokens are redacted from an error.
_HIDDEN_TOKENS = 32

Result = TypeVar("Result")


class Federation:
    """One AWS identity and the Google tokens that are obtained with it.

    Args:
        identity: The AWS identity.
        clock: Wall and elapsed time.
    """

    def __init__(self, identity: AwsIdentity, clock: Clock) -> None:
        self.identity = identity
        self._clock = clock
        # How far AWS's and Google's clocks are ahead of the local one, in seconds. Measured when one of them rejects a date.
        self._offset = 0.0
        # Changed by atomic operations without a lock. A finalizer may request a token on a thread that holds a lock of this
        # package; it would wait for a worker that waits for that lock.
        self._sources: OrderedDict[Hashable, TokenSource] = OrderedDict()
        # Secrets of the proof with which the federated token was obtained: IAM Credentials might quote them.
        self._proof_secrets: tuple[str, ...] = ()
        _FEDERATIONS.add(self)

    def after_fork(self) -> None:
        """In the child of a fork: use a new AWS session and new connections."""
        self.identity.after_fork()

    def tokens(self, settings: Settings) -> TokenSource:
        """Return the source of access tokens. Equal settings share one."""
        if settings.service_account is None:
            return self._federated(settings, settings.scopes)
        fetch = self._impersonated if settings.subject is None else self._delegated
        return self._source(settings, partial(fetch, settings))

    def id_tokens(self, settings: Settings, audience: str, include_email: bool) -> TokenSource:
        """Return the source of ID tokens for an audience."""
        call = partial(GoogleClient.generate_id_token, audience=audience, include_email=include_email)
        return self._source((settings, audience, include_email), partial(self._with_federated_token, settings, call))

    def sign(self, settings: Settings, request: Request, blob: bytes) -> Signature:
        """Return the service account's signature of a blob."""
        perform = partial(self._with_federated_token, settings, partial(GoogleClient.sign_blob, blob=blob))
        return SingleFlight(perform, self._clock, self).new_result(request, None)

    def subject_token(self, settings: Settings) -> SubjectToken:
        """Return a new subject token, and send it to nobody."""
        return SingleFlight(partial(self._prove, settings), self._clock, self).new_result(None, None)

    def _source(self, key: Hashable, fetch: Callable[..., IssuedToken], *, full_window: bool = False) -> TokenSource:
        source = self._sources.get(key)
        if source is None:
            new = TokenSource(fetch, transport.shareable, self._clock, self, full_window=full_window)
            source = self._sources.setdefault(key, new)
        with contextlib.suppress(KeyError):  # another thread has just dropped it
            self._sources.move_to_end(key)
            while len(self._sources) > _MOST_SOURCES:
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
        return self._source(key, partial(self._exchanged, settings, scopes), full_window=scopes == (_IAM_SCOPE,))

    # On the worker thread.

    def _exchanged(
        self, settings: Settings, scopes: tuple[str, ...], request: Request, context: ExchangeContext
    ) -> IssuedToken:
        """Exchange a subject token for a federated token. Retry once with other keys, and once with another date."""
        resolved_again = dated_again = False
        while True:
            google = self._google(settings, request, context)
            try:
                proof = self._prove(settings, request, context)
                google.sender.secrets.extend(proof.secrets)
                return google.exchange(proof.value, scopes)
            except FederationError as error:
                if not resolved_again and errors.rejected_keys(error):
                    resolved_again = True
                    if not self.identity.forget(context):
                        raise
                elif _failures.rejected_date(error) and not dated_again and google.sender.date is not None:
                    dated_again = True
                    self._offset = google.sender.date - self._clock.time()
                else:
                    raise

    def _prove(self, settings: Settings, _: Request, context: ExchangeContext) -> SubjectToken:
        """Return a proof of the AWS identity: a signed request, or AWS's JWT."""
        context.step, context.doing = "aws", "botocore is still getting the AWS keys"
        if settings.subject_token_type == JWT:
            value = self.identity.web_identity_token(f"https:{settings.audience}", context)
            proof = SubjectToken(value, (value,))
        else:
            signer = self.identity.signer(settings.verification_url, context)
            proof = sign(signer, settings.audience, self._clock.time() + self._offset)
        self._proof_secrets = proof.secrets
        return proof

    def _impersonated(self, settings: Settings, request: Request, context: ExchangeContext) -> IssuedToken:
        return self._with_federated_token(settings, GoogleClient.generate_access_token, request, context)

    def _delegated(self, settings: Settings, request: Request, context: ExchangeContext) -> IssuedToken:
        """Return a token of a Workspace user: the service account signs that it acts for the user."""
        dated_again = False
        while True:
            assertion = self._with_federated_token(settings, self._signed_assertion, request, context)
            # A new client, because this server knows nothing of the federated token. Created only now, so that it also
            # redacts the secrets used for the assertion.
            google = self._google(settings, request, context)
            try:
                return google.assertion_token(assertion)
            except FederationError as error:
                if dated_again or not _failures.rejected_date(error) or google.sender.date is None:
                    raise
                # AWS accepts a date that is some minutes off, and this server does not.
                dated_again = True
                self._offset = google.sender.date - self._clock.time()

    def _signed_assertion(self, google: GoogleClient) -> str:
        settings = google.settings
        now = int(self._clock.time() + self._offset)  # the exchange before this may have measured the offset
        return google.sign_jwt(
            {
                "iss": settings.service_account,
                "sub": settings.subject,
                "aud": "https://oauth2.googleapis.com/token",
                "scope": " ".join(settings.scopes),
                "iat": now,
                "exp": now + settings.lifetime,
            }
        )

    def _with_federated_token(
        self,
        settings: Settings,
        call: Callable[[GoogleClient], Result],
        request: Request,
        context: ExchangeContext,
    ) -> Result:
        """Call IAM Credentials. If it rejects the federated token, call it once more with another one."""
        source = self._federated(settings, (_IAM_SCOPE,))
        cached = source.get(request, min_lifetime=_LONG_ENOUGH, context=context)
        try:
            return call(self._google(settings, request, context, cached.value))
        except FederationError as error:
            if error.status_code != 401:
                raise
        cached = source.refresh(request, rejected=cached, context=context)
        return call(self._google(settings, request, context, cached.value))

    def _google(
        self, settings: Settings, request: Request, context: ExchangeContext, federated_token: str = ""
    ) -> GoogleClient:
        """Return a client whose errors hide what the servers know: older tokens, and the proof of identity."""
        sender = Sender(request, self._clock, context, self._known_secrets)
        return GoogleClient(settings, sender, federated_token=federated_token, facts=self.identity.facts)

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

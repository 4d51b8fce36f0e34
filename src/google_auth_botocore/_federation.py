"""The token flow: AWS keys prove an identity, which Google's services exchange for tokens. Copies of credentials share it.

A request asks its TokenSource, which `Federation.tokens(settings)` has created, for a token. `TokenSource.get()` returns the
current one, or has a worker thread fetch another one. The function that fetches it depends on the settings:

no service account: _fetch_federated_token
|   AwsIdentity.signer()            AWS keys, from botocore
|   subject_token.sign()            the subject token: a signed request, which is not sent
|                                   (for a JWT, AwsIdentity.web_identity_token() instead of these two)
|   GoogleClient.exchange()         Google's STS returns the federated token
|
service account: _with_federated_token
|   TokenSource.get()               the federated token, from a second TokenSource, whose function is the one above
|   GoogleClient.generate_access_token(), generate_id_token() or sign_blob()
|                                   IAM Credentials returns an access token, an ID token or a signature
|
service account and subject: _fetch_delegated_token
    _with_federated_token           as above, with GoogleClient.sign_jwt(), which returns a signed assertion
    GoogleClient.assertion_token()  the OAuth endpoint exchanges it for an access token
"""

from __future__ import annotations

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
from google_auth_botocore._refresh.recent import Recent
from google_auth_botocore._refresh.single_flight import SingleFlight
from google_auth_botocore._refresh.token import IssuedToken
from google_auth_botocore._refresh.token_source import TokenSource
from google_auth_botocore._settings import JWT, Settings
from google_auth_botocore.exceptions import FederationError

# The scope of the federated token with which a service account is impersonated.
_IAM_SCOPE = "https://www.googleapis.com/auth/iam"
# Seconds for which a federated token must still be valid if IAM Credentials is called with it: longer than an exchange may take.
# The token is refreshed in the background before that, so that a short outage of the Security Token Service has no effect.
_LONG_ENOUGH = 60.0
# How many token sources are kept. A back end creates two for each of a thousand users, `with_subject(…)` and
# `with_subject(…).with_scopes(…)`. The original has one, and so does the federated token.
_MOST_SOURCES = 2500
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
        self._sources: Recent[TokenSource] = Recent(_MOST_SOURCES)
        # Secrets of the proof with which the federated token was obtained. Errors of IAM Credentials might quote them.
        self._proof_secrets: tuple[str, ...] = ()

    @property
    def base(self) -> object:
        """The AWS base identity, which other federations may share. Its lock is held while its keys are found or refreshed."""
        return self.identity.current_base()

    def tokens(self, settings: Settings) -> TokenSource:
        """Return the source of access tokens. Equal settings share one."""
        if settings.service_account is None:
            return self._federated(settings, settings.scopes)
        if settings.subject is None:
            return self._source(settings, self._impersonating(settings, GoogleClient.generate_access_token))
        return self._source(settings, partial(self._fetch_delegated_token, settings))

    def id_tokens(self, settings: Settings, audience: str, include_email: bool) -> TokenSource:
        """Return the source of ID tokens for an audience."""
        call = partial(GoogleClient.generate_id_token, audience=audience, include_email=include_email)
        return self._source((settings, audience, include_email), self._impersonating(settings, call))

    def sign(self, settings: Settings, request: Request, blob: bytes) -> Signature:
        """Return the service account's signature of a blob."""
        perform = self._impersonating(settings, partial(GoogleClient.sign_blob, blob=blob))
        return SingleFlight(perform, self._clock, self).new_result(request, None)

    def subject_token(self, settings: Settings) -> SubjectToken:
        """Return a new subject token. It is not sent."""
        return SingleFlight(partial(self._prove, settings), self._clock, self).new_result(None, None)

    def _source(self, key: Hashable, fetch: Callable[..., IssuedToken], *, full_window: bool = False) -> TokenSource:
        return self._sources.get_or_add(
            key,
            lambda: TokenSource(fetch, transport.shareable, self._clock, self, full_window=full_window),
        )

    def _federated(self, settings: Settings, scopes: tuple[str, ...]) -> TokenSource:
        key = (
            settings.sts_url,
            settings.audience,
            settings.subject_token_type,
            settings.verification_url,
            scopes,
        )
        return self._source(
            key, partial(self._fetch_federated_token, settings, scopes), full_window=scopes == (_IAM_SCOPE,)
        )

    def _impersonating(
        self, settings: Settings, call: Callable[[GoogleClient], Result]
    ) -> Callable[[Request, ExchangeContext], Result]:
        """Return a function that performs an exchange: it calls IAM Credentials with the federated token."""
        federated = self._federated(settings, (_IAM_SCOPE,))
        return partial(self._with_federated_token, federated, settings, call)

    # On the worker thread.

    def _fetch_federated_token(
        self, settings: Settings, scopes: tuple[str, ...], request: Request, context: ExchangeContext
    ) -> IssuedToken:
        """Exchange a subject token for a federated token. Retry once with other keys, and once with another date."""
        resolved_again = dated_again = False
        while True:
            google = self._client(settings, request, context)
            try:
                proof = self._prove(settings, request, context)
                google.sender.secrets.extend(proof.secrets)
                return google.exchange(proof.value, scopes)
            except FederationError as error:
                if not resolved_again and errors.rejected_keys(error):
                    resolved_again = True
                    if not self.identity.forget(context):
                        raise
                elif not dated_again and self._measured_offset(error, google):
                    dated_again = True
                else:
                    raise

    def _prove(self, settings: Settings, _: Request, context: ExchangeContext) -> SubjectToken:
        """Return a proof of the AWS identity: a signed request, or AWS's JWT."""
        context.step, context.doing, context.failed = "aws", "botocore is still getting the AWS keys", None
        if settings.subject_token_type == JWT:
            value = self.identity.web_identity_token(f"https:{settings.audience}", context)
            proof = SubjectToken(value, (value,))
        else:
            signer = self.identity.signer(settings.verification_url, context)
            proof = sign(signer, settings.audience, self._clock.time() + self._offset)
        self._proof_secrets = proof.secrets
        return proof

    def _fetch_delegated_token(self, settings: Settings, request: Request, context: ExchangeContext) -> IssuedToken:
        """Return a token of a Workspace user, in exchange for an assertion that the service account signs."""
        # Not kept in the source: a back end has a source for each user.
        sign = self._impersonating(settings, self._signed_assertion)
        dated_again = False
        while True:
            assertion = sign(request, context)
            google = self._client(settings, request, context)
            try:
                return google.assertion_token(assertion)
            except FederationError as error:
                # AWS accepts a date that is some minutes off. This server does not.
                if dated_again or not self._measured_offset(error, google):
                    raise
                dated_again = True

    def _measured_offset(self, error: FederationError, google: GoogleClient) -> bool:
        """Return whether a server rejected a date and told its own, which is now used: another attempt may succeed."""
        if google.rejected_at is None or not _failures.rejected_date(error):
            return False
        self._offset = google.rejected_at - self._clock.time()
        return True

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
        federated: TokenSource,
        settings: Settings,
        call: Callable[[GoogleClient], Result],
        request: Request,
        context: ExchangeContext,
    ) -> Result:
        """Call IAM Credentials. If it rejects the federated token, retry once with a new one."""
        cached = federated.get(request, min_lifetime=_LONG_ENOUGH, context=context)
        try:
            return call(self._client(settings, request, context, cached.value))
        except FederationError as error:
            if error.status_code != 401:
                raise
        cached = federated.refresh(request, rejected=cached, context=context)
        return call(self._client(settings, request, context, cached.value))

    def _client(
        self, settings: Settings, request: Request, context: ExchangeContext, federated_token: str = ""
    ) -> GoogleClient:
        """Return a client. Its errors hide the secrets that the servers know: older tokens and the proof of identity."""
        if context.sender is None:
            context.sender = Sender(request, self._clock, context, self._known_secrets)
        return GoogleClient(settings, context.sender, federated_token=federated_token, facts=self.identity.facts)

    def _known_secrets(self) -> list[str]:
        cached = [source.cached for source in self._sources.latest()[:_HIDDEN_TOKENS]]
        return [*self._proof_secrets, *(each.value for each in cached if each is not None)]

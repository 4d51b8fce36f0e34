"""Google's services: the Security Token Service, the IAM Credentials API and the OAuth token endpoint.

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token and
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from google.auth import metrics

from google_auth_botocore import _failures
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google import replies
from google_auth_botocore._google.replies import Answer
from google_auth_botocore._google.sender import Call, Reply, Sender
from google_auth_botocore._refresh.token import IssuedToken
from google_auth_botocore._settings import AWS4_REQUEST, DEFAULT_LIFETIME, Settings
from google_auth_botocore.exceptions import FederationError

_OAUTH = "Google's OAuth token endpoint"
_FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(eq=False, slots=True)
class Signature:
    """A signature. It is an object instead of bytes, because crash reports would print bytes."""

    value: bytes = field(repr=False)


class GoogleClient:
    """Google's services, for one exchange. Each method makes one call, checks the reply, and explains a failure in a FederationError.

    Args:
        settings: The settings of the requested tokens, and the endpoints.
        sender: Sends the requests.
        federated_token: The token that authorizes calls to IAM Credentials.
        facts: Returns what is known about the AWS identity, for errors.

    Attributes:
        rejected_at: The server's time in the reply that rejected a request, in seconds since the epoch. None: no such reply had
            one.
    """

    def __init__(
        self, settings: Settings, sender: Sender, *, federated_token: str = "", facts: Callable[[], Facts]
    ) -> None:
        self.settings = settings
        self._facts = facts
        self._federated_token = federated_token
        self.sender = sender
        self.rejected_at: float | None = None
        if federated_token:
            sender.secrets.append(federated_token)

    def exchange(self, subject_token: str, scopes: tuple[str, ...]) -> IssuedToken:
        """Exchange a subject token for a federated token."""
        settings = self.settings
        call = Call(
            "exchange",
            "Google's Security Token Service",
            settings.sts_url,
            f"a federated token for {settings.audience}",
            self._known,
        )
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": settings.audience,
            "scope": " ".join(scopes),
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": settings.subject_token_type,
        }
        # The result is that of urlencode, which takes a tenth of the time of a refresh. Most of the token is percent-encoded
        # already, so almost only its percent signs are encoded again.
        quoted = quote(subject_token.replace("%", "%25"), safe="%")
        # By this header, Google counts the use of each kind of credentials. Its own libraries send the same one.
        options = {
            "sa-impersonation": "true" if settings.service_account else "false",
            "config-lifetime": "true" if settings.lifetime != DEFAULT_LIFETIME else "false",
            "source": "aws" if settings.subject_token_type == AWS4_REQUEST else "programmatic",
        }
        headers = {**_FORM, metrics.API_CLIENT_HEADER: metrics.byoid_metrics_header(options)}
        return self._post(call, headers, f"{urlencode(form)}&subject_token={quoted}").oauth_token()

    def assertion_token(self, assertion: str) -> IssuedToken:
        """Exchange a signed assertion for a token of the Workspace user that it names (RFC 7523)."""
        settings = self.settings
        call = Call(
            "delegation",
            _OAUTH,
            settings.oauth_url,
            f"a token for {settings.service_account} to act for {settings.subject}",
            self._known,
        )
        self.sender.secrets.append(assertion)
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        headers = {**_FORM, metrics.API_CLIENT_HEADER: metrics.token_request_access_token_sa_assertion()}
        return self._post(call, headers, urlencode(form)).oauth_token()

    def generate_access_token(self) -> IssuedToken:
        """Return an access token of the service account."""
        settings = self.settings
        answer = self._call_iam(
            "impersonation",
            "generateAccessToken",
            "an access token",
            {"scope": settings.scopes, "lifetime": f"{settings.lifetime}s"},
            metrics.token_request_access_token_impersonate(),
        )
        return answer.access_token()

    def generate_id_token(self, audience: str, include_email: bool) -> IssuedToken:
        """Return an ID token of the service account for an audience."""
        fields = {"audience": audience, "includeEmail": include_email}
        metric = metrics.token_request_id_token_impersonate()
        return self._call_iam("id_token", "generateIdToken", "an ID token", fields, metric).id_token()

    def sign_blob(self, blob: bytes) -> Signature:
        """Return the service account's signature of a blob."""
        fields = {"payload": base64.b64encode(blob).decode()}
        return Signature(self._call_iam("signing", "signBlob", "a signature", fields).signature())

    def sign_jwt(self, claims: Mapping[str, Any]) -> str:
        """Return the claims as a JWT that the service account has signed."""
        fields = {"payload": json.dumps(claims)}
        return self._call_iam("delegation", "signJwt", "a signed assertion", fields).token("signedJwt")

    def _known(self) -> Facts:
        return self._facts()._replace(settings=self.settings)

    def _call_iam(
        self, step: str, method: str, wanted: str, fields: Mapping[str, Any], metric: str | None = None
    ) -> Answer:
        """Call a method of the IAM Credentials API. *metric* is the value of `x-goog-api-client`, if Google's libraries send one."""
        settings = self.settings
        account = settings.service_account or ""
        call = Call(
            step,
            "Google's IAM Credentials API",
            f"{settings.iam_url}/v1/projects/-/serviceAccounts/{quote(account, safe='')}:{method}",
            f"{wanted} of {account}",
            self._known,
        )
        headers = {"authorization": f"Bearer {self._federated_token}", "content-type": "application/json"}
        if metric is not None:
            headers[metrics.API_CLIENT_HEADER] = metric
        # The API accepts an empty list.
        delegates = list(map("projects/-/serviceAccounts/{}".format, settings.delegates))
        return self._post(call, headers, json.dumps({"delegates": delegates, **fields}))

    def _post(self, call: Call, headers: Mapping[str, str], body: str) -> Answer:
        """Post a request, and return the JSON object in the reply."""
        reply = self.sender.post(call, headers, body.encode())
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            document = None
        if reply.status != 200:
            self.rejected_at = reply.date
            raise self._rejected(call, document, reply)
        if not isinstance(document, Mapping):
            raise replies.unusable(call, reply, "a body that is not a JSON object")
        return Answer(call, document, reply)

    def _rejected(self, call: Call, document: object, reply: Reply) -> FederationError:
        known = call.known(status=reply.status, transient=reply.transient)
        facts = replies.rejection(document, reply.body, self.sender.all_secrets, known)
        seen = ", ".join(filter(None, (f"HTTP {reply.status}", facts.reason)))
        said = f": {facts.text}" if facts.text else ""
        did = "could not provide" if reply.transient else "rejected the request for"
        return _failures.error(f"{call.server} {did} {call.wanted} ({seen}){said.rstrip('.')}.", facts)

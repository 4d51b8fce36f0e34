"""Google's services: the Security Token Service, the IAM Credentials API and the OAuth token endpoint.

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token and
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from google_auth_botocore import _failures
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google import replies
from google_auth_botocore._google.replies import Answer
from google_auth_botocore._google.sender import Call, Reply, Sender
from google_auth_botocore._refresh.token import IssuedToken
from google_auth_botocore._settings import Settings
from google_auth_botocore.exceptions import FederationError

_OAUTH = "Google's OAuth token endpoint"


class Signature:
    """A signature. It is an object and not bytes, which crash reports would print."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value: bytes = value

    def __repr__(self) -> str:
        return "Signature(<hidden>)"


class GoogleClient:
    """Google's services, for one exchange. Each method makes one call, checks the reply, and raises an error that explains a failure.

    Args:
        settings: The tokens that are requested, and the endpoints.
        sender: Sends the requests.
        federated_token: The token with which calls to IAM Credentials are made.
        facts: Returns what is known about the AWS identity, for errors.
    """

    def __init__(
        self, settings: Settings, sender: Sender, *, federated_token: str = "", facts: Callable[[], Facts]
    ) -> None:
        self.settings = settings
        self._facts = facts
        self._federated_token = federated_token
        self.sender = sender
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
        # As urlencode would quote it, which takes a tenth of a refresh: almost all of it is quoted once already.
        quoted = quote(subject_token.replace("%", "%25"), safe="%")
        return self._post_form(call, f"{urlencode(form)}&subject_token={quoted}").oauth_token()

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
        return self._post_form(call, urlencode(form)).oauth_token()

    def generate_access_token(self) -> IssuedToken:
        """Return an access token of the service account."""
        settings = self.settings
        answer = self._call_iam(
            "impersonation",
            "generateAccessToken",
            "an access token",
            {"scope": settings.scopes, "lifetime": f"{settings.lifetime}s"},
        )
        return answer.access_token()

    def generate_id_token(self, audience: str, include_email: bool) -> IssuedToken:
        """Return an ID token of the service account for an audience."""
        fields = {"audience": audience, "includeEmail": include_email}
        return self._call_iam("id_token", "generateIdToken", "an ID token", fields).id_token()

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

    def _post_form(self, call: Call, form: str) -> Answer:
        return self._post(call, {"content-type": "application/x-www-form-urlencoded"}, form)

    def _call_iam(self, step: str, method: str, wanted: str, fields: Mapping[str, Any]) -> Answer:
        """Call a method of the IAM Credentials API."""
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
        # The API accepts an empty list.
        delegates = [f"projects/-/serviceAccounts/{each}" for each in settings.delegates]
        return self._post(call, headers, json.dumps({"delegates": delegates, **fields}))

    def _post(self, call: Call, headers: Mapping[str, str], body: str) -> Answer:
        """Post a request, and return the JSON object in the reply."""
        reply = self.sender.post(call, headers, body.encode())
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            document = None
        if reply.status != 200:
            raise self._rejected(call, document, reply)
        if not isinstance(document, Mapping):
            raise replies.unusable(call, reply, "a body that is not a JSON object")
        return Answer(call, document, reply)

    def _rejected(self, call: Call, document: object, reply: Reply) -> FederationError:
        known = call.facts()._replace(step=call.step, url=call.url, status=reply.status, transient=reply.transient)
        facts = replies.rejection(document, reply.body, self.sender.all_secrets, known)
        seen = ", ".join(filter(None, (f"HTTP {reply.status}", facts.reason)))
        said = f": {facts.text}" if facts.text else ""
        did = "could not provide" if reply.transient else "rejected the request for"
        return _failures.error(f"{call.server} {did} {call.wanted} ({seen}){said.rstrip('.')}.", facts)

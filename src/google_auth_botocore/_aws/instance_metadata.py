"""The instance metadata service of EC2 as the last source of keys, and as the source of the region.

botocore finds no keys, and gives no reason, in each of these cases: there is no such service, the instance has no role, the
service replies with 503, or it is slow. This module observes each request. If the service exists and fails, it raises a
`MetadataRetrievalError`, which is temporary. A service that cannot be reached is not a source.
"""

from __future__ import annotations

import contextlib
import json
import re
from enum import Enum
from typing import Any, Protocol

from botocore.credentials import InstanceMetadataProvider
from botocore.exceptions import (
    MetadataRetrievalError,
    ReadTimeoutError,
)
from botocore.utils import (
    InstanceMetadataFetcher,
    InstanceMetadataRegionFetcher,
    get_environ_proxies,
    resolve_imds_endpoint_mode,
)

from google_auth_botocore import _redaction
from google_auth_botocore._aws import errors
from google_auth_botocore._aws.metadata_http import ObservedHttp, Outcome, unreachable
from google_auth_botocore._aws.retry import Retries

METHOD = InstanceMetadataProvider.METHOD
# Its name in a profile's `credential_source`.
CANONICAL_NAME = InstanceMetadataProvider.CANONICAL_NAME
# Seconds. Keys that expire within this time are used some minutes longer if the service cannot renew them. The value is
# botocore's, whose constant is private.
_REFRESH_WINDOW = 15 * 60
_BUSY = (408, 429)
_TOKEN = "x-aws-ec2-metadata-token"

_KeysFetcher: Any = InstanceMetadataFetcher  # their private names, used below, are not in the stubs
_Fetcher: Any = InstanceMetadataRegionFetcher


class _RegionFetcher(_Fetcher):  # type: ignore[misc]  # an Any
    """botocore's fetcher, with the path of the region. botocore removes the last letter of the zone, which is wrong in a local zone.

    `_URL_PATH` and `_get_region` are private to botocore. A test fails if they disappear.
    """

    _URL_PATH = "latest/meta-data/placement/region"

    def _get_region(self) -> str:
        token = self._fetch_metadata_token()
        return str(self._get_request(self._URL_PATH, self._default_retry, token=token).text)


class Attempts(Protocol):
    """The object that uses the service, with its attempts at the work that is running."""

    retries: Retries


class _Verdict(Enum):
    FINAL = "there is no source of keys here"
    TEMPORARY = "the source exists, and the next attempt may succeed"
    DOUBTFUL = "the source may exist"


class InstanceMetadata:
    """The service, with the settings of one botocore session.

    Args:
        session: botocore session, for its settings.
        user: The object that uses it, which has the retries.
        seen: Whether the service has replied before. If so, this machine is an instance, and a failure is temporary.
    """

    def __init__(self, session: Any, user: Attempts, *, seen: bool) -> None:
        names = ("ec2_metadata_service_endpoint", "ec2_metadata_v1_disabled")
        self._config = {
            "ec2_metadata_service_endpoint_mode": resolve_imds_endpoint_mode(session),
            "ec2_credential_refresh_window": _REFRESH_WINDOW,
            **{name: session.get_config_variable(name) for name in names},
        }
        self._timeout = session.get_config_variable("metadata_service_timeout")
        self._attempts = session.get_config_variable("metadata_service_num_attempts")
        self._user_agent = session.user_agent()
        self._user = user
        self.seen = seen

    def credentials(self) -> Any:
        """Return botocore's credentials of the instance's role, or None if instance metadata has no keys.

        Raises:
            MetadataRetrievalError: The service exists, and failed.
            FederationError: The service explained why the role has no keys.
        """
        return InstanceMetadataProvider(iam_role_fetcher=self).load()  # type: ignore[arg-type]  # needs only the next method

    def retrieve_iam_role_credentials(self) -> dict[str, Any]:
        """Return the role's keys as botocore's fetcher does. Its credentials call this method for each refresh."""
        fetcher, observed = self._observed(_KeysFetcher)
        keys: dict[str, Any] = {}
        # Raised if version 1 is turned off and version 2 issued no token. The reason is among the outcomes.
        with contextlib.suppress(MetadataRetrievalError):
            keys = fetcher.retrieve_iam_role_credentials()
        if keys:
            self.seen = True
        else:
            self._explain(fetcher.get_base_url(), observed.outcomes)
        return keys

    def region(self) -> str | None:
        """Return the instance's region, or None if the service does not know it.

        Raises:
            MetadataRetrievalError: The service exists, and failed.
        """
        fetcher, observed = self._observed(_RegionFetcher)
        name = fetcher.retrieve_region()
        if name is None:
            self._explain(fetcher.get_base_url(), observed.outcomes)
        # Another server at that address may reply with anything. Like a missing region, this is not an error.
        return name if name and re.fullmatch(r"[a-z0-9-]+", name.strip()) else None

    def _observed(self, fetcher_class: Any) -> tuple[Any, ObservedHttp]:
        retries = self._user.retries
        timeout: Any = self._timeout
        if retries.again:  # a service that has failed may be slow to reply, but not to accept a connection
            timeout = (max(1, self._timeout), max(retries.request_timeout, self._timeout))
        fetcher = fetcher_class(
            timeout=timeout, num_attempts=self._attempts, user_agent=self._user_agent, config=self._config
        )
        # `_session` is private to botocore, which has no public way to see a fetcher's failures. A test fails if it disappears.
        observed = fetcher._session = ObservedHttp(fetcher._session)
        return fetcher, observed

    def _explain(self, url: str, outcomes: list[Outcome]) -> None:
        """Raise an error if the service exists and failed. Return if this machine has no such source."""
        if get_environ_proxies(url):
            # Ignore a proxy's replies: it cannot reach an address that only this machine has.
            outcomes = [each for each in outcomes if each.reply is None]
        judged = [(_judge(each, seen=self.seen), each) for each in outcomes]
        for wanted in (_Verdict.TEMPORARY, _Verdict.DOUBTFUL):
            for verdict, outcome in judged:
                if verdict is wanted and (wanted is _Verdict.TEMPORARY or self._user.retries.benefit_of_doubt()):
                    raise MetadataRetrievalError(error_msg=f"Instance metadata failed: {outcome.description}")


def _judge(outcome: Outcome, *, seen: bool) -> _Verdict:
    request, reply, error = outcome
    if reply is None:
        if unreachable(error):
            return _Verdict.TEMPORARY if seen else _Verdict.FINAL
        # With a hop limit of 1, the reply to this request never reaches a container. The replies to all other requests do.
        lost = isinstance(error, ReadTimeoutError) and request.method == "PUT"
        return _Verdict.DOUBTFUL if lost else _Verdict.TEMPORARY
    status, of_a_role = reply.status_code, "/iam/security-credentials/" in request.url
    if status >= 500 or status in _BUSY:
        return _Verdict.TEMPORARY
    if status == 401 and _TOKEN in request.headers:
        return _Verdict.DOUBTFUL  # the token has just been issued
    if status == 404 and of_a_role and not request.url.endswith("/"):
        return _Verdict.DOUBTFUL  # the list has just named the role
    if status != 200:
        return _Verdict.FINAL
    text = reply.text.strip()
    if not text:
        return _Verdict.TEMPORARY
    if not of_a_role or request.url.endswith("/"):
        return _Verdict.FINAL
    return _judge_keys(text)


def _judge_keys(text: str) -> _Verdict:
    """Judge a reply that should contain a role's keys, and in which botocore found none."""
    try:
        answer = json.loads(text)
    except ValueError:
        # Truncated JSON, or the reply of another server.
        return _Verdict.TEMPORARY if text.startswith("{") else _Verdict.DOUBTFUL
    if isinstance(answer, dict) and answer.get("Code") not in (None, "Success"):
        raise errors.SourceError(
            f"Instance metadata has no keys for the instance's role ({_redaction.cleaned(str(answer['Code']))}): "
            f"{_redaction.cleaned(str(answer.get('Message')), hide=errors.SECRET).rstrip('.')}.",
            _redaction.cleaned(str(answer["Code"])),
            failure="instance-role-broken",
        )
    return _Verdict.FINAL

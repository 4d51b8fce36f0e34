"""One object for many users, scopes and audiences: each has its own token, and the tokens used last are kept."""

from __future__ import annotations

import base64
import gc
import itertools
import json
import statistics
import sys
import threading
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hypothesis
import pytest
import seams
from counting import calls_of
from hypothesis import strategies as st
from variations import few

from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeClock, FakeGoogle, Sent, impersonated
from google_auth_botocore import Credentials, FederationError, IDTokenCredentials

# As many tokens as one object keeps at least.
MOST = 1000
# As long as most of Google's tokens, in characters.
LONG = 1100


class Workspace(FakeGoogle):
    """A fake Google that also signs assertions and issues ID tokens. Each token begins with what it is for."""

    def default_answer(self, sent: Sent) -> Answer:
        if sent.url.endswith(":signJwt"):
            return Answer({"keyId": "1", "signedJwt": json.loads(sent.json["payload"])["sub"]})
        if sent.url.endswith(":generateAccessToken"):
            return impersonated(_long(sent.json["scope"][0]))
        if sent.url.endswith(":generateIdToken"):
            return Answer({"token": _id_token(sent.json["audience"])})
        if "assertion" in sent.form:
            return Answer({"access_token": _long(sent.form["assertion"]), "expires_in": 3600, "token_type": "Bearer"})
        return super().default_answer(sent)


def _long(name: str) -> str:
    return f"{name}#".ljust(LONG, "x")


def _id_token(audience: str) -> str:
    claims = {"aud": audience, "iat": 1_800_000_000, "exp": 1_800_003_600}
    return ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"RS256"}', json.dumps(claims).encode(), b"s" * 700)
    )


def _user(credentials: Credentials, number: int) -> Any:
    return credentials.with_subject(f"user{number}@example.com")


def _scope(credentials: Credentials, number: int) -> Any:
    return credentials.with_scopes([f"https://www.googleapis.com/auth/scope{number}"])


def _audience(credentials: Credentials, number: int) -> Any:
    return IDTokenCredentials(credentials, f"https://service-{number}.example.com")


def _user_and_scope(credentials: Credentials, number: int) -> Any:
    return _scope(_user(credentials, number), 0)


Select = Callable[[Credentials, int], Any]


@pytest.fixture(name="request_")
def _request(clock: FakeClock) -> Workspace:
    """The transport to the fake Google."""
    return Workspace()


def _token(credentials: Any, request: FakeGoogle) -> str:
    headers: dict[str, str] = {}
    credentials.before_request(request, "GET", "https://gmail.googleapis.com/", headers)
    return headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("select", [_user, _scope, _audience, _user_and_scope])
@pytest.mark.parametrize("count", [300, pytest.param(MOST + 1, marks=pytest.mark.slow)])
def test_second_round_makes_no_call(make: Make, request_: Workspace, select: Select, count: int) -> None:
    credentials = make(ACCOUNT)
    first = [_token(select(credentials, number), request_) for number in range(count)]
    request_.calls.clear()
    assert [_token(select(credentials, number), request_) for number in range(count)] == first
    assert len(set(first)) == count
    assert request_.calls == []


def test_users_scopes_and_audiences_together_make_no_call_in_the_second_round(make: Make, request_: Workspace) -> None:
    credentials = make(ACCOUNT)
    for _ in range(2):
        request_.calls.clear()
        for number in range(300):
            for select in (_user, _scope, _audience):
                _token(select(credentials, number), request_)
    assert request_.calls == []


@pytest.mark.slow
def test_token_that_is_used_regularly_is_kept_while_5000_others_come_and_go(make: Make, request_: Workspace) -> None:
    credentials = make(ACCOUNT)
    regular = _token(_user(credentials, 0), request_)
    for number in range(1, 5001):
        _token(_user(credentials, number), request_)
        if number % (MOST // 2) == 0:
            request_.calls.clear()
            assert _token(_user(credentials, 0), request_) == regular
            assert request_.calls == []
    assert request_.count("/v1/token") == 0


def test_token_that_was_used_least_recently_is_fetched_again(make: Make, request_: Workspace) -> None:
    credentials = make(ACCOUNT)
    for number in range(3 * MOST):
        _token(_user(credentials, number), request_)
    request_.calls.clear()
    _token(_user(credentials, 3 * MOST - 1), request_)
    assert request_.calls == []
    _token(_user(credentials, 0), request_)
    assert request_.calls
    assert request_.count("sts.googleapis.com") == 0  # the federated token is used by all, so it is kept


def test_copy_that_the_caller_keeps_has_its_token_after_any_number_of_others(make: Make, request_: Workspace) -> None:
    credentials = make(ACCOUNT)
    mine = _user(credentials, 0)
    token = _token(mine, request_)
    for number in range(1, 3 * MOST):
        _token(_user(credentials, number), request_)
    request_.calls.clear()
    assert _token(mine, request_) == token
    assert request_.calls == []


@hypothesis.given(st.lists(st.integers(0, 12), max_size=200))
def test_exactly_the_tokens_that_were_used_last_are_kept(numbers: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        seams.use_clock(patch, FakeClock())
        seams.keep_sources(patch, 8)
        request = Workspace()
        credentials = Credentials(
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/a"
        )
        kept: OrderedDict[int, bool] = OrderedDict({-1: True})  # that of the original
        for number in numbers:
            request.calls.clear()
            _token(_scope(credentials, number), request)
            assert len(request.calls) == (number not in kept)
            kept[number] = True
            kept.move_to_end(number)
            if len(kept) > 8:
                kept.popitem(last=False)


def _in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    barrier = threading.Barrier(count)

    def start(number: int) -> Any:
        barrier.wait(60)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


def test_threads_that_serve_the_same_users_share_their_tokens(make: Make, request_: Workspace) -> None:
    credentials = make(ACCOUNT)
    tokens = _in_threads(8, lambda _: [_token(_user(credentials, number), request_) for number in range(100)])
    assert tokens == [tokens[0]] * 8
    assert request_.count("sts.googleapis.com") == 1
    assert request_.count(":signJwt") == request_.count("oauth2.googleapis.com") == 100


def test_threads_that_create_a_copy_at_the_same_time_share_its_token(
    monkeypatch: pytest.MonkeyPatch, make: Make, request_: Workspace
) -> None:
    credentials = make()
    both_have_found_none = threading.Barrier(2)
    seams.at_new_sources(monkeypatch, lambda: both_have_found_none.wait(60))
    tokens = _in_threads(2, lambda _: _token(_scope(credentials, 1), request_))
    assert tokens[0] == tokens[1]
    assert len(request_.calls) == 1


@pytest.mark.parametrize("most", [1, 2, 5])
def test_threads_get_the_token_of_their_own_user_while_others_push_it_out(
    monkeypatch: pytest.MonkeyPatch, make: Make, request_: Workspace, most: int
) -> None:
    seams.keep_sources(monkeypatch, most)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        credentials = make(ACCOUNT)

        def serve(thread: int) -> list[str]:
            users = [(thread * step) % 11 for step in range(60)]
            return [
                f"wrong token for {user}"
                for user in users
                if not _token(_user(credentials, user), request_).startswith(f"user{user}@example.com#")
            ]

        assert _in_threads(8, serve) == [[]] * 8
    finally:
        sys.setswitchinterval(interval)
    request_.calls.clear()
    for _ in range(2):  # the number of kept sources is still the limit
        _token(_user(credentials, 100), request_)
    assert request_.count("oauth2.googleapis.com") == (2 if most == 1 else 1)


@pytest.mark.parametrize("select", few([_user, _scope, _audience]))
def test_finding_a_kept_token_takes_as_many_calls_among_a_thousand_as_among_ten(
    make: Make, request_: Workspace, select: Select
) -> None:
    credentials = make(ACCOUNT)
    counts = []
    for numbers in (range(10), range(10, MOST)):
        for number in numbers:
            _token(select(credentials, number), request_)
        counts.append(calls_of(lambda last=numbers[-5]: _token(select(credentials, last), request_)))  # type: ignore[misc]
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("select", few([_user, _scope, _audience]))
def test_kept_token_takes_less_than_4_kilobytes(make: Make, request_: Workspace, select: Select) -> None:
    assert _bytes_of_each(make(ACCOUNT), request_, lambda one: _token(one, request_), select) < 4000


@pytest.mark.slow
def test_user_that_google_rejects_takes_less_than_8_kilobytes(make: Make, request_: Workspace) -> None:
    """Its error is kept for ten seconds. It has no frames, and texts of known lengths."""

    def fail(one: Any) -> None:
        request_.script.extend([Answer({"error": {"code": 403, "message": "m" * 200}}, 403)])
        with pytest.raises(FederationError):
            _token(one, request_)

    credentials = make(ACCOUNT)
    _token(credentials, request_)
    assert _bytes_of_each(credentials, request_, fail, _user) < 8000


def _bytes_of_each(credentials: Credentials, request: Workspace, use: Callable[[Any], object], select: Select) -> float:
    """Return the memory that stays allocated for each of many tokens.

    It is the median of five groups: in one of them, a table of the interpreter may grow, which takes megabytes in a long run.
    """

    def allocated(numbers: range) -> int:
        for number in numbers:
            use(select(credentials, number))
        request.calls.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    allocated(range(20))  # whatever is loaded and cached only once
    tracemalloc.start(1)
    try:
        total = [allocated(range(start, start + 20)) for start in range(20, 140, 20)]
        return statistics.median(after - before for before, after in itertools.pairwise(total)) / 20
    finally:
        tracemalloc.stop()

"""No error contains the password of a proxy, wherever the proxy is set and whatever characters the password has."""

from __future__ import annotations

import functools
import traceback
from typing import Any
from urllib.parse import quote

import google.auth.transport.requests
import google.auth.transport.urllib3
import google_auth_httplib2
import httplib2
import pytest
import requests
import urllib3
from seams import proxy_secrets

from core.stand_in import PROVIDER, FakeClock
from google_auth_botocore import Credentials, FederationError

PASSWORDS = ["hunter2hunter2", "hun#ter2", "hun@127.0.0.1:1/corner", "hun%ter2 ?x", "hunter2:hunter3"]
KINDS = ["environment", "session", "session without scheme", "partial", "urllib3", "httplib2", "httplib2 function"]


class Quoting(google_auth_httplib2.Request):  # type: ignore[misc]  # an Any
    """Like httplib2's transport, but with an error that quotes the password. The real one would require PySocks."""

    def __init__(self, http: httplib2.Http, password: str) -> None:
        super().__init__(http)
        self.password = password

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise ConnectionError(f"no proxy for user {self.password}")


def url(password: str) -> str:
    return f"http://user:{password}@127.0.0.1:1"


def transport(kind: str, password: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a transport with an unreachable proxy. No host name is resolved, even if part of a password is read as the host."""
    if kind == "environment":
        monkeypatch.setenv("HTTPS_PROXY", url(password))
        return google.auth.transport.requests.Request()
    if kind == "urllib3":  # accepts only encoded passwords
        pool = urllib3.ProxyManager(url(quote(password, safe="")), retries=False)
        return google.auth.transport.urllib3.Request(pool)
    if kind.startswith("httplib2"):
        info = httplib2.ProxyInfo(3, "127.0.0.1", 1, True, "user", password)
        http = httplib2.Http(proxy_info=(lambda _: info) if "function" in kind else info)
        return Quoting(http, password)
    session = requests.Session()
    given = url(password)
    session.proxies = {"https": given.removeprefix("http://") if "without" in kind else given}
    request = google.auth.transport.requests.Request(session)
    return functools.partial(request, timeout=5) if kind == "partial" else request


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("kind", KINDS)
def test_password_is_in_no_error(kind: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = transport(kind, password, monkeypatch)
    secrets = list(proxy_secrets(request))
    assert password in secrets or quote(password, safe="") in secrets
    with pytest.raises(FederationError) as caught:
        Credentials(PROVIDER, token_url="https://127.0.0.1:1/").refresh(request)
    said = "".join(traceback.format_exception(caught.value))
    for part in ("hunter2", "ter2", "corner", quote(password, safe="")):
        assert part not in said


def test_password_in_the_text_of_a_transports_error_is_hidden(clock: FakeClock) -> None:
    """In each format that the classes of a transport use."""
    with requests.Session() as session:
        session.proxies = {"https": url("hun#ter2@x")}
        session.headers["Proxy-Authorization"] = "Basic dXNlcjpodW50ZXIyaHVudGVyMg=="

        class Failing(google.auth.transport.requests.Request):
            def __call__(self, *_: Any, **__: Any) -> Any:
                raise ConnectionError(
                    f"no {url('hun#ter2@x')}, {quote('hun#ter2@x', safe='')}, dXNlcjpodW50ZXIyaHVudGVyMg=="
                )

        with pytest.raises(FederationError) as caught:
            Credentials(PROVIDER).refresh(Failing(session))
    assert "no http://user:[hidden]@127.0.0.1:1, [hidden], [hidden]" in str(caught.value)
    assert "ter2" not in "".join(traceback.format_exception(caught.value))


class Odd:
    """A transport of an unknown kind."""

    @property
    def session(self) -> Any:
        raise AttributeError("not yet")

    proxies = 7
    proxy_info = staticmethod(lambda _: 1 / 0)


@pytest.mark.parametrize("odd", [None, print, Odd(), Odd, object(), lambda **_: None])
def test_password_in_the_environment_is_found_for_any_transport(odd: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "user:hunter2@host:3128")
    assert "hunter2" in list(proxy_secrets(odd))


def test_long_user_name_without_a_password_counts_as_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy@host")
    assert list(proxy_secrets()) == []
    monkeypatch.setenv("HTTPS_PROXY", "http://0123456789abcdef@host")
    assert set(proxy_secrets()) == {"0123456789abcdef"}

"""The precedence of AWS key sources is botocore's: tested pair by pair along its chain."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.session
import pytest

from aws.conftest import ACCOUNT, Federation, Issue, Write, arn, environment, ini, process_answer, set_all
from google_auth_botocore.emulator import AwsKeys
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, SignIn, SsoPortal

CHAIN = (
    "env",
    "assume-role",
    "assume-role-with-web-identity",
    "sso",
    "shared-credentials-file",
    "login",
    "custom-process",
    "config-file",
    "container-role",
    "iam-role",
)
Sources = dict[str, Callable[[], None]]


@pytest.fixture(name="sources")
def _sources(
    issue: Issue,
    request: pytest.FixtureRequest,
    shared: Write,
    config: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Sources]:
    """Functions that set up each source, by botocore's name for it. The role has the same name."""
    home = tmp_path / "home"
    with contextlib.ExitStack() as running:

        def default(text: str) -> None:
            started = "[default]" in _text(home / ".aws" / "config")
            config(text if started else f"[default]\n{text}")

        def assume_role() -> None:
            user: AwsKeys = request.getfixturevalue("user")
            shared(ini("base", user))
            default(f"role_arn = {_role('assume-role')}\nsource_profile = base\nrole_session_name = session")

        def web_identity() -> None:
            request.getfixturevalue("moto")
            (tmp_path / "jwt").write_text("a.b.c")
            monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "jwt"))
            monkeypatch.setenv("AWS_ROLE_ARN", _role("assume-role-with-web-identity"))
            monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "session")

        def sso() -> None:
            portal = running.enter_context(SsoPortal(lambda: issue("sso")))
            portal.sign_in(home)
            set_all(monkeypatch, portal.environment())

        def login() -> None:
            endpoint = running.enter_context(SignIn(lambda: issue("login")))
            endpoint.sign_in(home)
            set_all(monkeypatch, endpoint.environment())

        def process() -> None:
            answer = tmp_path / "answer.json"
            answer.write_text(json.dumps(process_answer(issue("custom-process"))))
            default(f"credential_process = {sys.executable} -c \"print(open('{answer}').read())\"")

        def config_file() -> None:
            default(ini("-", issue("config-file")).partition("\n")[2])

        def container() -> None:
            endpoint = running.enter_context(ContainerCredentials(lambda: issue("container-role"), token="pod"))
            set_all(monkeypatch, endpoint.environment())

        def instance() -> None:
            imds = running.enter_context(InstanceMetadata(lambda: issue("iam-role")))
            set_all(monkeypatch, imds.environment())

        yield {
            "env": lambda: set_all(monkeypatch, environment(issue("env"))),
            "assume-role": assume_role,
            "assume-role-with-web-identity": web_identity,
            "sso": sso,
            "shared-credentials-file": lambda: shared(ini("default", issue("shared-credentials-file"))),
            "login": login,
            "custom-process": process,
            "config-file": config_file,
            "container-role": container,
            "iam-role": instance,
        }


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def test_every_source_of_botocore_is_tested_except_two_legacy_files() -> None:
    session = botocore.session.Session()
    chain = {provider.METHOD for provider in session.get_component("credential_provider").providers}
    assert chain - set(CHAIN) == {"ec2-credentials-file", "boto-config"}


@pytest.mark.parametrize(("first", "second"), list(itertools.pairwise(CHAIN)))
def test_of_two_consecutive_sources_in_botocores_chain_the_first_is_used(
    federation: Federation, sources: Sources, first: str, second: str
) -> None:
    sources[first]()
    sources[second]()
    credentials = botocore.session.Session().get_credentials()
    assert getattr(credentials, "method", None) == first
    assert federation.seen().arn == arn(first)


@pytest.mark.parametrize("last", CHAIN)
def test_each_source_is_found_if_it_is_the_only_one(federation: Federation, sources: Sources, last: str) -> None:
    sources[last]()
    assert federation.seen().arn == arn(last)


def test_the_pods_role_wins_over_the_nodes_role(federation: Federation, sources: Sources) -> None:
    """With Pod Identity and with IRSA."""
    sources["iam-role"]()
    sources["container-role"]()
    assert federation.seen().arn == arn("container-role")
    sources["assume-role-with-web-identity"]()
    assert federation.seen().arn == arn("assume-role-with-web-identity")

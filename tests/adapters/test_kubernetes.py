"""Clients of Kubernetes send the tokens of credentials to a cluster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import kubernetes.client
import pytest
from core.stand_in import FakeClock
from kubernetes.config import load_kube_config_from_dict
from kubernetes.config.kube_config import KubeConfigLoader

from adapters.conftest import PausedGoogle
from adapters.token_checking_servers import Reply, Sent, TokenChecker
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.adapters.kubernetes import authenticate, get_google_credentials
from google_auth_botocore.emulator import Emulator


@pytest.fixture(name="cluster")
def _cluster(checker: TokenChecker) -> Iterator[str]:
    """The API server of a cluster with one namespace."""
    namespaces = {"kind": "NamespaceList", "apiVersion": "v1", "items": [{"metadata": {"name": "default"}}]}

    def serve(sent: Sent) -> Reply:
        assert (sent.method, sent.path) == ("GET", "/api/v1/namespaces")
        return Reply(json.dumps(namespaces).encode(), headers={"Content-Type": "application/json"})

    with checker.guard(serve) as url:
        yield url


def namespaces(configuration: kubernetes.client.Configuration) -> list[str]:
    with kubernetes.client.ApiClient(configuration) as client:
        found: Any = kubernetes.client.CoreV1Api(client).list_namespace()
    return [each.metadata.name for each in found.items]


def kubeconfig(cluster: str, user: dict[str, Any]) -> dict[str, Any]:
    return {
        "current-context": "gke",
        "contexts": [{"name": "gke", "context": {"cluster": "gke", "user": "me"}}],
        "clusters": [{"name": "gke", "cluster": {"server": cluster}}],
        "users": [{"name": "me", "user": user}],
    }


def test_every_request_carries_a_token_that_lives(
    credentials: Credentials, google: Emulator, checker: TokenChecker, cluster: str
) -> None:
    configuration = kubernetes.client.Configuration(host=cluster)
    authenticate(configuration, credentials)
    assert namespaces(configuration) == namespaces(configuration) == ["default"]
    assert google.count("/v1/token") == 1
    credentials.token = None
    assert namespaces(configuration) == ["default"]
    assert checker.tokens[0] == checker.tokens[1] != checker.tokens[2] == credentials.token


def test_copies_of_a_configuration_do_the_same(
    credentials: Credentials, google: Emulator, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library copies the one that is made the default, for each client."""
    monkeypatch.setattr(kubernetes.client.Configuration, "_default", None)
    configuration = kubernetes.client.Configuration(host=cluster)
    authenticate(configuration, credentials)
    kubernetes.client.Configuration.set_default(configuration)
    for _ in range(2):
        found: Any = kubernetes.client.CoreV1Api().list_namespace()
        assert found.items[0].metadata.name == "default"
    assert google.count("/v1/token") == 1


def test_it_takes_the_place_of_the_user_in_a_kubeconfig(
    credentials: Credentials, checker: TokenChecker, cluster: str
) -> None:
    configuration = kubernetes.client.Configuration()
    load_kube_config_from_dict(kubeconfig(cluster, {"token": "old"}), client_configuration=configuration)
    authenticate(configuration, credentials)
    assert namespaces(configuration) == ["default"]
    assert checker.tokens == [credentials.token]


def test_a_kubeconfig_with_the_gcp_auth_provider(
    late_clock: FakeClock, credentials: Credentials, checker: TokenChecker, cluster: str
) -> None:
    user = {"auth-provider": {"name": "gcp"}}
    loader = KubeConfigLoader(kubeconfig(cluster, user), get_google_credentials=get_google_credentials(credentials))
    configuration = kubernetes.client.Configuration()
    loader.load_and_set(configuration)
    for _ in range(2):
        assert namespaces(configuration) == ["default"]
        late_clock.advance(3600)
    assert len(set(checker.tokens)) == 2
    assert checker.refused == 0


def test_the_text_of_what_a_loader_reads_has_no_token(credentials: Credentials) -> None:
    read = get_google_credentials(credentials)()
    assert read.token == credentials.token
    assert read.token not in repr(read)


def test_a_refusal_of_googles_reaches_the_user(credentials: Credentials, refusal: str, cluster: str) -> None:
    configuration = kubernetes.client.Configuration(host=cluster)
    authenticate(configuration, credentials)
    with pytest.raises(FederationError, match=refusal):
        namespaces(configuration)


def test_the_event_loop_goes_on_while_a_token_is_fetched(
    paused: PausedGoogle, credentials: Credentials, checker: TokenChecker, cluster: str
) -> None:
    aio = pytest.importorskip("kubernetes.aio.client", reason="came with release 36")

    async def job() -> list[str]:
        configuration = aio.Configuration(host=cluster)
        authenticate(configuration, credentials)
        async with aio.ApiClient(configuration) as client:
            found = await aio.CoreV1Api(client).list_namespace()
        return [each.metadata.name for each in found.items]

    assert asyncio.run(paused.during(job())) == ["default"]
    assert checker.tokens == [credentials.token]

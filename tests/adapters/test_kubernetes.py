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

    def respond(sent: Sent) -> Reply:
        assert (sent.method, sent.path) == ("GET", "/api/v1/namespaces")
        return Reply(json.dumps(namespaces).encode(), headers={"Content-Type": "application/json"})

    with checker.serve(respond) as url:
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


def test_every_request_contains_a_valid_token(
    credentials: Credentials, google: Emulator, checker: TokenChecker, cluster: str
) -> None:
    configuration = kubernetes.client.Configuration(host=cluster)
    authenticate(configuration, credentials)
    assert namespaces(configuration) == namespaces(configuration) == ["default"]
    assert google.count("/v1/token") == 1
    credentials.token = None
    assert namespaces(configuration) == ["default"]
    assert checker.tokens[0] == checker.tokens[1] != checker.tokens[2] == credentials.token


def test_copies_of_a_configuration_also_authenticate(
    credentials: Credentials, google: Emulator, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library copies the default configuration for each client."""
    monkeypatch.setattr(kubernetes.client.Configuration, "_default", None)
    configuration = kubernetes.client.Configuration(host=cluster)
    authenticate(configuration, credentials)
    kubernetes.client.Configuration.set_default(configuration)
    for _ in range(2):
        found: Any = kubernetes.client.CoreV1Api().list_namespace()
        assert found.items[0].metadata.name == "default"
    assert google.count("/v1/token") == 1


def test_it_replaces_the_user_of_a_kubeconfig(credentials: Credentials, checker: TokenChecker, cluster: str) -> None:
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
    assert checker.rejected == 0


def test_the_repr_of_google_credentials_contains_no_token(credentials: Credentials) -> None:
    read = get_google_credentials(credentials)()
    assert read.token == credentials.token
    assert read.token not in repr(read)


def test_a_rejection_by_google_reaches_the_user(credentials: Credentials, rejection: str, cluster: str) -> None:
    configuration = kubernetes.client.Configuration(host=cluster)
    authenticate(configuration, credentials)
    with pytest.raises(FederationError, match=rejection):
        namespaces(configuration)


def test_fetching_a_token_does_not_block_the_event_loop(
    paused: PausedGoogle, credentials: Credentials, checker: TokenChecker, cluster: str
) -> None:
    aio = pytest.importorskip("kubernetes.aio.client", reason="requires kubernetes 36")

    async def job() -> list[str]:
        configuration = aio.Configuration(host=cluster)
        authenticate(configuration, credentials)
        async with aio.ApiClient(configuration) as client:
            found = await aio.CoreV1Api(client).list_namespace()
        return [each.metadata.name for each in found.items]

    assert asyncio.run(paused.during(job())) == ["default"]
    assert checker.tokens == [credentials.token]

"""google-cloud-pubsub: publish, pull and streaming pull, with the library's own threads."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from google.cloud import pubsub_v1  # type: ignore[attr-defined]  # a namespace without types
from google.pubsub_v1.types import PublishRequest, PublishResponse, PullResponse, StreamingPullResponse

from consumers.google_clients.apis import GrpcApi
from google_auth_botocore import Credentials

TOPIC = "projects/my-project/topics/it"
SUBSCRIPTION = "projects/my-project/subscriptions/it"
RECEIVED = {"ack_id": "1", "message": {"data": b"news", "message_id": "1"}}


def test_publish(credentials: Credentials, grpc_api: GrpcApi) -> None:
    """Each batch is sent by a different thread."""

    def publish(requests: Iterator[bytes]) -> Iterator[PublishResponse]:
        [request] = map(PublishRequest.deserialize, requests)
        yield PublishResponse(message_ids=[message.data.decode() for message in request.messages])

    grpc_api.replies["Publish"] = publish
    one_by_one = pubsub_v1.types.BatchSettings(max_messages=1)
    options = {"api_endpoint": grpc_api.target}
    with pubsub_v1.PublisherClient(one_by_one, credentials=credentials, client_options=options) as client:
        published = [client.publish(TOPIC, b"%d" % number) for number in range(8)]
        assert [future.result(30) for future in published] == [str(number) for number in range(8)]
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 8, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_pull(credentials: Credentials, grpc_api: GrpcApi) -> None:
    grpc_api.replies["Pull"] = PullResponse(received_messages=[RECEIVED])
    grpc_api.replies["Acknowledge"] = b""
    options = {"api_endpoint": grpc_api.target}
    with pubsub_v1.SubscriberClient(credentials=credentials, client_options=options) as client:
        [received] = client.pull(subscription=SUBSCRIPTION, max_messages=1).received_messages
        client.acknowledge(subscription=SUBSCRIPTION, ack_ids=[received.ack_id])
    assert received.message.data == b"news"
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 2, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_streaming_pull(credentials: Credentials, grpc_api: GrpcApi) -> None:
    def stream(requests: Iterator[bytes]) -> Iterator[StreamingPullResponse]:
        next(requests)
        yield StreamingPullResponse(received_messages=[RECEIVED])
        for _ in requests:
            pass  # until the client closes the stream

    grpc_api.replies["StreamingPull"] = stream
    grpc_api.replies["Acknowledge"] = grpc_api.replies["ModifyAckDeadline"] = b""
    arrived: queue.Queue[bytes] = queue.Queue()

    def receive(message: pubsub_v1.subscriber.message.Message) -> None:
        message.ack()
        arrived.put(message.data)

    options = {"api_endpoint": grpc_api.target}
    with pubsub_v1.SubscriberClient(credentials=credentials, client_options=options) as client:
        subscription = client.subscribe(SUBSCRIPTION, receive)
        assert arrived.get(timeout=30) == b"news"
        subscription.cancel()
        subscription.result(30)
    assert (grpc_api.exchanges, grpc_api.rejected) == ((1, 1), 0)
    assert grpc_api.callers == {credentials.service_account_email}

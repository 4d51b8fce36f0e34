"""google-genai with Vertex AI. In a separate module, so that its newest release can be tested without the other libraries."""

from __future__ import annotations

from google import genai  # type: ignore[attr-defined]  # a namespace without types

from consumers.matrix.harness import Consumer, Harness
from consumers.matrix.row import ONLY_REFRESH
from google_auth_botocore import Credentials

MODEL = "gemini-2.5-flash"
METHOD = f"POST /v1beta1/projects/my-project/locations/europe-west1/publishers/google/models/{MODEL}"
ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": "42"}]}}]}


class Genai(Consumer):
    name = "google-genai"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies[f"{METHOD}:generateContent"] = ANSWER
        self._client = genai.Client(
            vertexai=True,
            credentials=credentials,
            project="my-project",
            location="europe-west1",
            http_options={"base_url": harness.http.url},
        )

    def call(self) -> None:
        assert self._client.models.generate_content(model=MODEL, contents="6 × 7?").text == "42"

    def close(self) -> None:
        if hasattr(self._client, "close"):  # older releases have no close
            self._client.close()


ROW = ONLY_REFRESH._replace(revoked="ClientError until refresh()")

"""Anthropic's client for Vertex AI: https://docs.claude.com/en/api/claude-on-vertex-ai"""

from __future__ import annotations

import anthropic
import pytest

from consumers.google_clients.apis import HttpApi
from consumers.recipes.readme import execute
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

PATH = "/projects/my-project/locations/global/publishers/anthropic/models/claude-sonnet-4-5"
MESSAGE = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def test_recipe(sandbox: Sandbox, credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests share a token. A revoked token is kept until `refresh()`."""
    with HttpApi(sandbox.google) as api:
        api.replies[f"POST {PATH}:rawPredict"] = MESSAGE
        monkeypatch.setenv("ANTHROPIC_VERTEX_BASE_URL", api.url)
        done = execute("anthropic", credentials)
        assert done.message.content[0].text == "Hi"

        def ask() -> None:
            done.client.messages.create(
                model=MESSAGE["model"], max_tokens=1, messages=[{"role": "user", "content": "?"}]
            )

        ask()
        assert (api.exchanges, api.rejected) == ((1, 1), 0)
        assert api.callers == {credentials.service_account_email}
        api.revoke()
        with pytest.raises(anthropic.AuthenticationError):
            ask()
        credentials.refresh(None)
        ask()
        done.client.close()

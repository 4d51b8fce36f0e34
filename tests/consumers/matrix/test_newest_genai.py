"""The newest google-genai behaves as the table says. `nox -s genai` runs this: google-cloud-aiplatform pins an older release."""

from __future__ import annotations

from unittest import mock

import httpx2
import pytest
from google import genai  # type: ignore[attr-defined]  # a namespace without types

from consumers.matrix.genai import ROW, Genai
from consumers.matrix.harness import Harness
from consumers.matrix.row import COLUMNS

pytestmark = pytest.mark.skipif(genai.__version__ < "3", reason="an older release, which test_matrix.py tests")


@pytest.mark.parametrize("column", COLUMNS)
def test_it_behaves_as_expected(harness: Harness, column: str) -> None:
    assert COLUMNS[column](harness, Genai) == getattr(ROW, column)


def test_it_sends_requests_with_httpx2(harness: Harness) -> None:
    client = Genai(harness.credentials, harness)
    with mock.patch.object(httpx2.Client, "send", autospec=True, side_effect=httpx2.Client.send) as send:
        client.call()
    client.close()
    send.assert_called_once()

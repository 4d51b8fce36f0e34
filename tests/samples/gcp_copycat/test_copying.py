"""One object, copied between both clouds on loopback."""

from __future__ import annotations

from samples.gcp_copycat.conftest import Clouds

from copycat.objects import Outcome


def test_small(clouds: Clouds) -> None:
    source = clouds.put("a/b", b"hello", metadata={"k": "v"})
    result = clouds.copy(source)
    assert result.outcome is Outcome.COPIED, result
    assert clouds.content("a/b") == b"hello"
    print(clouds.head("a/b"), result)
    assert clouds.copy(source).outcome is Outcome.SKIPPED


def test_large(clouds: Clouds) -> None:
    content = bytes(range(256)) * 4096 * 20 + b"x"
    source = clouds.put("large", content)
    result = clouds.copy(source)
    assert result.outcome is Outcome.COPIED, result
    assert clouds.content("large") == content
    print(clouds.head("large"), result)
    assert clouds.copy(source).outcome is Outcome.SKIPPED
    assert clouds.unfinished() == []

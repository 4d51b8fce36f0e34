"""copycat.denied: permissions that one object or all objects lack."""

from __future__ import annotations

import json

import pytest
from copycat.denied import Denials
from copycat.objects import Outcome, Result

from samples.conftest import Copycat
from samples.gcp_copycat.proxy import Act, Proxy, answers

_COPIED = Result("a", "a", Outcome.COPIED)
_SKIPPED = Result("a", "a", Outcome.SKIPPED)
_FAILED = Result("a", "a", Outcome.FAILED, "the checksum is wrong")
_READ = Result("a", "a", Outcome.FAILED, "no get", denied="storage.objects.get")
_WRITE = Result("a", "a", Outcome.FAILED, "no put", denied="s3:PutObject")


@pytest.mark.parametrize(
    ("results", "meanwhile", "at_the_end"),
    [
        ([], None, None),
        ([_READ], None, "no get"),
        ([_READ] * 99, None, "no get"),
        ([_READ] * 100, "no get", "no get"),
        ([_SKIPPED] * 5 + [_WRITE] * 100, "no put", "no put"),
        ([_SKIPPED, _WRITE], None, None),
        ([_WRITE, _COPIED], None, None),
        ([_COPIED] + [_READ] * 1000, None, None),
        ([_FAILED, _READ], None, None),
        ([_WRITE, _READ], None, None),
        ([_WRITE] * 99 + [_READ] * 99, None, None),
    ],
)
def test_a_permission_is_missing_for_all_only_if_no_object_was_copied(
    results: list[Result], meanwhile: str | None, at_the_end: str | None
) -> None:
    denials = Denials()
    for result in results:
        denials.add(result)

    assert denials.common_cause(complete=False) == meanwhile
    assert denials.common_cause(complete=True) == at_the_end


def _denied(cloud: str) -> Act:
    if cloud == "google":
        return answers(
            403, json.dumps({"error": {"message": "no access", "errors": [{"reason": "forbidden"}]}}).encode()
        )
    return answers(400, b"<Error><Code>KMS.DisabledException</Code><Message>no key</Message></Error>")


@pytest.mark.parametrize("cloud", ["google", "aws"])
def test_one_denied_object_fails_alone(copycat: Copycat, cloud: str) -> None:
    """This also holds in the next run, in which nothing else is copied."""
    for name in ("a", "b", "c"):
        copycat.put(name)
    behind = copycat.sandbox.storage.url if cloud == "google" else copycat.sandbox.aws.url
    with Proxy(behind) as proxy:
        if cloud == "google":
            environment = {"GCP_COPYCAT_STORAGE_ENDPOINT": proxy.url}
            proxy.on("GET", "/o/a?", _denied(cloud))
        else:
            environment = {"AWS_ENDPOINT_URL_S3": proxy.url}
            proxy.on("PUT", "/a", _denied(cloud))
        for _ in range(2):
            code, _, err = copycat.run("--processes", "1", **environment)

            assert code == 1
            assert err.startswith("failed: a: ")
            assert err.count("\n") == 1
    assert set(copycat.listed()) == {"b", "c"}


def test_a_permission_that_every_object_lacks_ends_the_run_with_one_sentence(copycat: Copycat) -> None:
    for number in range(3):
        copycat.put(f"object-{number}")
    with Proxy(copycat.sandbox.storage.url) as proxy:
        proxy.on("GET", "alt=media", _denied("google"))

        code, _, err = copycat.run("--processes", "1", GCP_COPYCAT_STORAGE_ENDPOINT=proxy.url)

    assert code == 2
    bucket = f"bucket '{copycat.source}'"
    assert err == f"gcp_copycat: Cloud Storage denied storage.objects.get on {bucket} (HTTP 403: no access)\n"

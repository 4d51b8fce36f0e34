"""Signed upload forms of google-cloud-storage: verified, posted, and rejected outside their policy."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
import requests
from core.stand_in import FakeClock
from emulator.workload import Workload
from google.cloud.storage import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.storage import Storage
from service_account.buckets import BUCKET, STYLES, Reply, open_client, sent
from service_account.conftest import PROJECT
from service_account.signed_urls import verify

HOUR = timedelta(hours=1)
KEY = "uploads/Straße 100%.txt"
CONTENT = b"\x00 a file\r\n\r\nwith \r and \n and -- \xff\r\n"


class Form(NamedTuple):
    """A form as a browser fills it in."""

    url: str
    fields: Mapping[str, str]

    def posted(
        self,
        storage: Storage,
        content: bytes = CONTENT,
        kind: str = "text/plain",
        changes: Mapping[str, str | None] = {},
    ) -> Reply:
        """Fill in the form and send it. A field that is changed to None is omitted."""
        fields = {name: value for name, value in {**self.fields, **changes}.items() if value is not None}
        request = requests.Request("POST", self.url, data=fields, files={"file": ("any", content, kind)}).prepare()
        assert isinstance(request.body, bytes)
        return sent(storage, "POST", self.url, {"Content-Type": request.headers["Content-Type"]}, request.body)


Sign = Callable[..., Form]


@pytest.fixture(name="sign")
def _sign(credentials: Credentials) -> Sign:
    """Return a function that creates a form, with the arguments of google-cloud-storage's method."""
    client = Client(project=PROJECT, credentials=credentials)

    def sign(key: str = KEY, expiration: timedelta = HOUR, **arguments: Any) -> Form:
        return Form(**client.generate_signed_post_policy_v4(BUCKET, key, expiration, **arguments))

    return sign


def stored(storage: Storage, name: str = KEY) -> bytes:
    content = open_client(storage).bucket(BUCKET).get_blob(name).download_as_bytes()
    assert isinstance(content, bytes)
    return content


def verified(form: Form, certificates: Mapping[str, str]) -> Any:
    """Verify the signature of the policy and return the policy."""
    verify(certificates, bytes.fromhex(form.fields["x-goog-signature"]), form.fields["policy"].encode())
    return json.loads(base64.b64decode(form.fields["policy"], validate=True))


@pytest.mark.parametrize("style", STYLES)
def test_a_file_is_uploaded(
    sign: Sign, storage: Storage, workload: Workload, certificates: dict[str, str], style: str
) -> None:
    form = sign(**STYLES[style])

    assert form.posted(storage).status == 204
    assert stored(storage) == CONTENT
    assert storage.principals == [workload.account.email]
    conditions = verified(form, certificates)["conditions"]
    assert {"bucket": BUCKET} in conditions
    assert {"key": KEY} in conditions
    assert form.fields["x-goog-credential"].startswith(f"{workload.account.email}/")


def test_fields_describe_the_object_and_the_reply(sign: Sign, storage: Storage, certificates: dict[str, str]) -> None:
    fields = {"Content-Type": "text/csv", "x-goog-meta-author": "Ännchen", "Cache-Control": "no-store"}
    form = sign(fields={**fields, "success_action_status": "201", "x-ignore-me": "any"})

    reply = form.posted(storage, changes={"x-ignore-me": "another"})

    assert reply.status == 201
    document = ET.fromstring(reply.body)
    assert (document.tag, document.findtext("Bucket"), document.findtext("Key")) == ("PostResponse", BUCKET, KEY)
    blob = open_client(storage).bucket(BUCKET).get_blob(KEY)
    assert (blob.content_type, blob.cache_control, blob.metadata) == ("text/csv", "no-store", {"author": "Ännchen"})
    assert {"x-goog-meta-author": "Ännchen"} in verified(form, certificates)["conditions"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\\/."), min_size=1, max_size=20),
    content=st.binary(max_size=60),
)
@example('ünï ☃ 𝄞 "quoted" %22', b"\r\n--\r\n\r\n")
def test_any_file_is_uploaded(
    sign: Sign, storage: Storage, certificates: dict[str, str], key: str, content: bytes
) -> None:
    form = sign(key)

    assert form.posted(storage, content).status == 204
    assert stored(storage, key) == content
    verified(form, certificates)


@pytest.mark.parametrize("kind", ["message/rfc822", "multipart/mixed; boundary=b"])
def test_an_email_message_is_uploaded_like_any_file(sign: Sign, storage: Storage, kind: str) -> None:
    mail = b"Subject: a\r\n\r\n--b\r\nContent-Disposition: form-data; name=key\r\n\r\nother\r\n--b--\r\n"

    assert sign().posted(storage, mail, kind).status == 204
    assert stored(storage) == mail


def test_conditions_can_allow_a_prefix_and_a_range_of_sizes(sign: Sign, storage: Storage) -> None:
    form = sign(
        conditions=[["starts-with", "$content-type", "image/"], ["content-length-range", 2, 4]],
    )

    def code(content: bytes, kind: str) -> str:
        reply = form.posted(storage, content, changes={"content-type": kind})
        return "" if reply.status == 204 else reply.error["Code"]

    assert [code(b"1" * size, "image/png") for size in (1, 2, 4, 5)] == ["EntityTooSmall", "", "", "EntityTooLarge"]
    assert code(b"12", "text/html") == "InvalidPolicyDocument"


def longer(form: Form) -> dict[str, str]:
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    policy["expiration"] = "2999-01-01T00:00:00Z"
    return {"policy": base64.b64encode(json.dumps(policy).encode()).decode()}


def another_signer(form: Form) -> dict[str, str]:
    return {"x-goog-credential": form.fields["x-goog-credential"].replace("copycat@", "other@")}


REFUSALS: Mapping[str, tuple[int, str, Callable[[Form], Mapping[str, str | None]]]] = {
    "signature": (403, "SignatureDoesNotMatch", lambda form: {"x-goog-signature": "00" + form.fields["x-goog-signature"][2:]}),
    "no hexadecimal signature": (400, "MalformedSecurityHeader", lambda _: {"x-goog-signature": "none"}),
    "policy": (403, "SignatureDoesNotMatch", longer),
    "other signer": (403, "SignatureDoesNotMatch", another_signer),
    "unknown signer": (403, "InvalidAccessKeyId", lambda form: {"x-goog-credential": "nobody" + form.fields["x-goog-credential"][7:]}),
    "key": (400, "InvalidPolicyDocument", lambda _: {"key": "other"}),
    "field more": (400, "InvalidPolicyDocument", lambda _: {"acl": "public-read"}),
    "no signature": (400, "InvalidPolicyDocument", lambda _: {"x-goog-signature": None}),
    "no policy": (400, "InvalidPolicyDocument", lambda _: {"policy": None}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSALS)
def test_a_form_outside_its_policy_is_rejected(google: Emulator, sign: Sign, storage: Storage, what: str) -> None:
    google.add_service_account(f"other@{PROJECT}.iam.gserviceaccount.com")
    form = sign()
    status, code, change = REFUSALS[what]

    reply = form.posted(storage, changes=change(form))

    assert (reply.status, reply.error["Code"]) == (status, code)
    assert storage.refused == 1
    assert storage.resource(BUCKET, KEY) is None


def test_a_form_for_another_bucket_is_rejected(sign: Sign, storage: Storage) -> None:
    form = sign()

    reply = form._replace(url=form.url.replace(BUCKET, "other")).posted(storage)

    assert (reply.status, reply.error["Code"]) == (400, "InvalidPolicyDocument")


def test_a_form_expires(sign: Sign, storage: Storage, clock: FakeClock) -> None:
    form = sign(expiration=timedelta(minutes=5))

    clock.advance(295)
    assert form.posted(storage).status == 204
    clock.advance(10)
    reply = form.posted(storage)

    assert (reply.status, reply.error["Code"]) == (400, "InvalidPolicyDocument")
    assert "expired" in reply.error["Details"]


@pytest.mark.parametrize(
    "policy",
    [b" ", b"{", b"[]", b"{}", *(b'{"expiration": "2999-01-01T00:00:00Z", "conditions": %s}' % each for each in (b"7", b'["a"]', b'[["eq", "$key"]]', b'[["content-length-range", "few", 9]]'))],
    ids=repr,
)  # fmt: skip
def test_an_invalid_policy_is_rejected(credentials: Credentials, sign: Sign, storage: Storage, policy: bytes) -> None:
    """Even if its signature is valid."""
    encoded = base64.b64encode(policy)

    changes = {"policy": encoded.decode(), "x-goog-signature": credentials.sign_bytes(encoded).hex()}
    reply = sign().posted(storage, changes=changes)

    assert (reply.status, reply.error["Code"]) == (400, "InvalidPolicyDocument")

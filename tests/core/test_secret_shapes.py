"""Text that looks like a secret is recognized in every encoding; paths and names are not mistaken for secrets."""

from __future__ import annotations

import base64
import gzip
import json
import random
import secrets
import urllib.parse
import zlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from seams import secret_kind as kind

_FORM = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
_RSA = rsa.generate_private_key(65537, 2048)
PEM = _RSA.private_bytes(serialization.Encoding.PEM, *_FORM).decode()
DER = _RSA.private_bytes(serialization.Encoding.DER, *_FORM)
EC_PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, *_FORM).decode()
KEY_FILE = {
    "type": "service_account",
    "project_id": "my-project",
    "private_key_id": secrets.token_hex(20),
    "private_key": PEM,
    "client_email": "app@my-project.iam.gserviceaccount.com",
}
USER_FILE = {
    "client_id": "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com",
    "client_secret": "d-FL95Q19q7MQmFpd7hHD0Ty",
    "refresh_token": "1//0gLdKfjwlDkfjslwkdjfRlfkjs-lkdjf_lskdjf",
    "type": "authorized_user",
}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def shown(text: str) -> str:
    """Return a text as a shell or Python prints it."""
    return repr(text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "white space before": lambda text: f" \n\t{text}",
    "single quotes": lambda text: text.replace('"', "'"),
    "no quotes": lambda text: text.replace('"', ""),
    "quoted": shown,
    "escaped": json.dumps,
    "escaped twice": lambda text: json.dumps(json.dumps(text)),
    "code points": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "percent": urllib.parse.quote,
    "form": urllib.parse.quote_plus,
    "percent twice": lambda text: urllib.parse.quote(urllib.parse.quote(text)),
    "HTML": lambda text: text.replace('"', "&quot;").replace("{", "&#123;"),
    "base64": b64,
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 in escaped lines": lambda text: base64.encodebytes(text.encode()).decode().replace("\n", "\\n"),
    "base64 for URLs, no padding": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: b64(b64(text)),
    "percent of base64": lambda text: urllib.parse.quote(b64(text), safe=""),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base64 with a prefix": lambda text: f"base64:{b64(text)}",
    "base64 behind a path": lambda text: f"/tmp/{b64(text)}",
    "gzip": lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
    "zlib": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
    "hex": lambda text: text.encode().hex(),
    "data URL": lambda text: f"data:application/json;base64,{b64(text)}",
    "data URL, percent": lambda text: f"data:application/json,{urllib.parse.quote(text)}",
    "file URL": lambda text: f"file://{text}",
    "shell": lambda text: f"export GOOGLE_APPLICATION_CREDENTIALS='{text}'",
    "truncated": lambda text: text[: len(text) // 2],
    "the brace cut off": lambda text: text[1:],
    "in an array": lambda text: f"[{text}]",
    "behind text": lambda text: f"/etc/key.json {text}",
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("document", [KEY_FILE, USER_FILE], ids=["key", "user"])
def test_json_in_every_encoding(encode: Callable[[str], str], indent: int | None, document: dict[str, str]) -> None:
    assert kind(encode(json.dumps(document, indent=indent))) is not None


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("\n", "\\n"),
        EC_PEM,
        PEM[100:],
        "".join(PEM.splitlines()[1:-1]),
        PEM.splitlines()[1],
        b64(PEM),
        base64.b64encode(DER).decode(),
        DER.hex(),
        urllib.parse.quote(PEM),
        f"private_key={PEM}",
        f"type: service_account\nprivate_key: |\n  {PEM}",
    ],
    ids=["PEM", "one line", "EC", "cut", "no frame", "a line", "base64", "DER", "hex", "percent", "setting", "YAML"],
)
def test_private_key_in_every_form(text: str) -> None:
    assert kind(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "ya29.c.b0Aaekm1K-x",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "AIzaSyA-1234567890abcdefghijklmnopqrstu",
        "GOCSPX-abcdefghijklmnopqrst",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJ",
        "FwoGZXIvYXdzEAAaDExample",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "Bearer abc",
        "password=hunter2",
        "aws_secret_access_key = x",
        "https://host/?access_token=abc",
    ],
)
def test_token_of_a_known_issuer(text: str) -> None:
    assert kind(text) is not None


@pytest.mark.parametrize(
    "encode",
    [
        lambda data: base64.b64encode(data[:30]).decode(),  # like the secret keys of AWS
        lambda data: base64.b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode(),
    ],
    ids=["40 letters", "base64", "base64 for URLs"],
)
def test_random_key(encode: Callable[[bytes], str]) -> None:
    """A few exceptions are allowed, because random letters can look like words."""
    numbers = random.Random(12)  # the same in each run
    missed = [key for key in (encode(numbers.randbytes(96)) for _ in range(1000)) if kind(key) is None]
    assert len(missed) <= 5, missed


@pytest.mark.parametrize(
    "text",
    [
        "/etc/google/config.json",
        "config.json",
        "C:\\Users\\Me\\AppData\\Local\\config.json",
        "~/keys/private_key.json",
        "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
        "/var/run/secrets/workload-identity/google/application/default/credentials",
        "/Users/JohnDoe/Library/Application Support/gcloud/application_default_credentials.json",
        "/home/runner/work/app/app/gha-creds-0123456789abcdef.json",
        "/nix/store/0c1b7q8x9w4d5v6n2m3k1j0h8g7f6d5s-config/lib/config.json",
        "/data/[prod]/{region}/config.json",
        "/tmp/pytest-of-root/pytest-0/test_file_that_is_not_there0/none.json",
        "file:///etc/google/config.json",
        "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod",
        "projects/my-project/locations/global/workloadIdentityPools/aws-pool/providers/prod",
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken",
        "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://vpce-0123456789abcdef0-abcdefgh.sts.us-east-1.vpce.amazonaws.com",
        "urn:ietf:params:oauth:token-type:id_token",
        "urn:ietf:params:aws:token-type:aws4_request",
        "a-very-long-account-name-of-30@a-very-long-project-name-of-30.iam.gserviceaccount.com",
        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_AdministratorAccess_0a1b2c3d4e5f6a7b",
        "arn:aws:sts::123456789012:assumed-role/MyStack-LambdaServiceRole3A1B2C3D-1A2B3C4D5E6F7/session",
        "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com",
        "https://www.googleapis.com/auth/devstorage.read_write",
        "o'brien@example.com",
        "100%",
        "us-gov-west-1",
        "projects/1/locations/global/workloadIdentityPools/p/providers/q?x='",
    ],
)
def test_text_that_is_not_a_secret(text: str) -> None:
    assert kind(text) is None

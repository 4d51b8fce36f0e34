"""A private key, token or configuration that is passed instead of a path is never shown, neither in errors nor in frames."""

from __future__ import annotations

import base64
import gzip
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import seams

import google_auth_botocore
from core.stand_in import PROVIDER
from core.test_external_account import info
from core.test_secret_shapes import DER, ENCODINGS, KEY_FILE, PEM, USER_FILE, b64
from google_auth_botocore import ConfigurationError, Credentials

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
PASTED = {
    **{f"key, {name}": encode(json.dumps(KEY_FILE, indent=2)) for name, encode in ENCODINGS.items()},
    "user's file": json.dumps(USER_FILE),
    "configuration": json.dumps(info()),
    "PEM": PEM,
    "PEM in one line": PEM.replace("\n", "\\n"),
    "PEM in base64": b64(PEM),
    "DER": b64(DER.decode("latin-1")),
    "access token": "ya29.c.b0Aaekm1K-abcdefghijklmnop",
    "AWS's secret key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a long text": "lorem ipsum " * 1000,
    "a long name": "/tmp/" + "x" * 300,
    "a key in base85": base64.b85encode(json.dumps(KEY_FILE).encode()).decode(),
    "a key in base32": base64.b32encode(json.dumps(KEY_FILE).encode()).decode(),
    "a key in hex, with colons": json.dumps(KEY_FILE).encode().hex(":"),
    "lines": "line\nline",
}
# No part of the pasted text that is this long may be shown.
WINDOW = 12
SOURCE = Path(google_auth_botocore.__file__).parent


def parts(text: str) -> set[str]:
    return {text[start : start + WINDOW] for start in range(len(text) - WINDOW + 1)}


# A configuration contains the same words as our code and its variable names.
CODE = "\n".join(
    path.read_text(encoding="utf-8") for pattern in ("*.py", "_*/*.py") for path in SOURCE.glob(pattern)
) + str(SOURCE)
OURS = parts(CODE) | parts(CODE.replace('"', "'"))


def everything(error: BaseException | None) -> Iterator[str]:
    """Return everything that a crash reporter finds: texts, causes, contexts and the variables of the package's frames."""
    while error is not None:
        yield from _texts([str(error), error.args, vars(error)])
        yield "".join(traceback.format_exception(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(str(SOURCE)):
                yield from _texts(dict(frame.f_locals))
        error = error.__cause__ or error.__context__


def _texts(value: object) -> Iterator[str]:
    """Yield each text in a container, raw and as printed."""
    yield repr(value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.items():
            yield from _texts(each)
    elif isinstance(value, (list, tuple, set)):
        for each in value:
            yield from _texts(each)


def assert_hidden(pasted: str, error: BaseException) -> None:
    assert not (parts(pasted) & parts("\n".join(everything(error)))) - OURS


LOADERS: dict[str, Callable[[Any], object]] = {
    "from_file": Credentials.from_file,
    "load_credentials_from_file": google_auth_botocore.load_credentials_from_file,
    "from_file with bytes": lambda path: Credentials.from_file(os.fsencode(path)),
}


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_secret_in_an_argument_is_hidden(load: Callable[[Any], object], pasted: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^filename holds .*, not a path\. Its value is not shown here\."
    ) as caught:
        load(pasted)
    assert_hidden(pasted, caught.value)


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_secret_in_the_environment_variable_is_hidden(monkeypatch: pytest.MonkeyPatch, pasted: str) -> None:
    monkeypatch.setenv(VARIABLE, pasted)
    for load in (google_auth_botocore.default, lambda: Credentials.from_file(os.environ[VARIABLE])):
        with pytest.raises(ConfigurationError, match=rf"^{VARIABLE} holds .*, not a path\.") as caught:
            load()
        assert_hidden(pasted, caught.value)


def test_error_says_that_the_variable_holds_json_and_how_to_fix_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps(KEY_FILE))
    with pytest.raises(ConfigurationError) as caught:
        google_auth_botocore.default()
    assert seams.sentences(caught.value) == (
        f"{VARIABLE} holds JSON, not a path. Its value is not shown here. "
        f"Write the JSON to a file, and set {VARIABLE} to the path of that file."
    )


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        (b64(json.dumps(KEY_FILE)), "encoded JSON"),
        (base64.b64encode(gzip.compress(json.dumps(KEY_FILE).encode())).decode(), "encoded JSON"),
        (PEM, "a private key"),
        (b64(PEM), "a private key"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "a key or token"),
        ("x" * 300, "a text that is too long"),
        ("data:,x", "a data: URL"),
    ],
    ids=["base64", "gzip", "PEM", "PEM in base64", "JWT", "long", "data"],
)
def test_error_says_what_was_pasted(pasted: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^filename holds {said}, not a path"):
        Credentials.from_file(pasted)


@pytest.mark.parametrize("document", [KEY_FILE, {"type": KEY_FILE["private_key"]}, {"audience": PEM, **KEY_FILE}])
def test_mapping_instead_of_a_path_is_hidden(document: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a path") as caught:
        Credentials.from_file(document)
    assert_hidden(PEM, caught.value)
    assert_hidden(json.dumps(PEM), caught.value)


FILES = {
    "key": json.dumps(KEY_FILE),
    "array": json.dumps([KEY_FILE]),
    "string": json.dumps(json.dumps(KEY_FILE)),
    "base64": json.dumps(b64(json.dumps(KEY_FILE))),
    "number": "1234567890123456789012345678901234567890",
    "truncated": json.dumps(KEY_FILE)[:-30],
    "no JSON": PEM,
    "not UTF-8": f"{json.dumps(KEY_FILE)}\udcff",
    "key beside our type": json.dumps(info(**KEY_FILE) | {"type": "external_account", "audience": PEM}),
    "key as the type": json.dumps({"type": PEM}),
    "universe": json.dumps(info(universe_domain=PEM)),
    "URL": json.dumps(info(token_url=f"https://sts.googleapis.com/{b64(PEM)}")),
    "environment": json.dumps(info(credential_source={"environment_id": PEM})),
    "quota": json.dumps(info(quota_project_id=PEM)),
    "lifetime": json.dumps(info(service_account_impersonation={"token_lifetime_seconds": PEM})),
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_key_in_a_file_is_hidden(tmp_path: Path, text: str) -> None:
    """The key is the whole file, or part of a configuration."""
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)
    for secret in (PEM, json.dumps(PEM)[1:-1], b64(PEM), KEY_FILE["private_key_id"], FILES["number"]):
        assert_hidden(secret, caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", [FILES[name] for name in ("array", "string", "base64", "number")])
@pytest.mark.filterwarnings("ignore:The load_credentials_from_file method is deprecated:DeprecationWarning")
def test_content_that_google_auth_cannot_read_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The error of google-auth has the document in an attribute."""
    path = tmp_path / "config.json"
    path.write_text(text)
    monkeypatch.setenv(VARIABLE, str(path))
    loaders: list[Callable[[], object]] = [
        google_auth_botocore.default,
        lambda: google_auth_botocore.load_credentials_from_file(path),
    ]
    for load in loaders:
        with pytest.raises(ConfigurationError, match="must hold a JSON object") as caught:
            load()
        for secret in (PEM, json.dumps(PEM)[1:-1], FILES["number"]):
            assert_hidden(secret, caught.value)


NAMES = [
    *(
        "audience",
        "service_account_email",
        "subject",
        "quota_project_id",
        "project_id",
        "profile",
        "region",
        "lifetime",
    ),
    *(
        "subject_token_type",
        "universe_domain",
        "token_url",
        "iam_credentials_endpoint",
        "oauth_token_url",
        "assume_role",
    ),
]
VALUES = [PEM, json.dumps(KEY_FILE), b64(json.dumps(KEY_FILE)), "ya29.c.b0Aaekm1K-abcdefghijklmnop"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", VALUES, ids=["PEM", "JSON", "base64", "token"])
@pytest.mark.parametrize(
    "wrap", [str, lambda value: [value], lambda value: {"x": value}], ids=["text", "list", "mapping"]
)
def test_secret_instead_of_a_name_is_hidden(name: str, value: str, wrap: Callable[[str], Any]) -> None:
    arguments = {"audience": PROVIDER, name: wrap(value)}
    with pytest.raises(ConfigurationError) as caught:
        Credentials(**arguments)
    said = f"{caught.value}\n{''.join(traceback.format_exception(caught.value))}"
    assert not (parts(value) & parts(said)) - OURS


@pytest.mark.parametrize("name", ["scopes", "default_scopes", "delegates"])
def test_secret_instead_of_a_list_is_hidden(name: str) -> None:
    for value in (PEM, [PEM], json.dumps(KEY_FILE), [json.dumps(KEY_FILE)]):
        with pytest.raises(ConfigurationError) as caught:
            Credentials(PROVIDER, "a@p.iam.gserviceaccount.com", **{name: value})  # type: ignore[arg-type]
        assert not parts(PEM) & parts(str(caught.value))


@pytest.mark.parametrize("field", ["token_url", "service_account_impersonation_url", "universe_domain"])
def test_user_part_of_a_url_is_not_shown(field: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for url in ("https://user:hunter2@host/v1/token", "https://user:hun/ter2@host/", "user-1:hunter2@host"):
        path.write_text(json.dumps(info(**{field: url})))
        with pytest.raises(ConfigurationError, match="hidden") as caught:
            Credentials.from_file(path)
        assert "ter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\ud800", "a\0b", "\udcff", "{", "[]", " "])
def test_odd_path_is_one_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="configuration file"):
        Credentials.from_file(name)


def test_path_that_is_a_url_shows_no_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file("https://user:hunter2@host/config.json")
    assert seams.sentences(caught.value) == (
        "There is no configuration file 'https://[hidden]@host/config.json'. Download the file, and pass the path of the copy."
    )


def test_an_existing_file_is_a_path_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = '{"type": "service_account"}'
    Path(name).write_text(json.dumps(info()))
    assert Credentials.from_file(name).get_cred_info()["credential_source"] == name
    monkeypatch.setenv(VARIABLE, name)
    assert isinstance(google_auth_botocore.default()[0], Credentials)

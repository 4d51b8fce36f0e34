"""`install`: google-auth's own functions return `Credentials` for the file of an AWS workload, in the whole process."""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import importlib.metadata
import json
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.session
import google.auth
import pytest
from google.auth import _default, aws, load_credentials_from_dict
from google.auth import default as default_imported_early

import google_auth_botocore
from core.stand_in import ACCOUNT, FakeClock, FakeGoogle
from core.test_default import ELSEWHERE, outcome
from core.test_external_account import info
from google_auth_botocore import ConfigurationError, Credentials, install, uninstall

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_:DeprecationWarning")

GOOGLES_OWN = vars(aws.Credentials)["from_info"]


@pytest.fixture(autouse=True)
def _uninstalled() -> Iterator[None]:
    """Nothing is installed before and after each test."""
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN
    yield
    uninstall()
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


@pytest.fixture(name="path", autouse=True)
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file, in GOOGLE_APPLICATION_CREDENTIALS. With a project, google-auth itself makes no network call."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(info(project_id="file")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_CLOUD_QUOTA_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return path


def default(*arguments: Any, **more: Any) -> tuple[Any, str | None]:
    """Return what google-auth returns, of any type."""
    return google.auth.default(*arguments, **more)


def project() -> str | None:
    """Return the project of the credentials that google-auth creates."""
    return str(default()[0].project_id)


def test_each_function_of_google_auth_returns_our_credentials(path: Path, request_: FakeGoogle) -> None:
    install(region="us-west-2")
    found: list[Any] = [
        default(),
        default_imported_early(),
        google.auth.load_credentials_from_file(str(path)),
        google.auth.load_credentials_from_dict(info(project_id="file")),
        load_credentials_from_dict(info(project_id="file")),
    ]
    direct = [aws.Credentials.from_info(info(project_id="file")), aws.Credentials.from_file(str(path))]
    for credentials, project_id in [*found, *((each, "file") for each in direct)]:
        assert isinstance(credentials, Credentials)
        assert (project_id, credentials.project_id, credentials.service_account_email) == ("file", "file", ACCOUNT)
    found[0][0].refresh(request_)
    assert "us-west-2" in str(request_.calls[0])


def test_uninstall_restores_exactly_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    install()
    install(project_id="other")
    ours, _ = default()
    uninstall()
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN
    assert isinstance(default()[0], aws.Credentials)
    assert isinstance(ours, Credentials)
    uninstall()


def test_last_call_takes_effect() -> None:
    install(project_id="a")
    install(project_id="a")
    assert project() == "a"
    install(project_id="b")
    assert project() == "b"


def test_nested_blocks_restore_the_arguments_around_them() -> None:
    install(project_id="process")
    with install(project_id="outer"):
        with install(project_id="inner"):
            assert project() == "inner"
        assert project() == "outer"
        with contextlib.suppress(KeyError), install():
            assert project() == "file"
            raise KeyError
        assert project() == "outer"
    assert project() == "process"
    uninstall()
    with install():
        pass
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


def test_block_with_the_same_arguments_as_the_process_does_not_uninstall_them() -> None:
    install(project_id="process")
    with install(project_id="process"):
        pass
    assert project() == "process"


def test_one_context_manager_can_be_entered_again() -> None:
    manager = install(project_id="a")
    with manager, manager:
        assert project() == "a"
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN
    with manager:
        assert project() == "a"
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


def test_uninstall_in_a_block_stays_in_effect_after_it() -> None:
    with install():
        uninstall()
        assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


def test_repeated_calls_keep_nothing() -> None:
    """For example in the handler of a Lambda function, which may pass a new session each time."""

    class Project(str):
        __slots__ = ("__weakref__",)

    references = []
    for number in range(50):
        project_id = Project(f"p{number}")
        references.append(weakref.ref(project_id))
        install(project_id=project_id)
        del project_id
    gc.collect()
    assert sum(each() is not None for each in references) <= 2
    assert project() == "p49"


def test_threads_that_enter_and_leave_blocks_do_not_disturb_each_other() -> None:
    install(project_id="process")
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait(timeout=60)
        for _ in range(50):
            with install(project_id=f"thread-{number}"):
                found, _ = google.auth.load_credentials_from_dict(info(), request=object())
                assert isinstance(found, Credentials)
                assert found.project_id.startswith("thread-")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert project() == "process"
    uninstall()
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


def test_install_and_uninstall_in_threads_never_break_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call gets either this package's or google-auth's credentials."""
    stop = threading.Event()

    def toggle() -> None:
        while not stop.is_set():
            install()
            uninstall()

    with ThreadPoolExecutor(2) as pool:
        toggles = [pool.submit(toggle) for _ in range(2)]
        try:
            kinds = {type(aws.Credentials.from_info(info())) for _ in range(500)}
        finally:
            stop.set()
        for each in toggles:
            each.result(timeout=60)
    assert kinds <= {Credentials, aws.Credentials}
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


def test_scopes_and_projects_of_the_caller_are_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    credentials, _ = default(["a"], quota_project_id="q", default_scopes=["b"])
    assert (credentials.scopes, credentials.default_scopes, credentials.quota_project_id) == (("a",), ("b",), "q")
    credentials, _ = default(default_scopes=["b"])
    assert (credentials.scopes, credentials.default_scopes) == (None, ("b",))
    assert default()[0].requires_scopes
    loaded, _ = google.auth.load_credentials_from_file(str(path), ["a"], ["b"], "q")
    assert (loaded.scopes, loaded.default_scopes, loaded.quota_project_id) == (("a",), ("b",), "q")
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "environment")
    assert default()[0].quota_project_id == "environment"
    assert default(quota_project_id="q")[0].quota_project_id == "q"


def test_scopes_of_install_are_used_for_all_libraries(path: Path) -> None:
    install(scopes=iter(["chosen"]), quota_project_id="q", delegates=iter([ACCOUNT]))
    for credentials, _ in (
        default(),
        default(["a"]),
        google.auth.load_credentials_from_file(str(path), scopes=["a"]),
    ):
        assert (credentials.scopes, credentials.quota_project_id) == (("chosen",), "q")
        assert "delegates" in repr(credentials)


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ({}, {}, ("file", "file")),
        ({"project_id": "argument"}, {}, ("argument", "argument")),
        ({}, {"GOOGLE_CLOUD_PROJECT": "new", "GCLOUD_PROJECT": "old"}, ("new", "new")),
        ({}, {"GCLOUD_PROJECT": "old"}, ("old", "old")),
        ({"project_id": "argument"}, {"GOOGLE_CLOUD_PROJECT": "new"}, ("new", "argument")),
    ],
)
def test_project_is_found_without_a_network_call(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], environment: dict[str, str], expected: tuple[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    install(**arguments)
    request = FakeGoogle()
    credentials, project_id = default(request=request)
    assert (project_id, credentials.project_id) == expected
    assert request.calls == []


def test_workload_without_a_project_makes_no_network_call(path: Path) -> None:
    path.write_text(json.dumps(info()))
    install()
    request = FakeGoogle()
    credentials, project_id = default(request=request)
    assert (project_id, credentials.get_project_id(request), request.calls) == (None, None, [])


def test_credentials_name_the_file_that_google_auth_read(path: Path) -> None:
    install()
    credentials, _ = default(scopes=["a"])
    assert str(path) in credentials.get_cred_info()["credential_source"]
    assert copy.copy(credentials).get_cred_info() == credentials.get_cred_info()


@pytest.mark.usefixtures("clock")
def test_equal_credentials_share_their_tokens(request_: FakeGoogle) -> None:
    """A library that calls `google.auth.default` for each request makes one exchange."""
    install(service_account_email=None)
    default()[0].refresh(request_)
    token = default()[0].token
    assert token is not None
    assert pickle.loads(pickle.dumps(default()[0])).token == token
    install(service_account_email=None, region="us-west-2")
    assert default()[0].token is None
    uninstall()
    assert len(request_.calls) == 1


@pytest.mark.usefixtures("clock")
def test_our_own_functions_use_its_arguments_except_those_they_are_called_with(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = (google_auth_botocore.default, functools.partial(google_auth_botocore.load_credentials_from_file, str(path)))
    install(region="us-west-2", profile="p", scopes=["a"], service_account_email=None, project_id="installed")
    for load in ours:
        found, project_id = load()
        assert repr(found) == repr(default()[0])
        assert project_id == "installed"
        changed: Any = load(scopes=["b"], region="eu-west-1", service_account_email=ACCOUNT, project_id="passed")[0]
        assert (changed.scopes, changed.service_account_email, changed.project_id) == (("b",), ACCOUNT, "passed")
        assert "profile='p', region='eu-west-1'" in repr(changed)
        session = botocore.session.Session()
        assert "profile" not in repr(load(session=session)[0])  # the two exclude each other
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "environment")
    assert google_auth_botocore.default()[1] == default()[1] == "environment"
    uninstall()
    assert "us-west-2" not in repr(google_auth_botocore.default()[0])


def test_session_is_used_and_its_credentials_share_tokens(request_: FakeGoogle) -> None:
    """Also if `install` is called again, as in each invocation of a Lambda function."""
    session, other = botocore.session.Session(), botocore.session.Session()
    session.set_credentials("AKID", "SECRET", "SESSION")
    other.set_credentials("AKID3", "SECRET3")
    for _ in range(2):
        install(session=session, region="eu-west-1")
        assert "AKID%2F" in default()[0].retrieve_subject_token()
        default()[0].before_request(request_, "GET", "https://x.example", {})
    assert len(request_.calls) == 2  # one exchange: STS and IAM Credentials
    install(session=other, region="eu-west-1")
    assert default()[0].token is None
    assert "AKID3" in default()[0].retrieve_subject_token()


def test_context_manager_that_was_not_entered_can_be_exited() -> None:
    install().__exit__(None, None, None)
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


@pytest.mark.parametrize("document", ELSEWHERE.values(), ids=ELSEWHERE)
def test_every_other_kind_of_file_loads_as_before(path: Path, monkeypatch: pytest.MonkeyPatch, document: Any) -> None:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    loads: list[Callable[[], Any]] = [
        lambda: default(scopes=["a"], quota_project_id="q"),
        lambda: google.auth.load_credentials_from_file(str(path), scopes=["a"], request=FakeGoogle()),
    ]
    before = [outcome(each) for each in loads]
    with install(project_id="ours", service_account_email=None):
        assert [outcome(each) for each in loads] == before


def test_executable_and_metadata_server_are_unaffected(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    source = {"executable": {"command": "/bin/true", "timeout_millis": 5000}}
    document = info(subject_token_type="urn:ietf:params:oauth:token-type:jwt", credential_source=source)
    path.write_text(json.dumps(document))
    install()
    assert type(default()[0]).__module__ == "google.auth.pluggable"
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(path.parent / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(google.auth.exceptions.DefaultCredentialsError):
        default()


def test_supplier_of_aws_keys_and_subclasses_are_left_to_google_auth() -> None:
    class Supplier(aws.AwsSecurityCredentialsSupplier):
        def get_aws_security_credentials(self, context: Any, request: Any) -> Any:
            raise NotImplementedError

        def get_aws_region(self, context: Any, request: Any) -> str:
            raise NotImplementedError

    class Own(aws.Credentials):
        pass

    without_source = {name: each for name, each in info(project_id="p").items() if name != "credential_source"}
    supplier = Supplier()
    in_file = {**without_source, "aws_security_credentials_supplier": supplier}

    def outcomes() -> list[object]:
        found: list[object] = [type(google.auth.load_credentials_from_dict(in_file, request=FakeGoogle())[0])]
        try:  # google-auth 2.36 ignores the argument
            found.append(type(aws.Credentials.from_info(without_source, aws_security_credentials_supplier=supplier)))
        except google.auth.exceptions.GoogleAuthError as error:
            found.append(repr(error))
        return found

    before = outcomes()
    install()
    assert outcomes() == before
    assert before[0] is aws.Credentials
    assert type(Own.from_info(info())) is Own  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "changes", [{"audience": None}, {"token_url": "https://sts.evil.com/v1/token"}, {"client_id": "x"}]
)
def test_invalid_file_of_an_aws_workload_is_our_error(path: Path, changes: dict[str, Any]) -> None:
    path.write_text(json.dumps(info(**changes)))
    install()
    with pytest.raises(ConfigurationError):
        default()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lifetime": 0}, "lifetime"),
        ({"scopes": "a b"}, "scopes"),
        ({"token_url": "ftp://x"}, "token_url"),
        ({"audience": "x"}, "audience"),
        ({"service_account_email": "x y"}, "service account"),
        ({"project_id": 3}, "project_id"),
        ({"quota_project_id": ""}, "quota_project_id"),
        ({"default_scopes": ["a"]}, "default_scopes"),
        ({"delegates": 3}, "delegates"),
        ({"delegates": None}, "delegates"),
        ({"region": "eu central"}, "region"),
        ({"profile": 3}, "profile"),
        ({"session": 3}, "session"),
        ({"profile": "p", "session": botocore.session.Session()}, "profile"),
        ({"assume_role": {"RoleSessionName": "s"}}, "RoleArn"),
        ({"tags": {"team": 1}}, "The tag team"),
        ({"subject_mode": "x"}, "subject_mode"),
    ],
)
def test_invalid_argument_is_an_error_of_install(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        install(**arguments)
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


def test_unknown_argument_is_an_error_of_install() -> None:
    with pytest.raises(TypeError, match="'proejct_id'"):
        install(proejct_id="p")


def test_arguments_are_copied() -> None:
    role = {"RoleArn": "arn:aws:iam::123456789012:role/reader", "Tags": [{"Key": "a", "Value": "b"}]}
    tags = {"team": "data"}
    install(assume_role=role, tags=tags, subject_token_type="urn:ietf:params:oauth:token-type:jwt")
    before = repr(default()[0])
    assert "tags={'team': 'data'}" in before
    role["RoleArn"] = tags["team"] = "changed"
    assert repr(default()[0]) == before


# If google-auth changes.


def not_called(info: Any, *_: Any, **__: Any) -> Any:
    return google.auth.credentials.AnonymousCredentials(), None


def wrapped(info: Any, *_: Any, **__: Any) -> Any:
    raise google.auth.exceptions.DefaultCredentialsError("AWS files are read elsewhere")


@pytest.mark.parametrize("changed", [not_called, wrapped])
def test_google_auth_that_no_longer_calls_the_method_is_an_error(monkeypatch: pytest.MonkeyPatch, changed: Any) -> None:
    monkeypatch.setattr(_default, "_get_external_account_credentials", changed)
    with pytest.raises(ConfigurationError) as caught:
        install()
    for package in ("google-auth", "google-auth-botocore"):
        assert f"{package} {importlib.metadata.version(package)}" in str(caught.value)
    assert vars(aws.Credentials)["from_info"] is GOOGLES_OWN


@pytest.mark.parametrize("change", ["removed", "function", "no class", "no module"])
def test_google_auth_without_the_method_is_an_error(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    with monkeypatch.context() as patch:
        if change == "removed":
            patch.delattr(aws.Credentials, "from_info")
        elif change == "function":
            patch.setattr(aws.Credentials, "from_info", lambda info: info)
        elif change == "no class":
            patch.delattr(aws, "Credentials")
        else:
            patch.delattr(google.auth, "aws")
            patch.setitem(sys.modules, "google.auth.aws", None)
        with pytest.raises(ConfigurationError, match=r"google-auth-botocore .* does not support google-auth "):
            install()


def test_names_of_google_auth_that_install_uses_are_public() -> None:
    assert {"default", "load_credentials_from_file", "load_credentials_from_dict"} <= set(google.auth.__all__)
    assert isinstance(GOOGLES_OWN, classmethod)
    assert aws.Credentials.from_info.__doc__


def test_method_that_other_code_has_replaced_since_then_stays() -> None:
    install()
    hook = vars(aws.Credentials)["from_info"]

    @classmethod  # type: ignore[misc]
    @functools.wraps(hook.__func__)
    def theirs(cls: type, info: Any, **kwargs: Any) -> Any:
        return hook.__func__(cls, info, **kwargs)

    aws.Credentials.from_info = theirs  # type: ignore[assignment, method-assign]
    try:
        assert isinstance(aws.Credentials.from_info(info()), Credentials)
        uninstall()
        assert vars(aws.Credentials)["from_info"] is theirs
        assert isinstance(aws.Credentials.from_info(info()), aws.Credentials)
        with install():
            assert isinstance(aws.Credentials.from_info(info()), Credentials)
        assert vars(aws.Credentials)["from_info"] is theirs
    finally:
        aws.Credentials.from_info = GOOGLES_OWN  # type: ignore[method-assign]


# Other processes.


@pytest.mark.skipif(not hasattr(os, "fork"), reason="requires fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_child_of_a_fork_has_it_too_and_can_undo_it() -> None:
    """Even if another thread was in `install` at the time of the fork."""
    install(project_id="p")
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            with install(project_id="p"):
                pass

    thread = threading.Thread(target=busy)
    thread.start()
    children = []
    try:
        for _ in range(10):
            child = os.fork()
            if not child:
                try:
                    good = project() == "p"
                    with install(project_id="q"):
                        good = good and project() == "q"
                    uninstall()
                    os._exit(0 if good and vars(aws.Credentials)["from_info"] is GOOGLES_OWN else 1)
                finally:
                    os._exit(2)
            children.append(child)
    finally:
        stop.set()
        thread.join(timeout=60)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10


def run(program: str, *options: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_installing_loads_neither_botocore_nor_requests() -> None:
    program = (
        "import sys, google_auth_botocore as ours\n"
        "ours.install(project_id='p', lifetime=900)\n"
        "print([each for each in ('botocore', 'requests') if each in sys.modules])"
    )
    assert run(program, "-W", "error") == "[]\n"


def test_sitecustomize_reaches_a_program_without_a_change(tmp_path: Path) -> None:
    place = Path(google_auth_botocore.__file__).parents[1]
    (tmp_path / "sitecustomize.py").write_text("import google_auth_botocore; google_auth_botocore.install()\n")
    program = "import google.auth; print(type(google.auth.default()[0]).__module__)"
    found = run(program, PYTHONPATH=os.pathsep.join([str(tmp_path), str(place)]))
    assert found == "google_auth_botocore.credentials\n"


def test_get_project_id_makes_no_call(clock: FakeClock) -> None:
    assert Credentials.from_info(info(project_id="p")).get_project_id(request=FakeGoogle()) == "p"
    assert Credentials.from_info(info()).get_project_id() is None


def test_the_result_says_whether_it_is_in_effect_and_shows_no_value() -> None:
    """A notebook shows it below a cell that ends with `install()`."""
    first = install(project_id="confidential")
    assert repr(first) == "<google_auth_botocore.install(project_id=...), in effect>"
    install()
    assert repr(first) == "<google_auth_botocore.install(project_id=...), not in effect>"

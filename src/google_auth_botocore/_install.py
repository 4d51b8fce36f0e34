"""`install`: libraries that call `google.auth.default()` themselves get this package's credentials, too.

google-auth creates the credentials of an AWS workload's file in one place, `google.auth.aws.Credentials.from_info`. It looks
this method up on every call, so replacing it works for code that imported `google.auth.default` earlier. All names of
google-auth that are used here are public. `_install_check` tests at run time that google-auth still calls the method.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from google_auth_botocore import _external_account, _install_arguments, _install_check
from google_auth_botocore._refresh import forks
from google_auth_botocore._refresh.recent import Recent
from google_auth_botocore.credentials import Credentials

if TYPE_CHECKING:
    from google_auth_botocore._federation import Federation

# Configurations that share tokens, for each call with a session.
_MOST = 16


def install(**arguments: Any) -> AbstractContextManager[None]:
    """Let google-auth return `Credentials` for the `external_account` file of an AWS workload, in the whole process.

    Libraries that accept no credentials call `google.auth.default()` or `google.auth.load_credentials_from_file()`. After
    `install`, these return `Credentials` that are created from the same file with *arguments*. It does not matter when the
    library was imported. This package's `default` and `load_credentials_from_file` use *arguments*, too, except those that
    they are called with. Other kinds of files, and files with an `aws_security_credentials_supplier`, load as before.
    `install` makes no network call and does not load botocore's sessions.

    The last call takes effect; calling it again with the same arguments changes nothing. It stays in effect until
    `uninstall` is called. As a context manager, it stays in effect until the block ends, and then the previous call
    takes effect again::

        with google_auth_botocore.install(region="eu-central-1"):
            credentials, project_id = google.auth.default()

    Equal credentials that google-auth creates in one process share their AWS identity and tokens.

    Args:
        arguments: Arguments of `Credentials` that override the file's, except *default_scopes*. With *scopes*, the scopes
            that libraries request have no effect. As always in google-auth, GOOGLE_CLOUD_PROJECT takes precedence over
            *project_id* in the project that `google.auth.default` returns, and the caller's quota project and
            GOOGLE_CLOUD_QUOTA_PROJECT over *quota_project_id*.

    Returns:
        A context manager. Ignore it to keep the effect until `uninstall` is called.

    Raises:
        ConfigurationError: An argument is invalid, or this version of google-auth creates such credentials in another way.
        TypeError: `Credentials` has no such argument.
    """
    installation = _Installation(_install_arguments.checked(arguments))
    installation.put()
    return installation


def uninstall() -> None:
    """Undo every `install`, so that google-auth creates its own credentials again. Existing credentials are not changed."""
    with _STATE.lock:
        _STATE.entries = ()
        _STATE.restore()


def installed() -> Mapping[str, Any]:
    """Return the arguments of the `install` that is in effect. None is in effect: there are none."""
    entries = _STATE.entries
    return entries[-1].arguments if entries else {}


class _Entry:
    """The arguments of one call of `install`.

    Attributes:
        installation: The context manager that the call returned. If it no longer exists, it cannot be exited.
        with_session: The tokens that credentials with the session in *arguments* share.
    """

    def __init__(self, arguments: Mapping[str, Any], installation: _Installation) -> None:
        self.arguments = arguments
        self.installation = weakref.ref(installation)
        self.with_session: Recent[Federation] = Recent(_MOST)


class _Installation(AbstractContextManager[None]):
    """What `install` returns."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._entry = _Entry(arguments, self)
        self._depth = 0

    def __repr__(self) -> str:
        # A notebook shows it below a cell that ends with `install()`. The values may be secrets or long.
        arguments = ", ".join(f"{name}=..." for name in self._entry.arguments)
        state = "in effect" if _STATE.entries[-1:] == (self._entry,) else "not in effect"
        return f"<google_auth_botocore.install({arguments}), {state}>"

    def put(self) -> None:
        """Let the arguments take effect."""
        with _STATE.lock:
            _STATE.hook()
            _STATE.add(self._entry)

    def __enter__(self) -> None:
        with _STATE.lock:
            if not self._depth:
                self.put()
            self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _STATE.lock:
            self._depth = max(self._depth - 1, 0)
            if not self._depth:
                _STATE.remove(self._entry)
                _STATE.restore()


class _State:
    """What is installed in this process.

    Attributes:
        lock: Held while something here changes. Calls of google-auth do not wait for it.
        entries: The calls that were not undone. The last one takes effect.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.entries: tuple[_Entry, ...] = ()
        self._class: Any = None
        self._hook: object = None
        self._original: object = None

    def after_fork(self) -> None:
        """Replace the lock, which another thread of the parent may have held."""
        self.lock = threading.RLock()

    def add(self, entry: _Entry) -> None:
        """Add an entry, which takes effect.

        Drop the entries that can never take effect again: those before the last one that nothing can remove.
        """
        self.remove(entry)
        if self.entries and self.entries[-1].arguments == entry.arguments:
            entry.with_session = self.entries[-1].with_session
        permanent = [each for each in self.entries if each.installation() is None]
        self.entries = (*(each for each in self.entries if each not in permanent[:-1]), entry)

    def remove(self, entry: _Entry) -> None:
        """Remove an entry, if it is there."""
        self.entries = tuple(each for each in self.entries if each is not entry)

    def hook(self) -> None:
        """Replace google-auth's method, unless it is already replaced.

        Raises:
            ConfigurationError: google-auth has no such method, or does not call it.
        """
        try:
            from google.auth import aws  # noqa: PLC0415 - loads modules that only AWS workloads need
        except ImportError as error:
            _install_check.reject(f"google.auth.aws cannot be imported ({error})")
        class_: Any = getattr(aws, "Credentials", object)
        original = vars(class_).get("from_info")
        if self._class is class_ and original is self._hook:
            return
        if not isinstance(original, classmethod):
            _install_check.reject("google.auth.aws.Credentials has no class method from_info")
        self._class, self._original, self._hook = class_, original, _hook(class_, original)
        class_.from_info = self._hook
        try:
            _install_check.check()
        except BaseException:
            class_.from_info = original
            raise

    def restore(self) -> None:
        """Put google-auth's method back if nothing is installed.

        If other code has replaced it since then, the method of that code stays. It may call the hook, which then calls google-auth's method.
        """
        if not self.entries and self._class is not None and vars(self._class).get("from_info") is self._hook:
            self._class.from_info = self._original


_STATE = _State()
forks.watch(_STATE)


def _hook(class_: type, original: Any) -> object:
    """Return the method that replaces `google.auth.aws.Credentials.from_info`."""

    @functools.wraps(original.__func__)
    def from_info(cls: Any, info: Any, **kwargs: Any) -> Any:
        if _install_check.is_probe(info):
            return _install_check.Probe()  # type: ignore[no-untyped-call]  # google-auth has no types here
        entries = _STATE.entries
        if entries and cls is class_ and _replaces(info, kwargs):
            return _create(info, kwargs, entries[-1])
        return original.__get__(None, cls)(info, **kwargs)

    return classmethod(from_info)  # type: ignore[arg-type]  # `wraps` hides the signature


def _replaces(info: Any, kwargs: Mapping[str, Any]) -> bool:
    """Return whether `Credentials` can replace what google-auth would create. It cannot use another supplier of AWS keys."""
    others = [value for name, value in kwargs.items() if name not in {"scopes", "default_scopes"}]
    if any(value is not None for value in others) or not _external_account.is_aws(info):
        return False
    return info.get("aws_security_credentials_supplier") is None


def _create(info: Any, kwargs: Mapping[str, Any], entry: _Entry) -> Credentials:
    arguments = entry.arguments
    scopes = {name: kwargs[name] for name in ("scopes", "default_scopes") if kwargs.get(name) is not None}
    projects = _external_account.project_arguments(arguments.get("project_id"))
    return Credentials.from_info(info, **{**scopes, **arguments, **projects})._with_shared_tokens(entry.with_session)

"""The federations that unpickled copies share: in one process, equal configurations make one exchange.

Schedulers such as Dask, Spark and joblib pickle the credentials of each task. A process that runs a hundred tasks
unpickles a hundred copies, which share the AWS identity and the tokens of the first one. So do credentials that are
pickled. Credentials that are created by a call share nothing with others before they are pickled.

A federation is shared if everything that decides the identity is equal: the settings, the AWS arguments, and the
variables and files that botocore reads. Copies that differ in scopes, lifetime or subject share the AWS identity and
the federated token, as the copies of `with_scopes` and `with_subject` do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable

from google_auth_botocore._aws import environment
from google_auth_botocore._aws.arguments import Source
from google_auth_botocore._aws.identity import AwsIdentity
from google_auth_botocore._federation import Federation
from google_auth_botocore._refresh import forks
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.recent import Recent
from google_auth_botocore._settings import JWT, Settings

# Each one keeps the keys and tokens of one AWS identity, and perhaps a botocore session, which uses 0.2 MB.
_MOST = 128
# Each one uses 15 kB: all roles that are assumed with the same keys share a session.
_MOST_WITH_ROLE = 1024
_USUAL = Settings("")

_FEDERATIONS: Recent[Federation] = Recent(_MOST)
_WITH_ROLE: Recent[Federation] = Recent(_MOST_WITH_ROLE)
for _each in (_FEDERATIONS, _WITH_ROLE):
    forks.in_child(_each.clear)  # the child proves its own identity


def new(settings: Settings, origin: Source, clock: Clock, session: object = None) -> Federation:
    """Return a federation that is not shared."""
    return Federation(
        AwsIdentity(origin, session, requires_session=settings.subject_token_type == JWT, clock=clock), clock
    )


def of_a_copy(settings: Settings, origin: Source, clock: Clock) -> Federation:
    """Return the federation of an unpickled copy."""
    here = environment.surroundings()

    def create() -> Federation:
        federation = new(settings, origin, clock)
        federation.identity.surroundings = here  # it has not read anything yet
        return federation

    return _shared(settings, origin, clock, here, create)


def of_equal(federation: Federation, settings: Settings, clock: Clock, with_session: Recent[Federation]) -> Federation:
    """Return the federation of credentials that `install` creates: the one that equal credentials share, if they exist.

    Args:
        federation: A new one.
        settings: The settings of the credentials.
        clock: The clock of the federation.
        with_session: Federations with the session of this one, if the caller passed a session.
    """
    identity = federation.identity
    if identity.session is None:
        return of_an_original(federation, settings, identity.origin, clock)
    return with_session.get_or_add(_key(settings, identity.origin, clock, ""), lambda: federation)


def of_an_original(federation: Federation, settings: Settings, origin: Source, clock: Clock) -> Federation:
    """Return the federation of credentials that are pickled, which copies share that are unpickled in this process.

    It is their own, unless equal copies share another one already. It is also their own if they have a session that the caller
    passed, because the copies do not have its settings.
    """
    if federation.identity.session is not None:
        return federation
    here = federation.identity.surroundings
    return _shared(settings, origin, clock, here, lambda: federation)


def _shared(
    settings: Settings, origin: Source, clock: Clock, surroundings: str, create: Callable[[], Federation]
) -> Federation:
    """Return the shared federation. Create it if it does not exist."""
    kept = _WITH_ROLE if origin.assume_role else _FEDERATIONS
    # The variables may have changed, a federation read them, and they changed back. It may have another identity now.
    return kept.get_current(
        _key(settings, origin, clock, surroundings),
        create,
        lambda found: found.identity.surroundings == surroundings,
    )


def _key(settings: Settings, origin: Source, clock: Clock, surroundings: str) -> Hashable:
    # repr of the source, because a role's arguments may be lists and mappings. A hash, because crash reports must not contain an
    # ExternalId.
    source = hashlib.sha256(repr(origin).encode(errors="surrogatepass")).digest()
    of_the_identity = settings._replace(scopes=_USUAL.scopes, lifetime=_USUAL.lifetime, subject=None)
    return of_the_identity, source, id(clock), surroundings  # the federation keeps its clock alive

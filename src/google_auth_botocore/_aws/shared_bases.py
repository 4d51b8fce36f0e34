"""The base identities that objects share if each of them assumes a role: one per profile, region and environment.

A provider of a service may have a thousand customers, and assume a role of each. If each object had its own base identity, it would
request the base keys again, and create a botocore session and a client, which take 0.4 MB. The keys of a role take 15 kB.

An object looks for its base identity when it first needs keys, and after each failure. So it uses the variables and files as
they are then, as an object without a role does. If others have found the same base identity before, its keys are not requested
again. They are found again after AWS has rejected them, and after a failure of their source.
"""

from __future__ import annotations

from google_auth_botocore._aws import environment
from google_auth_botocore._aws.arguments import Source
from google_auth_botocore._aws.base_identity import BaseIdentity
from google_auth_botocore._refresh import forks
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.recent import Recent

# Each one takes 0.4 MB. A provider of a service may use all regions of AWS, or one profile for each environment.
_MOST = 64

_BASES: Recent[BaseIdentity] = Recent(_MOST)
forks.in_child(_BASES.clear)  # the child must not use the parent's locks and connections


def current(origin: Source, clock: Clock) -> BaseIdentity:
    """Return the base identity that the environment decides now."""
    here = environment.surroundings()
    key = (origin.profile, origin.region, id(clock), here)  # the base identity keeps its clock alive

    def new() -> BaseIdentity:
        return BaseIdentity(origin.profile, origin.region, None, clock)

    # The variables may have changed, a base identity read them, and they changed back.
    return _BASES.get_current(key, new, lambda base: base.surroundings == here)

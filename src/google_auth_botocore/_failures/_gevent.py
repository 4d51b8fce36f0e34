"""Find out whether gevent has patched this process."""

from __future__ import annotations

import sys


def patched_late() -> bool:
    """Return whether gevent has patched TLS. If TLS then calls itself endlessly, urllib3 was imported before the patch."""
    # gevent is not a dependency, so it is not imported. An application that uses it has already loaded this module.
    gevent = sys.modules.get("gevent.monkey")
    return gevent is not None and bool(gevent.is_module_patched("ssl"))

"""Whether gevent has patched this process."""

from __future__ import annotations

import sys


def patched_late() -> bool:
    """Return whether gevent has patched TLS. If TLS calls itself without end then, urllib3 was imported before."""
    # No import: an application that uses gevent has loaded this module, and it is not a dependency.
    gevent = sys.modules.get("gevent.monkey")
    return gevent is not None and bool(gevent.is_module_patched("ssl"))

"""Which errors of the two clouds concern one object, the configuration, or an outage."""

from __future__ import annotations


class CopyError(Exception):
    """This object cannot be copied. The message is one sentence."""


class SetupError(Exception):
    """A bucket, a permission or an identity is missing: exit code 2. The message names it in one sentence."""


class OutageError(Exception):
    """A cloud has not answered for minutes: exit code 75, try again later."""


class StoppedError(Exception):
    """The run was stopped before this was done."""

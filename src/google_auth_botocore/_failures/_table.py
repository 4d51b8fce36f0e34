"""The table of failures, in the order in which its entries are tried: special cases before general ones."""

from __future__ import annotations

from google_auth_botocore._failures import (
    _aws_calls,
    _aws_files,
    _aws_process,
    _aws_settings,
    _aws_sources,
    _bindings,
    _calls,
    _configuration,
    _deadline,
    _entry,
    _exchange,
    _instances,
    _local,
    _network,
    _providers,
    _regions,
    _rejections,
    _service_account,
    _warnings,
)
from google_auth_botocore._failures._entry import Diagnosis, Failure
from google_auth_botocore._failures._facts import Facts

TABLE: tuple[Failure, ...] = (
    *_configuration.ENTRIES,
    # This machine, before AWS and Google.
    *_local.ENTRIES,
    # AWS.
    *_aws_calls.LOCAL,
    *_regions.ENTRIES,
    *_aws_files.ENTRIES,
    *_aws_process.ENTRIES,
    *_aws_sources.ENTRIES,
    *_rejections.ENTRIES,
    *_instances.ENTRIES,
    *_aws_calls.ENTRIES,
    # Google.
    *_service_account.ENTRIES,
    *_network.ENTRIES,
    *_deadline.ENTRIES,
    *_providers.ENTRIES,
    *_exchange.ENTRIES,
    *_service_account.DELEGATION,
    *_service_account.MISSING,
    *_bindings.ENTRIES,
    *_service_account.LAST,
    # A call with the token.
    *_calls.ENTRIES,
)
WARNINGS: tuple[Failure, ...] = _warnings.ENTRIES


def find(facts: Facts) -> Diagnosis | None:
    """Return the entry that fits the facts of a failure."""
    return _entry.first(TABLE, _aws_settings.completed(facts))


def warn(facts: Facts) -> Diagnosis | None:
    """Return the entry that fits the facts of a step that succeeded here, but may fail elsewhere or later."""
    return _entry.first(WARNINGS, _aws_settings.completed(facts))

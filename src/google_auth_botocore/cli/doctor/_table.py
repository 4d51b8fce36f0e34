"""The table of true causes, in the order in which they are looked for: the particular before the general."""

from __future__ import annotations

from google_auth_botocore.cli.doctor.causes import (
    _aws_keys,
    _aws_refusals,
    _bindings,
    _calls,
    _configuration,
    _exchange,
    _instances,
    _network,
    _providers,
    _regions,
    _service_account,
)

TABLE = (
    *_configuration.CAUSES,
    *_network.CAUSES,
    *_instances.CAUSES,
    *_regions.CAUSES,
    *_aws_keys.CAUSES,
    *_aws_refusals.CAUSES,
    *_service_account.CAUSES,
    *_providers.CAUSES,
    *_exchange.CAUSES,
    *_bindings.CAUSES,
    *_calls.CAUSES,
)

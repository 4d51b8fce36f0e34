"""The failures of all steps."""

from cli.doctor import cases_aws, cases_calls, cases_configuration, cases_exchange, cases_service_account
from cli.doctor.cases import CASES

__all__ = ["CASES"]
# Each module adds its cases.
MODULES = (cases_configuration, cases_aws, cases_exchange, cases_service_account, cases_calls)

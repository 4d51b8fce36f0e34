"""AWS's side on loopback: what serves a workload its identity, speaking the protocols that botocore's providers speak.

Each is a context manager with the address it listens on, and hands out keys from a function that is given to it:
`Emulator.aws_keys.issue`, so that the emulator knows them for AWS's own.
"""

from google_auth_botocore.emulator.aws.container import ContainerCredentials
from google_auth_botocore.emulator.aws.login import SignIn
from google_auth_botocore.emulator.aws.metadata import InstanceMetadata
from google_auth_botocore.emulator.aws.sso import SsoPortal
from google_auth_botocore.emulator.aws.web_identity import WebIdentityIssuer

__all__ = ["ContainerCredentials", "InstanceMetadata", "SignIn", "SsoPortal", "WebIdentityIssuer"]

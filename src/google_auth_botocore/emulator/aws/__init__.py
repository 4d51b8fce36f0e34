"""AWS's side on loopback: the endpoints from which botocore's credential providers get the identity of a workload.

Each endpoint is a context manager with a `url`. It gets the keys that it serves from a function, usually
`Emulator.aws_keys.issue`, so that the emulator accepts them.
"""

from google_auth_botocore.emulator.aws.container import ContainerCredentials
from google_auth_botocore.emulator.aws.login import SignIn
from google_auth_botocore.emulator.aws.metadata import InstanceMetadata
from google_auth_botocore.emulator.aws.sso import SsoPortal
from google_auth_botocore.emulator.aws.web_identity import WebIdentityIssuer

__all__ = ["ContainerCredentials", "InstanceMetadata", "SignIn", "SsoPortal", "WebIdentityIssuer"]

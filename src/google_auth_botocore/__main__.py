"""Run the command `google-auth-botocore` with `python -m google_auth_botocore`."""

import sys

from google_auth_botocore.cli import main

if __name__ == "__main__":
    sys.exit(main())

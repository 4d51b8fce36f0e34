"""One cold start: `python -m bench.cold NAME URL…` imports a contestant, builds its credentials and gets a token."""

import sys

from bench.contestants import Urls, build

name, *urls = sys.argv[1:]
credentials = build(name, Urls(*urls), impersonate=False)
from google.auth.transport.requests import Request  # noqa: E402 - a program's imports are part of its start

credentials.refresh(Request())

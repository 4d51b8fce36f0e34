"""Calls a tool of an MCP server on Cloud Run: `python mcp_on_cloud_run.py https://tools-123456789012.europe-west1.run.app add a=2 b=3`.

It requires mcp and google-auth-botocore[httpx2]. The service requires authentication: Cloud Run checks an ID token
before a request reaches the server. GOOGLE_APPLICATION_CREDENTIALS names the file that `google-auth-botocore config create`
wrote, with a service account. The AWS role requires roles/iam.workloadIdentityUser on that account, which
`config setup` grants, and the account requires roles/run.invoker on the service.

Time: 10 minutes. Cost: the request on Cloud Run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore.adapters.httpx2 import Auth


async def main(service: str, tool: str, *arguments: str) -> None:
    """Call a tool, and print its result. Each argument is NAME=JSON."""
    service = service.rstrip("/")
    credentials = Credentials.from_file(os.environ["GOOGLE_APPLICATION_CREDENTIALS"])
    # An ID token is valid for one service, which is identified by its URL without a path.
    auth = Auth(IDTokenCredentials(credentials, service, include_email=True))
    values = dict(argument.split("=", 1) for argument in arguments)
    # An answer may take minutes, so there is no limit on the time to read it.
    async with (
        httpx2.AsyncClient(auth=auth, timeout=httpx2.Timeout(30, read=None)) as http,
        Client(streamable_http_client(f"{service}/mcp", http_client=http)) as server,
    ):
        result = await server.call_tool(tool, {name: json.loads(value) for name, value in values.items()})
    for block in result.content:
        print(block.text if block.type == "text" else block)


asyncio.run(main(*sys.argv[1:]))

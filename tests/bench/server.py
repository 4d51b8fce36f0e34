"""Serves Google's STS and IAM Credentials, EC2 instance metadata and AWS STS from one process, as fast as possible.

The server verifies nothing and counts its calls. A request to `/control` sets the delay of replies, the lifetime of tokens
and the number of calls that fail with 503. `python -m bench.server [PORT]` prints the port on which it listens.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_KEYS = {"AccessKeyId": "ASIABENCHBENCHBENCH1", "SecretAccessKey": "secret", "Token": "token"}
_IAM = "/latest/meta-data/iam/security-credentials"
_METADATA = {
    "/latest/api/token": "metadata-token",
    _IAM: "role",
    f"{_IAM}/": "role",
    "/latest/meta-data/placement/region": "eu-central-1",
    "/latest/meta-data/placement/availability-zone": "eu-central-1a",
}
_ASSUMED = (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
    "<AccessKeyId>ASIABENCHBENCHBENCH2</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
    "<SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet per reply
    settings: dict[str, Any] = {"delay": 0.0, "lifetime": 3600, "failures": 0}  # noqa: RUF012 - one server per process
    lock = threading.Lock()
    calls = 0
    numbers = itertools.count()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/control":
            with self.lock:
                calls, _Handler.calls = self.calls, 0
                self.settings.update(json.loads(body))
            self.send(200, {"calls": calls})
            return
        with self.lock:
            _Handler.calls += 1
            fails = self.settings["failures"] > 0
            self.settings["failures"] -= fails
        time.sleep(self.settings["delay"])
        if fails:
            self.send(503, {"error": "unavailable", "error_description": "The service is currently unavailable."})
        else:
            self.send(200, self.document(body))

    do_GET = do_POST = do_PUT = answer

    def document(self, body: bytes) -> Any:
        lifetime = self.settings["lifetime"]
        token = f"ya29.{next(self.numbers)}"
        if self.path in ("/v1/token", "/v1beta/token"):
            kind = "urn:ietf:params:oauth:token-type:access_token"
            return {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": lifetime}
        if self.path == "/oauth":
            return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
        if self.path.endswith(":signJwt"):
            return {"keyId": "key", "signedJwt": "header.claims.signature"}
        if self.path.endswith(":generateAccessToken"):
            return {"accessToken": token, "expireTime": _utc(lifetime)}
        if self.path == f"{_IAM}/role":
            return {
                "Code": "Success",
                "Type": "AWS-HMAC",
                **_KEYS,
                "LastUpdated": _utc(0),
                "Expiration": _utc(6 * 3600),
            }
        return _ASSUMED if b"Action=AssumeRole" in body else _METADATA[self.path]

    def send(self, status: int, document: Any) -> None:
        data = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if isinstance(document, str) else "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024


if __name__ == "__main__":
    server = _Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), _Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()

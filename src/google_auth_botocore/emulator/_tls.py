"""The server's side of TLS: the handshake, with a time limit, and a reply to clients that send plain HTTP."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from google_auth_botocore.emulator._certificates import ServerCertificate

_HANDSHAKE_LIMIT = 20.0  # seconds; load balancers of Google and AWS allow 10 to 30
_CLOSE_LIMIT = 5.0  # seconds in which the client can read the error reply
_BODY = b"This port serves HTTPS. Use a URL that starts with https://\n"
_PLAIN_REPLY = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=UTF-8\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


def server_context(certificate: ServerCertificate) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and later, and HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    with TemporaryDirectory() as directory:  # only its owner can read it; OpenSSL reads keys from files only
        path = Path(directory, "server.pem")
        path.write_text(certificate.private_key + certificate.certificate, encoding="ascii")
        context.load_cert_chain(path)
    return context


def complete_handshake(connection: ssl.SSLSocket) -> bool:
    """Complete the handshake of a new connection. Return False if the client sent plain HTTP, and got an error reply.

    Raises:
        OSError: the handshake failed, or took too long.
    """
    connection.settimeout(_HANDSHAKE_LIMIT)
    # The methods of socket.socket, because SSLSocket's own methods work only after the handshake.
    first = socket.socket.recv(connection, 1, socket.MSG_PEEK)
    if first.isalpha():  # a method such as GET; a TLS record starts with a byte that is not a letter
        _reply_in_plain_text(connection)
        return False
    connection.do_handshake()  # its limit is for the whole handshake, not for each packet
    return True


def _reply_in_plain_text(connection: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.sendall(connection, _PLAIN_REPLY)
        socket.socket.shutdown(connection, socket.SHUT_WR)
        # Read what the client still sends. Otherwise it would see a reset instead of the reply.
        deadline = time.monotonic() + _CLOSE_LIMIT
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not socket.socket.recv(connection, 1 << 16):
                break

"""An error for each gRPC call to Google, which `_intercept` cannot redirect: gRPC looks up names without Python.

Creating a client is not an error, because tests replace the methods of clients. Calls are checked, on channels that were created
by the wrapped functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from google_auth_botocore.emulator._google_hosts import NotEmulatedError

IsRejected = Callable[[str], bool]


def wrap_secure_channel(is_rejected: IsRejected) -> Callable[[Any], Any]:
    """Return a function that wraps `grpc.secure_channel`.

    Args:
        is_rejected: returns whether a host must not be called.
    """

    def wrap(original: Any) -> Any:
        def secure_channel(target: str, *arguments: Any, **options: Any) -> Any:
            return grpc.intercept_channel(original(target, *arguments, **options), _Interceptor(is_rejected, target))

        return secure_channel

    return wrap


def wrap_async_secure_channel(is_rejected: IsRejected) -> Callable[[Any], Any]:
    """Return a function that wraps `grpc.aio.secure_channel`; see `wrap_secure_channel`."""

    def wrap(original: Any) -> Any:
        def secure_channel(
            target: str,
            credentials: Any,
            options: Any = None,
            compression: Any = None,
            interceptors: Any = None,
        ) -> Any:
            # One of each kind: grpc.aio accepts no interceptor that is of several.
            kinds = (_AsyncUnaryUnary, _AsyncUnaryStream, _AsyncStreamUnary, _AsyncStreamStream)
            first = [kind(is_rejected, target) for kind in kinds]
            return original(target, credentials, options, compression, [*first, *(interceptors or ())])

        return secure_channel

    return wrap


class _Base:
    def __init__(self, is_rejected: IsRejected, target: str) -> None:
        self._is_rejected = is_rejected
        self._host = target.rpartition("/")[2].partition(":")[0]

    def _check(self) -> None:
        if self._is_rejected(self._host):
            raise NotEmulatedError(
                f"The emulator does not serve gRPC, and intercept() sends nothing to the real {self._host}. Replace the client, or"
                ' the method that is called, in your test, or create the client with transport="rest" and replace its requests.'
            )

    def _continue(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        self._check()
        return continuation(details, request)

    async def _continue_async(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        self._check()
        return await continuation(details, request)


class _Interceptor(
    _Base,
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]  # grpc has no types
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[misc]
    grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
):
    intercept_unary_unary = intercept_unary_stream = _Base._continue
    intercept_stream_unary = intercept_stream_stream = _Base._continue


class _AsyncUnaryUnary(_Base, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    intercept_unary_unary = _Base._continue_async


class _AsyncUnaryStream(_Base, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc]
    intercept_unary_stream = _Base._continue_async


class _AsyncStreamUnary(_Base, grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[misc]
    intercept_stream_unary = _Base._continue_async


class _AsyncStreamStream(_Base, grpc.aio.StreamStreamClientInterceptor):  # type: ignore[misc]
    intercept_stream_stream = _Base._continue_async

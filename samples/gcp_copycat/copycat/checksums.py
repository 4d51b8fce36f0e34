"""CRC32C, the checksum that both clouds compute: of bytes, of parts put together, and as the clouds write it."""

from __future__ import annotations

import base64

# The Castagnoli polynomial, its bits in the reverse order, as CRC32C is computed.
_POLYNOMIAL = 0x82F63B78
_ONE = 1 << 31


def encode(crc: int) -> str:
    """Write a checksum as both clouds do: base64 of its four bytes."""
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def decode(text: str) -> int:
    """Read a checksum as both clouds write it.

    Raises:
        ValueError: *text* is not base64 of four bytes.
    """
    data = base64.b64decode(text, validate=True)
    if len(data) != 4:
        raise ValueError(f"a CRC32C has four bytes, and {text!r} has {len(data)}")
    return int.from_bytes(data, "big")


def combine(first: int, second: int, second_length: int) -> int:
    """Return the checksum of two pieces put together, from the checksums of both and the length of the second.

    A CRC is the remainder of a division of polynomials. Appending n bytes multiplies the first by x to the power of 8n.
    """
    return _multiply(_power_of_x(8 * second_length), first) ^ second


def _power_of_x(exponent: int) -> int:
    result = _ONE
    square = _ONE >> 1  # x itself
    while exponent:
        if exponent & 1:
            result = _multiply(square, result)
        square = _multiply(square, square)
        exponent >>= 1
    return result


def _multiply(a: int, b: int) -> int:
    """Multiply two polynomials, modulo CRC32C's."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product

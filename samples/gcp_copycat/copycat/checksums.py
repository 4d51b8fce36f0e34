"""CRC32C, the checksum that both clouds compute: encodes, decodes and combines checksums."""

from __future__ import annotations

import base64

# The Castagnoli polynomial with its bits reversed, as CRC32C uses it.
_POLYNOMIAL = 0x82F63B78
_ONE = 1 << 31


def encode(crc: int) -> str:
    """Encode a checksum as both clouds do: base64 of its four bytes."""
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def decode(text: str) -> int:
    """Decode a checksum that either cloud has written.

    Raises:
        ValueError: *text* is not base64 of four bytes.
    """
    data = base64.b64decode(text, validate=True)
    if len(data) != 4:
        raise ValueError(f"a CRC32C has four bytes, but {text!r} has {len(data)}")
    return int.from_bytes(data, "big")


def combine(first: int, second: int, second_length: int) -> int:
    """Return the checksum of two concatenated pieces, given their checksums and the length of the second.

    A CRC is the remainder of a polynomial division. Appending n bytes multiplies the first piece by x to the power of 8n.
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
    """Multiply two polynomials modulo the CRC32C polynomial."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product

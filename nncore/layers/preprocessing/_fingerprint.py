"""Hashes of strings that are the same on every machine: FarmHash64 and SipHash-2-4.

The numbers are those of Keras's hashing layers. Each function takes the bytes of one
string; `hashed` does so once for each different string of an array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALL = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CAT = 0xC6A4A7935BD1E995


def hashed(
    strings: NDArray[Any], bins: int, salt: Sequence[int] | None = None
) -> NDArray[np.int64]:
    """Return the hash of each string modulo `bins`.

    Args:
        strings: An array of str of any shape.
        bins: At least 1.
        salt: Two integers: SipHash with that key. None: FarmHash.
    """
    unique, inverse = np.unique(strings, return_inverse=True)
    one: Callable[[bytes], int] = farm_hash
    if salt is not None:
        key = int(salt[0]) & _ALL, int(salt[1]) & _ALL

        def one(text: bytes) -> int:
            return sip_hash(text, key)

    numbers = [one(text.encode()) % bins for text in unique.tolist()]
    found: NDArray[np.int64] = np.array(numbers, np.int64)[inverse]
    return found.reshape(strings.shape)


def _word(s: bytes, place: int, size: int = 8) -> int:
    return int.from_bytes(s[place : place + size], "little")


def _turn(x: int, by: int) -> int:
    """Rotate 64 bits to the right."""
    x &= _ALL
    return (x >> by | x << (64 - by)) & _ALL


def _mix(x: int) -> int:
    x &= _ALL
    return x ^ x >> 47


def _join(u: int, v: int, mul: int) -> int:
    a = _mix((u ^ v) * mul)
    b = _mix(((v & _ALL) ^ a) * mul)
    return b * mul & _ALL


def farm_hash(s: bytes) -> int:
    """Return FarmHash's Fingerprint64 (Pike and Alakuijala, Google, 2014)."""
    n = len(s)
    if n > 64:
        return _long(s)
    mul = _K2 + 2 * n
    if n == 0:
        return _K2
    if n < 4:
        y = s[0] + (s[n >> 1] << 8)
        z = n + (s[n - 1] << 2)
        return _mix(y * _K2 ^ z * _K0) * _K2 & _ALL
    if n < 8:
        return _join(n + (_word(s, 0, 4) << 3), _word(s, n - 4, 4), mul)
    if n <= 16:
        a, b = _word(s, 0) + _K2, _word(s, n - 8)
        c = _turn(b, 37) * mul + a
        d = (_turn(a, 25) + b) * mul
        return _join(c & _ALL, d & _ALL, mul)
    first = _K1 if n <= 32 else _K2
    a, b = _word(s, 0) * first & _ALL, _word(s, 8)
    c, d = _word(s, n - 8) * mul, _word(s, n - 16) * _K2
    y = _turn(a + b, 43) + _turn(c, 30) + d & _ALL
    z = _join(y, a + _turn(b + _K2, 18) + c & _ALL, mul)
    if n <= 32:
        return z
    e, f = _word(s, 16) * mul, _word(s, 24)
    g, h = (y + _word(s, n - 32)) * mul, (z + _word(s, n - 24)) * mul
    return _join(
        _turn(e + f, 43) + _turn(g, 30) + h & _ALL,
        e + _turn(f + a, 18) + g & _ALL,
        mul,
    )


def _weak(s: bytes, place: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(s, place + 8 * i) for i in range(4))
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    b += _turn(a, 44)
    return a + z & _ALL, b + c & _ALL


def _long(s: bytes) -> int:
    """The hash of more than 64 bytes."""
    n = len(s)
    x, y = 81, 81 * _K1 + 113
    z = _mix(y * _K2 + 113) * _K2
    v = w = (0, 0)
    x = x * _K2 + _word(s, 0)

    def block(place: int, mul: int, nine: int) -> None:
        nonlocal x, y, z, v, w
        x = _turn(x + y + v[0] + _word(s, place + 8), 37) * mul & _ALL
        y = _turn(y + v[1] + _word(s, place + 48), 42) * mul & _ALL
        x ^= w[1] * nine & _ALL
        y = y + v[0] * nine + _word(s, place + 40) & _ALL
        z = _turn(z + w[0], 33) * mul & _ALL
        v = _weak(s, place, v[1] * mul, x + w[0])
        w = _weak(s, place + 32, z + w[1], y + _word(s, place + 16))
        x, z = z, x

    for place in range(0, (n - 1) // 64 * 64, 64):
        block(place, _K1, 1)
    mul = _K1 + ((z & 0xFF) << 1)
    w = w[0] + ((n - 1) & 63), w[1]
    v = v[0] + w[0], v[1]
    w = w[0] + v[0], w[1]
    block(n - 64, mul, 9)
    return _join(
        _join(v[0], w[0], mul) + _mix(y) * _K0 + z & _ALL,
        _join(v[1], w[1], mul) + x & _ALL,
        mul,
    )


def sip_hash(s: bytes, key: tuple[int, int]) -> int:
    """Return SipHash-2-4 (Aumasson and Bernstein, 2012)."""
    k0, k1 = key
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(times: int) -> None:
        nonlocal v0, v1, v2, v3
        for _ in range(times):
            v0 = v0 + v1 & _ALL
            v1 = _turn(v1, 51) ^ v0
            v0 = _turn(v0, 32)
            v2 = v2 + v3 & _ALL
            v3 = _turn(v3, 48) ^ v2
            v0 = v0 + v3 & _ALL
            v3 = _turn(v3, 43) ^ v0
            v2 = v2 + v1 & _ALL
            v1 = _turn(v1, 47) ^ v2
            v2 = _turn(v2, 32)

    n = len(s)
    whole = n // 8 * 8
    last = int.from_bytes(s[whole:], "little") | (n & 0xFF) << 56
    for word in [*(_word(s, place) for place in range(0, whole, 8)), last]:
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 0xFF
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def crossed(parts: Sequence[int]) -> int:
    """Return one hash for several: what Keras's HashedCrossing takes modulo bins."""
    result = 0xDECAFCAFFE
    for part in parts:
        result ^= _CAT
        result ^= _mix(part * _CAT) * _CAT & _ALL
        result = result * _CAT & _ALL
        result = _mix(result) * _CAT & _ALL
        result = _mix(result)
    return result

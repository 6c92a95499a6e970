"""Which keys of entries a recount may have seen, in memory that does not grow with their number: a Bloom filter."""

from __future__ import annotations

# 16 MiB. Of ten million keys it takes some 0.5 % of others for seen; each of these costs one look-up by an index.
BITS = 2**27
HASHES = 4


class KeyFilter:
    """Takes every key for seen that was, and now and then one that was not."""

    def __init__(self, bits: int = BITS) -> None:
        """`bits` is a power of two."""
        self._bits, self._mask = bytearray(bits // 8), bits - 1

    def add(self, key: str) -> None:
        """Remember a key."""
        for place in self._places(key):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: str) -> bool:
        return all(self._bits[place >> 3] & 1 << (place & 7) for place in self._places(key))

    def _places(self, key: str) -> list[int]:
        # Each process has hashes of its own, so nobody can make keys that fill the filter.
        found = hash(key)
        step = found >> 32 | 1
        return [(found + number * step) & self._mask for number in range(HASHES)]

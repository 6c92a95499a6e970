"""What offsetting some grams costs at a price per tonne."""

from __future__ import annotations

from typing import Final

GRAMS_PER_TONNE: Final = 1_000_000


def cost_fen(grams: int, unit_price_fen: int) -> int:
    """Return the price of the grams, rounded up to the fen; the quote of orders decides."""
    return -(-grams * unit_price_fen // GRAMS_PER_TONNE)

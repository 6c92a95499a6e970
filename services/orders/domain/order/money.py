"""What a mass costs and what money buys: exact integers, rounded once."""

GRAMS_PER_TONNE = 1_000_000


def cost_fen(grams: int, unit_price_fen: int) -> int:
    """Return the price of the grams at a price per tonne, rounded up to the fen."""
    return -(-grams * unit_price_fen // GRAMS_PER_TONNE)


def grams_for(money_fen: int, unit_price_fen: int) -> int:
    """Return the greatest mass that costs no more than the money; one gram more would."""
    return money_fen * GRAMS_PER_TONNE // unit_price_fen

"""How the registry's things are called on its pages."""

from __future__ import annotations

from shared.sentence import Sentence

STATUSES = {
    "listed": Sentence("listed"),
    "suspended": Sentence("suspended"),
    "delisted": Sentence("delisted"),
}
# A type that is not here shows as it is.
TYPES = {
    "forest_management": Sentence("Forest management"),
    "afforestation": Sentence("Afforestation"),
    "energy_saving": Sentence("Energy saving"),
    "low_carbon_travel": Sentence("Low-carbon travel"),
}

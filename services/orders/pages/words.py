"""How the things of orders are called on its pages."""

from __future__ import annotations

from shared.sentence import Sentence

# What a project's money does, by its type; a type that is not here shows as it is.
TYPES = {
    "forest_management": Sentence("Keeps forest and replants it; what it takes up is measured."),
    "afforestation": Sentence("Plants forest where there was none; what it takes up is measured."),
    "energy_saving": Sentence("Does the same work with less energy; what is saved is measured."),
    "low_carbon_travel": Sentence("Moves people with less fuel; what is saved is measured."),
}

"""The alias made for every beneficiary: two words and two digits that follow from its id, such as Quiet Bamboo 27."""

import hashlib

_FIRST = (  # noqa: SIM905 -- a list of words reads best as a text
    "Amber Brisk Bright Calm Candid Cheerful Clear Clever Cosy Crisp Dawn Deep Dewy Eager Early Easy Even Fair"
    " Fine Fond Free Fresh Frosty Gentle Glad Golden Good Grand Green High Hushed Jade Keen Kind Late Light"
    " Lively Lucky Lunar Mellow Mild Misty Morning Mossy Neat New Noble Patient Plain Quick Quiet Rainy Ready"
    " Rosy Serene Silver Snowy Soft Spring Steady Still Sunny Warm Wise"
).split()
_SECOND = (  # noqa: SIM905 -- likewise
    "Abacus Alder Arbour Bamboo Basin Birch Boat Bridge Brook Camphor Canyon Cedar Cloud Cove Crane Creek"
    " Cypress Drum Egret Fern Field Finch Ford Fountain Garden Gate Ginkgo Glade Grove Harbour Heron Hibiscus"
    " Hill Ibis Kite Lake Lantern Lark Linden Lotus Maple Meadow Magpie Oriole Osmanthus Panda Path Pavilion"
    " Peak Pear Pine Plum Pond Ridge River Robin Sparrow Stone Swallow Teahouse Terrace Trail Willow Wren"
).split()


def alias_of(beneficiary_id: str) -> str:
    """Return the alias; the same id always gives the same one, and it reveals nothing of the id."""
    digest = hashlib.sha256(f"alias:{beneficiary_id}".encode()).digest()
    first, second = _FIRST[digest[0] % len(_FIRST)], _SECOND[digest[1] % len(_SECOND)]
    return f"{first} {second} {10 + int.from_bytes(digest[2:4], 'big') % 90}"

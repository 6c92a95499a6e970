"""How the calculator's things are called on its pages."""

MODES = {
    "plane": "Plane",
    "high_speed_train": "High-speed train",
    "car": "Car, alone",
    "coach": "Coach",
    "metro": "Metro or city bus",
    "walk": "On foot or by bicycle",
}
CABINS = {
    "economy": "Economy",
    "premium_economy": "Premium economy",
    "business": "Business",
    "first": "First",
    "unknown": "I do not know",
}
HOTEL_CLASSES = {
    "average": "I do not know",
    "unclassified": "No stars",
    "2": "2 stars",
    "3": "3 stars",
    "4": "4 stars",
    "5": "5 stars",
}
DISHES = {
    "vegan": "Vegan",
    "vegetarian": "Vegetarian",
    "white_meat": "Chicken or pork",
    "fish": "Fish",
    "red_meat": "Beef or lamb",
}
CATEGORIES = {
    "flight": "Flight",
    "rail": "Train",
    "metro": "Metro",
    "road": "Road",
    "active": "Bicycle",
    "hotel": "Hotel",
    "home": "Home",
    "meals": "Meals",
}
LINES = {
    "high_speed_train": "High-speed train",
    "train": "Train",
    "metro": "Metro",
    "bus": "City bus",
    "coach": "Coach",
    "taxi": "Taxi",
    "e_bike": "E-bike",
    "bicycle": "Bicycle",
    "walk": "On foot",
    "home": "Nights at home",
}
# What follows the word "by".
BY = {"plane": "plane", "car": "car", "high_speed_train": "high-speed train", "train": "train", "coach": "coach"}
UNITS = {"km": "km", "night": "nights", "meal": "meals"}


def line_name(activity: str) -> str:
    """Return the name of a line from the activity that it counts."""
    kind, _, rest = activity.partition(".")
    if kind == "flight":
        haul, cabin = rest.split(".")
        return f"Flight, {haul} haul, {CABINS[cabin].lower()}"
    if kind == "hotel":
        return "Hotel" if rest == "average" else f"Hotel, {HOTEL_CLASSES[rest].lower()}"
    if kind == "meal":
        return f"Meals, {DISHES[rest].lower()}"
    if kind == "car":
        return "Car" if rest == "unknown" else f"Car, {rest.replace('_', ' ')}"
    return LINES[activity]

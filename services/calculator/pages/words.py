"""How the calculator's things are called on its pages."""

from __future__ import annotations

from shared.sentence import Sentence

KINDS = {
    "conference": Sentence("Conference"),
    "scenic_spot": Sentence("Scenic spot"),
    "supermarket": Sentence("Supermarket"),
    "restaurant": Sentence("Restaurant"),
    "hotel": Sentence("Hotel"),
    "other": Sentence("Place"),
}
STATUSES = {
    "draft": Sentence("draft"),
    "open": Sentence("open"),
    "closed": Sentence("closed"),
    "suspended": Sentence("suspended"),
}
# The six of the first question: each stands for the way of travelling that the engine counts.
MODES = {
    "plane": Sentence("Plane"),
    "high_speed_train": Sentence("High-speed train"),
    "car": Sentence("Car, alone"),
    "coach": Sentence("Coach"),
    "metro": Sentence("Metro or city bus"),
    "walk": Sentence("On foot or by bicycle"),
}
LEGS = {
    "plane": Sentence("Plane"),
    "high_speed_train": Sentence("High-speed train"),
    "train": Sentence("Train"),
    "coach": Sentence("Coach"),
    "car": Sentence("Car"),
    "taxi": Sentence("Taxi"),
    "metro": Sentence("Metro"),
    "bus": Sentence("City bus"),
    "e_bike": Sentence("E-bike"),
    "bicycle": Sentence("Bicycle"),
    "walk": Sentence("On foot"),
}
CABINS = {
    "economy": Sentence("Economy"),
    "premium_economy": Sentence("Premium economy"),
    "business": Sentence("Business"),
    "first": Sentence("First"),
    "unknown": Sentence("I do not know"),
}
FUELS = {
    "unknown": Sentence("I do not know"),
    "petrol": Sentence("Petrol"),
    "diesel": Sentence("Diesel"),
    "hybrid": Sentence("Hybrid"),
    "plug_in_hybrid": Sentence("Plug-in hybrid"),
    "battery_electric": Sentence("Electric"),
}
STAYS = {
    "hotel": Sentence("In a hotel"),
    "home": Sentence("At home, or with family or friends"),
    "none": Sentence("I did not stay the night"),
}
HOTEL_CLASSES = {
    "average": Sentence("I do not know"),
    "unclassified": Sentence("No stars"),
    "2": Sentence("2 stars"),
    "3": Sentence("3 stars"),
    "4": Sentence("4 stars"),
    "5": Sentence("5 stars"),
}
DISHES = {
    "vegan": Sentence("Vegan"),
    "vegetarian": Sentence("Vegetarian"),
    "white_meat": Sentence("Chicken or pork"),
    "fish": Sentence("Fish"),
    "red_meat": Sentence("Beef or lamb"),
}
CATEGORIES = {
    "flight": Sentence("Flight"),
    "rail": Sentence("Train"),
    "metro": Sentence("Metro"),
    "road": Sentence("Road"),
    "active": Sentence("Bicycle"),
    "hotel": Sentence("Hotel"),
    "home": Sentence("Home"),
    "meals": Sentence("Meals"),
}
# How they are called inside the name of a line.
INSIDE = {
    "economy": Sentence("economy"),
    "premium_economy": Sentence("premium economy"),
    "business": Sentence("business class"),
    "first": Sentence("first class"),
    "petrol": Sentence("petrol"),
    "diesel": Sentence("diesel"),
    "hybrid": Sentence("hybrid"),
    "plug_in_hybrid": Sentence("plug-in hybrid"),
    "battery_electric": Sentence("electric"),
    "vegan": Sentence("vegan"),
    "vegetarian": Sentence("vegetarian"),
    "white_meat": Sentence("chicken or pork"),
    "fish": Sentence("fish"),
    "red_meat": Sentence("beef or lamb"),
    "unclassified": Sentence("no stars"),
    "plane": Sentence("the plane"),
    "car": Sentence("the car"),
}
HAULS = {"short": Sentence("short haul"), "long": Sentence("long haul")}
PARTS = {
    "direct": Sentence("fuel burnt"),
    "upstream": Sentence("making the fuel"),
    "non_co2": Sentence("effects other than CO₂"),
}
UNITS = {"km": Sentence("km"), "night": Sentence("nights"), "meal": Sentence("meals")}
WARNINGS = {
    "airports_close": Sentence("These airports are less than 50 km apart. Was it this flight?"),
    "flight_long": Sentence(
        "This flight is longer than any that is flown without a stop. Give each flight as a leg of its own."
    ),
    "land_leg_long": Sentence("More than 3,000 km over land. Was it that far?"),
    "occupants_many": Sentence("More than five people in one car. Were there so many?"),
    "nights_many": Sentence("More than thirty nights. Were there so many?"),
    "guests_many": Sentence("More than four guests in one room. Were there so many?"),
}
NOTES = {
    "haul_by_distance": Sentence(
        "Up to 3,700 km counts as short haul, more as long haul; DESNZ itself goes by territories."
    ),
    "counted_as_economy": Sentence("The short-haul table has no premium economy: the economy row was used."),
    "counted_as_business": Sentence("The short-haul table has no first class: the business row was used."),
    "uk_row": Sentence("There is no row for this country: the British row was used as a cautious fallback."),
    "per_passenger": Sentence("The row is per passenger at British occupancy and is not divided again."),
    "upstream_inside": Sentence("The row is life-cycle: making the fuel and the vehicle is inside, nothing is added."),
    "region_mean": Sentence(
        "There is no row for this country: the mean of the listed countries of its continent was used."
    ),
    "world_mean": Sentence("There is no row for this country or continent: the mean of all listed countries was used."),
    "world_grid": Sentence("There is no grid row for this country: the world average was used."),
    "grid_loss_assumed": Sentence("The loss in the grid is an assumption."),
}


def line_name(activity: str) -> Sentence:
    """Return the name of a line from the activity that it counts."""
    kind, _, rest = activity.partition(".")
    plain = {"hotel.average": KINDS["hotel"], "car.unknown": LEGS["car"], "home": Sentence("Nights at home")}
    match kind:
        case "flight":
            return _flight(*rest.split("."))
        case "hotel" if activity not in plain:
            return Sentence("Hotel, {stars}", stars=INSIDE.get(rest) or HOTEL_CLASSES[rest])
        case "meal":
            return Sentence("Meals, {dish}", dish=INSIDE[rest])
        case "car" if activity not in plain:
            return Sentence("Car, {fuel}", fuel=INSIDE[rest])
        case _:
            return plain.get(activity) or LEGS[activity]


def _flight(haul: str, cabin: str) -> Sentence:
    if cabin == "unknown":
        return Sentence("Flight, {haul}", haul=HAULS[haul])
    return Sentence("Flight, {haul}, {cabin}", haul=HAULS[haul], cabin=INSIDE[cabin])


def part_name(activity: str, part: str, *, alone: bool) -> Sentence:
    """Return the name of one part of a line, which has no name of its own where it is the only one."""
    name = line_name(activity)
    return name if alone else Sentence("{line}: {part}", line=name, part=PARTS[part])

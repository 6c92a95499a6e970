"""What a conference needs of the source tables, what its lines must say of it, and under which licences it stands."""

from __future__ import annotations

# What a conference asks for: the input of `defaults.csv`, the activity of ours, notes that its lines carry.
INPUTS: tuple[tuple[str, str, str], ...] = (
    ("flight economy, <= 3700 km", "flight.short.economy", "haul_by_distance"),
    ("flight premium economy, <= 3700 km", "flight.short.premium_economy", "haul_by_distance counted_as_economy"),
    ("flight business, <= 3700 km", "flight.short.business", "haul_by_distance"),
    ("flight first, <= 3700 km", "flight.short.first", "haul_by_distance counted_as_business"),
    ("flight, class unknown, <= 3700 km", "flight.short.unknown", "haul_by_distance"),
    ("flight economy, > 3700 km", "flight.long.economy", "haul_by_distance"),
    ("flight premium economy, > 3700 km", "flight.long.premium_economy", "haul_by_distance"),
    ("flight business, > 3700 km", "flight.long.business", "haul_by_distance"),
    ("flight first, > 3700 km", "flight.long.first", "haul_by_distance"),
    ("flight, class unknown, > 3700 km", "flight.long.unknown", "haul_by_distance"),
    ("high-speed rail", "high_speed_train", ""),
    ("rail", "train", ""),
    ("metro", "metro", ""),
    ("local bus", "bus", ""),
    ("coach", "coach", ""),
    ("taxi", "taxi", "per_passenger"),
    ("e-bike, kick-scooter, bicycle", "e_bike", ""),
    ("car petrol, average size", "car.petrol", ""),
    ("car petrol", "car.petrol", ""),
    ("car diesel, average size", "car.diesel", ""),
    ("car hybrid, average size", "car.hybrid", ""),
    ("car unknown, average size", "car.unknown", ""),
    ("car battery electric", "car.battery_electric", ""),
    ("car plug-in hybrid", "car.plug_in_hybrid", ""),
    ("hotel class multiplier 3-star", "hotel_class.3", ""),
    ("meal beef / red meat", "meal.red_meat", ""),
    ("meal vegetarian", "meal.vegetarian", ""),
    ("meal vegan", "meal.vegan", ""),
    ("meal chicken or pork", "meal.white_meat", ""),
    ("meal fish", "meal.fish", ""),
)
REGIONS = {"world": "world", "elsewhere": "world", "EU and others": "world"}
ALSO = (
    ("walk", "walk.walking.fr.2026"),
    ("bicycle", "micromobility.bicycle.fr.2026"),
    ("home", "hotel.night-at-friends-or-family.fr.2025"),
    ("hotel_class.unclassified", "hotel.class-multiplier-unclassified.fr.2020"),
    ("hotel_class.2", "hotel.class-multiplier-2-star.fr.2020"),
    ("hotel_class.4", "hotel.class-multiplier-4-star.fr.2020"),
    ("hotel_class.5", "hotel.class-multiplier-5-star.fr.2020"),
)
HOTEL = "hotel.night-average-class-"
HOTEL_REGIONS = {
    "Australia": "AU", "Belgium": "BE", "Brazil": "BR", "Canada": "CA", "Chile": "CL", "China": "CN", "Colombia": "CO",
    "Costa Rica": "CR", "Egypt": "EG", "France": "FR", "Germany": "DE", "Hong Kong, China": "HK", "India": "IN",
    "Indonesia": "ID", "Italy": "IT", "Japan": "JP", "Jordan": "JO", "Korea": "KR", "Malaysia": "MY", "Maldives": "MV",
    "Mexico": "MX", "Netherlands": "NL", "Oman": "OM", "Philippines": "PH", "Portugal": "PT", "Qatar": "QA",
    "Russia": "RU", "Saudi Arabia": "SA", "Singapore": "SG", "South Africa": "ZA", "Spain": "ES", "Switzerland": "CH",
    "Thailand": "TH", "Turkey": "TR", "UK": "GB", "UK (London)": "GB-LND", "United Arab Emirates": "AE",
    "United States": "US", "Vietnam": "VN",
}  # fmt: skip
PLUG_IN_TOTAL = "car.average-car-plug-in-hybrid-electric-vehicle.gb.2025"
PLUG_IN_FUEL = "car.fuel-part-of-average-car-plug-in-hybrid-electric-vehicle.gb.2025"
# National grids as methodology 14 chooses them; every other country takes Ember's row under its ISO alpha-3 code.
OWN_GRIDS = {"CN": "CN", "IN": "IN", "world": "OWID_WRL"}
GRID_LOSSES = (("GB", "0.105", "2025", "B"), ("US", "0.042", "2023", "B"), ("IN", "0.154", "2023", "C"),
               ("world", "0.08", "2026", "C"))  # fmt: skip

NOTES = {
    "haul_by_distance": "Up to 3,700 km counts as short haul, more as long haul; DESNZ itself goes by territories.",
    "counted_as_economy": "The short-haul table has no premium economy: the economy row was used.",
    "counted_as_business": "The short-haul table has no first class: the business row was used.",
    "uk_row": "There is no row for this country: the British row was used as a cautious fallback.",
    "per_passenger": "The row is per passenger at British occupancy and is not divided again.",
    "upstream_inside": "The row is life-cycle: making the fuel and the vehicle is inside, nothing is added.",
    "region_mean": "There is no row for this country: the mean of the listed countries of its continent was used.",
    "world_mean": "There is no row for this country or continent: the mean of all listed countries was used.",
    "world_grid": "There is no grid row for this country: the world average was used.",
    "grid_loss_assumed": "The loss in the grid is an assumption.",
}
LICENCES = (
    "DESNZ: UK Government GHG Conversion Factors 2025 and 2026, Open Government Licence v3.0.",
    "ADEME: Base Empreinte and Agribalyse data under ADEME's own terms, as in Nos Gestes Climat (MIT) and Impact CO2.",
    "Ember: Our World in Data / Ember, carbon intensity of electricity, CC BY 4.0.",
    "EPA: GHG Emission Factors Hub, January 2025, US public domain.",
    "MEE: announcements 2024 No. 12, 2024 No. 33 and 2025 No. 47, government publications.",
    "CEA, SFC India, India GHG Program: as compiled in open-india-emission-factors, CC0.",
    "mobitool factors v3.0: free use with source.",
    "CPCD, Beijing Jiaotong University, Koide et al. 2021, Marsden 2011: single figures, quoted with their source.",
    "Airports: airportsdata, MIT.",
)

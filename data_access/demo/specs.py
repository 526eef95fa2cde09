"""What kind of company the demo is: sizes, channels, locations, categories. Facts and rates, no randomness."""

from dataclasses import dataclass, field
from typing import Final

DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """How big: stocked SKUs, order lines aimed at, days of history, suppliers, defect episodes, SKUs a promotion takes of its category."""

    skus: int
    lines: int
    days: int
    suppliers: int
    defects: int
    promoted_share: float


SIZES: Final = {
    "tiny": Size(38, 6_000, 120, 5, 2, 0.17),
    "small": Size(285, 250_000, 730, 12, 6, 0.08),
    "medium": Size(2_850, 1_000_000, 730, 50, 20, 0.05),
    "large": Size(19_048, 10_000_000, 730, 200, 60, 0.04),
}
KIT_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A channel and how its customers and orders behave. Rates are shares of lines unless said otherwise.

    `serves`: locations in order of priority. `markup`: price against the list price, in its own currency. `lag_minutes`: how late its
    events reach us (least, most); 0 for seconds. `handling_days`: business days it allows until shipping; `transit_days`: days it promises
    from the latest shipping to delivery. `hours`: weight of each local hour of the day.
    """

    channel_id: str
    name: str
    kind: str
    marketplace: str | None
    currency: str
    time_zone: str
    country: str
    stale_after_seconds: int
    serves: tuple[str, ...]
    share: float
    listed: float
    markup: float
    joined: float
    handling_days: int
    transit_days: int
    late: float
    buyer_cancels: float
    untracked: float
    unscanned: float
    returned: float
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    destinations: tuple[tuple[str, str | None, float], ...]
    lag_minutes: tuple[int, int] = (0, 0)
    waits: float = 0.0


_EVENING: Final = (3, 2, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 8, 8, 7, 7, 8, 9, 10, 12, 13, 12, 9, 5)
_STREAM: Final = (4, 2, 1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 6, 5, 5, 6, 8, 11, 15, 19, 20, 15, 8)
_TILL: Final = (0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 10, 11, 10, 9, 10, 12, 13, 10, 3, 0, 0, 0, 0)

CHANNELS: Final = (
    ChannelSpec(
        "amazon",
        "Amazon",
        "marketplace",
        "amazon",
        "EUR",
        "Europe/Berlin",
        "DE",
        900,
        ("fc-leipzig", "wh-hamburg", "3pl-rotterdam"),
        0.35,
        0.85,
        1.08,
        0.05,
        1,
        3,
        0.034,
        0.012,
        0.012,
        0.020,
        1.0,
        _EVENING,
        (1.06, 1.04, 1.0, 0.98, 0.94, 0.93, 1.08),
        (("DE", None, 0.84), ("AT", None, 0.08), ("FR", None, 0.05), ("IT", None, 0.03)),
    ),
    ChannelSpec(
        "ebay",
        "eBay",
        "marketplace",
        "ebay",
        "GBP",
        "Europe/London",
        "GB",
        7_200,
        ("wh-leeds", "3pl-rotterdam"),
        0.19,
        0.78,
        0.88,
        0.08,
        1,
        3,
        0.022,
        0.015,
        0.025,
        0.030,
        0.8,
        _EVENING,
        (0.98, 0.97, 0.98, 0.98, 0.95, 1.02, 1.14),
        (("GB", "England", 0.82), ("GB", "Scotland", 0.09), ("GB", "Wales", 0.05), ("IE", None, 0.04)),
        lag_minutes=(20, 90),
    ),
    ChannelSpec(
        "shop",
        "Web shop",
        "webstore",
        None,
        "EUR",
        "Europe/Berlin",
        "DE",
        600,
        ("wh-hamburg", "3pl-rotterdam", "wh-leeds"),
        0.20,
        0.97,
        1.0,
        0.28,
        2,
        3,
        0.045,
        0.010,
        0.010,
        0.015,
        0.9,
        _EVENING,
        (1.08, 1.03, 1.0, 0.98, 0.92, 0.93, 1.08),
        (("DE", None, 0.74), ("AT", None, 0.09), ("NL", None, 0.09), ("BE", None, 0.08)),
        waits=0.45,
    ),
    ChannelSpec(
        "tiktok",
        "TikTok Shop",
        "social",
        "tiktok",
        "GBP",
        "Europe/London",
        "GB",
        900,
        ("wh-leeds", "3pl-rotterdam"),
        0.08,
        0.5,
        0.84,
        0.06,
        2,
        3,
        0.036,
        0.024,
        0.030,
        0.035,
        1.35,
        _STREAM,
        (0.88, 0.90, 0.93, 0.98, 1.05, 1.15, 1.12),
        (("GB", "England", 0.86), ("GB", "Scotland", 0.08), ("GB", "Wales", 0.06)),
    ),
    ChannelSpec(
        "walmart",
        "Walmart",
        "marketplace",
        "walmart",
        "USD",
        "America/New_York",
        "US",
        1_800,
        ("3pl-newark",),
        0.10,
        0.45,
        1.22,
        0.09,
        1,
        4,
        0.041,
        0.013,
        0.008,
        0.012,
        1.05,
        _EVENING,
        (1.05, 1.0, 0.97, 0.96, 0.97, 1.0, 1.06),
        (("US", "NY", 0.26), ("US", "NJ", 0.17), ("US", "PA", 0.16), ("US", "FL", 0.14), ("US", "TX", 0.14), ("US", "OH", 0.13)),
    ),
    ChannelSpec(
        "retail",
        "Shops",
        "retail",
        None,
        "EUR",
        "Europe/Berlin",
        "DE",
        1_800,
        ("shop-berlin", "shop-hamburg", "shop-munich"),
        0.08,
        0.5,
        1.02,
        0.33,
        0,
        0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.45,
        _TILL,
        (0.82, 0.88, 0.93, 1.0, 1.22, 1.75, 0.0),
        (("DE", None, 1.0),),
    ),
)
SHOP_SHARES: Final = (0.42, 0.31, 0.27)


@dataclass(frozen=True, slots=True)
class LocationSpec:
    """A location. `group`: which part of the company's stock it belongs to when goods are ordered (EU, UK, US)."""

    location_id: str
    name: str
    kind: str
    country: str
    region: str
    time_zone: str
    group: int


LOCATIONS: Final = (
    LocationSpec("wh-hamburg", "Warehouse Hamburg", "warehouse", "DE", "Hamburg", "Europe/Berlin", 0),
    LocationSpec("wh-leeds", "Warehouse Leeds", "warehouse", "GB", "Yorkshire", "Europe/London", 1),
    LocationSpec("3pl-rotterdam", "3PL Rotterdam", "3pl", "NL", "Zuid-Holland", "Europe/Amsterdam", 0),
    LocationSpec("3pl-newark", "3PL Newark", "3pl", "US", "New Jersey", "America/New_York", 2),
    LocationSpec("fc-leipzig", "Amazon FC Leipzig", "fulfilment_centre", "DE", "Sachsen", "Europe/Berlin", 0),
    LocationSpec("shop-berlin", "Shop Berlin", "shop", "DE", "Berlin", "Europe/Berlin", 0),
    LocationSpec("shop-hamburg", "Shop Hamburg", "shop", "DE", "Hamburg", "Europe/Berlin", 0),
    LocationSpec("shop-munich", "Shop Munich", "shop", "DE", "Bayern", "Europe/Berlin", 0),
)
HAMBURG, LEEDS, ROTTERDAM, NEWARK, LEIPZIG = range(5)
SHOPS: Final = (5, 6, 7)
GROUPS: Final = 3
GROUP_GATE: Final = (HAMBURG, LEEDS, NEWARK)  # where a group's purchase orders come in
AMAZON, EBAY, SHOP, TIKTOK, WALMART, RETAIL = range(6)
CHANNEL_INDEX: Final = {spec.channel_id: number for number, spec in enumerate(CHANNELS)}
LOCATION_INDEX: Final = {spec.location_id: number for number, spec in enumerate(LOCATIONS)}


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """A category. `peak_day`, `swing`: day of the year and size of the yearly season; `gift`: extra demand before Christmas.

    `elasticity`: demand is multiplied by (1 - discount) ** -elasticity; `switching`: how readily customers of other channels follow a
    discount; `returned`: share of lines that come back; `reasons`: weights of the reasons.
    """

    name: str
    code: str
    weight: float
    price: float
    peak_day: int
    swing: float
    gift: float
    elasticity: float
    switching: float
    returned: float
    nouns: tuple[str, ...]
    variants: tuple[str, ...]
    reasons: dict[str, float] = field(default_factory=dict)


CATEGORIES: Final = (
    CategorySpec(
        "Kitchen", "KTN", 0.17, 24, 330, 0.10, 0.6, 1.9, 0.9, 0.035,
        ("Carafe", "Chopping Board", "Pepper Mill", "Saucepan", "Storage Jar", "Tea Pot", "Whisk", "Mixing Bowl"),
        ("0.5 l", "1 l", "Oak", "Steel", "Matt Black", "Ivory"),
        {"product_fault": 24, "damaged_in_transit": 30, "not_as_described": 12, "changed_mind": 26, "wrong_item": 8},
    ),
    CategorySpec(
        "Textiles", "TEX", 0.14, 29, 300, 0.18, 0.35, 2.2, 1.1, 0.085,
        ("Cushion", "Throw", "Bath Towel", "Bed Linen", "Table Runner", "Curtain"),
        ("Sage", "Rust", "Navy", "Sand", "Off-White", "Plum"),
        {"not_as_described": 34, "changed_mind": 36, "product_fault": 12, "wrong_item": 8, "size_or_fit": 10},
    ),
    CategorySpec(
        "Clothing", "CLO", 0.15, 38, 280, 0.22, 0.30, 2.4, 1.2, 0.17,
        ("Rain Jacket", "Merino Jumper", "T-Shirt", "Socks", "Work Trousers", "Beanie", "Scarf"),
        ("S", "M", "L", "XL", "Charcoal M", "Forest L"),
        {"size_or_fit": 58, "changed_mind": 22, "not_as_described": 11, "product_fault": 6, "wrong_item": 3},
    ),
    CategorySpec(
        "Lighting", "LGT", 0.11, 47, 345, 0.28, 0.35, 1.8, 0.9, 0.055,
        ("Desk Lamp", "Pendant", "String Lights", "Floor Lamp", "Night Light", "Wall Light"),
        ("Brass", "White", "Black", "Smoked Glass", "Copper"),
        {"product_fault": 38, "damaged_in_transit": 30, "not_as_described": 14, "changed_mind": 18},
    ),
    CategorySpec(
        "Garden", "GDN", 0.13, 31, 150, 0.62, 0.0, 1.7, 0.7, 0.04,
        ("Planter", "Hand Fork", "Watering Can", "Bird Feeder", "Garden Hose", "Parasol Base"),
        ("Small", "Large", "Terracotta", "Green", "Zinc"),
        {"damaged_in_transit": 30, "product_fault": 26, "changed_mind": 24, "not_as_described": 14, "undeliverable": 6},
    ),
    CategorySpec(
        "Sport", "SPT", 0.11, 42, 20, 0.24, 0.25, 2.1, 1.0, 0.07,
        ("Yoga Mat", "Kettlebell", "Bike Light", "Resistance Band", "Drinking Bottle", "Head Torch"),
        ("Blue", "Grey", "2 kg", "4 kg", "Pro"),
        {"product_fault": 30, "changed_mind": 32, "not_as_described": 18, "size_or_fit": 14, "wrong_item": 6},
    ),
    CategorySpec(
        "Toys", "TOY", 0.11, 22, 345, 0.20, 1.9, 2.3, 1.2, 0.045,
        ("Wooden Train", "Puzzle", "Building Blocks", "Kite", "Plush Fox", "Card Game"),
        ("24 pieces", "100 pieces", "Red", "Natural", "Deluxe"),
        {"changed_mind": 38, "product_fault": 22, "wrong_item": 14, "damaged_in_transit": 14, "late": 12},
    ),
    CategorySpec(
        "Office", "OFC", 0.08, 17, 250, 0.16, 0.0, 1.5, 0.6, 0.025,
        ("Notebook", "Desk Tray", "Pen Set", "Whiteboard", "Cable Box", "Monitor Stand"),
        ("A4", "A5", "Oak", "Graphite", "White"),
        {"product_fault": 28, "damaged_in_transit": 22, "changed_mind": 26, "wrong_item": 14, "none_given": 10},
    ),
)  # fmt: skip

REASONS: Final = (
    "product_fault",
    "not_as_described",
    "size_or_fit",
    "damaged_in_transit",
    "wrong_item",
    "late",
    "changed_mind",
    "undeliverable",
    "abuse",
    "none_given",
)
# How much likelier a reason is on a channel than elsewhere.
REASON_TILT: Final = {
    "tiktok": {"changed_mind": 1.8, "not_as_described": 1.5},
    "ebay": {"not_as_described": 1.4, "damaged_in_transit": 1.3},
    "walmart": {"damaged_in_transit": 1.5, "none_given": 2.0},
    "retail": {"changed_mind": 1.6, "damaged_in_transit": 0.05, "late": 0.0, "undeliverable": 0.0},
}
# (restock, refurbish, discard) by reason.
DISPOSITION_ODDS: Final = {
    "product_fault": (0.10, 0.35, 0.55),
    "not_as_described": (0.72, 0.16, 0.12),
    "size_or_fit": (0.86, 0.06, 0.08),
    "damaged_in_transit": (0.06, 0.24, 0.70),
    "wrong_item": (0.88, 0.04, 0.08),
    "late": (0.90, 0.04, 0.06),
    "changed_mind": (0.84, 0.07, 0.09),
    "undeliverable": (0.82, 0.04, 0.14),
    "abuse": (0.05, 0.15, 0.80),
    "none_given": (0.70, 0.12, 0.18),
}
# Each channel's own code for a reason; `*` for channels not named.
REASON_CODES: Final = {
    "amazon": {
        "product_fault": "DEFECTIVE",
        "not_as_described": "NOT_AS_DESCRIBED",
        "size_or_fit": "APPAREL_TOO_SMALL",
        "damaged_in_transit": "DAMAGED_BY_CARRIER",
        "wrong_item": "SWITCHEROO",
        "late": "MISSED_ESTIMATED_DELIVERY",
        "changed_mind": "UNWANTED_ITEM",
        "undeliverable": "UNDELIVERABLE_REFUSED",
        "abuse": "UNAUTHORIZED_PURCHASE",
        "none_given": "NO_REASON_GIVEN",
    },
    "ebay": {
        "product_fault": "DEFECTIVE_ITEM",
        "not_as_described": "NOT_AS_DESCRIBED",
        "size_or_fit": "DOES_NOT_FIT",
        "damaged_in_transit": "ARRIVED_DAMAGED",
        "wrong_item": "SENT_WRONG_ITEM",
        "late": "ARRIVED_LATE",
        "changed_mind": "NO_LONGER_NEEDED",
        "undeliverable": "RETURNED_TO_SENDER",
        "abuse": "BUYER_ABUSE",
        "none_given": "OTHER",
    },
    "*": {
        "product_fault": "faulty",
        "not_as_described": "not as described",
        "size_or_fit": "size",
        "damaged_in_transit": "damaged in transit",
        "wrong_item": "wrong item",
        "late": "too late",
        "changed_mind": "changed mind",
        "undeliverable": "undeliverable",
        "abuse": "suspected abuse",
        "none_given": "none",
    },
}
# How readily customers of a channel (row) follow a discount on another (column), in the order of CHANNELS.
AFFINITY: Final = (
    (0.0, 0.55, 0.60, 0.35, 0.05, 0.20),
    (0.75, 0.0, 0.45, 0.50, 0.05, 0.05),
    (0.80, 0.35, 0.0, 0.30, 0.03, 0.30),
    (0.50, 0.45, 0.40, 0.0, 0.03, 0.05),
    (0.15, 0.10, 0.08, 0.05, 0.0, 0.02),
    (0.30, 0.10, 0.35, 0.10, 0.02, 0.0),
)
CARRIERS: Final = {"DE": ("DHL", "DPD"), "GB": ("Royal Mail", "Evri"), "US": ("UPS", "USPS"), "NL": ("PostNL", "DPD")}

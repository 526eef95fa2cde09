"""Why a row of a channel's export cannot be taken: the sentences of its preview and of its import; `{}` is what they speak of."""

from typing import Final

UNKNOWN_ON_CHANNEL: Final = "Nothing is known of {} on this channel: say what the listing sells, or import products first."
UNKNOWN_SKU: Final = "There is no SKU {}: import products first, or say with --channel whose code it is."
IS_KIT: Final = "{} is a kit, and kits hold no stock: count its components."
NO_PLACE: Final = "The row names no location: import the file again with --location."
SHARED_PLACE: Final = "Several locations are called {}: give them names that differ."
UNKNOWN_PLACE: Final = "There is no location whose id or name is {}: import locations first."

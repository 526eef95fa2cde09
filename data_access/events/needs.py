"""What an event refers to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What is looked up before an event is handled; its parents (orders, returns, purchase orders) are locked as well.

    `order`, `facts`, `packages`: the (channel, order reference) whose lines, whose lines with all their facts, or whose packages it
    needs; `returns`: (channel, return reference); `purchase`: a purchase order's reference; `skus`: that it names itself; `listings`:
    (channel, external SKU).
    """

    order: tuple[str, str] | None = None
    facts: tuple[str, str] | None = None
    packages: tuple[str, str] | None = None
    returns: tuple[str, str] | None = None
    purchase: str | None = None
    skus: tuple[str, ...] = ()
    listings: tuple[tuple[str, str], ...] = ()

    @property
    def parents(self) -> list[str]:
        """The keys of the parents to lock, such as `order:CHANNEL:REFERENCE`."""
        keys = [
            f"order:{channel_id}:{ref}" for channel_id, ref in dict.fromkeys(key for key in (self.order, self.facts, self.packages) if key)
        ]
        if self.returns is not None:
            keys.append(f"return:{self.returns[0]}:{self.returns[1]}")
        if self.purchase is not None:
            keys.append(f"po:{self.purchase}")
        return keys

"""Which role may do what."""

from typing import Final, Literal

Permission = Literal[
    "change buffers",
    "work the inbox",
    "import files",
    "set metrics",
    "inspect returns",
    "set return rules",
    "run forecasts",
    "run jobs",
    "take back imports",
    "manage users",
]
GRANTED: Final[dict[Permission, tuple[str, ...]]] = {
    "change buffers": ("ops", "manager", "admin"),
    "work the inbox": ("ops", "planner", "manager", "admin"),
    "import files": ("planner", "manager", "admin"),
    "set metrics": ("manager", "admin"),
    "inspect returns": ("ops", "manager", "admin"),
    "set return rules": ("manager", "admin"),
    "run forecasts": ("planner", "manager", "admin"),
    "run jobs": ("manager", "admin"),
    "take back imports": ("manager", "admin"),
    "manage users": ("admin",),
}


def may(role: str, permission: Permission) -> bool:
    """Whether a role includes a permission."""
    return role in GRANTED[permission]


def needed(permission: Permission) -> str:
    """The roles that include a permission, in words: "ops, manager or admin"."""
    *first, last = GRANTED[permission]
    return f"{', '.join(first)} or {last}" if first else last

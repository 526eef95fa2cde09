"""Who may do what."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Integer, String, Table, TypedColumns

from data_access.schema.base import Micros, metadata, one_of

ROLES: Final = ("viewer", "ops", "planner", "manager", "admin")


class _AppUser(TypedColumns):
    name = Column(String, primary_key=True, comment="What the person is called, on pages and in the audit.")
    role = Column(String, nullable=False, comment="viewer, ops, planner, manager or admin.")
    created_at = Column(Micros, nullable=False, comment="When the person was added.")
    version = Column(Integer, nullable=False, server_default="1", comment="Raised by each change.")


app_user = Table("app_user", metadata, _AppUser, CheckConstraint(one_of("role", ROLES), name="role"), comment="People, and their roles.")

__all__ = ["ROLES", "app_user"]

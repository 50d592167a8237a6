"""The tables, declared once, by subject. Rows never leave this package; functions hand out frozen values instead."""

from governance.tables import outputs, policies, rights, work
from governance.tables.base import SCHEMA_REVISION, Base

__all__ = ["SCHEMA_REVISION", "Base", "outputs", "policies", "rights", "work"]

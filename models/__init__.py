"""What is kept. The first table taken from here registers every one; `models.enums` loads without SQLAlchemy."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.tables import *  # noqa: F403  (its `__all__` is the list)
else:

    def __getattr__(name: str) -> object:
        if name.startswith("_") or name.islower():  # `from models import enums` wants the module
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("models.tables"), name)

"""Mypy's view of a table's columns: on the class `Submission.number` is a column, on a row it is a string.

SQLModel declares both as `str`, so that every query would need `col()` around each column, or the checks switched off.
`pyproject.toml` names this file under [tool.mypy] plugins.
"""

from collections.abc import Callable

from mypy.nodes import TypeInfo, Var
from mypy.plugin import AttributeContext, Plugin
from mypy.types import Instance, Type

COLUMN = "sqlalchemy.orm.attributes.InstrumentedAttribute"
MODEL = "sqlmodel.main.SQLModel"


class QueryColumns(Plugin):
    def get_class_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        owner, _, name = fullname.rpartition(".")
        symbol = self.lookup_fully_qualified(owner)
        if symbol is None or not isinstance(symbol.node, TypeInfo) or not symbol.node.has_base(MODEL):
            return None
        declared = next((info.names[name].node for info in symbol.node.mro if name in info.names), None)
        inherited = any(
            name in info.names for info in symbol.node.mro if info.module_name.startswith(("sqlmodel", "pydantic"))
        )
        if inherited or not isinstance(declared, Var) or declared.is_classvar or name.startswith("__"):
            return None
        return self._column

    def _column(self, context: AttributeContext) -> Type:
        symbol = self.lookup_fully_qualified(COLUMN)
        assert symbol is not None, f"{COLUMN} is not among what mypy has read"
        assert isinstance(symbol.node, TypeInfo)
        return Instance(symbol.node, [context.default_attr_type])


def plugin(version: str) -> type[Plugin]:
    return QueryColumns

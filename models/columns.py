"""Column types that SQLite and PostgreSQL keep alike."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, String, Text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field


class DecimalText(TypeDecorator[Decimal]):
    """A decimal as its own text: what was given is what is kept, hashed and compared."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class _Words(dict[str | None, StrEnum | None]):
    """The members of an enum by their words, and nothing for nothing. Raises ValueError for an unknown word."""

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__({member.value: member for member in members})
        self[None] = None
        self._members = members

    def __missing__(self, word: str | None) -> StrEnum:
        return self._members(str(word))


class EnumText(TypeDecorator[StrEnum]):
    """A closed list of words as text; the table's CHECK constraint holds it closed."""

    impl = String(32)
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        self.members = members
        self._found = _Words(members)
        super().__init__()

    def process_bind_param(self, value: StrEnum | str | None, dialect: Any) -> str | None:
        return None if value is None else self.members(value).value

    def result_processor(self, dialect: Any, coltype: object) -> Callable[[Any], Any]:
        # A round reads some hundred thousand words: looked up, not made.
        return self._found.__getitem__


def enum_field(members: type[StrEnum], *, nullable: bool = False, primary_key: bool = False, **options: Any) -> Any:
    """A SQLModel field that keeps one word of an enum."""
    column = {"nullable": nullable, "primary_key": primary_key}
    if nullable:
        options.setdefault("default", None)
    return Field(sa_type=EnumText(members), sa_column_kwargs=column, **options)


def one_of(column: str, members: type[StrEnum], *, nullable: bool = False) -> CheckConstraint:
    """The CHECK constraint that keeps a column within an enum."""
    words = ", ".join(f"'{member.value}'" for member in members)
    rule = f"{column} IN ({words})" + (f" OR {column} IS NULL" if nullable else "")
    return CheckConstraint(rule, name=f"{column}_known")


def check(name: str, rule: str) -> CheckConstraint:
    """A rule that every row keeps, in words of SQL that SQLite and PostgreSQL both know."""
    return CheckConstraint(rule, name=name)


def sha256_text(*columns: str) -> tuple[CheckConstraint, ...]:
    """The rules that columns hold a SHA-256 in hexadecimal."""
    return tuple(check(f"{column}_is_sha256", f"length({column}) = 64") for column in columns)


def not_negative(*columns: str) -> tuple[CheckConstraint, ...]:
    """The rules that decimals kept as text are numbers of nought and more, or nothing."""
    return tuple(check(f"{column}_not_negative", f"CAST({column} AS NUMERIC) >= 0") for column in columns)


def decimal_field(*, nullable: bool = False, **options: Any) -> Any:
    """A SQLModel field that keeps a decimal exactly."""
    if nullable:
        options.setdefault("default", None)
    return Field(sa_type=DecimalText, nullable=nullable, **options)


def text_field(**options: Any) -> Any:
    """A SQLModel field of unbounded text."""
    return Field(sa_column=Column(Text, nullable=False), **options)

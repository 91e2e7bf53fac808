"""Exact arithmetic for figures that are recorded: fractions in, decimals rounded half to even out.

Whatever is computed here with whole numbers comes out the same on every machine and on
every Python.
"""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import isqrt

# Decimals kept by roots and by fixed-point work: far beyond any figure that is published.
DIGITS = 30


def exact(value: Decimal | float | str) -> Fraction:
    """A number as it is written: the float 87.3 means 873/10. Raises ValueError for what is no number."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as problem:
        raise ValueError(f"{value!r} is no number") from problem
    if not number.is_finite():
        raise ValueError(f"{value!r} is no number")
    return Fraction(number)


def settle(value: Fraction, places: int) -> Decimal:
    """A fraction as a decimal with `places` decimals, half to even."""
    return Decimal(round(value * 10**places)).scaleb(-places)


def root(value: Fraction) -> Fraction:
    """The square root of a non-negative fraction, cut off after DIGITS decimals."""
    scale = 10**DIGITS
    return Fraction(isqrt(value.numerator * scale * scale // value.denominator), scale)


def written(value: Decimal | None) -> str | None:
    """A decimal as recorded: plain digits, never an exponent."""
    return None if value is None else f"{value:f}"

"""Prize money to the fen (分): who gets how much of a prize, and sums in the words of a Chinese voucher. Pure.

A prize is paid out whole: what is lost in rounding down goes, fen by fen, to the largest remainders, and among
equals to who stands first (largest remainder method, Hamilton).
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

FEN = 100  # a yuan
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def shares(amount: int, weights: Sequence[Decimal | None]) -> tuple[int, ...]:
    """An amount in fen, shared by weights; in equal parts unless everybody has one and they add up to something.

    The parts are whole fen, not negative, and add up to the amount. Raises ValueError without anybody to pay.
    """
    if not weights:
        raise ValueError("nobody to pay")
    given = [Fraction(weight) for weight in weights if weight is not None]
    by_weight = len(given) == len(weights) and min(given) >= 0 and sum(given) > 0
    exact = given if by_weight else [Fraction(1)] * len(weights)
    quotas = [amount * weight / sum(exact) for weight in exact]
    parts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(parts)), key=lambda place: (parts[place] - quotas[place], place))
    for place in by_remainder[: amount - sum(parts)]:
        parts[place] += 1
    return tuple(parts)


def tax(amount: int, percent: Decimal) -> int:
    """A flat tax on an amount in fen, rounded to the fen as is customary (四舍五入)."""
    return int((amount * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


def in_words(amount: int) -> str:
    """An amount in fen as vouchers write it: 壹仟元整, 叁佰叁拾叁元叁角肆分, 零元整."""
    yuan, rest = divmod(amount, FEN)
    jiao, fen = divmod(rest, 10)
    text = f"{_whole(yuan)}元" if yuan or not rest else ""
    if not rest:
        return f"{text}整"
    text += f"{_DIGITS[jiao]}角" if jiao else ("零" if text else "")
    return text + (f"{_DIGITS[fen]}分" if fen else "整")


def _whole(number: int) -> str:
    """A whole number in capital numerals; a gap of any length is one 零."""
    text, gap, groups = "", False, []
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    for place in reversed(range(len(groups))):
        group = groups[place]
        gap = gap or (bool(text) and group < 1_000)
        if group:
            text += ("零" if gap else "") + _group(group) + _GROUPS[place]
            gap = False
    return text or _DIGITS[0]


def _group(number: int) -> str:
    """1 to 9999, without a 零 in front."""
    text, gap = "", False
    for place in reversed(range(4)):
        digit = number // 10**place % 10
        if digit:
            text += ("零" if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = bool(text) and not digit
    return text

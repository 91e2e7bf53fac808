"""Names as keys: what two people typed differently and meant alike, or made to look alike.

One fold serves duplicates, conflicts and masks. It works sign by sign, so that a mask finds its way back
into the text: compatibility forms, case, accents, traditional and Japanese characters (OpenCC), signs of
other scripts that look like one of ours (Unicode TR 39), and what nobody sees at all.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

# Default_Ignorable_Code_Point of the Unicode database, and the blank pattern of braille.
INVISIBLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_NOISE = re.compile(r"[\s\-_·•・‧,，.。:：;；、!！?？'\"“”‘’()（）\[\]【】<>《》〈〉/\\|—–―─]+")
_RECORDED_NOISE = re.compile(r"[\s\-_·•・,，.。:：;；、!！?？'\"“”‘’()（）\[\]【】<>《》〈〉/\\|]+")
_UNSEEN = re.compile(f"[{INVISIBLE}]")
_FIRST_CHINESE = 0x2E80
_DIGITS = str.maketrans("01i", "oll")  # 1OKV and 10KV, Al and A1


@lru_cache(maxsize=1 << 16)
def name_key(text: str) -> str:
    """A title's or name's key: folded, blanks and punctuation gone, digits and the letters like them alike."""
    return like_digits(plain_key(text))


def plain_key(text: str) -> str:
    """The key whose letters still are letters, for who looks for words in it."""
    return _NOISE.sub("", "".join(map(fold, text)))


def like_digits(key: str) -> str:
    """The key with digits and the letters that look like them as one."""
    return key.translate(_DIGITS)


def recorded_key(text: str) -> str:
    """The key as entries of the record bear it: they are digested, so this one never changes."""
    return _RECORDED_NOISE.sub("", unicodedata.normalize("NFKC", text)).casefold()


@cache
def fold(sign: str) -> str:
    """What one sign becomes: none, one or several signs, each of which stays as it is when it is folded again."""
    before, after = "", sign
    while after != before:
        before, after = after, "".join(map(_step, after))
    return after


def _step(sign: str) -> str:
    if _UNSEEN.match(sign):
        return ""
    plain = (character for character in unicodedata.normalize("NFKD", sign) if unicodedata.category(character) != "Mn")
    alike = _look_alikes()
    return "".join(_simplified(alike.get(character, character)).casefold() for character in plain)


def _simplified(sign: str) -> str:
    return sign if ord(sign) < _FIRST_CHINESE else _to_simplified(sign)


@cache
def _converters() -> tuple[Any, Any]:
    from opencc import OpenCC  # its tables take a tenth of a second to load

    return OpenCC("jp2t"), OpenCC("t2s")


def _to_simplified(sign: str) -> str:
    """What people in Chongqing type stays; a Japanese sign goes by way of the traditional one."""
    to_traditional, to_simplified = _converters()
    simple = str(to_simplified.convert(sign))
    return simple if _is_usual(simple) else str(to_simplified.convert(to_traditional.convert(sign)))


def _is_usual(sign: str) -> bool:
    return bool(sign.encode("gb2312", "ignore"))


@cache
def _look_alikes() -> dict[str, str]:
    """Letters and digits that look like another -> that one, of ASCII or else a Chinese one where there is any."""
    from confusable_homoglyphs.confusables import confusables_data  # type: ignore[import-untyped]  # a megabyte

    stands_for: dict[str, str] = {}
    for sign, others in confusables_data.items():
        for other in (listed["c"] for listed in others):
            pair = _root(stands_for, sign), _root(stands_for, other)
            if pair[0] != pair[1] and all(map(_is_letter, (sign, other))) and not (sign + other).isascii():
                first, second = sorted(pair, key=_rank)
                stands_for[second] = first
    return {sign: _root(stands_for, sign) for sign in stands_for}


def _root(stands_for: Mapping[str, str], sign: str) -> str:
    while sign in stands_for:
        sign = stands_for[sign]
    return sign


def _is_letter(text: str) -> bool:
    return len(text) == 1 and unicodedata.category(text)[0] in "LN"


def _rank(sign: str) -> tuple[bool, bool, bool, str]:
    """ASCII first, then what people type in Chinese, then any Chinese sign."""
    chinese = "\u4e00" <= sign <= "\u9fff"
    return not sign.isascii(), not (chinese and _is_usual(sign)), not chinese, sign

"""When two written names mean one organisation.

The key folds what people write differently, or so that it looks alike: width, case, script, blanks, brackets, the city in
front, the legal form behind, 科学技术协会 and 科协. A branch (分公司) is its company – it is no
legal person of its own (Company Law, art. 13) – and a school, department or ward is its
university or hospital. An affiliated hospital stays itself. Where the key is too broad, two
who are strangers are not paired, which costs little; where it is too narrow, a colleague
would judge a colleague.
"""

import re
import unicodedata
from functools import lru_cache

from states.rules.names import like_digits, plain_key

_BRANCH = re.compile(r"^(.+?公司).*(?:分公司|分厂|分院|营业部|项目部)$")
_PART = re.compile(r"^(.+?(?:大学(?!城)|医院))(?!.*(?:附属|医院)).*(?:学院|研究院|系|所|中心|实验室|科|室|部|处)$")
_LEGAL_FORM = re.compile(
    r"(?:有限责任|股份|控股|集团|有限|总公司|公司|coltd|companylimited|limited|company|corporation|ltd|inc|corp|group)+$"
)
_PEOPLES = re.compile(r"(?:土家族|苗族)+自治县")
_CITY = re.compile(r"^重庆市?")
_NOBODY = frozenset({"无", "暂无", "没有", "个人", "自由职业", "退休", "已退休", "待业", "na", "none", "null"})
_CREDIT_CODE = re.compile(r"[0-9a-z]{18}")
_LEAST_REST = 3


@lru_cache(maxsize=1 << 16)
def organisation_key(name: str) -> str:
    """The key under which two spellings of an organisation meet; empty where the name says nobody."""
    key = _PEOPLES.sub("县", plain_key(name).replace("科学技术协会", "科协"))
    if key in _NOBODY:
        return ""
    for longer in (_BRANCH, _PART):
        found = longer.match(key)
        key = found.group(1) if found else key
    key = _without(_LEGAL_FORM, key, least=2)
    return like_digits(_without(_CITY, key, least=_LEAST_REST) if len(key) > 2 else key)


def credit_code_key(code: str) -> str:
    """A unified social credit code as a key; empty for anything that cannot be one, such as 无 or 000…0."""
    key = re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", code)).casefold()
    return key if _CREDIT_CODE.fullmatch(key) and len(set(key)) > 2 else ""


def organisation_keys(name: str, credit_code: str = "") -> frozenset[str]:
    """Every key of an organisation; two are the same where these meet."""
    return frozenset(filter(None, (organisation_key(name), credit_code_key(credit_code))))


def _without(noise: re.Pattern[str], key: str, *, least: int) -> str:
    """The key without the noise, unless hardly anything would be left of it."""
    rest = noise.sub("", key)
    if len(rest) >= least:
        return rest
    return key.replace("重庆市", "重庆", 1) if noise is _CITY else key

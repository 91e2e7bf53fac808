"""Names as keys: what two people typed differently and meant alike."""

import re
import unicodedata
from functools import lru_cache

_NOISE = re.compile(r"[\s\-_·•・,，.。:：;；、!！?？'\"“”‘’()（）\[\]【】<>《》〈〉/\\|]+")


@lru_cache(maxsize=1 << 16)
def name_key(text: str) -> str:
    """A title's or name's key: full-width folded, case folded, blanks and punctuation gone."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text)).casefold()

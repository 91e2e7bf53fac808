"""Who objected and where they can be reached: encrypted by a key that lies apart from the database.

AES-256-GCM with a nonce of its own for each text. A text is bound to its place: moved to another objection or column,
it cannot be read. What the columns hold is `gc1:` and base64 of nonce and ciphertext.
"""

import base64
import secrets
from binascii import Error

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.errors import GangchuangError

KEY_BYTES, _NONCE_BYTES = 32, 12
_MARK = "gc1:"


class CannotReveal(GangchuangError):
    """The key is missing or another one, or the text was changed or moved."""

    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(
            f"{place} cannot be read: the key (keys/objectors-<year>.key) is not the one that it was encrypted by, or "
            "somebody changed the row. Restore the key from a backup."
        )


def conceal(key: bytes, text: str, place: str) -> str:
    """A text as its column keeps it; nothing stays nothing. `place` names the one place where it can be read."""
    if not text:
        return ""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _MARK + base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text.encode(), place.encode())).decode()


def reveal(key: bytes, kept: str, place: str) -> str:
    """The text again. Raises CannotReveal."""
    if not kept:
        return ""
    try:
        raw = base64.b64decode(kept.removeprefix(_MARK), validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode()
    except (InvalidTag, Error, ValueError) as problem:
        raise CannotReveal(place) from problem


def is_concealed(kept: str) -> bool:
    """Whether a column's text is encrypted, or nothing; earlier versions wrote names as they are."""
    return not kept or kept.startswith(_MARK)

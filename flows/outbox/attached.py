"""What a letter brings, by the names that its mail gives them: put in when it goes out, the files stay as they lie.

A receipt lies there named by the digest of its delivery, a paper by that of its content, a calendar entry by the
letter that it came with: nothing that a clerk could tell apart.
"""

import json
import re
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from models import Delivery, Message

_RECEIPT = re.compile(r"(?P<digest>[0-9a-f]{16})-(?P<answer>\w*回执)")
_MARKED = re.compile(r"-[0-9a-f]{8}(?:-\w+)?$")
_LONGEST_NAME = 80


def attached_to(session: Session, home: Path, message: Message) -> dict[Path, str]:
    """What a letter brings, and what each is called in the mail: a receipt after the delivery, the rest without digests."""
    lying = [home.absolute() / path for path in json.loads(message.attachments)]
    named = {path: _called(session, path) for path in lying}
    return {path: name if [*named.values()].count(name) == 1 else path.name for path, name in named.items()}


def _called(session: Session, path: Path) -> str:
    receipt = _RECEIPT.fullmatch(path.stem)
    if receipt is None:
        return _MARKED.sub("", path.stem) + path.suffix
    begun = col(Delivery.digest).startswith(receipt["digest"])
    name = session.scalar(select(Delivery.file_name).where(Delivery.sender == path.parent.name, begun))
    if not name:
        return path.name
    stem = Path(name).stem if Path(name).suffix.isascii() else name
    answer = receipt["answer"]
    return f"{answer}-{stem.removeprefix(f'{answer}-')[:_LONGEST_NAME]}{path.suffix}"

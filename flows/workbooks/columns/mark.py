"""The mark of an issued workbook: what it is, for whom, and the server's signature on that.

The mark is one line of plain text, so it survives every program that saves cells. It stands
in a hidden sheet and, for people, on the guide sheet.
"""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config.errors import GangchuangError
from models.enums import WorkbookKind

KEY_BYTES = 32
_PREFIX = "GC1"
_RECIPIENT = re.compile(r"[0-9A-Za-z_-]{1,32}")
_TOKEN = re.compile(
    rf"{_PREFIX}\.(?P<season>\d{{4}})\.(?P<recipient>{_RECIPIENT.pattern})"
    r"\.(?P<kind>[a-z_]+)\.(?P<issue>\d{1,9})\.(?P<signature>[A-Z2-7]{52})(?![A-Z2-7])"
)
_KINDS = {kind.value: kind for kind in WorkbookKind}


class MarkUnusable(GangchuangError):
    """The mark or the key cannot be used to issue a workbook."""


class MarkRefused(GangchuangError):
    """A delivered workbook's mark is missing, forged, or meant for something else."""


class StaleWorkbook(MarkRefused):
    """A genuine workbook of the sender that a newer issue has taken the place of."""

    def __init__(self, mark: "Mark", newest: int) -> None:
        self.mark = mark
        super().__init__(
            f"这是第{mark.issue}版{mark.kind.label}，现在使用的是第{newest}版，旧版不再接收。"
            "请把已填的内容粘贴到最新下发的模板里再报送。"
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """Season, recipient (unit code or expert id), kind and running number of one issued workbook."""

    season: int
    recipient: str
    kind: WorkbookKind
    issue: int

    def __post_init__(self) -> None:
        if not _RECIPIENT.fullmatch(self.recipient):
            raise MarkUnusable(
                f"The recipient {self.recipient!r} cannot stand in a mark: 1 to 32 letters, digits, _ or -."
            )
        if not 1 <= self.issue <= 999_999_999:
            raise MarkUnusable(f"The issue number {self.issue} must lie between 1 and 999999999.")


def sign(mark: Mark, key: bytes) -> str:
    """The line that an issued workbook bears: the mark and its HMAC-SHA256 (base32). `key` has 32 bytes."""
    if len(key) != KEY_BYTES:
        raise MarkUnusable(f"The signing key has {len(key)} bytes instead of {KEY_BYTES}.")
    stated = f"{_PREFIX}.{mark.season}.{mark.recipient}.{mark.kind.value}.{mark.issue}"
    digest = hmac.digest(key, stated.encode(), hashlib.sha256)
    return f"{stated}.{b32encode(digest).decode().rstrip('=')}"


def verify(token: str, key: bytes) -> Mark:
    """The mark of a line that `sign` wrote with the same key. Raises MarkRefused for any other."""
    parts = _TOKEN.fullmatch(token.strip())
    if parts is None or parts["kind"] not in _KINDS or int(parts["issue"]) < 1:
        raise MarkRefused("模板标识已损坏，请重新下载本单位的模板，把内容粘贴进去再报送。")
    mark = Mark(int(parts["season"]), parts["recipient"], _KINDS[parts["kind"]], int(parts["issue"]))
    if not hmac.compare_digest(sign(mark, key), parts[0]):
        raise MarkRefused("模板标识核验不通过（被改动，或不是由本系统下发），请使用下发给本单位的模板。")
    return mark


def find_tokens(texts: Iterable[object]) -> list[str]:
    """Every different token among some cells' texts, in order of appearance."""
    found = {}
    for text in texts:
        if isinstance(text, str) and _PREFIX in text:
            found.update(dict.fromkeys(match[0] for match in _TOKEN.finditer(text)))
    return list(found)


def require_mark(
    tokens: Iterable[str],
    key: bytes,
    *,
    season: int,
    sender: str,
    newest_issue: int | Mapping[WorkbookKind, int] | None,
) -> Mark:
    """The one valid mark of a workbook delivered by `sender` in `season`.

    `newest_issue` is the number of the newest workbook issued to the sender, for all kinds or by
    kind; None accepts any. Raises MarkRefused with the sentence for the sender.
    """
    marks = {verify(token, key) for token in tokens}
    if not marks:
        raise MarkRefused("没有找到模板标识：这不是系统下发的模板。请把内容粘贴到下发的模板里再报送。")
    if len(marks) > 1:
        raise MarkRefused("一个工作簿里有几份不同模板的标识，请分别用各自的模板报送。")
    mark = marks.pop()
    if mark.season != season:
        raise MarkRefused(f"这是{mark.season}年度的模板，现在征集的是{season}年度，请使用本年度的模板。")
    if mark.recipient != sender:
        raise MarkRefused(
            f"这是下发给“{mark.recipient}”的模板，不能由“{sender}”报送。请使用下发给本单位（本人）的模板。"
        )
    newest = newest_issue.get(mark.kind) if isinstance(newest_issue, Mapping) else newest_issue
    if newest is not None and mark.issue < newest:
        raise StaleWorkbook(mark, newest)
    return mark

"""Pictures that strangers sent -> what may be published of them: two sizes of WebP and a JPEG, without metadata."""

import hashlib
from base64 import b64decode
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flows.workbooks.reader import extraction
from flows.workbooks.reader.process import FileUnreadable, ProcessDied, ReadingProcess
from states.submissions.attachments import ReadablePicture

MOST_PIXELS = 60_000_000
LARGE, SMALL = 1920, 640  # pixels of the longer side: a screen in the museum, a card in a list
_MOST_MADE = 16 << 20
_WHY = {
    "format": "不是JPEG、PNG、WebP或HEIC图片",
    "pixels": f"超过{MOST_PIXELS // 1_000_000}百万像素",
    "broken": "已损坏或不完整，读不出来",
}


class PictureUnreadable(Exception):
    """Why nothing could be made of a picture; reads on after its name, in Chinese."""


@dataclass(frozen=True)
class MadePicture:
    """The large WebP, the small one and the JPEG, and the size of the large one in pixels."""

    large: bytes
    small: bytes
    jpeg: bytes
    width: int
    height: int

    @property
    def files(self) -> tuple[bytes, bytes, bytes]:
        return self.large, self.small, self.jpeg

    @cached_property
    def readable(self) -> ReadablePicture:
        """What the record is bound to."""
        return ReadablePicture(hashlib.sha256(self.large).hexdigest(), self.width, self.height)


def make_picture(path: Path) -> MadePicture:
    """Make what may be published of a picture, in a process of its own with limits of memory and time.

    Raises PictureUnreadable.
    """
    sizes = map(str, (MOST_PIXELS, LARGE, _MOST_MADE, SMALL))
    try:
        with ReadingProcess(path, extraction.PICTURE, *sizes) as process:
            (_, width, height, *files), *more = process.frames()
        large, small, jpeg = (b64decode(file, validate=True) for file in files)
    except FileUnreadable as problem:
        raise PictureUnreadable(_WHY.get(problem.code, _WHY["broken"])) from problem
    except (ProcessDied, ValueError, TypeError, LookupError, RecursionError) as problem:
        raise PictureUnreadable("太大或不正常，读不出来") from problem
    if more or not _is_sound(large, small, jpeg) or not 0 < width <= LARGE or not 0 < height <= LARGE:
        raise PictureUnreadable(_WHY["broken"])
    return MadePicture(large, small, jpeg, width, height)


def _is_sound(large: bytes, small: bytes, jpeg: bytes) -> bool:
    """Whoever takes the process over could send anything: it must at least be of the kind that a page will name."""
    return all(file[:4] == b"RIFF" and file[8:12] == b"WEBP" for file in (large, small)) and jpeg[:3] == b"\xff\xd8\xff"

"""Pictures of pages for the guides: `make pictures` takes them anew; otherwise the tests only look at the pages."""

import os
from io import BytesIO
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parents[2] / "docs" / "图"
TAKEN = bool(os.environ.get("GANGCHUANG_PICTURES"))


def keep_picture(content: bytes, name: str) -> None:
    """Keep a screenshot under the name that a guide has for it, in few colours: some tens of kilobytes."""
    if TAKEN and name:
        FOLDER.mkdir(exist_ok=True)
        with Image.open(BytesIO(content)) as taken:
            few = taken.convert("RGB").quantize(32, dither=Image.Dither.NONE)
            few.save(FOLDER / f"{name}.png", optimize=True)

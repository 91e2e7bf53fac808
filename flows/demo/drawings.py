"""Pictures of the demo, drawn by code and marked 示例: a machine that nobody built, never a photograph of anybody."""

from io import BytesIO
from math import cos, pi, sin
from random import Random

from PIL import Image, ImageDraw

_SIZE = (1600, 1067)
_HUES = ((38, 84, 124), (42, 111, 96), (122, 84, 38), (92, 62, 120), (48, 92, 148), (130, 60, 60))
_LIGHT, _DARK, _METAL = (236, 242, 248), (24, 34, 48), (178, 190, 204)
# The strokes of 示 and 例 in a square of 100: points of one line each.
_STROKES = (
    (
        ((22, 20), (78, 20)),
        ((8, 44), (92, 44)),
        ((50, 44), (50, 92), (38, 84)),
        ((30, 58), (14, 80)),
        ((70, 58), (88, 80)),
    ),
    (
        ((24, 8), (6, 46)),
        ((17, 32), (17, 94)),
        ((32, 16), (68, 16)),
        ((46, 16), (34, 52)),
        ((42, 36), (62, 36), (52, 68), (34, 92)),
        ((40, 50), (50, 60)),
        ((76, 22), (76, 66)),
        ((93, 8), (93, 92), (82, 84)),
    ),
)


def draw(name: str) -> bytes:
    """A JPEG for a file's name: the same name gives the same picture, on one machine."""
    rng = Random(f"drawing/{name}")
    picture = Image.new("RGB", _SIZE, rng.choice(_HUES))
    pen = ImageDraw.Draw(picture)
    width, height = _SIZE
    floor = int(height * 0.8)
    pen.rectangle((0, floor, width, height), fill=_DARK)
    for place in range(rng.randint(3, 4)):
        _machine(pen, rng, 90 + place * (width - 120) // 4, floor)
    pipe = rng.randint(150, 260)
    pen.line((60, pipe, width - 60, pipe), fill=_METAL, width=26)
    for place in range(rng.randint(2, 4)):
        _gear(pen, rng, 220 + place * 380, pipe, rng.randint(46, 84))
    _stamp(pen, width - 420, height - 210, 150)
    out = BytesIO()
    picture.save(out, "JPEG", quality=82)
    return out.getvalue()


def _machine(pen: ImageDraw.ImageDraw, rng: Random, left: int, floor: int) -> None:
    wide, high = rng.randint(200, 310), rng.randint(260, 520)
    pen.rectangle((left, floor - high, left + wide, floor), fill=_LIGHT, outline=_DARK, width=8)
    for row in range(rng.randint(2, 4)):
        top = floor - high + 30 + row * 74
        pen.rectangle((left + 26, top, left + wide - 26, top + 46), fill=_METAL, outline=_DARK, width=4)
        light = (200, 60, 50) if rng.random() < 0.3 else (70, 170, 90)
        pen.ellipse((left + wide - 70, top + 10, left + wide - 44, top + 36), fill=light)
    pen.rectangle((left + 20, floor - 40, left + wide - 20, floor), fill=_DARK)


def _gear(pen: ImageDraw.ImageDraw, rng: Random, x: int, y: int, radius: int) -> None:
    teeth = rng.randint(9, 14)
    rim = [
        (
            x + cos(pi * step / teeth) * radius * (1.2 if step % 2 else 1),
            y + sin(pi * step / teeth) * radius * (1.2 if step % 2 else 1),
        )
        for step in range(2 * teeth)
    ]
    pen.polygon(rim, fill=_METAL, outline=_DARK)
    hole = radius * 0.36
    pen.ellipse((x - hole, y - hole, x + hole, y + hole), fill=_DARK)


def _stamp(pen: ImageDraw.ImageDraw, left: int, top: int, size: int) -> None:
    """The two characters, large enough to be read on the museum's wall."""
    pen.rectangle(
        (left - 24, top - 24, left + 2 * size + 44, top + size + 24), fill="white", outline=(190, 30, 30), width=8
    )
    for place, strokes in enumerate(_STROKES):
        for stroke in strokes:
            points = [(left + place * (size + 20) + x * size / 100, top + y * size / 100) for x, y in stroke]
            pen.line(points, fill=(190, 30, 30), width=11, joint="curve")

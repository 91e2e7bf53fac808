"""Pictures that strangers sent are made anew, upright and bare; what is no picture, or too much, is named."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from flows.workbooks.reader import pictures
from flows.workbooks.reader.pictures import LARGE, SMALL, PictureUnreadable, make_picture

register_heif_opener()
RED, BLUE = (200, 30, 30), (20, 40, 200)


def drawn(width: int, height: int) -> Image.Image:
    """Red, with a blue upper left quarter: whoever turns it is found out."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (0, 0, width // 2, height // 2))
    return picture


def saved(folder: Path, picture: Image.Image, form: str, **options: object) -> Path:
    path = folder / "sent"
    picture.save(path, form, **options)
    return path


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return max(abs(one - other) for one, other in zip(pixel, colour, strict=True)) < 40


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_each_format_becomes_two_sizes_and_a_jpeg(tmp_path: Path, form: str) -> None:
    made = make_picture(saved(tmp_path, drawn(2400, 1600), form))

    assert (made.width, made.height) == (LARGE, LARGE * 2 // 3)
    large, small, jpeg = map(opened, made.files)
    assert [(one.format, one.size) for one in (large, small, jpeg)] == [
        ("WEBP", (LARGE, 1280)),
        ("WEBP", (SMALL, 427)),
        ("JPEG", (LARGE, 1280)),
    ]
    assert near(large.convert("RGB").getpixel((100, 100)), BLUE)


def test_nothing_that_the_file_said_of_itself_is_left(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x013B] = 6, "在示例路1号拍摄", "示例·摄影者"
    sent = saved(tmp_path, drawn(300, 200), "JPEG", exif=exif, comment=b"secret remark", quality=95)
    assert b"secret remark" in sent.read_bytes()

    made = make_picture(sent)

    assert (made.width, made.height) == (200, 300), "turned upright, as the camera was held"
    for file in made.files:
        picture = opened(file)
        assert not picture.getexif()
        assert not {"comment", "exif", "xmp", "icc_profile"} & picture.info.keys()
        assert b"secret" not in file
        assert near(picture.convert("RGB").getpixel((picture.width - 10, 10)), BLUE)


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    made = make_picture(saved(tmp_path, Image.new("RGBA", (40, 40), (0, 0, 0, 0)), "PNG"))

    assert near(opened(made.large).convert("RGB").getpixel((20, 20)), (255, 255, 255))


def test_more_pixels_than_may_be_are_not_even_decoded(tmp_path: Path) -> None:
    with pytest.raises(PictureUnreadable, match="超过60百万像素"):
        make_picture(saved(tmp_path, Image.new("1", (10_000, 6_001)), "PNG"))


@pytest.mark.parametrize("form", ["BMP", "TIFF", "EPS", "ICO", "PPM"])
def test_other_formats_are_not_opened_though_the_library_could(tmp_path: Path, form: str) -> None:
    with pytest.raises(PictureUnreadable, match="不是JPEG、PNG、WebP或HEIC图片"):
        make_picture(saved(tmp_path, drawn(64, 64), form))


def test_a_picture_cut_off_is_broken(tmp_path: Path) -> None:
    sent = saved(tmp_path, Image.effect_noise((400, 400), 80), "PNG")
    sent.write_bytes(sent.read_bytes()[:9_000])

    with pytest.raises(PictureUnreadable, match="已损坏或不完整"):
        make_picture(sent)


def test_a_process_that_dies_ends_one_picture_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = saved(tmp_path, drawn(64, 64), "PNG")
    with monkeypatch.context() as broken:
        broken.setattr(pictures.extraction, "__file__", str(tmp_path / "gone.py"))
        with pytest.raises(PictureUnreadable, match="太大或不正常"):
            make_picture(sent)

    assert make_picture(sent).width == 64

"""A certificate as a person holds it: its words can be copied exactly, its code scanned, its fonts are inside."""

import io
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pdfua
import pikepdf
import pytest
import zxingcpp
from PIL import Image

from config import overrides
from config.settings import settings
from flows.papers.certificates import DESIGN, Press, Printed
from flows.papers.typesetting import TEMPLATES, PaperNotSet
from states.submissions.certificates import CertificateNumber

NAMES = ("䶮", "𬱖", "买买提·阿不都热合曼", "*示例*_甲_", "#panic(1)", "$x$ <b> \\ @you")
MOST = 40 * 1024
_SIXTY = "高压输电线路绝缘子带电清洗机器人与无人机协同巡检系统研制及其在山区复杂气象环境下舰载雷电预警融合应用关键技术攻坚实践探索"
# ISO 32000-1, 14.8.4, as far as a page of text needs them.
_STANDARD_TAGS = {f"/{name}" for name in ["Document", "Sect", "Div", "P", "H1", "Span", "Link", "Figure"]}
TITLE = "示例·焊接机器人自适应送丝装置的改进与应用"


@pytest.fixture(autouse=True)
def _home(fresh_home: Path) -> None:
    settings.cache_clear()


@pytest.fixture(scope="module")
def press() -> Press:
    return Press()


def a_certificate(name: str = NAMES[0], ordinal: int = 1, **changes: Any) -> Printed:
    told: dict[str, Any] = {
        "number": CertificateNumber(2026, ordinal),
        "submission": "2026-500101-0001",
        "unit": "500101",
        "holder": "contributor",
        "place": 1,
        "name": name,
        "title": TITLE,
        "tier": "一等奖",
        "programme": "重庆市科协2026年岗位创新争先行动",
        "issuer": "岗位创新争先行动协调小组办公室",
        "given_at": datetime(2026, 8, 31, 1, tzinfo=UTC),
        "check": f"https://gangchuang.example.invalid/check/2026-{ordinal:04d}/",
    }
    return Printed(**{**told, **changes})


def run(*command: object) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True).stdout.decode(
        errors="replace"
    )


def put(folder: Path, content: bytes) -> Path:
    (folder / "certificate.pdf").write_bytes(content)
    return folder / "certificate.pdf"


@pytest.mark.parametrize("name", NAMES)
def test_number_name_and_title_can_be_copied_exactly(press: Press, tmp_path: Path, name: str) -> None:
    pdf = press.set(a_certificate(name))

    text = run("pdftotext", "-raw", put(tmp_path, pdf), "-")

    assert "岗创〔2026〕第0001号" in text
    assert f"{name}：" in text
    assert TITLE in text.replace("\n", "")
    assert "2026年8月31日" in text
    assert "不作为确定成果权属的依据" in text.replace("\n", "")
    assert "（盖章处）" in text
    assert len(pdf) <= MOST


def test_a_reader_of_codes_finds_the_address_of_its_page(press: Press, tmp_path: Path) -> None:
    run(
        "pdftoppm",
        "-r",
        "110",
        "-png",
        "-singlefile",
        put(tmp_path, press.set(a_certificate(ordinal=17))),
        tmp_path / "page",
    )

    (found,) = zxingcpp.read_barcodes(Image.open(tmp_path / "page.png"))

    assert found.text == "https://gangchuang.example.invalid/check/2026-0017/"


def test_every_font_is_inside_as_far_as_it_is_used_and_nothing_is_a_picture(press: Press, tmp_path: Path) -> None:
    pdf = put(tmp_path, press.set(a_certificate()))

    fonts = run("pdffonts", pdf).splitlines()[2:]

    assert fonts
    assert all(re.search(r"\byes +yes +yes\b", line) and re.match(r"[A-Z]{6}\+", line) for line in fonts), fonts
    assert len(run("pdfimages", "-list", pdf).splitlines()) == 2, "no seal and no signature is drawn"


def test_it_may_be_archived_and_read_aloud(press: Press, tmp_path: Path) -> None:
    content = press.set(a_certificate())

    for said in (b"<pdfaid:part>2</pdfaid:part>", b"<pdfaid:conformance>A</pdfaid:conformance>", b"<pdfuaid:part>1<"):
        assert said in content, said
    path = put(tmp_path, content)
    told = run("pdfinfo", "-struct-text", path)
    assert "H1" in told
    assert "获奖证书" in told
    assert "2026-0001" in told
    report = pdfua.validate(str(path))
    # UA-14-001, headings that skip a level, the checker cannot evaluate where a tag's own children are numbers.
    assert ([one.message for one in report.findings], {one.rule_id for one in report.skipped} - {"UA-14-001"}) == (
        [],
        set(),
    )


def test_a_reader_of_archives_finds_what_pdf_a_2a_asks_for(press: Press) -> None:
    content = press.set(a_certificate())
    with pikepdf.open(io.BytesIO(content)) as pdf:
        root, (page,), streams = pdf.Root, pdf.pages, [one for one in pdf.objects if isinstance(one, pikepdf.Stream)]
        assert (root.Lang, root.MarkInfo.Marked, root.ViewerPreferences.DisplayDocTitle) == ("zh-CN", True, True)
        (intent,) = root.OutputIntents
        assert (intent.S, intent.DestOutputProfile.N) == ("/GTS_PDFA1", 3)
        assert "/Filter" not in root.Metadata, "a reader of archives finds it without unpacking"
        with pdf.open_metadata() as told:
            assert (told["dc:title"], told["xmp:CreatorTool"]) == (pdf.docinfo.Title, pdf.docinfo.Creator)
            assert told["dc:creator"] == [pdf.docinfo.Author]
        assert not pdf.is_encrypted
        assert not {"/AA", "/OpenAction", "/Names"} & set(root.keys())
        assert not any({"/F", "/FFilter"} & set(stream.keys()) for stream in streams), "nothing lies elsewhere"
        assert (page.obj.Tabs, page.get("/AA")) == ("/S", None)
        for font in page.Resources.Font.values():
            (within,) = font.DescendantFonts
            assert "/FontFile3" in within.FontDescriptor
            assert (within.CIDToGIDMap if "/CIDToGIDMap" in within else "/Identity") == "/Identity"
            assert len(font.ToUnicode.read_bytes()) > 0
        for link in page.Annots:
            assert (link.Subtype, link.F, bool(str(link.Contents))) == ("/Link", 4, True)
        tags = [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/StructElem"]
        assert {str(tag.S) for tag in tags} <= _STANDARD_TAGS | set(root.StructTreeRoot.get("/RoleMap", {}).keys())
        assert [str(tag.Alt) for tag in tags if tag.S == "/Figure"] == [
            "核验二维码，指向https://gangchuang.example.invalid/check/2026-0001/"
        ]


def test_the_same_certificate_is_the_same_bytes_and_another_moment_is_no_other(press: Press) -> None:
    first = press.set(a_certificate())
    time.sleep(1.1)

    assert Press().set(a_certificate()) == first
    assert press.mark_of(a_certificate()) == Press().mark_of(a_certificate())
    assert press.set(a_certificate("示例·另一人")) != first
    assert press.mark_of(a_certificate("示例·另一人")) != press.mark_of(a_certificate())


def test_all_of_a_season_are_one_file_for_the_printer(press: Press, tmp_path: Path) -> None:
    everything = [a_certificate(name, n) for n, name in enumerate(NAMES, start=1)]

    pdf = put(tmp_path, press.set_all(everything))

    assert f"Pages:           {len(NAMES)}" in run("pdfinfo", pdf)
    pages = run("pdftotext", "-raw", pdf, "-").split("\f")
    for n, name in enumerate(NAMES, start=1):
        assert f"岗创〔2026〕第{n:04d}号" in pages[n - 1]
        assert f"{name}：" in pages[n - 1]


@pytest.mark.parametrize(("name", "signs"), [("示例·𪚥", "𪚥"), ("𪚥龘😀", "𪚥😀"), ("甲\x01乙", "\x01")])
def test_a_sign_that_no_font_has_is_named_with_the_person(press: Press, name: str, signs: str) -> None:
    with pytest.raises(PaperNotSet, match="缺字") as refused:
        press.set(a_certificate(name))

    assert refused.value.signs == signs
    assert name in str(refused.value)
    assert "岗创〔2026〕第0001号" in str(refused.value)
    assert press.set(a_certificate()), "the others are set"


def test_an_organisation_and_a_home_without_a_site(press: Press, tmp_path: Path) -> None:
    one = a_certificate("重庆示例精密机械制造（集团）有限责任公司", holder="organisation", place=2, check="")

    text = run("pdftotext", "-raw", put(tmp_path, press.set(one)), "-").replace("\n", "")

    assert "贵单位作为第二完成单位完成的" in text
    assert "核验请联系岗位创新争先行动协调小组办公室" in text


@pytest.mark.parametrize(
    "title", [f"{_SIXTY}数据", "An English title of a device with a very long name, " * 2, "示例<script>：“引号”"]
)
def test_a_long_title_stays_on_its_page(press: Press, tmp_path: Path, title: str) -> None:
    name = "重庆示例精密机械制造（集团）装备研究设计院有限责任公司一二"
    pdf = put(tmp_path, press.set(a_certificate(name, holder="organisation", place=2, title=title)))

    assert "Pages:           1\n" in run("pdfinfo", pdf)
    assert pdf.stat().st_size <= MOST
    assert "（盖章处）" in run("pdftotext", "-raw", pdf, "-")


def test_the_homes_own_design_wins(fresh_home: Path, tmp_path: Path) -> None:
    own = overrides.in_home(overrides.PAPERS, DESIGN)
    own.parent.mkdir(parents=True)
    shipped = (TEMPLATES / DESIGN).read_text("utf-8")
    own.write_text(shipped.replace("特发此证", "以资鼓励"), "utf-8")

    text = run("pdftotext", "-raw", put(tmp_path, Press().set(a_certificate())), "-")

    assert "以资鼓励" in text.replace("\n", "")
    assert Press().mark != press_mark_shipped(fresh_home, own)


def press_mark_shipped(_home: Path, own: Path) -> str:
    own.unlink()
    return Press().mark


def test_a_picture_without_words_for_who_cannot_see_is_refused_with_the_file(fresh_home: Path) -> None:
    own = overrides.in_home(overrides.PAPERS, DESIGN)
    own.parent.mkdir(parents=True)
    own.write_text(
        (TEMPLATES / DESIGN).read_text("utf-8").replace(', alt: "核验二维码，指向" + one.check', ""), "utf-8"
    )

    with pytest.raises(PaperNotSet, match="版式有误") as refused:
        Press().set(a_certificate())

    assert str(own) in str(refused.value)

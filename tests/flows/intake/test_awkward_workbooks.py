"""What people really fill in, saved by LibreOffice, and the letter that each gets. With `-s` it prints both as a table."""

import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.drawing.image import Image as Pasted
from openpyxl.styles import Font
from PIL import Image, ImageChops
from sqlalchemy import select

from flows.collect import collecting
from flows.home import paths
from flows.kinds.scores import issue_further_sheet
from flows.run import Ending, Run
from flows.workbooks.writer.filling import fill_template, submission_row
from models import Delivery, Message
from models.enums import CallState, WorkbookKind
from tests.support import libreoffice
from tests.support.builders import UNIT, a_form, a_season, a_submission
from tests.support.panel import an_assignment, an_eligible_submission
from tests.support.pictures import TAKEN, keep_picture
from tests.support.playing import Player, points
from tests.support.workbooks import CODE

pytestmark = pytest.mark.skipif(libreoffice.PROGRAM is None, reason=libreoffice.MISSING)
SUBMISSIONS, VERDICTS, SCORES = WorkbookKind.SUBMISSIONS, WorkbookKind.VERDICTS, WorkbookKind.SCORES
XLS = "xls:MS Excel 97"
GREEN = "无需再做任何事"


@dataclass(frozen=True)
class Awkward:
    """One workbook: what is typed, what is done to it by hand, how it is saved, what its letter says and does not."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    said: tuple[str, ...]
    never: tuple[str, ...] = (f"。{GREEN}",)
    spoil: Callable[[Any], None] = lambda sheet: None
    form: str = "xlsx"
    beside: tuple[str, ...] = ()  # files that come in a zip with it


def row(title: str = "示例成果", /, **changes: Any) -> dict[str, Any]:
    return {**submission_row(a_form(title)), **changes}


def struck(sheet: Any) -> None:
    for cell in sheet[6]:
        cell.font = Font(strike=True)


def struck_in_part(sheet: Any) -> None:
    sheet["B6"].value = CellRichText("示例三", TextBlock(InlineFont(strike=True), "作废"))


def picture(sheet: Any) -> None:
    red = Path(sheet.parent.path_of_picture)
    Image.new("RGB", (40, 40), "red").save(red)
    sheet.add_image(Pasted(str(red)), "C9")


def second_sheet(sheet: Any) -> None:
    more = sheet.parent.create_sheet("续表")
    more.append(["", "没有列名的一页上的成果"])


def sixth(sheet: Any) -> None:
    column = sheet.max_column + 1
    sheet.cell(4, column).value, sheet.cell(5, column).value = "完成人6姓名", "示例·己"


STRUCK_OUT = ("接收1行，退回1行", "B6单元格：“成果名称”等", "划了删除线，分不清是否作废")
STRUCK_IN_PART = ("接收1行，退回1行", "B6单元格：“成果名称”划了删除线，分不清是否作废")
AWKWARD = (
    Awkward("第二张表没有列名", [row()], ("接收1行", "工作表“续表”没有找到本表的列名，没有读取"), spoil=second_sheet),
    Awkward("多出一列“完成人6姓名”", [row()], ("接收0行，退回1行", "但完成人最多5个"), spoil=sixth),
    Awkward(
        "一格三人，都同意公开",
        [row(完成人1姓名="张三、李四、王五")],
        ("里有3人（张三、李四、王五），", "请一格一人"),
        (f"。{GREEN}", "已分开登记"),
    ),
    Awkward(
        "一格两人，隔以、，；,;/空格、换行，都不同意公开",
        [
            row(f"示例{place}", 完成人1姓名=f"张三{sign}李四", 完成人1同意公开姓名="不同意")
            for place, sign in enumerate("、，；,;/ \n")
        ],
        ("接收8行", "T5、T6、T7、T8、T9、T10、T11、T12单元格：“完成人1姓名”里有2人，已分开登记：张三、李四"),
    ),
    Awkward(
        "同一成果写成全角、带空格、繁体、形近字母、不可见字符",
        [row(f"智能{word}装置") for word in ("10KV巡检", "１０ＫＶ 巡檢", "10\u041aV巡检", "10KV巡\u200b检")],
        (
            "接收1行，退回3行",
            "B6、B7单元格：与本表第5行为同一成果，重复填写",
            "B8单元格：“成果名称”第8个字处有看不见的字符（U+200B）",
        ),
    ),
    Awkward(
        "简介写“略”，推广写“无”",
        [row(成果简介="略", 推广性="无")],
        ("现在填的是“略”，评审看不到别处的内容", "“推广性”没有填"),
    ),
    Awkward("一格六人", [row(完成人1姓名="张三；李四；王五；赵六；钱七；孙八")], ("共有6个完成人，最多5个",)),
    Awkward("班组集体", [row(完成人1姓名="班组集体")], ("“班组集体”，不是一个人的姓名",)),
    Awkward("张三等", [row(完成人1姓名="张三等")], ("“张三等”，不是一个人的姓名",)),
    Awkward("姓名后跟电话", [row(完成人1姓名="张三13800000000")], ("接收1行", "按姓名“张三”计，其余没有采用")),
    Awkward(
        "一格两个单位",
        [row(单位1名称="甲公司、乙厂", 完成人1单位="甲公司")],
        ("接收1行", "里有2个单位，已分开登记：甲公司、乙厂"),
    ),
    Awkward("单位写“个人”", [row(单位1名称="个人")], ("应填公章上的单位全称，现在填的是“个人”",)),
    Awkward("简介写“见附件”", [row(成果简介="见附件")], ("“见附件”，评审看不到别处的内容",)),
    Awkward(
        "同上、〃",
        [row(), row("示例二", 完成人1姓名="〃", 单位1名称="同上")],
        ("应填姓名，现在填的是“〃”", "现在填的是“同上”"),
    ),
    Awkward(
        "单位、姓名写无、略、见附件",
        [row(f"示例{said}", 完成人1姓名=said, 单位1名称=said) for said in ("无", "略", "见附件")],
        (
            "接收0行，退回3行",
            "N5单元格：“单位1名称”没有填",
            "T5单元格：“完成人1姓名”没有填",
            "N6单元格：“单位1名称”应填公章上的单位全称，现在填的是“略”",
            "T6单元格：“完成人1姓名”应填姓名，现在填的是“略”",
            "T7单元格：“完成人1姓名”应填姓名，现在填的是“见附件”",
        ),
    ),
    Awkward("删除线（xlsx）", [row(), row("示例二")], STRUCK_OUT, spoil=struck),
    Awkward("删除线（xls）", [row(), row("示例二")], STRUCK_OUT, spoil=struck, form=XLS),
    Awkward("删除线（ods）", [row(), row("示例二")], STRUCK_OUT, spoil=struck, form="ods"),
    Awkward("半格删除线（xlsx）", [row(), row("示例二")], STRUCK_IN_PART, spoil=struck_in_part),
    Awkward("半格删除线（xls）", [row(), row("示例二")], STRUCK_IN_PART, spoil=struck_in_part, form=XLS),
    Awkward("半格删除线（ods）", [row(), row("示例二")], STRUCK_IN_PART, spoil=struck_in_part, form="ods"),
    Awkward("万元栏填50000", [row(**{"经济效益（万元）": 50000})], ("退回1行", "请核对单位：本意是元的，请填5；")),
    Awkward("万元栏填12500", [row(**{"经济效益（万元）": "12500"})], ("退回1行", "请核对单位：本意是元的，请填1.25；")),
    Awkward(
        "合计行带数字",
        [row(), {"成果名称": "合计", "经济效益（万元）": 12.5}],
        ("接收1行，退回0行", "第6行像是表尾说明"),
        (),
    ),
    Awkward("贴图", [row()], ("接收1行", "C9单元格：贴了图片或图形，没有读取"), spoil=picture),
    Awkward("贴图（xls）", [row()], ("接收1行", "贴了图片或图形，没有读取"), spoil=picture, form=XLS),
    Awkward("占比填0", [row(**{"完成人1贡献占比（%）": 0})], ("接收1行", "填的是0，按没有填计"), ()),
    Awkward("领域差一字", [row(领域="机械制做")], ("是不是“机械制造”？",)),
    Awkward("两项效益都空", [row(**{"经济效益（万元）": None})], ("“社会效益”和“经济效益”至少填一项",)),
    Awkward(
        "格子有错、附件不全、年度不对，一次说完",
        [row(类别="小创造", 附件文件名="应用证明.pdf、照片.jpg", 完成日期=date(2019, 5, 1))],
        ("“类别”只能填", "没有，是不是“应用证名.pdf”？", "完成日期2019-05-01不在本年度征集范围（2025年）内"),
        beside=("应用证名.pdf", "照片.jpg"),
    ),
    Awkward(
        "格子都对，编号和年度不对，一次说完，各指其格",
        [row(申报编号="2026-500101-0099", 完成日期=date(2019, 5, 1))],
        ("A5单元格：本单位没有编号为“2026-500101-0099”的申报", "F5单元格：完成日期2019-05-01不在本年度征集范围"),
    ),
    Awkward("信用代码错一位", [row(单位1统一社会信用代码=CODE[:-1] + "X")], ("不是有效的代码（校验位不符）",)),
    Awkward("什么也没填", [], ("表里没有填写任何内容", "还没有接收到任何申报")),
)


def told(player: Player, who: str) -> str:
    """The newest receipt's letter to somebody."""
    with player.reading() as session:
        mine = select(Message).where(Message.key.startswith(f"2026/receipt/{who}/"))
        letter = session.scalars(mine.order_by(Message.written_at.desc(), Message.key)).first()
        assert letter is not None, who
        return f"{letter.subject}\n{letter.body}"


def hold(case: Awkward, letter: str) -> None:
    lines = [line.strip() for line in letter.splitlines() if any(part in line for part in case.said)]
    print(f"| {case.name} | {' '.join(lines)} |")
    for part in case.said:
        assert part in letter, (case.name, part, letter)
    for part in case.never:
        assert part not in letter, (case.name, part, letter)


def filled(player: Player, scratch: Path, who: str, kind: WorkbookKind, case: Awkward, issue: int = 1) -> Path:
    source = paths.issued(player.settings, 2026, who, kind, issue)
    # The same title from two units would be the same achievement.
    rows = [{**line, "成果名称": f"{line['成果名称']}{who}"} if line.get("成果简介") else line for line in case.rows]
    path = fill_template(source, scratch / f"{who}.xlsx", rows)
    book = openpyxl.load_workbook(path)
    book.path_of_picture = scratch / "red.png"
    case.spoil(book[kind.label])
    book.save(path)
    return path


def printed(player: Player, unit: str, scratch: Path) -> bytes:
    """The first page of a receipt as LibreOffice shows it."""
    with player.reading() as session:
        receipt = session.scalars(select(Delivery.receipt).where(Delivery.sender == unit)).one()
    pdf = libreoffice.convert(player.home / receipt, scratch / "printed", "pdf")
    command = ["pdftoppm", "-png", "-r", "80", "-l", "1", "-singlefile", pdf, scratch / "page"]
    subprocess.run(command, check=True)
    with Image.open(scratch / "page.png") as page:
        used = ImageChops.invert(page.convert("L")).getbbox()
        out = BytesIO()
        page.crop(used).save(out, "PNG")
    return out.getvalue()


def send(player: Player, saved: Path, case: Awkward) -> None:
    box = player.inbox(saved.stem)
    if not case.beside:
        (box / saved.name).write_bytes(saved.read_bytes())
        return
    with zipfile.ZipFile(box / "材料.zip", "w") as package:
        package.write(saved, saved.name)
        for name in case.beside:
            package.writestr(name, b"%PDF-1.7 %%EOF")


def test_awkward_submissions_get_the_answer_that_helps(player: Player, tmp_path: Path) -> None:
    with player.writing() as session:
        season = a_season(session)
    player.at(season.dates.open_call.replace(month=4))
    units = [unit.code for unit in season.units()][: len(AWKWARD)]
    drawn: dict[str, list[tuple[Path, Awkward]]] = {}
    for unit, case in zip(units, AWKWARD, strict=True):
        player.issue(SUBMISSIONS, unit)
        drawn.setdefault(case.form, []).append((filled(player, tmp_path, unit, SUBMISSIONS, case), case))
    for form, workbooks in drawn.items():
        saved = libreoffice.convert_all([path for path, _ in workbooks], tmp_path / "saved", form)
        for path, (_, case) in zip(saved, workbooks, strict=True):
            send(player, path, case)

    player.play("collect", collecting)

    for unit, case in zip(units, AWKWARD, strict=True):
        hold(case, told(player, unit))
    if TAKEN:
        keep_picture(printed(player, units[0], tmp_path), "回执")


def verdict(player: Player, number: str, word: str = "推荐", **more: Any) -> dict[str, Any]:
    names = [f"{criterion.name}（满分{criterion.maximum}）" for criterion in player.season.final_round.rubric]
    given = dict(zip(names, points(player.season, 85).values(), strict=True)) if word == "推荐" else {}
    return {"申报编号": number, "初评结论": word, **given, **more}


def test_awkward_verdicts_get_the_answer_that_helps(player: Player, tmp_path: Path) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        few = [a_submission(session, form=a_form(f"少数{place}")) for place in range(3)]
        other = next(unit.code for unit in season.units() if unit.code != UNIT)
        many = [
            a_submission(session, unit=other, form=a_form(f"多数{place}"))
            for place in range(season.quota_of(other) + 2)
        ]
    player.at(season.dates.close_call.replace(month=5, day=5))
    for unit, numbers, noun in ((UNIT, few, "少数"), (other, many, "多数")):
        player.issue(
            VERDICTS, unit, rows=[{"number": number, "title": f"{noun}{at}"} for at, number in enumerate(numbers)]
        )

    def mixed_up(sheet: Any) -> None:
        sheet["A5"].value, sheet["A6"].value = few[1], few[0]
        sheet.delete_rows(7)

    wrong = {f"{season.final_round.rubric[0].name}（满分{season.final_round.rubric[0].maximum}）": 999}
    cases = {
        UNIT: Awkward(
            "初评：编号和名称对不上，删了一行",
            [verdict(player, few[0]), verdict(player, few[1], "不推荐")],
            (f"编号{few[1]}是“少数1”，本行写的却是“少数0”", f"还有3项没有初评结论：{'、'.join(few)}"),
            spoil=mixed_up,
        ),
        other: Awkward(
            "初评：超过名额，一格还有错",
            [verdict(player, number) for number in many[:-2]]
            + [verdict(player, many[-2], "不推荐"), verdict(player, many[-1]) | wrong],
            (f"连同已接收的共推荐了{len(many) - 1}项", "分数“999”超出范围", f"还有1项没有初评结论：{many[-1]}"),
        ),
    }
    workbooks = [filled(player, tmp_path, unit, VERDICTS, case) for unit, case in cases.items()]
    for path in libreoffice.convert_all(workbooks, tmp_path / "saved"):
        send(player, path, cases[path.stem])

    player.play("collect", collecting)

    for unit, case in cases.items():
        hold(case, told(player, unit))
    stand = (f"1. {many[0]}《多数0》：推荐", "共85分，排第1", f"{many[-2]}《多数{len(many) - 2}》：不推荐\n")
    kept = Awkward("初评：名额内的照收，不推荐的不必打分", [], stand)
    hold(kept, told(player, other))


def test_awkward_scores_get_the_answer_that_helps(player: Player, tmp_path: Path) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        numbers = [an_eligible_submission(session, form=a_form(f"终评{place}")) for place in range(4)]
        first, second = (an_assignment(session, numbers[0], expert) for expert in (1, 2))
        for number in numbers[1:]:
            an_assignment(session, number, 1)
    player.at(season.dates.draw_panel.replace(day=28))
    for expert, listed in ((first, numbers[:2]), (second, numbers[:1])):
        player.issue(
            SCORES, expert, rows=[{"number": number, "title": f"终评{at}"} for at, number in enumerate(listed)]
        )
    names = [f"{criterion.name}（满分{criterion.maximum}）" for criterion in season.final_round.rubric]
    good = dict(zip(names, points(season, 90).values(), strict=True))

    def unsigned(sheet: Any) -> None:
        sheet["F2"].value = None

    cases = {
        first: Awkward(
            "评分：补派以后仍报原表，还删了一行",
            [{"申报编号": number, **good} for number in numbers[:2]],
            ("接收1行", "仍欠：还有3项没有打分：P-", "共90分"),
            spoil=lambda sheet: sheet.delete_rows(6),
        ),
        second: Awkward(
            "评分：没有确认承诺，一格还有错",
            [{"申报编号": numbers[0], **good, names[0]: 999}],
            ("尚未确认“公正与保密承诺”", "分数“999”超出范围"),
            spoil=unsigned,
        ),
    }
    workbooks = [filled(player, tmp_path, expert, SCORES, case) for expert, case in cases.items()]
    for path in libreoffice.convert_all(workbooks, tmp_path / "saved"):
        send(player, path, cases[path.stem])

    player.play("collect", collecting)

    for expert, case in cases.items():
        hold(case, told(player, expert))


def test_a_further_sheet_says_that_the_earlier_one_stays_good(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        expert = an_assignment(session, an_eligible_submission(session), 1)
        number = an_eligible_submission(session, form=a_form("补派"))
        an_assignment(session, number, 1)
    player.at(season.dates.draw_panel)

    def issuing(run: Run) -> Ending:
        with run.step() as session:
            issue_further_sheet(session, run, expert, [number])
        return Ending()

    player.play("draw_panel", issuing)

    book = openpyxl.load_workbook(next((player.home / "outbox" / "2026" / expert).glob("*.xlsx")))
    for sheet in (SCORES.label, "填写说明"):
        assert "只含新增1项；原表继续有效" in str([cell.value for line in book[sheet].iter_rows() for cell in line])

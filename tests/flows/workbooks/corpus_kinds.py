"""Whose workbook it is, and what is wrong with verdicts, scores and experts."""

from pathlib import Path
from typing import Any

from flows.workbooks.columns.mark import Mark, sign
from flows.workbooks.reader.layout import GUIDE_SHEET, MARK_SHEET
from models.enums import WorkbookKind
from tests.flows.workbooks.corpus import add, case
from tests.support.workbooks import GIVEN, KEY, Workshop, judged, points, typed

_OK: dict[int, dict[str, Any]] = {5: {"title": "示例成果"}}
VERDICTS, SCORES = WorkbookKind.VERDICTS.label, WorkbookKind.SCORES.label

add(
    "a workbook of another unit",
    lambda shop: shop.filled(typed(), recipient="500102"),
    refused=("", None, "这是下发给“500102”的模板，不能由“500101”报送。请使用下发给本单位（本人）的模板。"),
)
add(
    "a workbook of another season",
    lambda shop: shop.filled(typed(), year=2025),
    refused=("", None, "这是2025年度的模板，现在征集的是2026年度，请使用本年度的模板。"),
)
add(
    "a workbook of an older issue",
    lambda shop: shop.filled(typed()),
    newest_issue=2,
    refused=(
        "",
        None,
        "这是第1版申报汇总表，现在使用的是第2版，旧版不再接收。请把已填的内容粘贴到最新下发的模板里再报送。",
    ),
)
add(
    "a workbook signed with another key",
    lambda shop: shop.filled(typed(), key=bytes(32)),
    refused=("", None, "模板标识核验不通过（被改动，或不是由本系统下发），请使用下发给本单位的模板。"),
)
add("a workbook of a newer issue than known", lambda shop: shop.filled(typed(), issue=3), takes=_OK)


def _with_mark(shop: Workshop, change: Any) -> Path:
    path = shop.filled(typed())
    with shop.opened(path) as book:
        cell = book[MARK_SHEET]["A1"]
        cell.value = change(cell.value)
        del book[GUIDE_SHEET]
    return path


add(
    "another unit's code written into the mark",
    lambda shop: _with_mark(shop, lambda token: token.replace("500101", "500102")),
    sender="500102",
    refused=("", None, "模板标识核验不通过（被改动，或不是由本系统下发），请使用下发给本单位的模板。"),
)
add(
    "a mark of an unknown kind",
    lambda shop: _with_mark(shop, lambda token: token.replace("submissions", "prizes")),
    refused=("", None, "模板标识已损坏，请重新下载本单位的模板，把内容粘贴进去再报送。"),
)
add(
    "a mark cut short",
    lambda shop: _with_mark(shop, lambda token: token[:-3]),
    refused=("", None, "没有找到模板标识：这不是系统下发的模板。请把内容粘贴到下发的模板里再报送。"),
)


@case(
    "the marks of two workbooks in one",
    refused=("", None, "一个工作簿里有几份不同模板的标识，请分别用各自的模板报送。"),
)
def _two_marks(shop: Workshop) -> Path:
    other = sign(Mark(2026, "500101", WorkbookKind.VERDICTS, 1), KEY)
    return _with_mark(shop, lambda token: f"{token} {other}")


# Verdicts and scores.

_N = [str(given["number"]) for given in GIVEN]


def _verdicts(shop: Workshop, *rows: dict[str, Any]) -> Path:
    return shop.filled(*rows, kind=WorkbookKind.VERDICTS)


def _scores(shop: Workshop, *rows: dict[str, Any], agree: bool = True) -> Path:
    return shop.filled(*rows, kind=WorkbookKind.SCORES, agree=agree)


add(
    "verdicts on some of the given",
    lambda shop: _verdicts(shop, judged(_N[0], 推荐排序=1), judged(_N[2], 推荐排序="第2名")),
    takes={5: {"number": _N[0], "rank": 1}, 7: {"number": _N[2], "rank": 2}},
    sheet=VERDICTS,
)
add(
    "points with a unit and in full-width digits",
    lambda shop: _verdicts(shop, *(judged(number, **points("２５．５分", 20, 20, 15)) for number in _N)),
    takes={5: {}, 6: {}, 7: {}},
    sheet=VERDICTS,
)
add(
    "points beyond the maximum, below zero, missing",
    lambda shop: _verdicts(shop, judged(_N[0], **points(31, -1, None, "很好")), judged(_N[1]), judged(_N[2])),
    takes={6: {}, 7: {}},
    sheet=VERDICTS,
    backs=(
        ("G5", "“创新性（满分30）”分数“31”超出范围，应在0到30之间。"),
        ("H5", "“实用性（满分25）”分数“-1”超出范围，应在0到25之间。"),
        ("I5", "“效益性（满分25）”没有填。"),
        ("J5", "“推广性（满分20）”应填0到20之间的分数（现在填的是“很好”）。"),
    ),
)
_SAME_RANK = "“推荐排序”重复：第5、6行都填了1。"
add(
    "the same rank twice",
    lambda shop: _verdicts(shop, judged(_N[0], 推荐排序=1), judged(_N[1], 推荐排序=1), judged(_N[2], 推荐排序=2)),
    takes={7: {"rank": 2}},
    sheet=VERDICTS,
    backs=(("L5", _SAME_RANK), ("L6", _SAME_RANK)),
)
add(
    "a rank for one not recommended",
    lambda shop: _verdicts(
        shop, judged(_N[0], 推荐排序=1), judged(_N[1], 初评结论="不推荐", 推荐排序=2), judged(_N[2], 推荐排序=2)
    ),
    takes={5: {"rank": 1}, 6: {"rank": None}, 7: {"rank": 2}},
    sheet=VERDICTS,
    notes=(("L6", "“推荐排序”不推荐的不参加排序，所填名次没有采用。"),),
)
add(
    "a verdict without a word",
    lambda shop: _verdicts(shop, judged(_N[0], 初评结论=None), judged(_N[1]), judged(_N[2])),
    takes={6: {}, 7: {}},
    sheet=VERDICTS,
    backs=(("F5", "“初评结论”没有填。"),),
)
add(
    "a verdict, one sent back, one sent back without a word",
    lambda shop: _verdicts(
        shop,
        judged(_N[0], 推荐排序=1),
        {"申报编号": _N[1], "初评结论": "退回补正", "补正内容": "缺单位盖章页", **points(5, None, None, None)},
        {"申报编号": _N[2], "初评结论": "退回补正"},
    ),
    takes={5: {"verdict": "recommended"}, 6: {"number": _N[1], "missing": "缺单位盖章页"}},
    sheet=VERDICTS,
    backs=(("N7", "“补正内容”没有填。"),),
    notes=(("F6", "“初评结论”选了“退回补正”，所填分数没有采用。"),),
)
add(
    "what is missing written beside a verdict",
    lambda shop: _verdicts(shop, judged(_N[0], 补正内容="缺盖章"), judged(_N[1]), judged(_N[2])),
    takes={6: {}, 7: {}},
    sheet=VERDICTS,
    backs=(("F5", "“初评结论”不是“退回补正”，但填了补正内容，请选“退回补正”或删去补正内容。"),),
)
add(
    "a withdrawal by its number alone, beside a good row",
    lambda shop: shop.filled(typed(), {"申报编号": "2026-500101-0001", "撤回": "撤回"}),
    takes={**_OK, 6: {"number": "2026-500101-0001"}},
)
add(
    "a withdrawal in a whole row with a wrong cell",
    lambda shop: shop.filled(typed(申报编号="2026-500101-0001", 类别="错", 撤回="撤回")),
    takes={5: {"number": "2026-500101-0001"}},
)
add(
    "a withdrawal of nothing",
    lambda shop: shop.filled(typed(撤回="撤回")),
    backs=(("A5", "“申报编号”没有填：要撤回哪一项，请填回执上的编号。"),),
)
_SCORED = [{"申报编号": number, **points(25, 20, 20, 15)} for number in _N]
add(
    "scores and a recusal",
    lambda shop: _scores(shop, *_SCORED[:2], {"申报编号": _N[2], "回避": "回避", "回避原因": "同一单位"}),
    sheet=SCORES,
    takes={5: {"comment": ""}, 6: {"comment": ""}, 7: {"number": _N[2], "reason": "同一单位"}},
)
add(
    "a recusal without a reason, a reason without a recusal",
    lambda shop: _scores(shop, {"申报编号": _N[0], "回避": "是"}, {**_SCORED[1], "回避原因": "同一单位"}, _SCORED[2]),
    sheet=SCORES,
    takes={7: {}},
    backs=(("L5", "“回避原因”没有填。"), ("K6", "“回避”没有选，但写了回避原因，请选“回避”或删去原因。")),
)
add(
    "a recusal with points",
    lambda shop: _scores(shop, {**_SCORED[0], "回避": "回避", "回避原因": "同一单位"}, *_SCORED[1:]),
    sheet=SCORES,
    takes={5: {"reason": "同一单位"}, 6: {}, 7: {}},
    notes=(("K5", "“回避”已声明回避，所填分数没有采用。"),),
)
add(
    "scores without the statement",
    lambda shop: _scores(shop, *_SCORED, agree=False),
    refused=(SCORES, "A2", "尚未确认“公正与保密承诺”：请在承诺右侧的格子里选“同意”后再报送。"),
)
add(
    "an expert with a field that the season does not have",
    lambda shop: shop.filled(
        {"姓名": "示例专家", "工作单位": "示例大学", "专业领域": "机械制造、航天"}, kind=WorkbookKind.EXPERTS
    ),
    sheet="专家库",
    backs=(
        (
            "D5",
            "“专业领域”只能填：机械制造、电子信息、医药卫生、农业农村、建筑交通、能源环保、食品轻工、教育科普，"
            "可填多个，用“、”隔开（“航天”不在其中）。",
        ),
    ),
)
add(
    "an expert with several fields and declared persons",
    lambda shop: shop.filled(
        {
            "姓名": "示例专家",
            "工作单位": "示例大学",
            "专业领域": "机械制造,电子信息；医药卫生",
            "承诺书签署日期": "2026.3.8",
            "需回避的人员和单位": "示例甲、示例公司",
        },
        kind=WorkbookKind.EXPERTS,
    ),
    sheet="专家库",
    takes={5: {"fields": ("机械制造", "电子信息", "医药卫生"), "declared": ("示例甲", "示例公司")}},
)


add(
    "a verdict that does not recommend and gives no points",
    lambda shop: shop.filled(
        {"申报编号": _N[0], "初评结论": "不推荐"}, judged(_N[1]), judged(_N[2]), kind=WorkbookKind.VERDICTS
    ),
    takes={5: {"points": {}}, 6: {}, 7: {}},
    sheet="初评结果表",
)

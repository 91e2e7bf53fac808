"""The columns of organisations and contributors, numbered in the order of merit."""

from flows.workbooks.columns import cells, numbers, parties
from flows.workbooks.columns.column import LINE_LIMIT, Column


def organisation_columns(index: int) -> tuple[Column, ...]:
    group, n = "申报单位", index + 1
    first = (
        ("申报单位", "申报单位名称", "单位名称", "完成单位", "第一完成单位", "所在单位", "单位") if index == 0 else ()
    )
    code = ("统一社会信用代码", "信用代码", "社会信用代码", "单位统一社会信用代码") if index == 0 else ()
    hint = "第1个是申报单位，填公章上的全称" if index == 0 else "联合申报的单位，没有可留空"
    return (
        Column(
            f"organisations.{index}.name",
            f"单位{n}名称",
            parties.bodies,
            group,
            hint,
            (f"单位{n}", f"申报单位{n}", f"完成单位{n}", f"申报单位{n}名称", *first),
            required=index == 0,
            width=28,
        ),
        Column(
            f"organisations.{index}.credit_code",
            f"单位{n}统一社会信用代码",
            cells.credit_code,
            group,
            "18位，按文本填写；没有的留空",
            (f"单位{n}信用代码", f"申报单位{n}统一社会信用代码", *code),
            width=23,
        ),
    )


def contributor_columns(index: int) -> tuple[Column, ...]:
    group, n, name = "完成人（按贡献大小排序）", index + 1, parties.people
    first = ("申报人", "申报人姓名", "第一完成人", "完成人", "主要完成人", "姓名") if index == 0 else ()
    return (
        Column(
            f"contributors.{index}.name",
            f"完成人{n}姓名",
            name,
            group,
            "按贡献大小排列，一格一人",
            (f"完成人{n}", f"第{n}完成人", f"第{n}完成人姓名", *first),
            required=index == 0,
            width=13,
        ),
        Column(
            f"contributors.{index}.organisation",
            f"完成人{n}单位",
            parties.body,
            group,
            "完成时所在单位",
            (f"完成人{n}工作单位", f"完成人{n}所在单位", f"第{n}完成人单位"),
            required=index == 0,
            width=24,
        ),
        Column(
            f"contributors.{index}.role",
            f"完成人{n}承担工作",
            cells.line(LINE_LIMIT),
            group,
            "可留空",
            (f"完成人{n}角色", f"完成人{n}分工", f"完成人{n}贡献"),
            width=16,
        ),
        Column(
            f"contributors.{index}.share",
            f"完成人{n}贡献占比（%）",
            numbers.percent,
            group,
            "只填数字，如30；可留空",
            (f"完成人{n}占比", f"完成人{n}贡献率", f"完成人{n}贡献占比"),
            format="General",
            width=17,
            minimum=0,
            maximum=100,
        ),
    )

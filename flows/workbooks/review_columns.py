"""The columns of the verdict, score and expert workbooks (初评结果表、评分表、专家库)."""

from config.season import Season
from config.season_parts import Criterion
from flows.workbooks import cells, dates, numbers
from flows.workbooks.columns import LINE_LIMIT, NAME_LIMIT, Column, choice, labels
from models.enums import Tier, Verdict

# What experts read, in a blind season without `_NAMES`: key, heading, width.
MATERIAL_TEXTS = (
    ("abstract", "成果简介", 40),
    ("innovation", "创新性说明", 28),
    ("practicality", "实用性说明", 28),
    ("benefit", "效益说明", 28),
    ("spread", "推广性说明", 28),
)
SEND_BACK = "退回补正"  # a unit's answer instead of a verdict; no verdict that is kept
_NAMES = (("organisations", "申报单位", 26), ("contributors", "完成人", 20), ("attachments", "附件", 24))


def _given(key: str, heading: str, group: str = "申报", width: int = 14, *also: str) -> Column:
    return Column(key, heading, cells.line(LINE_LIMIT), group, "已由系统填好，请勿改动", also, given=True, width=width)


def _points_columns(rubric: tuple[Criterion, ...], group: str) -> tuple[Column, ...]:
    return tuple(
        Column(
            f"points.{criterion.key}",
            f"{criterion.name}（满分{criterion.maximum}）",
            numbers.points(criterion.maximum),
            group,
            f"0到{criterion.maximum}分，可有小数。{criterion.anchors}",
            (criterion.name, f"{criterion.name}得分", f"{criterion.name}评分"),
            required=True,
            format="General",
            width=11,
            minimum=0,
            maximum=criterion.maximum,
        )
        for criterion in rubric
    )


def verdict_columns(season: Season, rubric: tuple[Criterion, ...]) -> tuple[Column, ...]:
    number = _given("number", "申报编号", "申报", 18, "编号")
    return (
        number,
        _given("title", "成果名称", "申报", 36, "项目名称"),
        _given("category", "类别", "申报", 10),
        _given("carrier", "载体", "申报", 14),
        _given("organisation", "申报单位", "申报", 26),
        choice(
            "verdict",
            "初评结论",
            {**labels(Verdict), SEND_BACK: SEND_BACK},
            group="初评",
            hint="从下拉框选择；材料不全的选“退回补正”，不打分，写明补正内容",
            required=True,
            width=11,
            words={"同意推荐": Verdict.RECOMMENDED, "不予推荐": Verdict.NOT_RECOMMENDED},
            also=("结论", "初评结果", "初评意见", "是否推荐", "评审结论"),
        ),
        *_points_columns(rubric, "初评"),
        Column(
            "rank",
            "推荐排序",
            numbers.rank,
            "初评",
            "推荐的从1起排，1为最优，不重复",
            ("排序", "名次", "排名", "推荐顺序"),
            format="General",
            width=11,
            minimum=1,
        ),
        Column(
            "comment",
            "评语",
            cells.prose(season.files.max_cell_characters),
            "初评",
            "可留空",
            ("初评评语", "意见", "备注", "评审意见"),
            width=40,
        ),
        Column(
            "missing",
            "补正内容",
            cells.prose(season.files.max_cell_characters),
            "退回补正",
            "选了“退回补正”的必填：缺什么、改什么；每项只能退回一次；请勿写个人姓名",
            ("需补正内容", "补正要求", "补正意见", "退回原因"),
            width=36,
        ),
    )


def score_columns(season: Season, rubric: tuple[Criterion, ...]) -> tuple[Column, ...]:
    group, long = "申报", cells.prose(season.files.max_cell_characters)
    return (
        _given("number", "申报编号", group, 18, "编号"),
        _given("title", "成果名称", group, 24, "项目名称"),
        _given("category", "类别", group, 10),
        _given("field", "领域", group, 12),
        *(
            Column(key, heading, long, group, "已由系统填好，请勿改动", given=True, width=width)
            for key, heading, width in (*MATERIAL_TEXTS, *(() if season.final_round.blind else _NAMES))
        ),
        *_points_columns(rubric, "评分"),
        Column(
            "comment",
            "评语",
            long,
            "评分",
            "可留空；请勿写出可辨认评审人的内容",
            ("评审意见", "意见", "专家评语"),
            width=40,
        ),
        choice(
            "recusal",
            "回避",
            {"回避": True},
            group="回避",
            width=9,
            also=("是否回避", "申请回避"),
            words={"是": True, "申请回避": True, "否": None, "不回避": None, "无": None},
            hint="与申报有利益关系的选“回避”，不再打分",
        ),
        Column(
            "recusal_reason",
            "回避原因",
            long,
            "回避",
            "选了回避的必须写明原因",
            ("回避理由", "原因"),
            width=24,
        ),
    )


def vote_columns(season: Season) -> tuple[Column, ...]:
    """A ballot to sign, or the sheet in which the office enters the count of secret ones."""
    given = (
        _given("number", "申报编号", "表决事项", 18, "编号"),
        _given("title", "成果名称", "表决事项", 40, "项目名称"),
        Column(
            "tier",
            "拟授等次",
            cells.choice(labels(Tier)),
            "表决事项",
            "已由系统填好，请勿改动",
            ("等次",),
            given=True,
            width=11,
        ),
        _given("rank", "名次", "表决事项", 8),
        _given("merit", "终评分", "表决事项", 10),
    )
    votes = season.final_round.votes
    if votes is not None and not votes.secret:
        return (
            *given,
            choice(
                "choice",
                "表决意见",
                {"同意": "votes_for", "不同意": "votes_against", "弃权": "abstentions"},
                group="表决",
                hint="从下拉框选择；不填的视为未参加该项表决",
                width=12,
                words={"赞成": "votes_for", "反对": "votes_against"},
                also=("意见", "表决"),
            ),
        )
    return (*given, _given("members", "应到人数", "表决事项", 10), *_count_columns())


def _count_columns() -> tuple[Column, ...]:
    headings = (
        ("votes_for", "同意票", "赞成票"),
        ("votes_against", "不同意票", "反对票"),
        ("abstentions", "弃权票", "弃权"),
    )
    return tuple(
        Column(key, heading, numbers.count, "计票", "监票人清点的票数，0也要填", (also,), format="General", width=11)
        for key, heading, also in headings
    )


def expert_columns(season: Season) -> tuple[Column, ...]:
    group, short = "专家", cells.line(LINE_LIMIT)
    return (
        Column("name", "姓名", cells.line(NAME_LIMIT), group, "一行一人", ("专家姓名",), required=True, width=14),
        Column(
            "organisation",
            "工作单位",
            short,
            group,
            "公章上的全称",
            ("单位", "所在单位", "单位名称"),
            required=True,
            width=30,
        ),
        Column(
            "credit_code",
            "统一社会信用代码",
            cells.credit_code,
            group,
            "18位，按文本填写；没有的留空",
            ("信用代码", "单位统一社会信用代码"),
            width=23,
        ),
        Column(
            "fields",
            "专业领域",
            cells.words_of(season.fields),
            group,
            "可填多个，用“、”隔开：" + "、".join(season.fields),
            ("领域", "评审领域", "专业"),
            required=True,
            width=32,
        ),
        Column("title", "职称", short, group, "可留空", ("专业技术职务", "技术职称", "职称职务"), width=16),
        Column(
            "phone",
            "联系电话",
            cells.phone,
            group,
            "一个号码",
            ("电话", "手机", "手机号", "联系方式"),
            width=16,
        ),
        Column(
            "mail",
            "联系邮箱",
            cells.mail,
            group,
            "用于发送评分表",
            ("邮箱", "电子邮箱", "email", "e-mail"),
            width=26,
        ),
        Column(
            "valid_until",
            "有效期至",
            dates.day,
            group,
            f"可留空；{dates.EXAMPLE}",
            ("有效期", "聘期至", "聘期"),
            format="yyyy-mm-dd",
            width=13,
        ),
        Column(
            "statement_on",
            "承诺书签署日期",
            dates.day,
            group,
            f"本年度公正与保密承诺书的签署日期；{dates.EXAMPLE}",
            ("承诺日期", "签署日期", "承诺书日期"),
            format="yyyy-mm-dd",
            width=15,
        ),
        Column(
            "declared",
            "需回避的人员和单位",
            cells.words,
            group,
            "可留空；多个用“、”隔开",
            ("回避对象", "需要回避的人员和单位", "申请回避"),
            width=30,
        ),
    )

"""The columns of the submissions workbook (申报汇总表)."""

from config.season import Season
from flows.kinds.files_along import MOST_REVIEW_MB, picture_columns
from flows.workbooks.columns import cells, dates, numbers, parties
from flows.workbooks.columns.column import LINE_LIMIT, NAME_LIMIT, Column, choice, in_group, labels
from models.enums import Carrier, Category, Origin

_AGREED = ("同意", "不同意")
WITHDRAWN, RESTORED = "withdrawn", "restored"  # what a unit says in the column 撤回


def submission_columns(season: Season) -> tuple[Column, ...]:
    return (
        *_what_columns(season),
        *_worth_columns(season),
        *_organisation_columns(season.call.max_organisations),
        *_contributor_columns(season.call.max_contributors),
        *_other_columns(season),
        *_consent_columns(season),
        *picture_columns("图片（供公开页面和科技馆展示，可留空）", season.call.max_pictures),
        *(_review_attachments() if season.final_round.blind else ()),
        *_withdrawal_column(),
    )


def earlier_columns(season: Season) -> tuple[Column, ...]:
    """What earlier workbooks asked instead of a consent from each: one box for everybody, no picture meant."""
    replaced = ("text_consent", *(f"contributors.{index}.consent" for index in range(season.call.max_contributors)))
    return (
        Column(
            "consent",
            "同意公开姓名和单位",
            cells.consent,
            also=("同意公开", "是否同意公开", "公开同意"),
            choices=_AGREED,
            instead_of=replaced,
        ),
    )


def _what_columns(season: Season) -> tuple[Column, ...]:
    years = "、".join(str(year) for year in season.covered_years)
    categories = {
        "发明": Category.INVENTION,
        "技改": Category.IMPROVEMENT,
        "设计": Category.DESIGN,
        "小革新": Category.IMPROVEMENT,
        "小改进": Category.IMPROVEMENT,
    }
    carriers = {
        "个人": Carrier.INDIVIDUAL,
        "个人创新": Carrier.INDIVIDUAL,
        "岗位创新": Carrier.INDIVIDUAL,
        "班组": Carrier.TEAM,
        "团队": Carrier.TEAM,
        "团队创新": Carrier.TEAM,
        "联盟": Carrier.ALLIANCE,
    }
    return in_group(
        "成果",
        Column(
            "number", "申报编号", cells.line(32), "首次申报留空；修改已接收的申报时填回执上的编号", ("编号",), width=18
        ),
        Column(
            "title",
            "成果名称",
            cells.name(LINE_LIMIT, "请写出成果名称"),
            "写全称，一行写完，不超过200字",
            ("项目名称", "申报项目名称", "创新成果名称", "成果题目", "名称", "题目", "项目名"),
            required=True,
            width=32,
        ),
        choice(
            "category",
            "类别",
            labels(Category),
            hint="从下拉框选择",
            words=categories,
            also=("成果类别", "申报类别", "项目类别", "类型"),
            required=True,
            width=10,
        ),
        choice(
            "carrier",
            "载体",
            labels(Carrier),
            hint="从下拉框选择",
            words=carriers,
            also=("创新载体", "申报载体", "载体类型", "成果载体"),
            required=True,
            width=14,
        ),
        choice(
            "field",
            "领域",
            {name: name for name in season.fields},
            hint="从下拉框选择",
            also=("所属领域", "行业领域", "专业领域", "所属行业"),
            required=True,
            width=12,
        ),
        Column(
            "completed_on",
            "完成日期",
            dates.day,
            f"成果完成的那一天，应在{years}年内；{dates.EXAMPLE}",
            ("完成时间", "成果完成日期", "成果完成时间", "完成年月"),
            required=True,
            format="yyyy-mm-dd",
            width=13,
        ),
    )


def _worth_columns(season: Season) -> tuple[Column, ...]:
    long = cells.told(season.files.max_cell_characters)
    return in_group(
        "成效",
        Column(
            "abstract",
            "成果简介",
            long,
            "做了什么、解决了什么问题、效果如何，300字左右",
            ("简介", "摘要", "内容简介", "项目简介", "成果摘要", "主要内容"),
            required=True,
            width=44,
        ),
        Column(
            "innovation",
            "创新性",
            long,
            "与原来相比新在哪里",
            ("创新点", "主要创新点", "创新内容", "创新性说明"),
            required=True,
            width=36,
        ),
        Column(
            "practicality",
            "实用性",
            long,
            "怎样用在岗位上",
            ("实用价值", "实用性说明", "实用情况"),
            required=True,
            width=36,
        ),
        Column(
            "benefit_economic",
            "经济效益（万元）",
            numbers.amount_wan,
            "只填数字，单位万元；与社会效益至少填一项",
            ("经济效益", "直接经济效益", "年经济效益", "经济效益金额"),
            format="General",
            width=15,
            minimum=0,
        ),
        Column(
            "benefit_social",
            "社会效益",
            long,
            "安全、环保、民生等方面的效果；与经济效益至少填一项",
            ("社会效益说明",),
            width=30,
        ),
        Column(
            "spread",
            "推广性",
            long,
            "推广到了哪里，还能推广到哪里",
            ("推广价值", "推广前景", "推广应用", "推广应用前景", "推广性说明", "推广情况"),
            required=True,
            width=36,
        ),
        Column(
            "adoption",
            "应用情况",
            long,
            "哪些单位、从何时起使用，可留空",
            ("采用情况", "实施情况", "转化应用情况", "成果应用情况"),
            width=30,
        ),
    )


def _organisation_columns(most: int) -> tuple[Column, ...]:
    return in_group("申报单位", *(column for index in range(most) for column in _of_organisation(index)))


def _of_organisation(index: int) -> tuple[Column, ...]:
    n = index + 1
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
            hint,
            (f"单位{n}", f"申报单位{n}", f"完成单位{n}", f"申报单位{n}名称", *first),
            required=index == 0,
            width=28,
        ),
        Column(
            f"organisations.{index}.credit_code",
            f"单位{n}统一社会信用代码",
            cells.credit_code,
            "18位，按文本填写；没有的留空",
            (f"单位{n}信用代码", f"申报单位{n}统一社会信用代码", *code),
            width=23,
        ),
    )


def _contributor_columns(most: int) -> tuple[Column, ...]:
    return in_group("完成人（按贡献大小排序）", *(column for index in range(most) for column in _of_contributor(index)))


def _of_contributor(index: int) -> tuple[Column, ...]:
    n = index + 1
    first = ("申报人", "申报人姓名", "第一完成人", "完成人", "主要完成人", "姓名") if index == 0 else ()
    return (
        Column(
            f"contributors.{index}.name",
            f"完成人{n}姓名",
            parties.people,
            "按贡献大小排列，一格一人",
            (f"完成人{n}", f"第{n}完成人", f"第{n}完成人姓名", *first),
            required=index == 0,
            width=13,
        ),
        Column(
            f"contributors.{index}.organisation",
            f"完成人{n}单位",
            parties.body,
            "完成时所在单位",
            (f"完成人{n}工作单位", f"完成人{n}所在单位", f"第{n}完成人单位"),
            required=index == 0,
            width=24,
        ),
        Column(
            f"contributors.{index}.role",
            f"完成人{n}承担工作",
            cells.line(LINE_LIMIT),
            "可留空",
            (f"完成人{n}角色", f"完成人{n}分工", f"完成人{n}贡献"),
            width=16,
        ),
        Column(
            f"contributors.{index}.share",
            f"完成人{n}贡献占比（%）",
            numbers.percent,
            "只填数字，如30；可留空",
            (f"完成人{n}占比", f"完成人{n}贡献率", f"完成人{n}贡献占比"),
            format="General",
            width=17,
            minimum=0,
            maximum=100,
        ),
    )


def _other_columns(season: Season) -> tuple[Column, ...]:
    long = cells.prose(season.files.max_cell_characters)
    return in_group(
        "其他",
        Column(
            "earlier_prizes",
            "曾获奖励",
            long,
            "奖项名称和年份，没有可留空",
            ("获奖情况", "已获奖励", "曾获奖项"),
            width=24,
        ),
        Column(
            "external_partners",
            "校外（院所）合作方",
            long,
            "参与的高校、院所，没有可留空",
            ("合作高校院所", "合作单位", "外部合作方", "高校院所合作方", "合作方"),
            width=24,
        ),
        choice(
            "origin",
            "来自练兵、培训或竞赛",
            labels(Origin),
            hint="没有选“否”",
            words={"无": Origin.NONE},
            also=("成果来源", "来源", "是否来自练兵培训竞赛"),
            width=20,
        ),
        Column(
            "contact.name", "联系人", cells.line(NAME_LIMIT), "只用于本次工作联系，到期删除", ("联系人姓名",), width=12
        ),
        Column(
            "contact.phone",
            "联系电话",
            cells.phone,
            "一个号码",
            ("电话", "手机", "手机号", "联系方式", "联系人电话"),
            width=16,
        ),
        Column("contact.mail", "联系邮箱", cells.mail, "一个邮箱", ("邮箱", "电子邮箱", "email", "e-mail"), width=24),
        Column(
            "attachments",
            "附件文件名",
            cells.words,
            "与本表一起压缩报送；多个用“、”隔开",
            ("附件", "附件名称", "附件清单"),
            width=28,
        ),
    )


def _review_attachments() -> tuple[Column, ...]:
    """In a blind season experts see these files alone: who names a file here says that it names nobody."""
    return in_group(
        "评审附件",
        Column(
            "review_attachments",
            "评审附件（不含单位、姓名）",
            cells.words,
            "评审专家只能看到这里写的文件：文件里和文件名都不得出现单位、姓名；与本表一起压缩报送；多个用“、”隔开；"
            f"每个不超过{MOST_REVIEW_MB}MB",
            ("评审附件", "评审附件文件名", "匿名附件"),
            width=28,
        ),
    )


def _consent_columns(season: Season) -> tuple[Column, ...]:
    """Each person for the own name, and the organisations for the text: nobody answers for another."""
    return in_group(
        "公开（逐人、逐项同意）",
        Column(
            "text_consent",
            "成果授权",
            cells.consent,
            "申报单位是否授权：获奖后公开单位名称、成果简介和创新、实用、效益、推广等内容。不授权的只公开编号、名称和等次，不影响评审",
            ("成果授权书", "同意公开成果内容", "成果内容公开授权"),
            required=True,
            choices=_AGREED,
            width=12,
        ),
        *(
            Column(
                f"contributors.{index}.consent",
                f"完成人{index + 1}同意公开姓名",
                cells.consent,
                "须由本人答复：获奖后是否公开本人姓名。不同意不影响评审；同意的，以后随时可以撤回",
                (f"完成人{index + 1}同意公开", f"完成人{index + 1}公开姓名", f"第{index + 1}完成人同意公开姓名"),
                required=index == 0,
                choices=_AGREED,
                width=15,
            )
            for index in range(season.call.max_contributors)
        ),
    )


def _withdrawal_column() -> tuple[Column, ...]:
    return in_group(
        "撤回",
        choice(
            "withdrawal",
            "撤回",
            {"撤回": WITHDRAWN, "改回": RESTORED},
            hint="撤回已接收的申报：选“撤回”并填好申报编号，其余各列可不填；授奖前随时可以。确要把内容改回以前报过的：选“改回”",
            words={"是": WITHDRAWN, "申请撤回": WITHDRAWN, "否": None, "不撤回": None, "无": None},
            also=("是否撤回", "申请撤回"),
            width=9,
        ),
    )

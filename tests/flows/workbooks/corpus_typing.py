"""What people type into cells."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.flows.workbooks.corpus import add
from tests.support.workbooks import CODE, OTHER_CODE, typed

D = Decimal
_DAY = {5: {"completed_on": date(2025, 3, 5)}}
_FIRST = {5: {"completed_on": date(2025, 3, 1)}}
_ASK = "例如：2025-03-05。"


def _row(name: str, heading: str, value: Any, **expected: Any) -> None:
    add(name, lambda shop: shop.filled(typed({heading: value})), **expected)


def _rows(name: str, changes: dict[str, Any], **expected: Any) -> None:
    add(name, lambda shop: shop.filled(typed(changes)), **expected)


for _name, _value in (
    ("a real date", date(2025, 3, 5)),
    ("a date with a time", datetime(2025, 3, 5, 10, 30)),
    ("a date in Chinese", "2025年3月5日"),
    ("a date with points", "2025.3.5"),
    ("a date with slashes", "2025/3/5"),
    ("a date with blanks", " 2025 年 3 月 5 日 "),
    ("a date with a time as text", "2025-03-05 00:00:00"),
    ("a date in full-width digits", "２０２５年３月５日"),
    ("a date in Chinese numerals", "二〇二五年三月五日"),
    ("a date in eight digits", "20250305"),
    ("a date in eight digits as a number", 20250305),
    ("a date as Excel's serial number in text", "45721"),
    ("a date with commas", "2025，3，5"),
):
    _row(_name, "完成日期", _value, takes=_DAY)

_row(
    "a month in Chinese",
    "完成日期",
    "2025年3月",
    takes=_FIRST,
    notes=(("F5", "“完成日期”“2025年3月”没有写日，按2025-03-01计。"),),
)
_row(
    "a month typed as a decimal number",
    "完成日期",
    2025.3,
    takes=_FIRST,
    notes=(("F5", "“完成日期”“2025.3”没有写日，按2025-03-01计。"),),
)
_row(
    "a decimal number that may be January or October",
    "完成日期",
    2025.1,
    backs=(("F5", f"“完成日期”“2025.1”分不清是1月还是10月（表格会去掉末尾的0），请按年-月-日填，{_ASK}"),),
)
_row("a year only", "完成日期", "2025年", backs=(("F5", f"“完成日期”只写了年份“2025年”，请写到年月日，{_ASK}"),))
_row("a year only as a number", "完成日期", 2025, backs=(("F5", f"“完成日期”只写了年份“2025”，请写到年月日，{_ASK}"),))
_row("a year of two digits", "完成日期", "25.3.5", backs=(("F5", f"“完成日期”“25.3.5”的年份请写四位，{_ASK}"),))
_row(
    "a date with the day first",
    "完成日期",
    "3/5/2025",
    backs=(("F5", f"“完成日期”“3/5/2025”分不清月和日，请按年-月-日填，{_ASK}"),),
)
_row(
    "a day that is not in the calendar",
    "完成日期",
    "2025年2月30日",
    backs=(("F5", "“完成日期”日历上没有“2025年2月30日”这一天，请核对。"),),
)
_row(
    "a span of dates",
    "完成日期",
    "2024年1月至2025年3月",
    backs=(("F5", f"“完成日期”看不懂日期“2024年1月至2025年3月”，请只填一个日期，{_ASK}"),),
)
_row(
    "a date a thousand years ago",
    "完成日期",
    "1025-03-05",
    backs=(("F5", "“完成日期”日期1025-03-05不合常理，请核对年份。"),),
)
_row("a number that is no date", "完成日期", 125.5, backs=(("F5", f"“完成日期”应填日期，现在是数字“125.5”，{_ASK}"),))
_row("a date left empty", "完成日期", None, backs=(("F5", "“完成日期”没有填。"),))

for _name, _value, _amount in (
    ("an amount as a number", 12.5, "12.5"),
    ("an amount stored as text", "12.5", "12.5"),
    ("an amount in full-width digits", "１２．５", "12.5"),
    ("an amount with a rounding error", 0.1 + 0.2, "0.3"),
    ("an amount of zero", 0, "0"),
):
    _row(_name, "经济效益（万元）", _value, takes={5: {"benefit_economic": D(_amount)}})
for _name, _value, _amount in (
    ("an amount with 万", "12.5万", "12.5"),
    ("an amount with 万元 and blanks", "12.5 万元 ", "12.5"),
    ("an amount in yuan", "125000元", "12.5"),
    ("an amount in yuan with separators", "1,250,000元", "125"),
    ("an amount with full-width separators", "１，２５０，０００元", "125"),
    ("an amount in hundred millions", "0.3亿元", "3000"),
    ("an amount that is about so much", "约12万元", "12"),
    ("an amount per year", "12万元/年", "12"),
):
    _quoted = _value.strip().translate(str.maketrans("１２５０，", "1250,")).replace(" ", "")
    _row(
        _name,
        "经济效益（万元）",
        _value,
        takes={5: {"benefit_economic": D(_amount)}},
        notes=(("J5", f"“经济效益（万元）”“{_quoted}”按{_amount}万元计。"),),
    )
_row("no amount, in words", "经济效益（万元）", "无", takes={5: {"benefit_economic": None}})
_row(
    "an amount with separators",
    "经济效益（万元）",
    "1,250.5",
    takes={5: {"benefit_economic": D("1250.5")}},
    notes=(("J5", "“经济效益（万元）”按1250.5万元计；如果本意是元，请除以10000后重报。"),),
)
_row(
    "an amount so large that it may be yuan",
    "经济效益（万元）",
    5000,
    takes={5: {"benefit_economic": D(5000)}},
    notes=(("J5", "“经济效益（万元）”按5000万元计；如果本意是元，请除以10000后重报。"),),
)
for _name, _value, _shown, _hundred_millions in (
    ("an amount that is most likely yuan", 12500, "12500", "1.25"),
    ("an amount that is most likely yuan, as text", "50,000", "50,000", "5"),
):
    _row(
        _name,
        "经济效益（万元）",
        _value,
        backs=(
            (
                "J5",
                f"“经济效益（万元）”填了“{_shown}”，即{_hundred_millions}亿元，请核对单位：本意是元的，请填{_hundred_millions}；"
                f"确有{_hundred_millions}亿元的，请写“{_shown.replace(',', '')}万元”。",
            ),
        ),
    )
_row(
    "a large amount that says its unit",
    "经济效益（万元）",
    "12500万元",
    takes={5: {"benefit_economic": D(12500)}},
    notes=(("J5", "“经济效益（万元）”“12500万元”按12500万元计。"),),
)
_row("an amount below zero", "经济效益（万元）", -3, backs=(("J5", "“经济效益（万元）”不能是负数。"),))
_row(
    "an amount in Chinese numerals",
    "经济效益（万元）",
    "十二万",
    backs=(("J5", "“经济效益（万元）”应填数字，单位万元（现在填的是“十二万”），例如：12.5。"),),
)
_row(
    "an amount with a decimal comma",
    "经济效益（万元）",
    "12,5",
    backs=(("J5", "“经济效益（万元）”应填数字，单位万元（现在填的是“12,5”），例如：12.5。"),),
)
_row(
    "an amount that became a date",
    "经济效益（万元）",
    date(2025, 12, 5),
    backs=(("J5", "“经济效益（万元）”应填数字，这里却是日期（2025-12-05），请把单元格格式改为“常规”再填。"),),
)
_row("an amount that is TRUE", "经济效益（万元）", True, backs=(("J5", "“经济效益（万元）”应填数字。"),))
_row(
    "an amount beyond all reason",
    "经济效益（万元）",
    1e300,
    backs=(("J5", "“经济效益（万元）”应填数字，单位万元（现在填的是“100000000000000000000000…”），例如：12.5。"),),
)

_row("a title with a line break", "成果名称", "示例成果\n二号", takes={5: {"title": "示例成果二号"}})
_row("a title with a line break between words", "成果名称", "new\nidea", takes={5: {"title": "new idea"}})
_row("a title with trailing and full-width blanks", "成果名称", "　示例成果　 ", takes={5: {"title": "示例成果"}})
_row("a title in full-width letters", "成果名称", "ＡＢ１２型示例", takes={5: {"title": "AB12型示例"}})
for _name, _sign in (
    ("a zero-width space", "\u200b"),
    ("a mark of direction", "\u202e"),
    ("a variation selector", "\ufe0f"),
    ("a Hangul filler", "\u3164"),
):
    _message = f"第3个字处有看不见的字符（U+{ord(_sign):04X}），请把这一格清空后重新输入。"
    _row(f"a title with {_name}", "成果名称", f"示例{_sign}成果", backs=(("B5", f"“成果名称”{_message}"),))
    _row(f"a name with {_name}", "完成人1姓名", f"示例{_sign}甲", backs=(("T5", f"“完成人1姓名”{_message}"),))
for _name, _value in (
    ("、", "示例甲、示例乙、示例丙"),
    ("commas and semicolons", "示例甲，示例乙; 示例丙"),
    ("a slash and a line break", "示例甲/示例乙\n示例丙"),
    ("blanks", "示例甲 示例乙　示例丙"),
):
    _rows(
        f"three people in a cell with {_name}",
        {"完成人1姓名": _value, "完成人1同意公开姓名": "不同意"},
        takes={5: {"people": ("示例甲", "示例乙", "示例丙")}},
        notes=(("T5", "“完成人1姓名”里有3人，已分开登记：示例甲、示例乙、示例丙。"),),
    )
_row("a name with a blank in it", "完成人1姓名", "张　三", takes={5: {"people": ("张三",)}})
_row(
    "a telephone number beside a name",
    "完成人1姓名",
    "示例甲 13800000000",
    takes={5: {"people": ("示例甲",)}},
    notes=(("T5", "“完成人1姓名”“示例甲 13800000000”按姓名“示例甲”计，其余没有采用。"),),
)
for _name, _value, _message in (
    ("people and others", "示例甲等3人", "填的是“示例甲等3人”，不是一个人的姓名。请逐人写全，一格一人"),
    ("a group for a person", "装配班组集体", "填的是“装配班组集体”，不是一个人的姓名。请逐人写全，一格一人"),
    ("ditto for a person", "同上", "应填姓名，现在填的是“同上”，请写出姓名"),
    ("people that nobody can part", "欧阳 示例", "填的是“欧阳 示例”，像是几个人，但看不清怎样分开。请一格一人"),
    (
        "people without anything between",
        "示例甲和示例乙",
        "填的是“示例甲和示例乙”，像是几个人。请一格一人；姓名本来就长的，请用“·”隔开",
    ),
):
    _row(_name, "完成人1姓名", _value, backs=(("T5", f"“完成人1姓名”{_message}。"),))
add(
    "several people with one share",
    lambda shop: shop.filled(
        typed({"完成人1姓名": "示例甲、示例乙", "完成人1贡献占比（%）": 60, "完成人1同意公开姓名": "否"})
    ),
    backs=(("T5", "“完成人1姓名”里有2人，分不清后面的承担工作和占比是谁的，请一格一人。"),),
)
_row(
    "two firms in a cell",
    "单位1名称",
    "示例公司、示例机械厂",
    takes={5: {"organisations": (("示例公司", ""), ("示例机械厂", ""))}},
    notes=(("N5", "“单位1名称”里有2个单位，已分开登记：示例公司、示例机械厂。"),),
)
for _name, _value, _message in (
    ("two firms, one of them hardly", "示例公司、示例甲", "填的是“示例公司、示例甲”，像是几个单位，请一格一个单位"),
    ("nobody for a firm", "个人", "应填公章上的单位全称，现在填的是“个人”"),
    ("ditto for a firm", "〃", "应填公章上的单位全称，现在填的是“〃”"),
):
    _row(_name, "单位1名称", _value, backs=(("N5", f"“单位1名称”{_message}。"),))
_row("no title, in words", "成果名称", "无", backs=(("B5", "“成果名称”没有填。"),))
_row(
    "a text that stands elsewhere",
    "成果简介",
    "见附件",
    backs=(("G5", "“成果简介”现在填的是“见附件”，评审看不到别处的内容，请写在这一格里。"),),
)
_row("no social benefit, in words", "社会效益", "无", backs=(("K5", "“社会效益”和“经济效益”至少填一项。"),))
add(
    "a wrong cell and a missing benefit are told together",
    lambda shop: shop.filled(typed(社会效益=None, 领域="机械制作")),
    backs=(
        (
            "E5",
            "“领域”只能填：机械制造、电子信息、医药卫生、农业农村、建筑交通、能源环保、食品轻工、教育科普"
            "（现在填的是“机械制作”，是不是“机械制造”？）。",
        ),
        ("K5", "“社会效益”和“经济效益”至少填一项。"),
    ),
)
add(
    "more people in a cell than may be",
    lambda shop: shop.filled(
        typed(完成人1姓名="示例甲、示例乙、示例丙、示例丁、示例戊、示例己", 完成人1同意公开姓名="否")
    ),
    backs=(("T5", "“完成人1姓名”起共有6个完成人，最多5个。"),),
)
_row("a title that is a number", "成果名称", 2025, takes={5: {"title": "2025"}})
_row("a title that looks like a formula", "成果名称", "=1+1 示例", takes={5: {"title": "=1+1 示例"}})
_row("a title of blanks only", "成果名称", " 　\n", backs=(("B5", "“成果名称”没有填。"),))
_row("a title too long", "成果名称", "长" * 201, backs=(("B5", "“成果名称”太长：有201个字，最多200个字。"),))
_row(
    "an abstract too long",
    "成果简介",
    "长" * 5001,
    backs=(("G5", "“成果简介”太长：有5001个字，最多5000个字，请精简，详细材料放附件。"),),
)
_row("an abstract with line breaks", "成果简介", " 一\r\n二\n ", takes={5: {"abstract": "一\n二"}})

_row("a category by its short name", "类别", "发明", takes={5: {"category": "invention"}})
_row("a category with blanks inside", "类别", " 小 发明　", takes={5: {"category": "invention"}})
_row(
    "a category that does not exist",
    "类别",
    "小创造",
    backs=(("C5", "“类别”只能填：小发明、小技改、小设计（现在填的是“小创造”）。"),),
)
_row(
    "a field that the season does not have",
    "领域",
    "航天",
    backs=(
        (
            "E5",
            "“领域”只能填：机械制造、电子信息、医药卫生、农业农村、建筑交通、能源环保、食品轻工、教育科普"
            "（现在填的是“航天”）。",
        ),
    ),
)
_row("an origin left empty", "来自练兵、培训或竞赛", None, takes={5: {"origin": "none"}})

_ORG = "organisations"
_row(
    "a credit code in lower case with blanks",
    "单位1统一社会信用代码",
    "91500000 ma5u 000010",
    takes={5: {_ORG: (("示例公司", CODE),)}},
)
_row(
    "a credit code in full-width digits",
    "单位1统一社会信用代码",
    "９１５０００００MA5U000010",
    takes={5: {_ORG: (("示例公司", CODE),)}},
)
_row(
    "a credit code with a wrong check digit",
    "单位1统一社会信用代码",
    "91500000MA5U000011",
    backs=(
        ("O5", "“单位1统一社会信用代码”“91500000MA5U000011”不是有效的代码（校验位不符），请核对营业执照或法人证书。"),
    ),
)
_row(
    "a credit code with a digit missing",
    "单位1统一社会信用代码",
    "91500000MA5U00001",
    backs=(("O5", "“单位1统一社会信用代码”应为18位，现在是17位（“91500000MA5U00001”）。"),),
)
_row(
    "a credit code that became a number",
    "单位1统一社会信用代码",
    9.15e17,
    backs=(("O5", "“单位1统一社会信用代码”被当作数字，后几位已经丢失。请先把单元格设为“文本”格式再填18位代码。"),),
)
_row("no credit code, in words", "单位1统一社会信用代码", "无", takes={5: {_ORG: (("示例公司", ""),)}})
_rows(
    "two organisations",
    {"单位2名称": "示例学院", "单位2统一社会信用代码": OTHER_CODE},
    takes={5: {_ORG: (("示例公司", ""), ("示例学院", OTHER_CODE))}},
)
_rows(
    "the code of an organisation without a name",
    {"单位2统一社会信用代码": OTHER_CODE},
    backs=(("P5", "“单位2名称”没有填，但填了它的代码。"),),
)

_row("a phone number stored as a number", "联系电话", 13800000000, takes={5: {"contact.phone": "13800000000"}})
_row(
    "a phone number with a line and an extension",
    "联系电话",
    "023－63000000转8",
    takes={5: {"contact.phone": "023-63000000转8"}},
)
_row(
    "two phone numbers in a cell",
    "联系电话",
    "13800000000/13900000000",
    backs=(("AR5", "“联系电话”“13800000000/13900000000”不像一个电话号码，请只填一个号码。"),),
)
_row(
    "a mail address in full-width letters",
    "联系邮箱",
    "ａ＠example.invalid",
    takes={5: {"contact.mail": "a@example.invalid"}},
)
_row(
    "a mail address without a domain",
    "联系邮箱",
    "someone@",
    backs=(("AS5", "“联系邮箱”“someone@”不像一个邮箱地址，请只填一个邮箱。"),),
)
_row("the text licensed with a tick", "成果授权", "√", takes={5: {"text_consent": True}})
_row("the text not licensed", "成果授权", "否", takes={5: {"text_consent": False}})
_row("the licence left empty", "成果授权", None, backs=(("AU5", "“成果授权”没有填。"),))
_row("a person who agrees", "完成人1同意公开姓名", "是", takes={5: {"agreed": (True,)}})
_row("a person who does not agree", "完成人1同意公开姓名", "×", takes={5: {"agreed": (False,)}})
_row("a person who was not asked", "完成人1同意公开姓名", None, backs=(("AV5", "“完成人1同意公开姓名”没有填。"),))
_row(
    "a second person who was not asked",
    "完成人2姓名",
    "示例乙",
    notes=(("Y5", "“完成人2单位”没有填，按“示例公司”计。"),),
    backs=(("AW5", "“完成人2同意公开姓名”没有填。"),),
)
_row(
    "two people in a cell, and one answer",
    "完成人1姓名",
    "示例甲、示例乙",
    backs=(("T5", "“完成人1姓名”里有2人（示例甲、示例乙），是否同意公开姓名须由每个人各自答复，请一格一人。"),),
)
_row(
    "a picture without a word about it",
    "图片1文件名",
    "照片.jpg",
    backs=(
        ("BB5", "“图片1内容说明”没有填，这张图片的三格须填全（图上是什么）。"),
        ("BC5", "“图片1同意公开”没有填，这张图片的三格须填全（是否同意公开）。"),
    ),
)
_row(
    "consent to a picture that says nothing of people",
    "图片1同意公开",
    "同意",
    backs=(
        ("BA5", "“图片1文件名”没有填，这张图片的三格须填全（哪个文件）。"),
        ("BB5", "“图片1内容说明”没有填，这张图片的三格须填全（图上是什么）。"),
        (
            "BC5",
            "“图片1同意公开”只能填：同意，图上没有认得出的人、同意，图上的人都已同意、不同意公开（现在填的是“同意”）。",
        ),
    ),
)
_row(
    "an attachment named but not sent",
    "附件文件名",
    "证明.pdf",
    takes={5: {"attachments": ("证明.pdf",)}},
    notes=(
        (
            "AT5",
            "“附件文件名”写了附件，但附件没有随表送来。以前报过的同名附件继续有效；没有报过的，请与本表一起压缩补报。",
        ),
    ),
)

_TWO = {"完成人2姓名": "示例乙", "完成人2单位": "示例公司", "完成人2同意公开姓名": "不同意"}
_rows(
    "shares with percent signs",
    {**_TWO, "完成人1贡献占比（%）": "60%", "完成人2贡献占比（%）": "40％"},
    takes={5: {"shares": (D(60), D(40))}},
)
_rows(
    "shares as fractions",
    {**_TWO, "完成人1贡献占比（%）": 0.6, "完成人2贡献占比（%）": 0.4},
    takes={5: {"shares": (D(60), D(40))}},
    notes=(("W5", "“完成人1贡献占比（%）”填的是小数，已按百分数理解（0.3即30%）。"),),
)
_rows(
    "shares beyond a hundred",
    {**_TWO, "完成人1贡献占比（%）": 60, "完成人2贡献占比（%）": 50},
    backs=(("AA5", "“完成人2贡献占比（%）”与其他完成人合计110%，超过100%。"),),
)
_rows(
    "a share of zero",
    {"完成人1贡献占比（%）": 0},
    takes={5: {"shares": (None,)}},
    notes=(("W5", "“完成人1贡献占比（%）”填的是0，按没有填计。"),),
)
_rows(
    "a contributor without an organisation where there is one",
    {"完成人2姓名": "示例乙", "完成人2同意公开姓名": "同意"},
    takes={5: {"people": ("示例甲", "示例乙")}},
    notes=(("Y5", "“完成人2单位”没有填，按“示例公司”计。"),),
)
_rows(
    "a contributor without an organisation where there are two",
    {"完成人2姓名": "示例乙", "单位2名称": "示例学院", "完成人2同意公开姓名": "同意"},
    backs=(("Y5", "“完成人2单位”没有填。"),),
)
_rows(
    "a contributor's share without a name",
    {"完成人2贡献占比（%）": 10},
    backs=(("X5", "“完成人2姓名”没有填，但填了此人的其他内容。"),),
)
_rows(
    "contributors with a gap",
    {"完成人3姓名": "示例丙", "完成人3单位": "示例公司", "完成人3同意公开姓名": "同意"},
    takes={5: {"people": ("示例甲", "示例丙")}},
)
_rows(
    "every kind of mistake in one row",
    {
        "成果名称": None,
        "类别": "小创造",
        "完成日期": "昨天",
        "单位1统一社会信用代码": "123",
        "联系邮箱": "x",
        "成果授权": "也许",
    },
    backs=(
        ("B5", "“成果名称”没有填。"),
        ("C5", "“类别”只能填：小发明、小技改、小设计（现在填的是“小创造”）。"),
        ("F5", f"“完成日期”看不懂日期“昨天”，请只填一个日期，{_ASK}"),
        ("O5", "“单位1统一社会信用代码”应为18位，现在是3位（“123”）。"),
        ("AS5", "“联系邮箱”“x”不像一个邮箱地址，请只填一个邮箱。"),
        ("AU5", "“成果授权”只能填：同意、不同意（现在填的是“也许”）。"),
    ),
)
add(
    "a good row, a bad row, a good row",
    lambda shop: shop.filled(typed(), typed(类别="错"), typed(成果名称="示例三")),
    takes={5: {"title": "示例成果"}, 7: {"title": "示例三"}},
    backs=(("C6", "“类别”只能填：小发明、小技改、小设计（现在填的是“错”）。"),),
)

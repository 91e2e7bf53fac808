"""What stands on the pages, what never does, and where they lie."""

import re
from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import flows.publish.pages.content
from config.calendar import CalendarUnknown
from config.local_time import ZONE
from config.settings import HomeNotWritable
from flows.publish.pages.content import Cut, PageProof
from flows.publish.pages.rendering import put_proposal_page, render
from flows.publish.pages.statistics import interval, scale, tables
from flows.publish.proposal import as_markdown
from models.enums import Carrier, Category, Tier
from tests.support.pages import (
    DIGEST,
    PROGRAMME,
    ROOT,
    a_deviation,
    a_line,
    a_notice,
    a_proposal,
    a_proposed_line,
    a_results_page,
    an_index,
)


def rendered() -> dict[str, str]:
    return {
        "notice": render(a_notice(deviations=(a_deviation(),))),
        "results": render(a_results_page()),
        "index": render(an_index()),
        "proposal": render(a_proposal(deviations=(a_deviation(),))),
    }


@pytest.mark.parametrize("name", ["notice", "results", "index", "proposal"])
def test_the_same_content_gives_the_same_page(name: str) -> None:
    assert rendered()[name] == rendered()[name]


@pytest.mark.parametrize("name", ["notice", "results", "index", "proposal"])
def test_a_page_needs_nothing_from_outside(name: str) -> None:
    text = rendered()[name]

    assert re.findall(r"https?://", text) == []
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(?!data:)", text) == []
    assert "default-src 'none'" in text
    assert re.search(r"\son\w+=|style=\"", text) is None


@pytest.mark.parametrize("name", ["notice", "results", "index", "proposal"])
def test_the_award_is_never_called_what_it_may_not_be_called(name: str) -> None:
    assert "科学技术奖" not in rendered()[name]
    assert PROGRAMME in rendered()[name]


def test_a_notice_states_period_way_to_object_and_proof() -> None:
    text = render(a_notice())

    for said in (
        "2026年8月3日(周一)",
        "2026年8月7日(周五)",
        "5个",
        "书面形式",
        "真实姓名",
        "office@example.invalid",
        "15个工作日内答复",
        ROOT,
        "413个对象",
        "没有人工调整",
        "第3号示例装置",
        "示例3号公司",
        "示例·甲3",
    ):
        assert said in text, said


def test_a_notice_shows_which_days_do_not_count() -> None:
    text = render(a_notice(opens_on=date(2026, 9, 23), closes_on=date(2026, 9, 29)))

    days = re.findall(r"<li(?: class=\"off\")?>(\S+) (\S+)</li>", text)
    assert days == [
        ("9月23日(周三)", "工作日"),
        ("9月24日(周四)", "工作日"),
        ("9月25日(周五)", "休息，不计入"),
        ("9月26日(周六)", "休息，不计入"),
        ("9月27日(周日)", "休息，不计入"),
        ("9月28日(周一)", "工作日"),
        ("9月29日(周二)", "工作日"),
    ]
    assert "4个<small>" in text


def test_a_notice_in_a_year_without_a_calendar_is_an_error() -> None:
    with pytest.raises(CalendarUnknown):
        render(a_notice(opens_on=date(2101, 8, 1), closes_on=date(2101, 8, 5)))


def test_a_notice_in_a_year_that_is_not_announced_says_so() -> None:
    tentative = render(a_notice(opens_on=date(2050, 8, 1), closes_on=date(2050, 8, 5)))

    assert "2050年的节假日安排尚未公布" in tentative
    assert "尚未公布" not in rendered()["notice"]


def test_the_homes_own_wording_of_a_page_wins(fresh_home: Path) -> None:
    folder = fresh_home / "templates" / "pages"
    folder.mkdir(parents=True)
    (folder / "index.html.j2").write_text("示例：{{ page.office }}", "utf-8")

    assert rendered()["index"].startswith("示例：")


def test_what_a_person_decided_otherwise_is_on_the_page() -> None:
    for text in (rendered()["notice"], rendered()["proposal"]):
        for said in ("由二等奖改为不获奖", "不在征集范围内", "示例·王主任", "2026年8月3日(周一)09:00 北京时间"):
            assert said in text


def test_of_a_line_without_licence_only_number_title_and_who_agreed_are_published() -> None:
    line = a_line(
        7,
        licensed=False,
        unit="示例区",
        organisations=("示例秘密公司",),
        contributors=("示例·某人",),
        withheld=2,
        category=Category.DESIGN,
    )

    row = _row(render(a_notice(lines=(line,))), line.number)
    whole = render(a_notice(lines=(line,))) + render(a_results_page(lines=(line,)))

    assert line.organisations == ()
    assert "示例·某人" in row
    assert "另2人未同意公开姓名" in row
    assert line.number in row
    assert line.title in row
    for hidden in ("示例区", "小设计"):
        assert hidden not in row
    assert "示例秘密公司" not in whole


def test_content_has_no_place_for_personal_data() -> None:
    classes = [shown for shown in vars(flows.publish.pages.content).values() if hasattr(shown, "__dataclass_fields__")]
    names = {field.name for shown in classes for field in fields(shown)}

    assert {name for name in names if re.search(r"phone|mail|identity|bank|address|objector", name)} == set()


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_words_of_people_stay_words(hostile: str) -> None:
    line = a_line(title=hostile, contributors=(hostile,), organisations=(hostile,), unit=hostile)

    pages = (
        render(a_notice(lines=(line,))),
        render(a_results_page(lines=(line,))),
        render(a_proposal(lines=(a_proposed_line(1, title=hostile, settled=hostile),), cuts=())),
    )

    for text in pages:
        assert text.count("<script>") == 1
        assert "<img" not in text
        assert "49" not in _row(text, line.number)


def test_hidden_characters_do_not_reach_a_page() -> None:
    text = render(a_notice(lines=(a_line(title="装\u202e置\x00\n末"),)))

    assert "装置 末" in text
    assert not set(text) & set("\u202e\x00")


def test_results_link_to_what_one_needs_to_check_them() -> None:
    text = render(a_results_page())

    for link in ("history.jsonl", "verify_history.py", "notice.html"):
        assert f'href="{link}"' in text
    assert ROOT in text
    assert "每项奖金3000元" in text
    assert "公示14项 − 异议核查中，暂缓授奖1项 − 撤销获奖1项 = 现有获奖<strong>12项</strong>" in text
    assert "<strong>12000</strong>" in text, "the prize money of four first prizes"
    for said in ("异议核查中", "经核查撤销", "2026-500101-098", "2026-500101-099", "2026年9月4日(周五)"):
        assert said in text


def test_a_proof_without_an_export_says_when_it_will_come() -> None:
    text = render(a_notice(proof=PageProof(ROOT, 5)))

    assert "结果发布时将同时公开" in text
    assert "征集主记录" not in text


def test_statistics_count_every_line_once() -> None:
    given = (
        a_line(1, tier=Tier.FIRST, unit="甲区", category=Category.DESIGN, carrier=Carrier.TEAM),
        a_line(2, tier=Tier.THIRD, unit="乙区", category=Category.DESIGN, carrier=Carrier.TEAM),
        a_line(3, tier=Tier.THIRD, unit="乙区", category=Category.INVENTION, carrier=Carrier.TEAM, licensed=False),
    )

    found = {table.name: [(row.name, row.counts, row.total) for row in table.rows] for table in tables(given)}

    assert found == {
        "类别": [("小发明", (0, 0, 1), 1), ("小技改", (0, 0, 0), 0), ("小设计", (1, 0, 1), 2)],
        "载体": [("个人岗位创新", (0, 0, 0), 0), ("班组创新", (1, 0, 2), 3), ("联盟创新", (0, 0, 0), 0)],
        "推荐单位": [("乙区", (0, 0, 2), 2), ("甲区", (1, 0, 0), 1)],
    }


def test_tiers_are_listed_from_the_first_and_only_if_awarded() -> None:
    text = render(a_results_page(lines=(a_line(1, tier=Tier.THIRD), a_line(2, tier=Tier.FIRST))))

    assert re.findall(r'<h3 id="tier-(\w+)"', text) == ["first", "third"]


def test_a_season_without_awards_has_pages_too() -> None:
    for text in (
        render(a_notice(lines=())),
        render(a_results_page(lines=())),
        render(an_index(entries=())),
        render(a_proposal(lines=(), cuts=(), disagreements=())),
    ):
        assert "</html>" in text


def test_the_proposal_shows_scores_intervals_ties_and_cases_to_look_at() -> None:
    line = a_proposed_line(1, struck="重复", passed_over="超出上限", settled="抽签")

    text = render(a_proposal(lines=(line, a_proposed_line(2), a_proposed_line(3))))

    row = _row(text[text.index('id="list"') :], "2026-500101-001")
    for said in ("89.00", "89.26", "87.00–91.00", "31.50", "一等奖", "重复", "超出上限", "抽签"):
        assert said in row, said
    for said in (DIGEST, "217对", "3次", "43人", "2026-500101-002", "50、81.5", "不得公开"):
        assert said in text, said


def test_a_cut_through_many_is_told_in_few_words() -> None:
    many = tuple(f"2026-500101-{place:04d}" for place in range(1, 61))
    lines = tuple(replace(a_proposed_line(1), number=number) for number in many)
    proposal = a_proposal(lines=lines, cuts=(Cut(Tier.FIRST, 2, tied=many[:2], close=many),))

    said = as_markdown(proposal)
    page = render(proposal)

    assert f"得分相同：{many[0]}、{many[1]}；评分难以区分：{many[0]}、" in said
    assert f"{many[7]}……共60项，全部见工作簿“等次分界”" in said
    assert many[8] not in said[: said.index("### 排序")]
    assert "<details><summary>一等奖分界两侧：62项</summary>" in page
    beside = page[page.index("<details><summary>一等奖") : page.index('id="look"')]
    assert beside.count("<tr>") == 1 + 62, "a line each"


def test_after_the_approval_the_page_shows_the_digest_that_the_mail_has() -> None:
    at = datetime(2026, 7, 30, 14, tzinfo=ZONE)
    struck = render(a_proposal(approval=("ab" * 32, "示例·王主任", at)))
    whole = render(a_proposal(approval=(DIGEST, "示例·王主任", at)))

    for text, digest in ((struck, "ab" * 32), (whole, DIGEST)):
        assert f'与邮件和审定记录中的一致：</p>\n<p class="hash">{digest}</p>' in text
        assert "已由示例·王主任于2026年7月30日(周四)14:00 北京时间审定" in text
    assert DIGEST in struck[struck.index("撤回审定时填写") :]
    assert "撤回审定时填写" not in whole


def test_the_axis_spans_whole_tens() -> None:
    axis = scale((a_proposed_line(1, low=Decimal("71.2"), merit=Decimal(75), high=Decimal("80.1")),))

    assert axis == (Decimal(70), Decimal(90))
    assert interval(a_proposed_line(1, low=Decimal(70), merit=Decimal(75), high=Decimal(90)), axis) == (
        "0.0",
        "25.0",
        "100.0",
    )
    assert scale(()) == (0, 100)


def test_the_list_for_the_office_has_its_place_and_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "office/2026/proposal.html"
    put_proposal_page(tmp_path, a_proposal())
    content = path.read_bytes()

    put_proposal_page(tmp_path, a_proposal())
    assert path.read_bytes() == content
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "office").write_text("in the way")

    with pytest.raises(HomeNotWritable, match=re.escape("proposal.html")):
        put_proposal_page(tmp_path, a_proposal())


def test_a_line_with_consent_keeps_its_people() -> None:
    row = _row(render(a_notice(lines=(a_line(1),))), "2026-500101-001")

    assert re.findall(r"<li>(.*?)</li>", row) == ["示例1号公司", "示例·甲1", "示例·乙1"]


def _row(text: str, number: str) -> str:
    found = re.search(rf'<tr id="n-{number}".*?</tr>', text, re.S)
    assert found is not None
    return found[0]

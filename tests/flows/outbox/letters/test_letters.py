"""Every kind of letter: complete, on one template, and saying what its reader has to know."""

import hashlib
import re
import shlex
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar, Event
from jinja2 import Environment, UndefinedError, meta

import flows.outbox.letters
from config.local_time import day, instant
from config.milestones import Milestone
from config.season import Season, load_season
from flows.outbox.calendar_entry import calendar_entry
from flows.outbox.letters import ContextMissing, Letter, LetterKind, compose
from tests.support.letters import DUE, NUMBER, SEED, TITLE, a_context, everything

TEMPLATES = Path(flows.outbox.letters.__file__).parent / "templates"
KINDS = list(LetterKind)


def write(kind: LetterKind, **changed: Any) -> Letter:
    return compose(kind, season=load_season(2026), **a_context(kind, **changed))


@pytest.mark.parametrize("kind", KINDS)
def test_every_letter_is_whole_with_exactly_what_it_needs(kind: LetterKind) -> None:
    season = load_season(2026)

    letter = write(kind)

    assert letter.subject.startswith("【2026年岗位创新】")
    assert "\n" not in letter.subject
    assert letter.body.endswith("\n")
    assert season.office.name in letter.body
    assert season.office.mail in letter.body or season.office.officers[0] in letter.body
    for never in ("科学技术奖", "None", "{{", "{%", "\n\n\n", "datetime"):
        assert never not in letter.subject + letter.body


@pytest.mark.parametrize("kind", KINDS)
def test_every_letter_prints_everything_it_may_be_given(kind: LetterKind) -> None:
    letter = compose(kind, season=load_season(2026), **everything(kind))

    given = everything(kind)
    for name in set(given) & {"deadline", "due_at", "until", "new"}:
        assert "2026年4月30日(周四)18:00 北京时间" in letter.body, name
    for name in set(given) & {"seed", "commitment", "digest", "root", "number", "title", "file_name"}:
        assert given[name] in letter.body, name


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in kind.needs])
def test_a_value_not_given_is_an_error(kind: LetterKind, name: str) -> None:
    context = a_context(kind)
    del context[name]

    with pytest.raises(ContextMissing) as refused:
        compose(kind, season=load_season(2026), **context)

    assert refused.value.missing == [name]


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_reads_what_its_kind_declares_and_nothing_else(kind: LetterKind) -> None:
    source = (TEMPLATES / f"{kind.value}.j2").read_text("utf-8")
    others = re.findall(r"(?:extends|include) \"(.+?)\"", source)
    read = _names(source).union(*(_names((TEMPLATES / name).read_text("utf-8")) for name in others))

    assert read - {"season", "office_page"} == set(kind.needs) | set(kind.may)


@pytest.mark.parametrize("kind", KINDS)
def test_the_way_to_the_office_page_stands_in_every_letter_to_the_office_and_in_no_other(kind: LetterKind) -> None:
    season, context = load_season(2026), everything(kind)

    letter = compose(kind, season=season, office_page="http://office.example/office/", **context)

    to_office = letter.body.startswith((season.office.name, *context.get("officers", ())))
    assert ("http://office.example/office/2026/" in letter.body) == to_office


def test_no_template_takes_a_date_from_the_season_file() -> None:
    assert [path.name for path in TEMPLATES.glob("*.j2") if "season.dates" in path.read_text("utf-8")] == []


def test_every_template_belongs_to_a_kind() -> None:
    names = {path.stem for path in TEMPLATES.glob("*.j2") if not path.name.startswith("_")}

    assert names == {kind.value for kind in LetterKind}


def test_a_letter_reads_as_written_down_here() -> None:
    letter = write(LetterKind.CORRECTION_ASKED)

    assert letter.subject == "【2026年岗位创新】请于2026年4月30日(周四)18:00 北京时间前补正1项申报（万州区）"
    assert letter.body == (
        "万州区科协：\n"
        "\n"
        "经审查，贵单位以下1项申报须退回补正：\n"
        "\n"
        f"1. {NUMBER}《{TITLE}》\n"
        "    需补正：应用证明\n"
        "\n"
        "请于2026年4月30日(周四)18:00 北京时间前报送补正后的表和附件："
        "在所附回执（没有的用所附《申报汇总表》并填好申报编号）里改好以上各项。"
        "每项申报只有一次补正机会，逾期视为放弃补正。\n"
        "报送方式：直接回复本邮件，附上填好的表（有附件的一并附上）；下面有个人链接的，也可以打开链接上传；"
        "都不方便的，可以交我办代收。\n"
        "\n"
        "（此处为收件人的个人链接）\n"
        "\n"
        "如有疑问，请联系岗位创新争先行动协调小组办公室（office@example.invalid）。\n"
        "\n"
        "岗位创新争先行动协调小组办公室\n"
        "（本邮件由“重庆市科协2026年岗位创新争先行动”工作系统自动发出）\n"
    )


@pytest.mark.parametrize("value", [None, datetime(2026, 4, 30, tzinfo=UTC), 1.5, True])
def test_a_value_without_a_form_for_people_is_an_error(value: object) -> None:
    with pytest.raises(TypeError, match="no form for people"):
        write(LetterKind.WITHDRAWN, title=value)


def test_a_value_missing_inside_an_item_is_an_error() -> None:
    with pytest.raises((UndefinedError, ValueError)):
        write(LetterKind.CORRECTION_ASKED, items=[(NUMBER, TITLE)])


def test_words_of_people_cannot_add_lines_or_turn_the_text_around() -> None:
    hostile = "装置\r\nBcc: a@example.invalid\u202e\x00\ud800 末"

    letter = write(LetterKind.RECEIPT, file_name=hostile)

    assert letter.subject.endswith("：装置 Bcc: a@example.invalid 末")
    assert "“装置 Bcc: a@example.invalid 末”" in letter.body
    (letter.subject + letter.body).encode()


def test_a_reason_keeps_its_lines() -> None:
    letter = write(LetterKind.REVOKED, reason="其一\x07\n\n  其二")

    assert "理由：\n    其一\n    其二\n" in letter.body


def test_enums_are_read_by_their_chinese_word() -> None:
    moved = write(LetterKind.DATE_MOVED, milestone=Milestone.CLOSE_CALL)
    archived = write(LetterKind.ARCHIVED)

    assert moved.subject.startswith("【2026年岗位创新】“申报截止”调整为")
    assert "获奖归档：4项\n其他：1项\n" in archived.body


def test_a_moved_date_says_whether_it_is_one_districts_own() -> None:
    own, all_of_them = write(LetterKind.DATE_MOVED), write(LetterKind.DATE_MOVED, for_all=True)

    assert "仅适用于贵单位" in own.body
    assert own.subject.endswith("（万州区）")
    assert "仅适用于贵单位" not in all_of_them.body
    assert "万州区" not in all_of_them.subject
    assert own.body.startswith("万州区科协：")
    assert all_of_them.body.startswith("万州区科协：")


@pytest.mark.parametrize(("level", "said"), [(1, "】催办："), (2, "】再次催办："), (3, "】最后催办：")])
@pytest.mark.parametrize(
    "kind", [LetterKind.CALL_REMINDER, LetterKind.DISTRICT_ROUND_REMINDER, LetterKind.EXPERT_REMINDER]
)
def test_reminders_grow(kind: LetterKind, level: int, said: str) -> None:
    assert said in write(kind, level=level).subject


@pytest.mark.parametrize(
    ("delivered", "returned", "said"),
    [
        (0, 0, "尚未收到贵单位的申报材料"),
        (5, 3, "已接收贵单位申报5项，另有3项退回"),
        (0, 2, "另有2项退回"),
        (5, 0, "如已报齐"),
    ],
)
def test_a_call_reminder_says_what_is_owed(delivered: int, returned: int, said: str) -> None:
    assert said in write(LetterKind.CALL_REMINDER, delivered=delivered, returned=returned).body


@pytest.mark.parametrize(
    ("rows_in", "rows_back", "problems", "said"),
    [
        (3, 0, [], "已全部接收"),
        (3, 1, [("C5", "日期无法识别")], "部分接收，1行请更正"),
        (0, 4, [("C5", "日期无法识别")], "未接收，请更正"),
        (0, 0, [("文件", "不是工作簿")], "未接收，请更正"),
    ],
)
def test_a_receipt_says_in_its_subject_how_it_went(
    rows_in: int,
    rows_back: int,
    problems: list[tuple[str, str]],
    said: str,
) -> None:
    letter = write(LetterKind.RECEIPT, rows_in=rows_in, rows_back=rows_back, problems=problems)

    assert letter.subject == f"【2026年岗位创新】{said}：申报汇总表.xlsx"


def test_a_receipt_shows_an_instant_to_the_second() -> None:
    late = DUE.replace(second=1)

    letter = write(LetterKind.RECEIPT, arrived_at=late)

    assert "2026年4月30日(周四)18:00:01 北京时间" in letter.body


def test_the_drawn_letter_holds_a_command_that_confirms_the_commitment() -> None:
    commitment = hashlib.sha256(bytes.fromhex(SEED)).hexdigest()
    letter = write(LetterKind.PANEL_DRAWN, commitment=commitment)
    command = next(line for line in letter.body.splitlines() if "python3 -c" in line)

    _, *arguments = shlex.split(command)
    printed = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == commitment


def _names(source: str) -> set[str]:
    environment = Environment(autoescape=False)
    environment.filters.update(dict.fromkeys(("instant", "day", "listed", "paragraphs"), str))
    return meta.find_undeclared_variables(environment.parse(source))


AT = datetime(2026, 4, 30, 10, 0, tzinfo=UTC)
WRITTEN = datetime(2026, 3, 2, 1, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def season() -> Season:
    return load_season(2026)


def test_an_entry_holds_the_deadline_and_an_alarm_a_day_before(season: Season) -> None:
    event = _event(calendar_entry(key="a", title="申报截止", at=AT, written_at=WRITTEN, season=season))

    assert event["SUMMARY"] == "申报截止"
    assert event["DTSTART"].dt == AT
    assert event["DTSTAMP"].dt == WRITTEN.replace(microsecond=0)
    assert event.walk("VALARM")[0]["TRIGGER"].dt == timedelta(days=-1)
    assert season.office.mail in event["DESCRIPTION"]


def test_the_same_deadline_keeps_its_uid_when_it_moves(season: Season) -> None:
    def entry(key: str, at: datetime, sequence: int = 0) -> Event:
        return _event(
            calendar_entry(key=key, title="截止", at=at, written_at=WRITTEN, season=season, sequence=sequence)
        )

    first, moved, other = entry("a", AT), entry("a", AT + timedelta(days=1), 1), entry("b", AT)

    assert first["UID"] == moved["UID"] != other["UID"]
    assert (first["SEQUENCE"], moved["SEQUENCE"]) == (0, 1)


def test_the_same_entry_has_the_same_bytes_in_folded_lines(season: Season) -> None:
    def made() -> bytes:
        return calendar_entry(key="a", title="一个很长的名称" * 30, at=AT, written_at=WRITTEN, season=season)

    assert made() == made()
    assert max(map(len, made().split(b"\r\n"))) <= 75


def _event(content: bytes) -> Event:
    (event,) = Calendar.from_ical(content).walk("VEVENT")
    return event


BANGKOK = timezone(timedelta(hours=7))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (datetime(2026, 4, 30, 10, 0, tzinfo=UTC), "2026年4月30日(周四)18:00 北京时间"),
        (datetime(2026, 4, 30, 17, 0, tzinfo=BANGKOK), "2026年4月30日(周四)18:00 北京时间"),
        (datetime(2026, 12, 31, 16, 5, tzinfo=UTC), "2027年1月1日(周五)00:05 北京时间"),
        (datetime(2026, 3, 1, 1, 2, 3, 999999, tzinfo=UTC), "2026年3月1日(周日)09:02:03 北京时间"),
        (datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC), "2026年3月1日(周日)24:00 北京时间"),
    ],
)
def test_an_instant_is_written_in_beijing_time(given: datetime, read: str) -> None:
    assert instant(given) == read


def test_an_instant_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="no zone"):
        instant(datetime(2026, 4, 30))


def test_a_day_has_its_weekday() -> None:
    assert day(date(2026, 8, 3)) == "2026年8月3日(周一)"
    assert day(datetime(2026, 8, 2, 20, 0, tzinfo=UTC)) == "2026年8月3日(周一)"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if {"root", "export", "checker"} <= {*kind.needs}])
def test_what_is_to_be_kept_outside_stands_on_lines_of_its_own(kind: LetterKind) -> None:
    context = a_context(kind)

    lines = [line.strip() for line in write(kind).body.splitlines()]

    kept = [lines.index(context[name]) for name in ("root", "export", "checker")]
    assert kept == [kept[0], kept[0] + 2, kept[0] + 4]
    assert kept[2] + 1 == len(lines)


SENT_BACK = [
    kind for kind in KINDS if re.search("_(send|score)[.]j2", (TEMPLATES / f"{kind.value}.j2").read_text("utf-8"))
]


def test_who_is_to_send_something_learns_every_way_that_a_person_has() -> None:
    asking = ("opened", "closed", "reminder", "asked", "reissued", "ballot", "follow_up", "invitation", "replacement")
    others = {
        "notice_opened",
        "district_round_closed",
        "round_closed",
        "practice_closed",
        "season_closed",
        "objection_reminder",
        "link_reissued",
    }
    wanted = {kind for kind in KINDS if kind.value.endswith(asking) and kind.value not in others}

    assert {*SENT_BACK} == wanted | {LetterKind.RECEIPT}
    for kind in SENT_BACK:
        for way in ("直接回复本邮件", "个人链接", "代收"):
            assert way in write(kind).body
    assert [path.name for path in TEMPLATES.glob("*.j2") if "报送目录" in path.read_text("utf-8")] == []

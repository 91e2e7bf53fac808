"""A coming season rehearsed: its folder, and what is found in a file that has everything wrong with it."""

import os
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from config.season import SEASONS, load_season
from config.settings import settings
from config.units import UNITS_FILE
from flows.cli.rehearse import FolderInUse, rehearse
from flows.new_season import prepare
from flows.rehearsal.findings import Weight
from flows.rehearsal.playing import FEWEST_UNITS, RehearsalRefused
from flows.rehearsal.playing import rehearse as play
from flows.rehearsal.report import write_report
from models import Call, Expert
from models.database import make_engine, reading
from models.enums import CallState
from models.queries import planned_seasons
from tests.support.builders import an_expert
from tests.support.playing import Player

pytestmark = pytest.mark.timeout(900)  # its season is played once, before its first test

# What is small, and what is wrong: a closing on a holiday, a notice cut short, prizes beyond budget and quota, a unit
# without an address, two with one, a letter with a hole.
CHANGES = {
    'mail = "kexie-{code}@example.invalid"': 'mail = "kexie-{code}@kx.cn"',
    'mail = "office@example.invalid"': 'mail = "office@kx.cn"',
    'coordination_mail = "coordination@example.invalid"': 'coordination_mail = "group@kx.cn"',
    "prizes = 120": "prizes = 400\nbudget_yuan = 100000",
    "panel_size = 40": "panel_size = 32",
    "panel_per_field = 3": "panel_per_field = 2",
    "working_days = 5\npromised": "working_days = 3\npromised",
}
UNIT_RULES = """
[district_round.units.500101]
mail = "nobody@example.invalid"
[district_round.units.500102]
mail = "kexie-500103@kx.cn"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    """A home with thirty-four units, a few experts of one field, and a season 2027 in which much is wrong."""
    import shutil

    made = tmp_path_factory.mktemp("rehearsing") / "home"
    for folder in ("units", "seasons", "templates/letters"):
        (made / folder).mkdir(parents=True)
    shutil.copy(_sqlite_template, made / "gangchuang.db")
    lines = UNITS_FILE.read_text("utf-8").splitlines()
    (made / "units" / "reporting_units.csv").write_text("\n".join(lines[: FEWEST_UNITS + 2]) + "\n", "utf-8")
    text = (SEASONS / "2026.toml").read_text("utf-8")
    for shipped, changed in CHANGES.items():
        assert shipped in text, shipped
        text = text.replace(shipped, changed)
    (made / "seasons" / "2026.toml").write_text(text + UNIT_RULES, "utf-8")
    own = '{% extends "_unit.j2" %}{% block subject %}示例题目{% endblock %}{% block text %}请于（）前报送。{% endblock %}'
    (made / "templates" / "letters" / "call_opened.j2").write_text(own, "utf-8")
    return made


@pytest.fixture(scope="module")
def rehearsed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]], str]:
    """The folder, the findings by what they are about, and the report."""
    kept = os.environ.get("GANGCHUANG_HOME")
    os.environ["GANGCHUANG_HOME"] = str(home)
    settings.cache_clear()
    try:
        own = settings()
        prepared = prepare(own, 2027, 2026)
        closing = prepared.text.replace("close_call = 2027-04-30T18:00:00", "close_call = 2027-05-01T18:00:00")
        prepared.path.write_text(closing, "utf-8")
        engine = make_engine(own.database)
        with Player(own, engine).writing() as session:
            for ordinal in range(1, 9):
                fields = prepared.season.fields[0]
                an_expert(session, ordinal, fields=fields, mail=f"zj-{ordinal}@kx.cn", name=f"专家甲{ordinal}")
        engine.dispose()
        folder = tmp_path_factory.mktemp("folder")
        (folder / "home").mkdir()
        season = load_season(2027, home)
        found = write_report(folder, play(own, 2027, folder / "home"), season.dates.open_call)
        assert Path(os.environ["GANGCHUANG_HOME"]) == home, "the caller's installation is as it was"
    finally:
        os.environ.pop("GANGCHUANG_HOME")
        if kept is not None:
            os.environ["GANGCHUANG_HOME"] = kept
        settings.cache_clear()
    by_subject: dict[str, list[str]] = {}
    for finding in found:
        by_subject.setdefault(finding.about, []).append(f"{finding.weight.name} {finding.sentence}")
    assert found == sorted(found)
    return folder, by_subject, (folder / "report.html").read_text("utf-8")


def test_the_year_is_played_to_its_end_and_nothing_of_the_home_is_changed(
    rehearsed: tuple[Path, dict[str, list[str]], str], home: Path
) -> None:
    folder, found, _ = rehearsed
    assert "演练" not in found, found.get("演练")
    for place, planned in ((folder / "home", [2027]), (home, [])):
        engine = make_engine(f"sqlite:///{place / 'gangchuang.db'}")
        with reading(engine) as session:
            assert planned_seasons(session) == planned
            if planned:
                assert session.get_one(Call, 2027).state is CallState.CLOSED
                assert "专家甲1" in session.scalars(select(Expert.name)).all()
        engine.dispose()
    assert not (home / "mail").exists()


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("日期和规则", r"WARNING dates\.close_call 是2027-05-01（周六 放假（暂定）），截止当天没有人上班"),
        ("日期和规则", r"WARNING 2027、2028年的节假日安排尚未公布"),
        ("公示", r"FAULT .*共3个工作日，少于承诺的5个"),
        ("报送单位", r"FAULT 1家没有能收到的邮箱：万州区（500101）"),
        ("报送单位", r"WARNING 2家共用一个邮箱kexie-500103@kx\.cn：涪陵区（500102）、渝中区（500103）"),
        ("信件", r"WARNING 全年\d+封信中有\d+封会被退回：nobody@example\.invalid"),
        ("信件", r"WARNING call_opened有34封的文字像是没有填完：.*“（）”"),
        ("奖金", r"FAULT 共需\d+元.*超出预算100000元"),
        ("奖金", r"FAULT 奖项400个，但各单位名额合计只有340项"),
        ("专家", r"FAULT “电子信息”领域可用专家0人，少于每领域至少2人"),
        ("专家", r"FAULT 可用专家8人，少于评委32人加候补6人"),
        ("年度文件", r"FAULT office\.officers\.0还是“示例·王主任”"),
    ],
)
def test_what_would_trouble_people_is_found(
    rehearsed: tuple[Path, dict[str, list[str]], str], about: str, words: str
) -> None:
    _, found, report = rehearsed

    assert [sentence for sentence in found[about] if re.search(words, sentence)], found[about]
    assert about in report


def test_the_folder_holds_everything_and_every_link_leads_somewhere(
    rehearsed: tuple[Path, dict[str, list[str]], str],
) -> None:
    from urllib.parse import unquote

    folder, _, report = rehearsed

    letters, forms = ((folder / name).read_text("utf-8") for name in ("letters.html", "forms.html"))
    links = [unquote(link) for text in (report, letters, forms) for link in re.findall(r'href="([^"#:]+)"', text)]
    assert len(links) > 200
    assert [link for link in links if not (folder / link).is_file()] == []
    for kind in ("申报汇总表", "初评结果表", "评分表", "专家库", "回执", "拟获奖名单"):
        assert kind in report
    for page in ("notice.html", "results.html", "index.html", "proposal.html", "scorecards/index.html"):
        assert page in report
    assert "编制下一年度" in forms
    opened = next((folder / "letters").glob("*_call_opened_500103.txt")).read_text("utf-8")
    assert "主题：【2027年岗位创新】示例题目" in opened
    assert "收件人：kexie-500103@kx.cn" in opened


def test_a_folder_in_use_and_a_season_too_small_are_refused(player: Player, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("own", "utf-8")
    with pytest.raises(FolderInUse):
        rehearse(2026, tmp_path / "full")
    (player.home / "units").mkdir()
    lines = UNITS_FILE.read_text("utf-8").splitlines()[:4]
    (player.home / "units" / "reporting_units.csv").write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(RehearsalRefused, match="has 3 reporting units"):
        play(player.settings, 2026, tmp_path / "home")


def test_the_weights_are_in_the_order_in_which_they_are_read() -> None:
    assert [weight.label for weight in Weight] == ["必须处理", "请核对", "供参考"]

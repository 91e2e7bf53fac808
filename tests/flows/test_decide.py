"""What an officer decides through the form: recorded, told to those concerned, and shown on the page."""

from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from config.milestones import Milestone
from flows import approve_list as approving
from flows.approve_list import approve_list
from flows.close_re_review import concluding
from flows.collect import collecting
from flows.decide import TAKEN, decide
from flows.decisions import ASKED, Decision
from flows.home.files import digest_of
from flows.move_date import move_date
from flows.publish.record import until
from models import Assignment, Call, Certificate, History, Message, RecordText, Recusal, Seat, Submission
from models.enums import (
    ApprovalDecision,
    AssignmentState,
    CallState,
    CertificateState,
    Outcome,
    PublicationKind,
    SeatState,
    SubmissionState,
    WorkbookKind,
)
from models.forms import OrganisationForm
from states.audit.invariants import broken_invariants
from states.audit.projection import ROWS_AGREE, disagreements
from states.audit.verify import examine, verify
from states.final_round.approval import is_approved, list_digest
from states.history import canonical
from states.history.verify_history import check_file
from states.machine import Act
from states.officers import DecisionRefused, NotAnOfficer
from states.panel.pairs import PairRefused
from states.roots import newest_publication
from states.submissions.certificates import follow_awards
from states.timeline import TakesEffectAtOnce
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_seat, a_submission
from tests.support.entries import words
from tests.support.panel import a_ranked_season, an_assignment, an_eligible_submission
from tests.support.played import BEST
from tests.support.playing import Player

D = Decision


def test_each_decision_asks_for_something_and_is_taken() -> None:
    assert set(ASKED) == set(TAKEN) == set(Decision)


@pytest.fixture
def opened(player: Player) -> Player:
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
    player.at(season.dates.close_final_round)
    return player


def ask(
    decision: Decision, subject: object, *, other: str = "", dry_run: bool = False, by: str = OFFICE.name
) -> dict[str, object]:
    return decide.fn(2026, by, decision, str(subject), "示例理由", other, dry_run)


def test_a_withdrawal_is_told_to_the_unit(opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)

    ask(D.WITHDRAW, f" {number} ")

    with opened.reading() as session:
        assert session.get_one(Submission, number).outcome is Outcome.WITHDRAWN
        entry = session.scalars(select(History).where(History.trigger == "archive")).one()
        assert (entry.actor, words(session, entry)) == (str(OFFICE), "示例理由")
        assert "示例理由" in session.scalars(select(Message.body)).one()


def test_withdrawn_reinstated_and_withdrawn_again_are_three_letters(opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)

    for decision in (D.WITHDRAW, D.REINSTATE, D.WITHDRAW):
        ask(decision, number)

    assert opened.letters() == [
        f"reinstated/{UNIT}/{number}/3",
        f"withdrawn/{UNIT}/{number}/2",
        f"withdrawn/{UNIT}/{number}/4",
    ]


def test_a_dry_run_of_a_decision_changes_nothing(opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)
    before = opened.kept()

    assert ask(D.WITHDRAW, number, dry_run=True)["outcome"] == "dry_run"

    assert opened.kept() == before


def test_only_officers_decide(opened: Player) -> None:
    with opened.writing() as session:
        number = a_submission(session)
    before = opened.kept()

    with pytest.raises(NotAnOfficer):
        ask(D.WITHDRAW, number, by="示例·路人")

    assert opened.kept() == before


def test_a_correction_asked_for_by_hand_is_told_with_its_date(player: Player) -> None:
    with player.writing() as session:
        a_season(session)
        number = a_submission(session)
    player.at(player.season.dates.open_call + timedelta(days=1))

    ask(D.ASK_CORRECTION, number)

    assert player.letters("correction_asked") == [f"correction_asked/{UNIT}/{number}"]


def test_who_steps_back_is_replaced_at_once(opened: Player) -> None:
    with opened.writing() as session:
        season = opened.season
        number = an_eligible_submission(session)
        experts = [an_assignment(session, number, ordinal) for ordinal in range(1, 6)]
        spare = a_seat(session, season, 6)

    ask(D.RECUSE, number, other=experts[0])

    with opened.reading() as session:
        assert session.get_one(Recusal, (2026, experts[0], number)).reason == "示例理由"
        assert session.get_one(Assignment, (number, spare, 1)).state is AssignmentState.ACTIVE
        (key,) = opened.letters("experts_replaced")
        assert f"1. {number}：示例·专家6（{spare}）" in session.get_one(Message, f"2026/{key}").body
    assert opened.letters("expert_replacement") == [f"expert_replacement/{spare}/1"]


def test_nobody_left_is_told_and_an_officer_may_name_anybody_without_conflict(opened: Player) -> None:
    with opened.writing() as session:
        own = "示例研究院7"
        form = a_form("示例·缺人", organisations=(OrganisationForm(name=own),))
        number = an_eligible_submission(session, form=form)
        experts = [an_assignment(session, number, ordinal) for ordinal in range(1, 6)]
        conflicted = a_seat(session, opened.season, 7)

    ask(D.RECUSE, number, other=experts[0])

    with opened.reading() as session:
        (key,) = opened.letters("experts_replaced")
        message = session.get_one(Message, f"2026/{key}")
        assert "其中1处无人可接替" in message.subject
        assert number in message.body
    with pytest.raises(
        PairRefused, match=f"{conflicted} cannot review {number}: 专家与该项目的完成人或申报单位同属一个单位"
    ):
        ask(D.ASSIGN_EXPERT, number, other=conflicted)
    with opened.writing() as session:
        spare = a_seat(session, opened.season, 8)
    ask(D.ASSIGN_EXPERT, number, other=spare)
    assert opened.letters("expert_replacement") == [f"expert_replacement/{spare}/1"]
    with opened.reading() as session:
        assert session.get_one(Assignment, (number, spare, 1)).state is AssignmentState.ACTIVE
        entry = session.scalars(select(History).where(History.trigger == "replace")).one()
        assert (entry.actor, words(session, entry)) == (str(OFFICE), "示例理由")


def test_a_conflict_declared_in_the_pools_workbook_takes_the_expert_off(opened: Player) -> None:
    with opened.writing() as session:
        number = an_eligible_submission(session)
        experts = [an_assignment(session, number, ordinal) for ordinal in range(1, 6)]
        spare = a_seat(session, opened.season, 6)
    opened.issue(WorkbookKind.EXPERTS, "office")
    row = {
        "姓名": "示例·专家1",
        "工作单位": "示例研究院1",
        "专业领域": "机械制造",
        "需回避的人员和单位": "示例·示例项目2026第1号",
    }
    opened.deliver("office", WorkbookKind.EXPERTS, [row])

    lines = dict(opened.play("collect", collecting).lines)

    assert (lines["taken off for a conflict"], lines["replacements"]) == ("1", "1")
    with opened.reading() as session:
        assert session.get_one(Assignment, (number, experts[0], 1)).state is AssignmentState.RECUSED
        assert (
            session.get_one(Recusal, (2026, experts[0], number)).reason == "专家已声明与该项目的人员或单位存在利害关系"
        )
        assert session.get_one(Assignment, (number, spare, 1)).state is AssignmentState.ACTIVE


@pytest.mark.parametrize(("other", "absent"), [("", True), ("excused", False), ("请假", False)])
def test_who_leaves_with_a_reason_in_time_is_excused(opened: Player, other: str, absent: bool) -> None:
    with opened.writing() as session:
        expert = a_seat(session, opened.season, 1)

    assert ask(D.REPLACE_EXPERT, expert, other=other)["counted as an absence"] == str(absent)

    with opened.reading() as session:
        assert session.get_one(Seat, (2026, expert)).absent is absent


def test_who_gives_up_the_seat_is_replaced_at_once(opened: Player) -> None:
    with opened.writing() as session:
        number = an_eligible_submission(session)
        experts = [an_assignment(session, number, ordinal) for ordinal in range(1, 6)]
        spare = a_seat(session, opened.season, 6)

    lines = ask(D.REPLACE_EXPERT, experts[1])

    assert lines["assignments to be replaced"] == "1"
    with opened.reading() as session:
        assert session.get_one(Assignment, (number, experts[1], 1)).state is AssignmentState.LOST
        assert session.get_one(Assignment, (number, spare, 1)).state is AssignmentState.ACTIVE


def test_an_award_revoked_leaves_the_page(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, SubmissionState.AWARDED)
    player.at(season.dates.publish_results)

    ask(D.REVOKE, number)

    with player.reading() as session:
        assert session.get_one(Submission, number).outcome is Outcome.REVOKED
    assert player.letters("revoked") == [f"revoked/{UNIT}/{number}/{_sequence(player, number)}"]


def test_a_revocation_after_the_archive_has_its_own_root_on_the_page_and_in_every_letter(played: Player) -> None:
    site = played.home / "site" / "2026"
    with played.reading() as session:
        before = newest_publication(session, 2026)

    ask(D.REVOKE, BEST)

    with played.reading() as session:
        root = newest_publication(session, 2026)
        assert root is not None
        assert before is not None
        assert (root.kind, root.ordinal) == (PublicationKind.SUPPLEMENT, before.ordinal + 1)
        assert verify(session) == []
        own = Message.key.contains("/record_changed/"), Message.key.endswith(f"/{root.ordinal}")
        letters = session.scalars(select(Message.body).where(*own)).all()
        _, later = examine(session, 2026)
    kept = (root.root, digest_of(site / until(root)), digest_of(site / "verify_history.py"))
    assert len(letters) == 39
    assert all(value in body for value in kept for body in letters)
    for page in ("results.html", "index.html"):
        assert root.root in (site / page).read_text("utf-8")
    for export in (until(root), "history.jsonl"):
        assert check_file(str(site / export), [root.root])[0].startswith("OK: ")
    assert [line.split()[-1] for line in later[2026]] == ["record_root"]


def _sequence(player: Player, number: str) -> int:
    with player.reading() as session:
        return session.get_one(Submission, number).sequence


@pytest.fixture
def ranked(player: Player) -> tuple[Player, list[str], str]:
    with player.writing() as session:
        season, numbers = a_ranked_season(session)
        digest = list_digest(session, 2026)
    player.come_to(Milestone.OPEN_PUBLIC_NOTICE)
    player.at(season.dates.close_re_review)
    return player, numbers, digest


def test_a_person_approves_through_the_form(ranked: tuple[Player, list[str], str]) -> None:
    player, (first, second, *_), digest = ranked

    lines = approve_list.fn(
        2026, OFFICE.name, ApprovalDecision.APPROVED, f" {digest[:8]} ", f"{first}，{second}", "材料不实"
    )

    assert (lines["approved"], lines["struck"]) == ("1", "2")
    with player.reading() as session:
        assert is_approved(session, 2026)
    page = (player.home / "office" / "2026" / "proposal.html").read_text("utf-8")
    assert page.count("移出名单") == 2, "what deviates from the ranking stands on the office's page"
    assert page.count("材料不实") >= 2
    assert page.index("与邮件和审定记录中的一致") < page.index(digest), "what the mail asked to be compared"
    book = load_workbook(player.home / "office" / "2026" / "拟获奖名单.xlsx")
    assert digest in book["拟获奖名单"]["A2"].value
    numbers = [row[4] for row in book["等次分界"].iter_rows(min_row=2, values_only=True)]
    assert all(number is None or len(number) == len(first) for number in numbers), "one a row"


def test_a_decision_that_died_before_its_page_has_it_after_the_refusal(
    ranked: tuple[Player, list[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    player, (struck, *_), digest = ranked

    def die(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(approving, "put_decided", die)
    with pytest.raises(KeyboardInterrupt):
        approve_list.fn(2026, OFFICE.name, ApprovalDecision.APPROVED, digest, struck, "材料不实")
    monkeypatch.undo()
    with pytest.raises(DecisionRefused, match="it is approved already"):
        approve_list.fn(2026, OFFICE.name, ApprovalDecision.APPROVED, digest, struck, "材料不实")

    assert "移出名单" in (player.home / "office" / "2026" / "proposal.html").read_text("utf-8")


def test_a_list_sent_back_is_ranked_again_before_it_can_be_approved(ranked: tuple[Player, list[str], str]) -> None:
    player, _, digest = ranked
    approve_list.fn(2026, OFFICE.name, ApprovalDecision.SENT_BACK, digest, "", "核对分数")
    assert player.due_at(Milestone.CLOSE_RE_REVIEW) == player.settings.clock.now()
    with pytest.raises(DecisionRefused, match="no ranking waits"):
        approve_list.fn(2026, OFFICE.name, ApprovalDecision.APPROVED, digest)

    assert player.play("close_re_review", concluding, Milestone.CLOSE_RE_REVIEW).outcome == "done"
    assert approve_list.fn(2026, OFFICE.name, ApprovalDecision.APPROVED, digest)["approved"] == "3"


def test_a_withdrawn_approval_asks_the_office_again(ranked: tuple[Player, list[str], str]) -> None:
    player, (struck, *_), digest = ranked
    approve_list.fn(2026, OFFICE.name, ApprovalDecision.APPROVED, digest, struck, "材料不实")
    with player.reading() as session:
        approved = list_digest(session, 2026)

    told = approve_list.fn(2026, OFFICE.name, ApprovalDecision.WITHDRAWN, approved, "", "划错一项")

    assert told["list digest"] == digest, "the list as it was before anything was struck"
    assert player.letters("approval_wanted") == [f"approval_wanted/office/{digest[:16]}/2"]
    page = (player.home / "office" / "2026" / "proposal.html").read_text("utf-8")
    assert "撤回审定" in page
    assert "移出名单" not in page
    assert approve_list.fn(2026, OFFICE.name, ApprovalDecision.APPROVED, digest)["approved"] == "3"


def test_a_dry_approval_changes_nothing(ranked: tuple[Player, list[str], str]) -> None:
    player, _, digest = ranked
    before = player.kept()

    assert approve_list.fn(2026, OFFICE.name, ApprovalDecision.APPROVED, digest, dry_run=True)["outcome"] == "dry_run"

    assert player.kept() == before


def test_a_moved_date_is_told_to_those_concerned(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
    player.at(season.dates.open_call)

    move_date.fn(2026, OFFICE.name, Milestone.CLOSE_CALL, "2026-05-08T18:00", "示例理由", UNIT)
    move_date.fn(2026, OFFICE.name, Milestone.CLOSE_DISTRICT_ROUND, "2026-05-30T18:00", "示例理由")

    letters = player.letters("date_moved")
    assert sum("close_call" in letter for letter in letters) == 1
    assert sum("close_district_round" in letter for letter in letters) == 39


def test_a_moved_date_of_the_experts_is_told_to_the_panel_alone(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        seats = [a_seat(session, season, ordinal) for ordinal in (1, 2)]
        session.get_one(Seat, (2026, seats[1])).state = SeatState.RESERVE
    player.at(season.dates.draw_panel + timedelta(days=1))

    move_date.fn(2026, OFFICE.name, Milestone.CLOSE_FINAL_ROUND, "2026-07-18T18:00", "示例理由")

    assert [letter.partition("/")[2] for letter in player.letters("expert_date_moved")] == [
        f"{seats[0]}/close_final_round/5"
    ]
    assert player.letters("date_moved") == []


def test_only_a_district_with_a_date_of_its_own_reads_that_it_is_its_own(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
    player.at(season.dates.open_call)

    move_date.fn(2026, OFFICE.name, Milestone.CLOSE_CALL, "2026-05-08T18:00", "示例理由")
    move_date.fn(2026, OFFICE.name, Milestone.CLOSE_CALL, "2026-05-09T18:00", "示例理由", UNIT)

    with player.reading() as session:
        bodies = session.scalars(select(Message.body).order_by(Message.written_at, Message.key)).all()
    assert sum("仅适用于贵单位" in body for body in bodies) == 1
    assert len(bodies) == 40


def test_a_dry_move_into_the_past_shows_who_would_be_closed_and_the_real_one_is_refused(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
        a_submission(session, unit=UNIT)
    player.at(season.dates.open_call + timedelta(days=30))
    before = player.kept()
    asked = (2026, OFFICE.name, Milestone.CLOSE_CALL, "2026-03-20T18:00", "示例：打错了月份")

    shown = move_date.fn(*asked, dry_run=True)
    with pytest.raises(TakesEffectAtOnce, match="38 with nothing in: 万州区、"):
        move_date.fn(*asked)

    assert player.kept() == before
    assert str(shown["nothing in yet"]).startswith("38: 万州区、")
    assert "渝中区" not in str(shown["nothing in yet"])
    assert shown["messages written"] == "39"
    assert "the stage of close_call runs" in str(shown["then"])
    assert "--at-once" in str(shown["needed"])


def test_what_takes_effect_at_once_closes_now_and_not_before(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
    present = season.dates.open_call + timedelta(days=30)
    player.at(present)

    move_date.fn(2026, OFFICE.name, Milestone.CLOSE_CALL, "2026-03-20T18:00", "示例理由", take_effect_at_once=True)

    assert player.due_at(Milestone.CLOSE_CALL) == present, "what came until now is in time"
    with player.reading() as session:
        facts = session.scalars(select(History.facts).where(History.trigger == "move_date")).one()
        assert '"at_once":true' in facts


def test_a_date_moved_away_and_back_and_away_is_told_each_time(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
    player.at(season.dates.open_call)
    there, back = "2026-05-08T18:00", f"{season.dates.close_call:%Y-%m-%dT%H:%M}"

    for to in (there, there, back, there):
        move_date.fn(2026, OFFICE.name, Milestone.CLOSE_CALL, to, "示例理由", UNIT, take_effect_at_once=to == back)

    assert player.letters("date_moved") == [f"date_moved/{UNIT}/close_call/{sequence}" for sequence in (3, 4, 5)]


def test_a_corrected_name_voids_the_certificate_and_is_told_to_the_unit(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, SubmissionState.AWARDED)
        follow_awards(session, 2026, Act(OFFICE, season.dates.publish_results))
    player.at(season.dates.publish_results + timedelta(days=1))

    ask(D.CORRECT_NAME, "2026-0001", other="示例·䶮")

    with player.reading() as session:
        assert session.get_one(Certificate, (2026, 1)).state is CertificateState.REPLACED
        assert session.get_one(Certificate, (2026, 3)).name == "示例·䶮"
        letter = session.scalars(select(Message).where(Message.key.contains("name_corrected"))).one()
        for word in (number, "岗创〔2026〕第0001号", "岗创〔2026〕第0003号", "示例·䶮", "示例理由"):
            assert word in letter.body, word
        assert verify(session) == []


def test_a_corrected_address_gets_what_waited_for_it_and_the_record_proves_it(opened: Player) -> None:
    old, right = f"kexie-{UNIT}@example.invalid", "right@example.invalid"
    with opened.writing() as session:
        number = a_submission(session)
    ask(D.WITHDRAW, number)
    rules = opened.season

    ask(D.CORRECT_ADDRESS, UNIT, other=right, dry_run=True)
    assert opened.season == rules, "a dry run changes nothing"
    for whose, given, refused in (
        (UNIT, "没有@的地址", "no mail address"),
        (UNIT, "a@b.example\nBcc: c@d.example", "no plain mail address|no mail address"),
        (UNIT, old, "that address already"),
        ("500999", right, "neither a unit's code nor one of"),
    ):
        with pytest.raises(DecisionRefused, match=refused):
            ask(D.CORRECT_ADDRESS, whose, other=given)
    ask(D.CORRECT_ADDRESS, UNIT, other=right)
    ask(D.CORRECT_ADDRESS, "office", other="new-office@example.invalid")

    assert (opened.season.mail_of(UNIT), opened.season.office.mail) == (right, "new-office@example.invalid")
    with opened.reading() as session:
        letters = session.scalars(select(Message).where(Message.recipient == right).order_by(Message.key)).all()
        assert [letter.key.split("/")[1] for letter in letters] == ["address_corrected", "withdrawn"]
        assert "尚未送达的1封信也改寄这里" in letters[0].body
        assert session.scalars(select(Message).where(Message.recipient == old)).all() == []
        entry = session.scalars(select(History).where(History.trigger == "correct_address")).first()
        assert entry is not None
        assert (entry.actor, words(session, entry)) == (str(OFFICE), "示例理由")
        assert right not in entry.facts
        assert verify(session) == []
        # The builder settles milestones without entries.
        assert "call/2026" not in str(broken_invariants(session, opened.home, (ROWS_AGREE,)))
    with opened.writing() as session:
        call = session.get_one(Call, 2026)
        call.rules = call.rules.replace(right, "evil@example.invalid")
    with opened.reading() as session:
        assert "call/2026/rules" in str(broken_invariants(session, opened.home, (ROWS_AGREE,)))


def test_a_corrected_address_stands_in_no_record_of_an_earlier_version_either(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical, "VERSION", 1)
    monkeypatch.setattr("states.timeline.new_key", lambda: "")
    with player.writing() as session:
        season = a_season(session)
    player.at(season.dates.close_call)
    right = "right@example.invalid"

    ask(D.CORRECT_ADDRESS, UNIT, other=right)

    with player.reading() as session:
        entry = session.scalars(select(History).where(History.trigger == "correct_address")).one()
        assert "@" not in entry.facts
        assert entry.reason == "示例理由", "as all that people wrote in that season"
        assert verify(session) == []
        assert [found for found in disagreements(session, 2026) if found[0] in ("call", "record_text")] == []
    with player.writing() as session:
        session.execute(update(RecordText).where(RecordText.text == right).values(text="evil@example.invalid"))
    with player.reading() as session:
        told = [found[0] for found in disagreements(session, 2026)]
        assert {"call", "record_text"} <= set(told)

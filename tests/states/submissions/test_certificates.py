"""Certificates: their numbers follow the awards, are never given twice, and an outsider can tell what became of one."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Certificate, Contact, Contributor, History, Publication
from models.database import reading, writing
from models.enums import CallState, CertificateState, Holder, PublicationKind, SubmissionState, Tier, Trigger
from models.forms import ContributorForm, OrganisationForm
from states.audit.export import export_history
from states.audit.invariants import INVARIANTS, broken_invariants
from states.audit.projection import disagreements
from states.audit.recompute import recompute
from states.audit.verify import verify
from states.history.read import read_entries
from states.machine import Act
from states.maintenance.erasure import erase
from states.officers import DecisionRefused
from states.roots import record_root
from states.submissions.certificates import (
    CertificateNumber,
    IssuedCertificates,
    correct_name,
    follow_awards,
    keep_in_step,
)
from states.submissions.reinstatement import reinstate
from states.submissions.settle import revoke, settle_rest
from tests.support.builders import OFFICE, a_form, a_season, a_submission
from tests.support.playing import Player

AT = datetime(2026, 8, 31, 9, tzinfo=ZONE)
ACT = Act(OFFICE, AT)
NAMES = ("䶮", "𬱖", "买买提·阿不都热合曼")
FOLLOW = [one for one in INVARIANTS if one.name == "certificates_follow_the_awards"]
Line = tuple[int, str, Holder, str, Tier, CertificateState, int | None]


def an_award(session: Session, tier: Tier = Tier.THIRD, title: str = "示例装置", names: tuple[str, ...] = NAMES) -> str:
    company = OrganisationForm(name=f"{title}公司")
    people = tuple(ContributorForm(name=name, organisation=company.name) for name in names)
    form = a_form(title, organisations=(company,), contributors=people)
    return a_submission(session, SubmissionState.AWARDED, tier=tier, form=form)


def lines(session: Session) -> list[Line]:
    rows = session.scalars(select(Certificate).order_by(Certificate.ordinal).execution_options(populate_existing=True))
    return [(row.ordinal, row.number, row.holder, row.name, row.tier, row.state, row.successor) for row in rows]


def words(session: Session, number: str) -> list[str]:
    query = select(History.trigger).where(History.subject == f"submission/{number}").order_by(History.sequence)
    return [word for word in session.scalars(query) if "certificate" in word or word == Trigger.CORRECT_NAME]


P, O, V = Holder.CONTRIBUTOR, Holder.ORGANISATION, CertificateState.VALID


def test_numbers_run_by_prize_then_people_then_organisations(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        third = an_award(session, Tier.THIRD, "示例三等", ("䶮",))
        first = an_award(session, Tier.FIRST, "示例一等", ("𬱖", "买买提·阿不都热合曼"))

        followed = follow_awards(session, 2026, ACT)

        assert lines(session) == [
            (1, first, P, "𬱖", Tier.FIRST, V, None),
            (2, first, P, "买买提·阿不都热合曼", Tier.FIRST, V, None),
            (3, first, O, "示例一等公司", Tier.FIRST, V, None),
            (4, third, P, "䶮", Tier.THIRD, V, None),
            (5, third, O, "示例三等公司", Tier.THIRD, V, None),
        ]
        assert (followed.given, followed.voided) == ([1, 2, 3, 4, 5], [])
        assert words(session, first) == words(session, third) == [Trigger.GIVE_CERTIFICATES]
        again = follow_awards(session, 2026, ACT)
        assert (again.given, again.voided) == ([], [])
        assert verify(session) == []


def test_a_revoked_award_voids_its_certificates_and_one_given_back_has_new_numbers(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number, other = an_award(session, names=("䶮",)), an_award(session, title="示例另一", names=("示例·甲",))
        follow_awards(session, 2026, ACT)

        revoke(session, number, ACT, reason="示例：失实")
        assert [line[5] for line in lines(session)] == [CertificateState.REVOKED] * 2 + [V] * 2
        reinstate(session, number, ACT, reason="示例：查无实据")

        found = lines(session)
        assert [line[5] for line in found] == [CertificateState.REVOKED] * 2 + [V] * 4
        assert [line[:2] for line in found] == [*((n, number) for n in (1, 2)), *((n, other) for n in (3, 4)),
                                                *((n, number) for n in (5, 6))]  # fmt: skip
        assert words(session, number) == ["give_certificates", "void_certificates", "give_certificates"]
        settle_rest(session, 2026, ACT)
        assert broken_invariants(session, invariants=FOLLOW) == []
        assert verify(session) == []


def test_an_award_given_back_after_the_names_are_deleted_has_new_numbers_in_the_places_that_had_one(
    engine: Engine,
) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLISHED)
        number, other = an_award(session, names=("䶮", "𬱖")), an_award(session, title="示例另一", names=("示例·甲",))
        follow_awards(session, 2026, ACT)
        revoke(session, number, ACT, reason="示例：失实")
        settle_rest(session, 2026, ACT)
        erase(session, season, Act(OFFICE, season.erase_personal_data_at))
        late = Act(OFFICE, season.erase_personal_data_at + timedelta(days=1))
        assert follow_awards(session, 2026, late) == IssuedCertificates([], [])

        reinstate(session, number, late, reason="示例：查无实据")

        gone = CertificateState.REVOKED
        third = Tier.THIRD
        assert lines(session) == [
            (1, number, P, "", third, gone, None),
            (2, number, P, "", third, gone, None),
            (3, number, O, "", third, gone, None),
            (4, other, P, "", third, V, None),
            (5, other, O, "示例另一公司", third, V, None),
            (6, number, P, "", third, V, None),
            (7, number, P, "", third, V, None),
            (8, number, O, "示例装置公司", third, V, None),
        ]
        assert follow_awards(session, 2026, late) == IssuedCertificates([], [])
        assert broken_invariants(session, invariants=FOLLOW) == []
        assert verify(session) == []


def test_a_corrected_name_is_printed_under_a_new_number_and_in_the_submission(played: Player) -> None:
    with played.writing() as session:
        one = session.scalars(select(Certificate).where(Certificate.holder == P).order_by(Certificate.ordinal)).first()
        assert one is not None
        last, number, position, contact = (
            max(line[0] for line in lines(session)), one.number, one.position, session.get_one(Contact, one.number).phone
        )  # fmt: skip

        reissued = correct_name(session, 2026, "岗创〔2026〕第0001号", ACT, right=" 示例·  䶮 ", reason="笔误，附证明")

        assert (reissued.submission, str(reissued.void), reissued.valid, reissued.name) == (
            number, "岗创〔2026〕第0001号", CertificateNumber(2026, last + 1), "示例· 䶮",
        )  # fmt: skip
        by_ordinal = {line[0]: line for line in lines(session)}
        assert by_ordinal[1][5:] == (CertificateState.REPLACED, last + 1)
        assert by_ordinal[last + 1][1:6] == (number, P, "示例· 䶮", by_ordinal[1][4], V)
        assert [line[5] for line in lines(session)].count(CertificateState.REPLACED) == 1, "nobody else's"
        assert session.get_one(Contributor, (number, position)).name == "示例· 䶮"
        assert session.get_one(Contact, number).phone == contact
        assert words(session, number)[-3:] == ["correct_name", "give_certificates", "void_certificates"]
    with played.reading() as session:
        assert [*disagreements(session, 2026)] == []
        assert verify(session) == []
        assert recompute(read_entries(session, 2026)) == []
        entries = "".join(entry["facts"] for entry in read_entries(session, 2026))
        assert "䶮" not in entries, "the record names nobody"


@pytest.mark.parametrize(
    ("certificate", "right", "reason", "said"),
    [
        ("2026-9999", "示例·甲", "笔误", "gave no such number"),
        ("2025-0001", "示例·甲", "笔误", "gave no such number"),
        ("0001", "示例·甲", "笔误", "looks like 2026-0001"),
        ("2026-0001", " ", "笔误", "give the right name"),
        ("2026-0001", "示例\x00甲", "笔误", "give the right name"),
        ("2026-0001", "䶮", "笔误", "give the right name"),
        ("2026-0001", "示例·甲", " ", "needs a reason"),
    ],
)
def test_what_cannot_be_corrected_is_refused(
    engine: Engine, certificate: str, right: str, reason: str, said: str
) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        an_award(session)
        follow_awards(session, 2026, ACT)

        with pytest.raises(DecisionRefused, match=said):
            correct_name(session, 2026, certificate, ACT, right=right, reason=reason)


def test_a_void_certificate_is_not_corrected_again(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        an_award(session)
        follow_awards(session, 2026, ACT)
        correct_name(session, 2026, "2026-0001", ACT, right="示例·甲", reason="笔误")

        with pytest.raises(DecisionRefused, match="void already"):
            correct_name(session, 2026, "2026-0001", ACT, right="示例·乙", reason="笔误")


def test_an_organisation_goes_by_its_right_name_with_its_people(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = an_award(session)
        follow_awards(session, 2026, ACT)

        correct_name(session, 2026, "2026-0004", ACT, right="示例集团", reason="更名，附登记通知")

        assert {row.organisation for row in session.scalars(select(Contributor))} == {"示例集团"}
        assert [line[3] for line in lines(session) if line[5] is V] == [*NAMES, "示例集团"]
        assert [line[5:] for line in lines(session) if line[2] is O] == [(CertificateState.REPLACED, 5), (V, None)]
        assert session.scalar(select(Certificate.number).where(Certificate.ordinal == 5)) == number


def test_seasons_without_certificates_get_none_by_a_decision(engine: Engine) -> None:
    """A season published by an earlier version: its certificates were written by hand."""
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = an_award(session)

        revoke(session, number, ACT, reason="示例")
        keep_in_step(session, 2026, ACT)

        assert lines(session) == []


def test_a_certificate_beside_its_award_is_named(played: Player) -> None:
    with played.writing() as session:
        assert broken_invariants(session, invariants=FOLLOW) == []
        row = session.get_one(Certificate, (2026, 1))
        row.state, row.voided_at = CertificateState.REVOKED, AT
        session.flush()

        (broken,) = broken_invariants(session, invariants=FOLLOW)

        assert row.number in str(broken)


def checked(export: Path, root: str, certificate: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        export.with_name("verify_history.py"),
        export,
        "--root",
        root,
        "--certificate",
        certificate,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_outsider_learns_what_became_of_a_number(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number, other = an_award(session, names=("䶮",)), an_award(session, title="示例另一", names=("𬱖",))
        follow_awards(session, 2026, ACT)
        correct_name(session, 2026, "2026-0001", Act(OFFICE, AT + timedelta(days=2)), right="示例·甲", reason="笔误")
        revoke(session, other, Act(OFFICE, AT + timedelta(days=3)), reason="示例")
        publication = record_root(session, 2026, PublicationKind.RESULTS, Act(OFFICE, AT + timedelta(days=4)))
        root = publication.root
        export_history(session, 2026, tmp_path / "history.jsonl", session.get_one(Publication, (2026, "results", 1)))

    def told(certificate: str) -> str:
        answer = checked(tmp_path / "history.jsonl", root, certificate)
        assert answer.returncode == 0, answer.stdout
        return answer.stdout

    assert f"Certificate 2026-0001: replaced since 2026-09-02 by 2026-0005; given on 2026-08-31 for {number}" in told(
        "2026-0001"
    )
    assert "证书 2026-0001：已换发" in told("2026-0001")
    assert "Certificate 2026-0005: valid; given on 2026-09-02" in told("2026-0005")
    assert f"证书 2026-0003：已撤销，2026-09-03 起（UTC）；对应获奖项目 {other}" in told("2026-0003")
    assert "OK: " in told("2026-0002")
    unknown = checked(tmp_path / "history.jsonl", root, "2026-0099")
    assert unknown.returncode == 1
    assert "never gave such a number" in unknown.stdout


def test_an_outsider_sees_a_number_given_twice(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        an_award(session, names=("䶮",))
        follow_awards(session, 2026, ACT)
        another = an_award(session, title="示例另一", names=("𬱖",))
        session.query(Certificate).update({"state": V})
        session.query(Certificate).delete()
        follow_awards(session, 2026, ACT)
        root = record_root(session, 2026, PublicationKind.RESULTS, ACT).root
    with reading(engine) as session:
        export_history(session, 2026, tmp_path / "history.jsonl")

    answer = checked(tmp_path / "history.jsonl", root, "2026-0001")

    assert answer.returncode == 1
    assert "once more" in answer.stdout
    assert another

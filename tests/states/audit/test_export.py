"""An exported history and a proof, checked by an outsider's Python without any of our code."""

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from models import Contributor, Expert, Objection, Organisation, Publication, RecordText, Submission
from models.database import reading, writing
from models.enums import CallState, PublicationKind, SubmissionState, Trigger
from models.queries import SeasonNotPlanned
from states.audit.export import NotPublishedYet, RecordBroken, digest_of_export, export_history, proof, read_export
from states.audit.recompute import read_record, recompute
from states.audit.replay import Standing, replay
from states.audit.verify import verify
from states.call import CALL
from states.history import verify_history
from states.history.canonical import entry_hash
from states.history.read import read_entries, read_standings
from states.history.seals import Seals
from states.machine import Act
from states.numbers import UnknownSubmission
from states.roots import Root, record_change, record_root
from states.submission import OUTCOMES, SUBMISSION
from states.submissions.settle import revoke
from tests.support.builders import OFFICE, SYSTEM, a_season, a_submission, season_rules
from tests.support.played import PHONE
from tests.support.playing import Player
from tests.support.tampering import chain_of, lift_protections, set_column, undone

AWARDED = "2026-500103-0004"
ROOT_OF_NOTHING = "0" * 64


@pytest.fixture
def published(engine: Engine) -> Root:
    """A published season with a submission in every state, and one that came after the root."""
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        for state in SubmissionState:
            a_submission(session, state)
        at = season_rules().dates.publish_results
        record_root(session, 2026, PublicationKind.PUBLIC_NOTICE, Act(SYSTEM, at))
        a_submission(session, unit="500101")
        published = record_root(session, 2026, PublicationKind.RESULTS, Act(SYSTEM, at + timedelta(days=1)))
        root = Root(published.root, published.subjects, published.entries or 0)
        a_submission(session)
    return root


@pytest.fixture
def exported(engine: Engine, published: Root, tmp_path: Path) -> Path:
    assert published.leaves == 7
    with reading(engine) as session:
        return export_history(session, 2026, tmp_path / "history.jsonl").path


def check(path: Path, root: str, python: str = sys.executable) -> tuple[int, list[str]]:
    """What the checker beside an export says: exit code and lines; without site packages or our folder."""
    command = [python, "-I", "-S", str(path.with_name("verify_history.py")), str(path), "--root", root]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=path.parent, timeout=60)
    assert ran.stderr == ""
    return ran.returncode, ran.stdout.splitlines()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text("utf-8").splitlines()]


def rewrite(path: Path, lines: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    path.write_text(text, "utf-8")


def test_an_export_holds_against_the_printed_root(exported: Path, published: Root) -> None:
    code, said = check(exported, published.root.upper())

    assert code == 0
    assert said[0].startswith("OK: 28 entries of 8 subjects; 26 of them are bound to the printed root (results), 2 are")
    assert said[1:4] == ["Under no root yet: 2", *said[2:4]]
    assert said[2].endswith(" record_root")
    assert said[3].endswith(" submit")
    assert said[4].startswith("核对无误：8 个对象共 28 条；其中 26 条受公布的根值约束（results），2 条在其后形成")


def test_an_export_does_not_hold_against_another_root(exported: Path) -> None:
    code, said = check(exported, ROOT_OF_NOTHING)

    assert code == 1
    assert said[0].startswith(f"WRONG: the printed root {ROOT_OF_NOTHING}: this history never had it")
    assert said[1].startswith("不符：")


def test_the_oldest_python_promised_checks_it_too(exported: Path, published: Root) -> None:
    found = shutil.which("python3.8")
    source = exported.with_name("verify_history.py").read_text("utf-8")
    compile(source, "verify_history.py", "exec", dont_inherit=True, _feature_version=8)
    if found is None or subprocess.run([found, "--version"], capture_output=True).returncode != 0:
        print("python3.8 does not run here: only its grammar was checked")
        return
    assert check(exported, published.root, found)[0] == 0


def _changed(lines: list[dict[str, Any]], index: int) -> str:
    lines[index]["reason"] = "bent"
    return "it was altered"


def _changed_and_hashed(lines: list[dict[str, Any]], index: int) -> str:
    lines[index]["reason"] = "bent"
    lines[index]["hash"] = entry_hash(lines[index])
    return "it does not follow the entry before it"


def _removed(lines: list[dict[str, Any]], index: int) -> str:
    del lines[index]
    return "it is missing"


def _doubled(lines: list[dict[str, Any]], index: int) -> str:
    lines.insert(index, dict(lines[index]))
    return "it is missing"


def _swapped(lines: list[dict[str, Any]], index: int) -> str:
    lines[index], lines[index + 1] = lines[index + 1], lines[index]
    return "it is missing"


@pytest.mark.parametrize("bend", [_changed, _changed_and_hashed, _removed, _doubled, _swapped])
def test_a_bent_export_is_found_and_the_first_wrong_entry_named(exported: Path, published: Root, bend: Any) -> None:
    lines = lines_of(exported)
    subject = f"submission/{AWARDED}"
    index = next(n for n, line in enumerate(lines) if line.get("subject") == subject and line["sequence"] == 2)
    expected = bend(lines, index)
    rewrite(exported, lines)

    code, said = check(exported, published.root)

    first = 3 if bend in (_changed_and_hashed, _doubled) else 2
    assert code == 1
    assert said[0].startswith(f"WRONG: {subject}, entry {first}: {expected}")
    assert said[1].startswith(f"不符：{subject} 第 {first} 条：")


def test_a_chain_made_anew_a_removed_subject_and_a_cut_end_are_found(exported: Path, published: Root) -> None:
    subject = f"submission/{AWARDED}"
    genuine = lines_of(exported)
    own = [line for line in genuine if line.get("subject") == subject]
    last = [line for line in own if line["line"] == "entry"][-1]
    forged = {**last, "facts": '{"tier":"first"}'}
    forged["hash"] = entry_hash(forged)
    anew = [forged if line is last else line for line in genuine]
    without = [line for line in genuine if line not in own]
    count = {
        **genuine[-1],
        "subjects": genuine[-1]["subjects"] - 1,
        "entries": genuine[-1]["entries"] - sum(line["line"] == "entry" for line in own),
    }
    cases = {
        "anew": anew,
        "anew with its leaf": [
            {**line, "hash": forged["hash"]} if line in own and line["line"] == "leaf" else line for line in anew
        ],
        "removed": [line for line in genuine if line not in own or line["line"] != "entry"],
        "removed with its leaves": without,
        "removed and counted anew": [*without[:-1], count],
        "cut": genuine[:-1],
        "cut within": genuine[:-3],
        "without a middle leaf": [line for line in genuine if line is not own[-1]],
    }
    said = {}
    for name, lines in cases.items():
        rewrite(exported, lines)
        code, text = check(exported, published.root)
        assert code == 1, name
        said[name] = text[0]
    print(f"{len(cases)} forged exports tried, {len(cases)} found")

    assert f"{subject}, entry {last['sequence']}: it, or one before it, was replaced" in said["anew"]
    assert "but its entries give" in said["anew with its leaf"]
    assert f"{subject}, entry 1: it was removed" in said["removed"]
    assert "but its entries give" in said["removed and counted anew"]
    assert "the file: it is not complete" in said["cut"]


def test_no_byte_of_an_export_can_be_turned(exported: Path, published: Root) -> None:
    genuine = exported.read_bytes()
    tried = 0
    for index in range(0, len(genuine), 41):
        for bit in (0, 6):
            exported.write_bytes(genuine[:index] + bytes([genuine[index] ^ 1 << bit]) + genuine[index + 1 :])
            tried += 1
            assert verify_history.main([str(exported), "--root", published.root]) == 1, (index, bit)
    print(f"{tried} turned bits tried, {tried} found")


def test_replay_from_the_export_alone_equals_the_database(engine: Engine, exported: Path) -> None:
    replayed = dict(replay(read_export(exported)))

    with reading(engine) as session:
        rows = {
            row["subject"]: Standing(row["state"], row["archived_from"], row["outcome"], row["tier"])
            for row in read_standings(session, 2026)
        }
    assert replayed == rows
    assert len(rows) == 8


def test_the_export_holds_exactly_the_entries_of_the_database(engine: Engine, exported: Path) -> None:
    with reading(engine) as session:
        assert list(read_export(exported)) == list(read_entries(session, 2026))


def test_an_export_that_fails_leaves_the_earlier_one(engine: Engine, exported: Path) -> None:
    before = exported.read_bytes()
    lift_protections(engine)
    if engine.dialect.name == "postgresql":
        with reading(engine) as session, pytest.raises(SeasonNotPlanned):
            export_history(session, 2031, exported)
    else:
        with undone(engine) as session:
            row = chain_of(session, f"submission/{AWARDED}")[0]
            set_column(session, row, "reason", b"\xff\xfe")
            with pytest.raises(RecordBroken, match="gangchuang verify 2026"):
                export_history(session, 2026, exported)

    assert exported.read_bytes() == before
    assert sorted(path.name for path in exported.parent.glob("*history*")) == ["history.jsonl", "verify_history.py"]


@pytest.mark.parametrize("number", [AWARDED, "2026-500101-0001"])
def test_a_proof_holds_against_the_printed_root(engine: Engine, published: Root, tmp_path: Path, number: str) -> None:
    with reading(engine) as session:
        made = proof(session, number)
    path = tmp_path / "proof.json"
    shutil.copy(verify_history.__file__, tmp_path)
    path.write_text(json.dumps(made, ensure_ascii=False, indent=1), "utf-8")

    code, said = check(path, published.root)

    assert (code, made["publication"]["root"]) == (0, published.root)
    last = len(made["entries"])
    assert said[0] == f"OK: entries 1 to {last} of submission/{number} are under the printed root; 0 are later"
    code, said = check(path, ROOT_OF_NOTHING)
    assert (code, "this proof is for the root of" in said[0]) == (1, True)


def test_a_proof_can_be_had_under_the_root_of_an_earlier_publication(engine: Engine, published: Root) -> None:
    with reading(engine) as session:
        kinds = session.scalars(select(Publication.kind).order_by(Publication.published_at)).all()
        made = [proof(session, AWARDED, kind) for kind in kinds]
        roots = dict(session.execute(select(Publication.kind, Publication.root)).all())
    missing = next(kind for kind in PublicationKind if kind not in kinds)

    assert [document["publication"]["kind"] for document in made] == kinds
    for document in made:
        verify_history.check_proof(document, [roots[document["publication"]["kind"]]])
    with reading(engine) as session, pytest.raises(NotPublishedYet, match=f"not under the root of {missing} yet"):
        proof(session, AWARDED, missing)


def test_a_bent_proof_does_not_hold(engine: Engine, published: Root) -> None:
    with reading(engine) as session:
        made = proof(session, AWARDED)
    entries, leaf = made["entries"], made["leaf"]
    forged = {**entries[-1], "facts": '{"tier":"first"}'}
    forged["hash"] = entry_hash(forged)
    bent = [
        {**made, "entries": [*entries[:-1], forged]},
        {**made, "entries": entries[:-1]},
        {**made, "entries": entries[1:]},
        {**made, "leaf": {**leaf, "sequence": 2}},
        {**made, "leaf": {**leaf, "sequence": 0}},
        {**made, "leaf": {**leaf, "index": leaf["index"] + 1}},
        {**made, "leaf": {**leaf, "path": leaf["path"][:-1]}},
        {**made, "leaf": {**leaf, "path": [leaf["path"][0][::-1], *leaf["path"][1:]]}},
        {**made, "number": "2026-500103-0001"},
    ]
    verify_history.check_proof(made, [published.root])
    for document in bent:
        with pytest.raises(verify_history.Wrong):
            verify_history.check_proof(document, [published.root])


def test_there_is_no_proof_before_a_publication(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)
        with pytest.raises(NotPublishedYet, match=number):
            proof(session, number)
        with pytest.raises(UnknownSubmission):
            proof(session, "2026-500103-9999")


def test_the_checkers_steps_are_those_of_the_two_machines() -> None:
    """Archiving is told by its outcome there, whose roles are narrower than the edge's."""
    edges = {
        (edge.trigger, edge.source.value if edge.source else "", edge.target.value): {role.value for role in edge.by}
        for table in (CALL, SUBMISSION)
        for edge in table.edges
        if edge.trigger != "archive"
    }
    written = {step[:3]: set(step[3].split()) for step in verify_history.STEPS if step[0] != "archive"}
    outcomes = {
        outcome.value: ({state.value for state in states}, {role.value for role in roles})
        for outcome, (states, roles) in OUTCOMES.items()
    }

    assert written == edges
    assert {*verify_history.NOTES} == {*Trigger} - {step[0] for step in verify_history.STEPS}
    assert {line[0]: (set(line[1].split()), set(line[2].split())) for line in verify_history.OUTCOMES} == outcomes


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('{"line":"entry",', '{"line":"entry","line":"entry",', "a key stands twice: line"),
        ('{"line":"entry",', '{"line":"entry","note":"示例",', "it has, or lacks, 'note'"),
        ('{"line":"leaf",', '{"line":"leaf","hash":"' + "0" * 64 + '",', "a key stands twice: hash"),
        ('{"line":"end",', '{"line":"end","more":1,', "it has, or lacks, 'more'"),
        ('{"line":"header",', '{"line":"header","more":1,', "the first line has, or lacks, 'more'"),
        ('"actor":"office', '"actor":["office"],"season":2026,"x":"', "a key stands twice"),
    ],
)
def test_a_key_that_is_doubled_or_unknown_is_refused(
    exported: Path, published: Root, old: str, new: str, sentence: str
) -> None:
    exported.write_text(exported.read_text("utf-8").replace(old, new, 1), "utf-8")

    code, said = check(exported, published.root)

    assert (code, len(said)) == (1, 2)
    assert said[0].startswith("UNREADABLE: ")
    assert sentence in said[0]


def _forged(lines: list[dict[str, Any]], subject: str, **changes: Any) -> list[dict[str, Any]]:
    """The same export with one more entry at the end of a chain, its hashes right and everything counted."""
    own = [line for line in lines if line.get("subject") == subject and line["line"] == "entry"]
    entry = {**own[-1], "sequence": len(own) + 1, "previous_hash": own[-1]["hash"], "reason": "", "flow_run": ""}
    entry |= {"from_state": own[-1]["to_state"], "to_state": own[-1]["to_state"], "facts": "{}", **changes}
    entry["hash"] = entry_hash(entry)
    index = lines.index(own[-1]) + 1
    end = {**lines[-1], "entries": lines[-1]["entries"] + 1}
    return [*lines[:index], entry, *lines[index:-1], end]


EARLY = "2026-04-20T01:00:00.000000+00:00"
CALL_SUBJECT, LATEST = "call/2026", "submission/2026-500103-0006"


@pytest.mark.parametrize(
    ("subject", "changes", "sentence"),
    [
        (
            CALL_SUBJECT,
            {"at": EARLY, "trigger": "strike", "actor": "office:示例"},
            "dated before the entry that it follows",
        ),
        (LATEST, {"at": EARLY, "trigger": "strike", "actor": "office:示例"}, "dated before the entry that it follows"),
        (LATEST, {"trigger": "award", "to_state": "awarded", "actor": "office:示例"}, "is not for office to do"),
        (LATEST, {"trigger": "strike", "to_state": "awarded", "actor": "office:示例"}, "strike moves nothing"),
        (
            LATEST,
            {
                "trigger": "archive",
                "to_state": "archived",
                "actor": "district:500103",
                "facts": '{"outcome":"ineligible"}',
            },
            "the outcome 'ineligible' from 'submitted' is not for district to give",
        ),
        (
            LATEST,
            {"trigger": "record_district_review", "to_state": "district_reviewed", "actor": "office:示例"},
            "is not for office to do",
        ),
    ],
)
def test_a_step_that_nobody_could_have_taken_is_found_without_our_code(
    exported: Path, published: Root, subject: str, changes: dict[str, Any], sentence: str
) -> None:
    rewrite(exported, _forged(lines_of(exported), subject, **changes))

    code, said = check(exported, published.root)

    assert code == 1
    assert said[0].startswith(f"WRONG: {subject}, entry ")
    assert sentence in said[0]


def test_a_submission_dated_before_the_root_and_added_after_it_is_found(exported: Path, published: Root) -> None:
    lines = lines_of(exported)
    first = next(line for line in lines if line.get("subject") == LATEST and line["line"] == "entry")
    added = {**first, "subject": LATEST[:-1] + "9", "at": EARLY}
    added["hash"] = entry_hash(added)
    end = {**lines[-1], "entries": lines[-1]["entries"] + 1, "subjects": lines[-1]["subjects"] + 1}
    rewrite(exported, [*lines[:-1], added, end])

    code, said = check(exported, published.root)

    assert code == 1
    assert "entry 1: it is dated before the root of public_notice, but is not under it" in said[0]


def test_up_to_a_publication_the_export_is_the_same_whenever_it_is_made(engine: Engine, published: Root) -> None:
    with reading(engine) as session:
        publications = session.scalars(select(Publication).order_by(Publication.published_at)).all()
        before = [digest_of_export(session, publication) for publication in publications]
    with writing(engine) as session:
        a_submission(session)
        at = season_rules().dates.archive
        record_root(session, 2026, PublicationKind.ARCHIVE, Act(SYSTEM, at))
        a_submission(session)
    with reading(engine) as session:
        assert [digest_of_export(session, publication) for publication in publications] == before


def test_a_change_after_the_archive_has_a_root_of_its_own(engine: Engine, published: Root, tmp_path: Path) -> None:
    """A proof under the older root goes on saying what was then; under the newer one, nothing can be cut off."""
    at = season_rules().dates.archive
    with writing(engine) as session:
        archive = record_root(session, 2026, PublicationKind.ARCHIVE, Act(SYSTEM, at))
        assert record_change(session, 2026, Act(SYSTEM, at)) is None
        revoke(session, AWARDED, Act(OFFICE, at + timedelta(days=9)), reason="示例")
        change = record_change(session, 2026, Act(OFFICE, at + timedelta(days=9)))
        assert change is not None
        assert (change.kind, change.ordinal) == (PublicationKind.SUPPLEMENT, 1)
        assert record_change(session, 2026, Act(OFFICE, at + timedelta(days=9))) is None
    with reading(engine) as session:
        assert verify(session) == []
        path = export_history(session, 2026, tmp_path / "history.jsonl", change).path
        made, before = proof(session, AWARDED), proof(session, AWARDED, PublicationKind.ARCHIVE)

    assert check(path, change.root)[0] == 0
    assert "newest root here is that of supplement: ask for it" in "".join(check(path, archive.root)[1])
    english, _ = verify_history.check_proof(made, [change.root])
    assert "The root covers exactly 6: the last is revoke" in english
    english, _ = verify_history.check_proof(before, [archive.root])
    assert "1 are later\n  entry 6: 2026-" in english
    assert "revoke" in english
    cut = {**made, "entries": made["entries"][:-1], "leaf": {**made["leaf"], "sequence": 5}}
    for forged in (cut, {**before, "entries": before["entries"][:-1]}):
        with pytest.raises(verify_history.Wrong):
            verify_history.check_proof(forged, [change.root])


def test_an_export_and_a_proof_of_earlier_versions_still_hold() -> None:
    """Written by the version before roots had ordinals and counts."""
    for name in ("history-1.jsonl", "proof-1.json"):
        path = Path(__file__).parent / "exports" / name
        root = (path.parent / "root-1.txt").read_text().strip()
        english, _ = verify_history.check_file(str(path), [root])
        assert english.startswith("OK: ")


def test_an_export_shows_neither_experts_nor_what_was_handed_in(played: Player, tmp_path: Path) -> None:
    with played.reading() as session:
        path = export_history(session, 2026, tmp_path / "history.jsonl").path
        planted = {
            "experts": [word for expert in session.scalars(select(Expert)) for word in (expert.id, expert.name)],
            "titles": session.scalars(select(Submission.title)).all(),
            "organisations": session.scalars(select(Organisation.name)).all(),
            "credit codes": session.scalars(select(Organisation.credit_code)).all(),
            "people": session.scalars(select(Contributor.name)).all(),
            "what officers and units wrote": session.scalars(select(RecordText.text)).all(),
            "objectors": ["示例·举报人", PHONE, *session.scalars(select(Objection.grounds))],
        }
        ids = Seals(session, 2026)
        scored = {facts["expert"] for _, facts in read_record(read_export(path)).facts(Trigger.RECORD_SCORE)}
        shown = ids.show(sorted(scored))

    told = path.read_text("utf-8")
    assert {what: [word for word in words if word and word in told] for what, words in planted.items()} == {
        what: [] for what in planted
    }
    assert all(planted.values())
    assert set(shown) <= set(planted["experts"]), "the office can tell whose scores they are"
    assert recompute(read_export(path)) == []

"""Every file that a played season left is changed in turn, and what went out is held against the database."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from flows.office.doctor_files import FILE_INVARIANTS
from flows.publish.release import publish
from states.audit.anchors import against_held, against_sent
from states.audit.export import ExportBroken, checked_export
from states.audit.invariants import broken_invariants
from states.audit.verify import examine
from states.history.canonical import canonical
from states.history.read import read_entries
from tests.support.playing import Player
from tests.support.tampering import lift_protections, make_anew, undone


def offenders(played: Player) -> str:
    with played.reading() as session:
        found = broken_invariants(session, played.home, FILE_INVARIANTS)
    return " ".join(offender for broken in found for offender in broken.offenders)


def put_again(played: Player) -> None:
    publish(played.settings, played.engine, played.settings.clock.now(), afresh=True)


def _files_of_altered_lists(played: Player, said: str) -> str:
    altered = [
        path.parent for path in played.home.glob("releases/*/release.json") if f"{path.parent.name}/{path.name}" in said
    ]
    return " ".join(path.relative_to(played.home).as_posix() for folder in altered for path in folder.rglob("*"))


def test_every_published_and_kept_file_that_is_changed_is_named(played: Player) -> None:
    put_again(played)
    assert offenders(played) == ""
    files = [
        path
        for path in sorted(played.home.rglob("*"))
        if path.is_file()
        and path.relative_to(played.home).parts[0] in ("releases", "attachments", "taken", "mail")
        and path.name != ".lock"
    ]
    missed = []
    for bend in (lambda genuine: genuine + b"\n", lambda genuine: genuine[:-1] + bytes([genuine[-1] ^ 1])):
        before = {path: path.read_bytes() for path in files}
        for path, genuine in before.items():
            path.chmod(0o644)
            path.write_bytes(bend(genuine))
        said = offenders(played)
        # Of a release whose list was altered there is nothing to hold its files against.
        said += _files_of_altered_lists(played, said)
        missed += [path.name for path in files if path.relative_to(played.home).as_posix() not in said]
        for path, genuine in before.items():
            path.write_bytes(genuine)
    kinds = {path.relative_to(played.home).parts[0] for path in files}
    print(f"{played.engine.dialect.name}: {len(files)} files of {sorted(kinds)} changed, missed {len(missed)}")
    assert missed == []
    assert kinds == {"releases", "attachments", "taken", "mail"}


def test_a_letter_kept_outside_contradicts_a_season_that_was_made_anew(played: Player, tmp_path: Path) -> None:
    with played.reading() as session:
        bodies = session.execute(text("SELECT key, body FROM message WHERE key LIKE '%/archived/%' LIMIT 1")).one()
        assert list(against_sent(session, None)) == []
    letter = tmp_path / "letter.eml"
    head = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    letter.write_text(head + bodies.body, "utf-8")
    lift_protections(played.engine)
    with undone(played.engine) as session:
        entry = next(row for row in read_entries(session) if row["trigger"] == "record_district_review")
        facts = json.loads(entry["facts"])
        bent = canonical({**facts, "rank": facts["rank"] + 1})
        number = entry["subject"].partition("/")[2]
        session.execute(text("UPDATE district_verdict SET rank = rank + 1 WHERE number = :number"), {"number": number})

        became = make_anew(session, entry["subject"], entry, bent)

        # Made anew from first to last, it holds within itself; what lies outside does not hold any more.
        assert examine(session, 2026, ())[0] == []
        assert list(against_sent(session, 2026)) == []
        assert [finding.sentence for finding in against_held(session, [letter])] == [
            "it brings no root that was ever recorded here"
        ]
        printed = [root for root in became if became[root] != root]
        assert len(printed) == len(became) > 2
        for root in printed:
            assert [finding.sentence for finding in examine(session, 2026, [root])[0]] == [
                f"the printed root {root} was never recorded here"
            ]
    with undone(played.engine) as session:
        assert list(against_held(session, [letter])) == []

        session.execute(text("UPDATE publication SET root = :root WHERE kind = 'archive'"), {"root": "f" * 64})
        session.expire_all()

        assert [finding.sentence for finding in against_held(session, [letter])] == [
            "it brings no root that was ever recorded here"
        ]
        assert any(bodies.key in finding.sentence for finding in against_sent(session, 2026))
    with undone(played.engine) as session:
        session.execute(text("UPDATE history SET reason = 'bent' WHERE subject = 'call/2026' AND sequence = 1"))

        assert [finding.sentence for finding in against_held(session, [letter])] == [
            "the history up to its root is another one by now"
        ]


@pytest.mark.parametrize("bent", [b"", b"{}", b"[]\n", b"\xff\xfe", b'{"line":"header"}\n', b"null\n", b'{"a":' * 900])
def test_a_malformed_export_is_refused_in_one_line(tmp_path: Path, bent: bytes) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(bent)

    with pytest.raises(ExportBroken) as refused:
        list(checked_export(path))

    assert "\n" not in str(refused.value)

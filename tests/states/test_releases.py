"""When a release is due, and what has an officer's earlier one back: all of it from the record."""

from datetime import timedelta

from models.enums import PublicationKind, Trigger
from states.machine import Act
from states.releases import HIDING, PUBLIC, committed_marks, public_marks, put_back
from states.roots import record_root
from states.submissions.settle import revoke
from states.transitions import note_call
from tests.support.builders import OFFICE
from tests.support.played import BEST
from tests.support.playing import Player


def test_every_public_change_has_another_mark(played: Player) -> None:
    at = played.settings.clock.now()
    seen = [marks(played)]
    with played.writing() as session:
        revoke(session, BEST, Act(OFFICE, at), reason="示例")
    seen.append(marks(played))
    with played.writing() as session:
        record_root(session, 2026, PublicationKind.SUPPLEMENT, Act(OFFICE, at))
    seen.append(marks(played))
    with played.writing() as session:
        note_call(session, 2026, Trigger.RELEASE_MESSAGE, Act(OFFICE, at))
    seen.append(marks(played))

    assert len({str(found.public) for found in seen}) == 4, "after the results the record itself is public"
    assert seen[2].changed == seen[3].changed, "but the pages say nothing else"


def test_a_release_put_back_lasts_until_the_next_public_change(played: Player) -> None:
    at = played.settings.clock.now()
    before = marks(played)
    with played.writing() as session:
        put_back(session, 2026, Act(OFFICE, at), 7, reason="示例")
    back = marks(played)
    with played.writing() as session:
        revoke(session, BEST, Act(OFFICE, at), reason="示例")

    assert (before.put_back, back.put_back, marks(played).put_back) == (None, 7, None)
    assert back.public == before.public
    with played.writing() as session:
        put_back(session, 2026, Act(OFFICE, at + timedelta(days=1)), 8, reason="示例")
        put_back(session, 2026, Act(OFFICE, at + timedelta(days=1)), 0, reason="示例：更正已完成")
    assert not marks(played).put_back


def test_what_takes_away_for_good_is_public() -> None:
    assert set(HIDING) < set(PUBLIC)


def marks(played: Player):  # type: ignore[no-untyped-def]
    with played.reading() as session:
        assert committed_marks(session) == public_marks(session), (
            "what was counted before is not told for what is there now"
        )
        assert committed_marks(session) is committed_marks(session)
        return public_marks(session)

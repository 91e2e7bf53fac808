"""`site` as an administrator uses it."""

import json

from flows.decide import decide
from flows.decisions import Decision
from flows.home.releases import Releases
from flows.publish.release import wants_release
from models import History
from models.enums import Trigger
from tests.flows.cli.conftest import Gangchuang
from tests.support.played import BEST
from tests.support.playing import Player

OFFICER = "示例·王主任"


def test_a_release_is_put_back_on_the_record_until_the_next_change(played: Player, gangchuang: Gangchuang) -> None:
    first = Releases(played.home).out()
    page = played.home / "site" / "2026" / "results.html"
    before = page.read_bytes()
    decide.fn(2026, OFFICER, Decision.REVOKE, BEST, "示例：经核查")
    after = page.read_bytes()
    assert after != before

    gangchuang("site", "put-back", str(first), "--reason", "示例：页面有误", "--by", OFFICER)

    assert page.read_bytes() == before
    assert not wants_release(played.settings, played.engine), "it stays"
    with played.reading() as session:
        entry = session.query(History).where(History.trigger == Trigger.PUT_BACK_RELEASE).one()
        assert (entry.actor, json.loads(entry.facts)["release"]) == (f"office:{OFFICER}", first)
    assert f"as {first}, put back  out" in gangchuang("site", "list").out
    assert gangchuang("doctor").status == 0

    gangchuang("site", "put-back", "0", "--reason", "示例：已更正", "--by", OFFICER)
    assert page.read_bytes() == after


def test_a_release_that_is_not_kept_cannot_be_put_back(played: Player, gangchuang: Gangchuang) -> None:
    refused = gangchuang("site", "put-back", "77", "--reason", "示例", "--by", OFFICER)

    assert refused.status == 1
    assert "not among the earlier ones" in refused.err

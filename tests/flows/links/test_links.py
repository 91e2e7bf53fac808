"""The link pages: a link opens its owner's pages alone; what is done there is what a workbook by mail does."""

import hashlib
import json
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import openpyxl
import pytest
from playwright.sync_api import Browser, Page, Response, expect
from pydantic import SecretStr
from sqlalchemy import select
from sqlmodel import col
from starlette.testclient import TestClient

from config.milestones import Milestone
from flows.close_call import closing
from flows.deliver_messages import delivering
from flows.home import paths
from flows.intake import deliveries
from flows.kinds.review_files import review_files
from flows.links.application import application
from flows.links.receiving import a_run, take_upload
from flows.links.rendering import policy
from flows.office.doctor_files import no_orphan_letter
from flows.office.doctor_files import taken_as_they_came as broken_files
from flows.outbox.letters.composing import LINK_LINE
from flows.outbox.links import address_of, links_in, without_link
from flows.workbooks.writer.filling import fill_template, submission_row
from models import (
    Assignment,
    Attachment,
    Delivery,
    History,
    Message,
    PersonalLink,
    Recusal,
    Score,
    ScoreDraft,
    Submission,
    SubmissionVersion,
)
from models.enums import (
    AssignmentState,
    CallState,
    DeliveryState,
    LinkKind,
    PublicationKind,
    Trigger,
    WorkbookKind,
)
from states.audit.verify import verify
from states.history.seals import Seals
from states.history.verify_history import check_proof
from states.issued import number_of_issue
from states.links import revoke_link
from states.machine import Act
from states.panel.aliases import Aliases
from states.panel.recusals import recuse
from states.panel.replacements import give_up_seat
from states.roots import record_root
from tests.flows.engine.engine_process import free_port
from tests.support.browser import chromium
from tests.support.builders import OFFICE, UNIT, a_form, a_season
from tests.support.links import serving_links
from tests.support.mail import HOST, Post, serving
from tests.support.nginx import AWARD, serving_nginx
from tests.support.panel import an_assignment, an_eligible_submission
from tests.support.pictures import keep_picture
from tests.support.playing import Player

BASE = "http://testserver/me"
OTHER = "500101"


def with_links(player: Player, url: str = BASE) -> Player:
    return Player(player.settings.model_copy(update={"links_url": url}), player.engine)


def an_open_call(player: Player, url: str = BASE) -> Player:
    found = with_links(player, url)
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
        for unit in (UNIT, OTHER):
            number_of_issue(session, 2026, unit, WorkbookKind.SUBMISSIONS, "", season.dates.open_call)
    player.at(season.dates.open_call.replace(month=4))
    for unit in (UNIT, OTHER):
        found.issue(WorkbookKind.SUBMISSIONS, unit)
    return found


@pytest.fixture
def opened(player: Player) -> Player:
    return an_open_call(player)


def a_panel(player: Player, url: str = BASE) -> Player:
    """A final round with two submissions for the first expert."""
    found = with_links(player, url)
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        numbers = [an_eligible_submission(session, form=a_form(f"一种示例装置{n}")) for n in range(2)]
        for number in numbers:
            an_assignment(session, number, 1)
    player.at(season.dates.draw_panel)
    return found


@pytest.fixture
def panel(player: Player) -> Player:
    return a_panel(player)


@pytest.fixture
def filed(player: Player) -> Player:
    """A final round in which one submission has two files, of which experts may see one."""
    found = a_panel(player)
    with player.writing() as session:
        number = sorted(session.scalars(select(Submission.number)))[0]
        an_assignment(session, sorted(session.scalars(select(Submission.number)))[1], 2)
        version = session.get_one(SubmissionVersion, (number, 1))
        shown = f"{a_form('一种示例装置0').contributors[0].name}的装置图.pdf"
        version.content = json.dumps(
            json.loads(version.content) | {"attachments": ["单位盖章的证明.pdf"], "review_attachments": [shown]}
        )
        for position, (name, content) in enumerate(((shown, b"%PDF-1 blind"), ("单位盖章的证明.pdf", b"%PDF-1 unit"))):
            digest = hashlib.sha256(content).hexdigest()
            (paths.attachments(player.settings, 2026) / f"{digest}.pdf").write_bytes(content)
            kept = {"position": position + 1, "name": name, "digest": digest, "size": len(content)}
            session.add(Attachment(number=number, version=1, **kept))
    return found


def link(player: Player, kind: LinkKind, subject: str) -> str:
    with player.writing() as session:
        return address_of(session, player.settings, player.season, kind, subject)


def a_client(player: Player) -> TestClient:
    return TestClient(application(player.settings), base_url="http://testserver", raise_server_exceptions=False)


def enter(player: Player, kind: LinkKind = LinkKind.UNIT, subject: str = UNIT) -> TestClient:
    client = a_client(player)
    assert client.get(link(player, kind, subject)).status_code == 200
    return client


def a_workbook(player: Player, folder: Path, *titles: str, **changes: Any) -> Path:
    source = paths.issued(player.settings, player.year, UNIT, WorkbookKind.SUBMISSIONS)
    rows = [submission_row(a_form(title, **changes)) for title in titles]
    return fill_template(source, folder / f"申报汇总表-{titles[0]}.xlsx", rows)


def upload(client: TestClient, path: Path) -> httpx.Response:
    return client.post("/me/upload", files={"file": (path.name, path.read_bytes())})


def expert_of(player: Player, ordinal: int = 1) -> str:
    with player.reading() as session:
        return sorted(set(session.scalars(select(Assignment.expert))))[ordinal - 1]


def numbers_of(player: Player) -> list[str]:
    with player.reading() as session:
        return sorted(session.scalars(select(Submission.number)))


def openings(player: Player) -> list[dict[str, Any]]:
    with player.reading() as session:
        entries = session.scalars(select(History).where(History.trigger == Trigger.OPEN_LINK))
        return [json.loads(entry.facts) for entry in entries]


def test_every_letter_to_a_unit_or_expert_brings_a_link_that_is_kept_nowhere(opened: Player, tmp_path: Path) -> None:
    client = enter(opened)
    upload(client, a_workbook(opened, tmp_path, "一号成果"))
    with serving(Post()) as post:
        own = opened.settings.model_copy(update={"smtp_url": SecretStr(f"smtp://{HOST}:{post.port}")})
        Player(own, opened.engine).play("deliver_messages", delivering)

    ((_, mail),) = post.received
    body = mail.get_body().get_content()  # type: ignore[union-attr]
    address = next(line.strip() for line in body.splitlines() if "/me/l/" in line)
    token = address.rpartition("/")[2]
    assert a_client(opened).get(address).status_code == 200
    with opened.reading() as session:
        (message,) = session.scalars(select(Message))
        assert LINK_LINE in message.body
        assert without_link(body.replace("\r\n", "\n")).strip() == without_link(message.body).strip()
        rows = [repr(row) for row in session.execute(select(PersonalLink)).all()]
    assert not any(token in row for row in rows)
    assert token.encode() not in (opened.home / "gangchuang.db").read_bytes()


def test_the_letter_after_the_call_brings_a_link_for_each_applicant(opened: Player, tmp_path: Path) -> None:
    upload(enter(opened), a_workbook(opened, tmp_path, "一号成果", "二号成果"))
    opened.at(opened.season.dates.close_call)
    opened.play("close_call", closing, Milestone.CLOSE_CALL)
    opened.play("deliver_messages", delivering)
    (path,) = (opened.home / "mail").glob(f"2026_call_closed_{UNIT}*.eml")
    body = message_from_bytes(path.read_bytes(), policy=default).get_body().get_content()  # type: ignore[union-attr]

    links = links_in(body)

    titles = ["一号成果", "二号成果"]
    assert [(number, title) for number, title, _ in links.applicants] == [*zip(numbers_of(opened), titles, strict=True)]
    for number, title, address in links.applicants:
        assert f"    {number}《{title}》\n        {address}\n" in body.replace("\r\n", "\n")
        client = a_client(opened)
        page = client.get(address).text
        assert number in page
        assert "示例·" not in page
    with opened.reading() as session:
        (message,) = session.scalars(select(Message).where(col(Message.key).startswith(f"2026/call_closed/{UNIT}")))
        assert [*no_orphan_letter(session, opened.home)] == []
    assert "/me/l/" not in message.body
    assert "/me/l/" not in without_link(body.replace("\r\n", "\n"))
    assert client.get("/me/proof.json").status_code == 404
    with opened.writing() as session:
        published = record_root(session, 2026, PublicationKind.PUBLIC_NOTICE, Act(OFFICE, opened.settings.clock.now()))
    check_proof(client.get("/me/proof.json").json(), [published.root])


def test_without_link_pages_letters_have_no_line_for_them(player: Player) -> None:
    opened = an_open_call(player, "")
    with opened.reading() as session:
        assert session.scalars(select(PersonalLink)).all() == []
    assert without_link(f"一\n\n{LINK_LINE}\n\n二\n") == "一\n\n二\n"


def test_a_link_opens_its_owners_pages_alone_and_each_opening_is_recorded(opened: Player) -> None:
    client = enter(opened)

    page = client.get("/me/")

    assert "尚未收到申报材料" in page.text
    assert openings(opened) == [{"issue": 1, "recipient": UNIT}]
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("same-origin", "no-store")
    other = enter(opened, LinkKind.UNIT, OTHER)
    assert "500101" in other.get("/me/workbook/submissions").headers["content-disposition"]
    for path in ("/me/links", "/me/letter/0", "/me/attachment/x/y"):
        assert a_client(opened).get(path).status_code == 403
    assert a_client(opened).get("/me/").status_code == 403
    cookie = client.cookies["session"]
    forged = a_client(opened)
    forged.cookies.set("session", cookie[:-1] + ("0" if cookie[-1] != "0" else "1"))
    assert forged.get("/me/").status_code == 403
    with opened.reading() as session:
        assert verify(session) == []


def test_a_link_that_was_replaced_opens_nothing_and_ends_its_sessions(opened: Player) -> None:
    client, before = enter(opened), link(opened, LinkKind.UNIT, UNIT)
    with opened.writing() as session:
        revoke_link(session, 2026, UNIT, Act(OFFICE, opened.settings.clock.now()), reason="示例：链接外泄")

    after = link(opened, LinkKind.UNIT, UNIT)

    assert before != after
    assert (client.get("/me/").status_code, a_client(opened).get(before).status_code) == (403, 404)
    assert a_client(opened).get(after).status_code == 200
    opened.at(opened.season.dates.close_season)
    assert a_client(opened).get(after).status_code == 404


def test_an_upload_is_taken_at_once_and_answered_on_the_screen(opened: Player, tmp_path: Path) -> None:
    client, path = enter(opened), a_workbook(opened, tmp_path, "一号成果", "二号成果")

    answer = upload(client, path)

    assert answer.status_code == 200
    assert "接收2行" in answer.text
    with opened.reading() as session:
        (delivery,) = session.scalars(select(Delivery))
        assert (delivery.sender, delivery.state, delivery.file_name) == (UNIT, DeliveryState.ACCEPTED, path.name)
        assert verify(session) == []
    receipt = client.get(f"/me/receipt/{delivery.digest}")
    assert receipt.content == (opened.home / delivery.receipt).read_bytes()
    page = client.get("/me/").text
    assert f"2026-{UNIT}-0001" in page
    assert "已申报" in page
    assert enter(opened, LinkKind.UNIT, OTHER).get(f"/me/came/{delivery.digest}").status_code == 404
    again = upload(client, path)
    assert "接收2行" in again.text
    assert len(numbers_of(opened)) == 2
    assert not list((opened.home / "taken").glob(".*"))


def test_limits_hold_on_size_count_and_strange_origins(opened: Player, tmp_path: Path) -> None:
    client = enter(opened)
    path = a_workbook(opened, tmp_path, "一号成果")
    most = opened.season.files.max_file_mib * 1024 * 1024
    large = client.post(
        "/me/upload",
        content=b"x",
        headers={"content-length": str(most * 2), "content-type": "multipart/form-data; boundary=x"},
    )
    assert large.status_code == 413
    assert "请减小附件" in large.text
    foreign = client.post("/me/upload", files={"file": ("a.xlsx", b"x")}, headers={"origin": "https://evil.invalid"})
    assert foreign.status_code == 403
    assert client.post("/me/upload", data={"x": "1"}).status_code == 400
    assert numbers_of(opened) == []
    stranger = a_client(opened)
    assert {stranger.get(f"/me/l/{n}").status_code for n in range(30)} == {404, 429}
    seen = [upload(client, path).status_code for _ in range(25)]
    assert seen[0] == 200
    assert seen[-1] == 429


def test_twenty_uploads_at_one_moment_all_come_in(opened: Player, tmp_path: Path) -> None:
    workbooks = [a_workbook(opened, tmp_path, f"{n}号成果") for n in range(19)]
    address = link(opened, LinkKind.UNIT, UNIT)
    with serving_links(opened.settings) as base, ThreadPoolExecutor(19) as pool:

        def send(path: Path) -> tuple[int, float]:
            with httpx.Client(base_url=base, follow_redirects=True, timeout=60) as client:
                client.get("/me/l/" + address.rpartition("/")[2])
                began = time.monotonic()
                answer = client.post("/me/upload", files={"file": (path.name, path.read_bytes())})
                return answer.status_code, time.monotonic() - began

        answers = list(pool.map(send, workbooks))

    assert {status for status, _ in answers} == {200}
    assert len(numbers_of(opened)) == 19
    with opened.reading() as session:
        assert verify(session) == []


class Killed(BaseException):
    """What a kill leaves: nothing after it runs, and what was not committed is gone."""


@pytest.mark.parametrize("step", ["_judge", "keep_answer", "put_away"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_an_upload_is_taken_once_when_it_comes_again(
    opened: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    path = a_workbook(opened, tmp_path, "一号成果")
    real, dying = getattr(deliveries, step), [True]

    def killed(*args: Any, **given: Any) -> Any:
        found = real(*args, **given) if after or not dying else None
        if dying:
            dying.clear()
            raise Killed
        return found

    monkeypatch.setattr(deliveries, step, killed)
    draft = tmp_path / "draft"
    draft.write_bytes(path.read_bytes())
    with pytest.raises(Killed):
        take_upload(a_run(opened.settings, opened.engine, 2026), UNIT, path.name, draft)

    answer = upload(enter(opened), path)

    assert "接收1行" in answer.text
    assert len(numbers_of(opened)) == 1
    with opened.reading() as session:
        assert len(session.scalars(select(Delivery)).all()) == 1
        assert len([row for row in session.scalars(select(Message)) if "/receipt/" in row.key]) == 1
        assert verify(session) == []
        assert [*broken_files(session, opened.home)] == []
    assert not list((opened.home / "taken").glob(".*"))


def test_a_large_package_over_a_slow_line_holds_nobody_up(opened: Player, tmp_path: Path) -> None:
    """Fifty megabytes come in over seconds; meanwhile others see their page, and at the end it is taken whole."""
    book, package = a_workbook(opened, tmp_path, "一号成果", attachments=("证明.bin",)), tmp_path / "申报.zip"
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        archive.write(book, book.name)
        archive.writestr("证明.bin", os.urandom(49 << 20))
    boundary = b'--=_b\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    body = boundary + package.read_bytes() + b"\r\n--=_b--\r\n"
    address, waits = link(opened, LinkKind.UNIT, UNIT).rpartition("/")[2], []
    with (
        serving_links(opened.settings) as base,
        httpx.Client(base_url=base, follow_redirects=True, timeout=60) as client,
    ):
        client.get(f"/me/l/{address}")

        def slowly() -> Iterator[bytes]:
            for start in range(0, len(body), 1 << 20):
                yield body[start : start + (1 << 20)]
                time.sleep(0.05)

        with ThreadPoolExecutor(1) as pool:
            head = {"content-length": str(len(body)), "content-type": "multipart/form-data; boundary==_b"}
            sent = pool.submit(client.post, "/me/upload", content=slowly(), headers=head, timeout=120)
            with httpx.Client(base_url=base, follow_redirects=True, timeout=60) as other:
                other.get(f"/me/l/{link(opened, LinkKind.UNIT, OTHER).rpartition('/')[2]}")
                while not sent.done():
                    began = time.monotonic()
                    assert other.get("/me/").status_code == 200
                    waits.append(time.monotonic() - began)
                    time.sleep(0.1)
        answer = sent.result()

    assert "接收1行" in answer.text
    assert len(waits) >= 10
    assert sorted(waits)[len(waits) * 9 // 10] < 3
    with opened.reading() as session:
        (kept,) = session.scalars(select(Attachment))
        assert kept.size == 49 << 20


def aliases_of(player: Player, expert: str) -> dict[str, str]:
    """What an expert's page calls each submission that is theirs, by number."""
    with player.reading() as session:
        numbers = sorted(session.scalars(select(Assignment.number).where(Assignment.expert == expert)))
        aliases = Aliases(session, player.season)
        return {number: aliases.of(number) for number in numbers}


def form_of(player: Player, expert: str, total: int = 80, **more: str) -> dict[str, str]:
    filled: dict[str, str] = {}
    for number in aliases_of(player, expert).values():
        left = total
        for criterion in player.season.final_round.rubric:
            filled[f"{number}/{criterion.key}"] = str(min(left, criterion.maximum))
            left -= min(left, criterion.maximum)
        filled[f"{number}/comment"] = "示例评语"
    return {**filled, **more}


def as_expert(player: Player) -> tuple[str, TestClient]:
    """The first expert's session, the statement signed."""
    expert = expert_of(player)
    client = enter(player, LinkKind.EXPERT, expert)
    assert client.post("/me/sign").status_code == 200
    return expert, client


def test_nothing_is_seen_before_the_statement_is_signed_and_each_opening_is_recorded(filed: Player) -> None:
    expert = expert_of(filed)
    client, aliases = enter(filed, LinkKind.EXPERT, expert), aliases_of(filed, expert)
    page = client.get("/me/").text
    assert "示例摘要" not in page
    assert "本人承诺" in page
    with filed.reading() as session:
        files = review_files(session, filed.season, list(aliases))
    ((number, (file, *_)), *_) = files.items()
    for path in (f"/me/attachment/{aliases[number]}/{file.digest}", f"/me/attachment/{number}/{file.digest}"):
        assert client.get(path).status_code == 403
    assert client.post("/me/draft", data=form_of(filed, expert)).status_code == 403
    assert client.post("/me/send", data=form_of(filed, expert)).status_code == 403

    for _ in range(2):
        assert "示例摘要" in client.post("/me/sign").text

    assert client.get(f"/me/attachment/{aliases[number]}/{file.digest}").content == b"%PDF-1 blind"
    with filed.reading() as session:
        (entry,) = session.scalars(select(History).where(History.trigger == Trigger.SIGN_STATEMENT))
        hide = Seals(session, 2026).hide
        assert (json.loads(entry.facts)["expert"], entry.actor) == (hide(expert), f"expert:{hide(expert)}")
        assert verify(session) == []
    assert [opened.get("attachment", "") for opened in openings(filed)] == ["", file.digest]


def test_a_blind_season_shows_only_what_is_marked_under_masked_names(filed: Player) -> None:
    expert, client = as_expert(filed)
    aliases = aliases_of(filed, expert)
    page = client.get("/me/").text
    with filed.reading() as session:
        kept = {row.name: row for row in session.scalars(select(Attachment))}

    assert "附件1-■■的装置图.pdf" in page
    assert "证明" not in page
    shown, hidden = kept["示例·一种示例装置0的装置图.pdf"], kept["单位盖章的证明.pdf"]
    answer = client.get(f"/me/attachment/{aliases[shown.number]}/{shown.digest}")
    assert quote("附件1-■■的装置图.pdf") in answer.headers["content-disposition"]
    assert client.get(f"/me/attachment/{aliases[hidden.number]}/{hidden.digest}").status_code == 404
    other = expert_of(filed, 2)
    stranger = enter(filed, LinkKind.EXPERT, other)
    stranger.post("/me/sign")
    assert stranger.get(f"/me/attachment/{aliases[shown.number]}/{shown.digest}").status_code == 404


def test_whoever_is_recused_is_out_with_that_transaction(filed: Player) -> None:
    expert, client = as_expert(filed)
    aliases = aliases_of(filed, expert)
    with filed.reading() as session:
        shown = session.scalars(select(Attachment).where(Attachment.name.contains("装置图"))).one()
    typed = {name: value for name, value in form_of(filed, expert).items() if name.startswith(aliases[shown.number])}
    opening = f"/me/attachment/{aliases[shown.number]}/{shown.digest}"

    with ThreadPoolExecutor(3) as pool:
        with filed.writing() as session:
            recuse(session, 2026, expert, shown.number, Act(OFFICE, filed.settings.clock.now()), reason="示例")
            session.flush()
            before = client.get("/me/").text
            # These come in the same moment: they wait for the decision, and find the expert out.
            opened, sent = pool.submit(client.get, opening), pool.submit(client.post, "/me/send", data=typed)
            time.sleep(0.5)
            assert (opened.done(), sent.done()) == (False, False)
        assert opened.result(20).status_code == 404
        answer = sent.result(20)

    assert aliases[shown.number] in before
    assert "您已回避该申报" in answer.text
    page = client.get("/me/").text
    assert aliases[shown.number] not in page
    assert client.get(opening).status_code == 404
    with filed.reading() as session:
        assert session.scalars(select(Score)).all() == []
        (delivery,) = session.scalars(select(Delivery))
    assert "示例摘要" not in every_text(filed.home / delivery.receipt), "nor does the receipt bring the material back"
    with filed.writing() as session:
        give_up_seat(session, 2026, expert, Act(OFFICE, filed.settings.clock.now()), reason="示例：出国")
    assert "示例摘要" not in client.get("/me/").text


def every_text(path: Path) -> str:
    """Everything that the cells of a workbook say."""
    book = openpyxl.load_workbook(path)
    return " ".join(str(cell) for sheet in book for row in sheet.values for cell in row if cell)


def test_nothing_that_an_expert_gets_bears_a_number(panel: Player) -> None:
    expert, client = as_expert(panel)
    number, other = numbers_of(panel)
    aliases = aliases_of(panel, expert)
    typed = form_of(panel, expert)
    typed = {name: value for name, value in typed.items() if name.startswith(aliases[number])}

    answer = client.post("/me/send", data={**typed, f"{aliases[number]}/comment": f"与{aliases[other]}相比更好"})

    assert f"还有1项没有打分：{aliases[other]}" in answer.text
    assert aliases[number] in answer.text
    receipt = client.get(f"/me/receipt/{answer.url.path.rpartition('/')[2]}").content
    (panel.home / "seen.xlsx").write_bytes(receipt)
    with panel.reading() as session:
        letters = [
            f"{row.subject}{row.body}" for row in session.scalars(select(Message)) if row.key.split("/")[2] == expert
        ]
        (score,) = session.scalars(select(Score))
    assert score.number == number
    seen = [answer.text, client.get("/me/").text, every_text(panel.home / "seen.xlsx"), *letters]
    assert letters
    for text in seen:
        assert not {part for part in (number, other, UNIT) if part in text}


def test_scores_are_saved_as_one_goes_and_sent_once_by_the_same_way_as_a_workbook(panel: Player) -> None:
    expert, client = as_expert(panel)
    typed = form_of(panel, expert)

    assert client.post("/me/draft", data=typed, headers={"accept": "application/json"}).json() == {"kept": True}

    with panel.reading() as session:
        assert session.scalars(select(Score)).all() == []
    assert 'value="30"' in client.get("/me/").text
    sent = client.post("/me/send", data=typed)
    assert "接收2行" in sent.text
    assert client.post("/me/send", data=typed).status_code == 200
    with panel.reading() as session:
        scores = session.scalars(select(Score)).all()
        assert {str(score.total) for score in scores} == {"80"}
        assert {score.comment for score in scores} == {"示例评语"}
        assert session.scalars(select(ScoreDraft)).all() == []
        recorded = session.scalars(select(History).where(History.trigger == Trigger.RECORD_SCORE)).all()
        assert len(recorded) == 2
        assert verify(session) == []
    assert "已提交评分" in client.get("/me/").text
    (alias, *_) = aliases_of(panel, expert).values()
    late = client.post("/me/send", data={f"{alias}/recusal": "1", f"{alias}/reason": "同一单位"})
    assert "您已为该申报打分，不能再回避" in late.text


def test_a_form_is_checked_as_a_workbook_is(panel: Player) -> None:
    expert, client = as_expert(panel)
    typed, aliases = form_of(panel, expert), aliases_of(panel, expert)
    (first, second), (_, other) = aliases.values(), aliases
    key = panel.season.final_round.rubric[0].key
    typed |= {f"{first}/{key}": "31", f"{second}/recusal": "1", f"{second}/reason": "同一单位"}

    answer = client.post("/me/send", data=typed)

    assert "接收1行" in answer.text
    assert "30" in answer.text
    with panel.reading() as session:
        assert [row.number for row in session.scalars(select(Recusal))] == [other]
        assert session.scalars(select(Score)).all() == []
    page = client.get("/me/").text
    assert first in page
    assert second not in page, "who steps back has it no more"
    assert client.post("/me/send", data={}).status_code == 400
    assert client.post("/me/send", data={f"{first}/comment": "\x00\x1f"}).status_code == 400
    for strange in ("nan", "1e999", "=1+1"):
        assert "接收0行" in client.post("/me/send", data={**typed, f"{first}/{key}": strange}).text


def test_blind_pages_name_nobody(panel: Player) -> None:
    _, client = as_expert(panel)
    page = client.get("/me/").text

    for name in ("示例单位", "示例·一种", "500103区", "渝中", "大渡口"):
        assert name not in page, name


def test_an_applicant_sees_their_own_submission_without_names(opened: Player, tmp_path: Path) -> None:
    unit = enter(opened)
    upload(unit, a_workbook(opened, tmp_path, "一号成果", "二号成果"))
    listed = unit.get("/me/links").text
    number, other = numbers_of(opened)
    address = next(part.split("<")[0] for part in listed.split('<span class="code">') if "/me/l/" in part)
    client = a_client(opened)

    page = client.get(address).text

    assert number in page
    assert "已申报" in page
    assert other not in page
    assert "示例·" not in page
    assert client.post("/me/upload", files={"file": ("a.xlsx", b"x")}).status_code == 403
    assert client.get("/me/workbook/submissions").status_code == 404


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"--host-resolver-rules=MAP {AWARD} 127.0.0.1") as started:
        yield started


@contextmanager
def a_page(browser: Browser, width: int, *, script: bool = True) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=script, locale="zh-CN", ignore_https_errors=True
    )
    wrong: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    assert wrong == []
    context.close()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.browser
@pytest.mark.parametrize(("width", "script"), [(390, True), (1280, True), (390, False)])
def test_a_clerk_uploads_in_a_browser(
    player: Player, tmp_path: Path, browser: Browser, shots: Callable[[Page, str], None], width: int, script: bool
) -> None:
    opened = an_open_call(player)
    path, address = a_workbook(opened, tmp_path, "一号成果", "二号成果"), link(opened, LinkKind.UNIT, UNIT)
    with serving_links(opened.settings) as base, a_page(browser, width, script=script) as page:
        page.goto(f"{base}/me/l/{address.rpartition('/')[2]}")
        assert page.url == f"{base}/me/"
        shots(page, f"unit-before-{width}")
        page.set_input_files("#file", path)
        if script:  # a file over the limit is not even begun
            form = page.locator("form.upload")
            most = form.get_attribute("data-most")
            form.evaluate("form => { form.dataset.most = 0.01; }")
            page.get_by_role("button", name="报送").click()
            expect(page.locator(".upload output")).to_contain_text("超过上限0.01MB")
            form.evaluate("(form, most) => { form.dataset.most = most; }", most)
        page.get_by_role("button", name="报送").click()
        page.wait_for_url("**/came/*")
        assert "接收2行" in page.inner_text("main")
        shots(page, f"came-{width}")
        page.get_by_role("link", name="返回").click()
        assert f"2026-{UNIT}-0002" in page.inner_text("main")
        shots(page, f"unit-after-{width}")
        if script:
            assert fits(page)


@pytest.mark.browser
def test_behind_the_proxy_a_large_package_comes_in_over_a_slow_line_and_its_bar_moves(
    player: Player, tmp_path: Path, browser: Browser
) -> None:
    """As they are installed: TLS and the path of the shipped nginx, a browser whose line takes ten megabytes a second."""
    tls = free_port()
    opened = an_open_call(player, f"https://{AWARD}:{tls}/me")
    small = a_workbook(opened, tmp_path, "一号成果")
    book, package = a_workbook(opened, tmp_path, "二号成果", attachments=("证明.bin",)), tmp_path / "申报.zip"
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        archive.write(book, book.name)
        archive.writestr("证明.bin", os.urandom(49 << 20))
    own, address = opened.settings, link(opened, LinkKind.UNIT, UNIT)
    with (
        serving_links(own, own.links_url) as base,
        serving_nginx(tmp_path / "nginx", links=int(base.rpartition(":")[2]), dashboard=free_port(), port=tls),
        a_page(browser, 1280) as page,
    ):
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))
        page.goto(address)
        page.set_input_files("#file", small)
        began = time.monotonic()
        page.get_by_role("button", name="报送").click()
        page.wait_for_url("**/came/*")
        assert "接收1行" in page.inner_text("main")
        assert time.monotonic() - began < 10
        page.get_by_role("link", name="返回").click()
        line = {"offline": False, "latency": 20, "downloadThroughput": 10 << 20, "uploadThroughput": 10 << 20}
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)
        page.set_input_files("#file", package)
        page.get_by_role("button", name="报送").click()
        bar, said = page.locator(".upload progress"), page.locator(".upload output")
        expect(bar).to_be_visible()
        for share in (r"已上传[1-4]\d%", r"已上传[5-9]\d%"):
            expect(said).to_have_text(re.compile(share), timeout=20_000)
        page.wait_for_url("**/came/*", timeout=60_000)
        assert "接收1行" in page.inner_text("main")
    pages = [answer for answer in answers if answer.request.resource_type == "document" and answer.status == 200]
    assert {answer.headers["content-security-policy"] for answer in pages} == {policy()}
    assert {answer.headers["strict-transport-security"] for answer in pages} == {"max-age=31536000"}


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_an_expert_scores_in_a_browser(
    player: Player, browser: Browser, shots: Callable[[Page, str], None], width: int
) -> None:
    panel = a_panel(player)
    expert = expert_of(panel)
    address = link(panel, LinkKind.EXPERT, expert)
    with serving_links(panel.settings) as base, a_page(browser, width) as page:
        page.goto(f"{base}/me/l/{address.rpartition('/')[2]}")
        shots(page, f"expert-sign-{width}")
        page.get_by_role("button", name="同意并签署").click()
        for number in aliases_of(panel, expert).values():
            for criterion in panel.season.final_round.rubric:
                page.fill(f'[name="{number}/{criterion.key}"]', str(criterion.maximum - 5))
        assert page.inner_text(".total output") == "80"
        expect(page.locator("#kept")).to_contain_text("已保存")
        shots(page, f"expert-{width}")
        assert fits(page)
        page.reload()
        assert page.input_value(f'[name="{number}/{criterion.key}"]') == str(criterion.maximum - 5)
        page.get_by_role("button", name="提交评分").click()
        page.wait_for_url("**/came/*")
        assert "接收2行" in page.inner_text("main")
    with panel.reading() as session:
        assert {row.state for row in session.scalars(select(Assignment))} == {AssignmentState.SCORED}


@pytest.mark.browser
def test_an_expert_signs_saves_steps_back_and_scores_without_javascript(
    player: Player, browser: Browser, shots: Callable[[Page, str], None]
) -> None:
    panel = a_panel(player)
    expert = expert_of(panel)
    address, (first, second) = link(panel, LinkKind.EXPERT, expert), aliases_of(panel, expert).values()
    criteria = panel.season.final_round.rubric
    with serving_links(panel.settings) as base, a_page(browser, 390, script=False) as page:
        page.goto(f"{base}/me/l/{address.rpartition('/')[2]}")
        page.get_by_role("button", name="同意并签署").click()
        for criterion in criteria:
            page.fill(f'[name="{first}/{criterion.key}"]', str(criterion.maximum - 5))
        page.fill(f'[name="{first}/comment"]', "示例评语")
        page.get_by_role("button", name="只保存").click()
        expect(page.locator("#kept")).to_have_text("已保存，尚未提交")
        assert page.input_value(f'[name="{first}/comment"]') == "示例评语"
        # Enter keeps what is typed; nothing goes out by it.
        page.fill(f'[name="{first}/{criteria[0].key}"]', str(criteria[0].maximum + 1))
        page.press(f'[name="{first}/{criteria[0].key}"]', "Enter")
        expect(page.locator("#kept")).to_have_text("已保存，尚未提交")
        page.check(f'[name="{second}/recusal"]')
        page.fill(f'[name="{second}/reason"]', "同一单位")
        shots(page, "expert-plain-390")
        page.get_by_role("button", name="提交评分").click()
        assert "接收1行，退回1行" in page.inner_text("main")
        page.get_by_role("link", name="返回").click()
        # What came back is still there to be mended; what was stepped back from is gone.
        assert page.input_value(f'[name="{first}/comment"]') == "示例评语"
        assert page.locator(f'[name="{second}/comment"]').count() == 0
        page.fill(f'[name="{first}/{criteria[0].key}"]', str(criteria[0].maximum))
        page.get_by_role("button", name="提交评分").click()
        assert "接收1行，退回0行" in page.inner_text("main")
        page.get_by_role("link", name="返回").click()
        assert "已提交评分" in page.inner_text("main")
    with panel.reading() as session:
        (score,) = session.scalars(select(Score))
        assert (score.comment, session.scalars(select(ScoreDraft)).all()) == ("示例评语", [])
        assert verify(session) == []


IN_GUIDES = {
    "unit-after-1280": "报送单位的网页",
    "came-1280": "报送结果",
    "unit-after-390": "手机上的报送单位网页",
    "expert-1280": "专家的网页",
    "expert-390": "手机上的专家网页",
}


@pytest.fixture
def shots(tmp_path: Path) -> Callable[[Page, str], None]:
    """Pictures of pages, for whoever wants to look at them: SHOTS names the folder."""
    folder = Path(os.environ.get("SHOTS", tmp_path))

    def shoot(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)
        keep_picture(page.screenshot(), IN_GUIDES.get(name, ""))

    return shoot

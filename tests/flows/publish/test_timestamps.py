"""Time stamps of published roots, by a real time-stamp service (OpenSSL's) on loopback."""

import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.errors import GangchuangError
from config.season import RecordAnchors
from config.settings import Settings
from flows.deliver_messages import delivering
from flows.home import paths
from flows.publish.timestamps import fetch_stamp, stamps_due
from flows.run import StageFailed
from models import Call, Publication
from models.database import reading, writing
from models.enums import CallState, PublicationKind
from states.audit.anchors import read_stamps, unstamped
from states.failures import keep_failures
from states.machine import Act
from states.roots import record_root
from tests.support.builders import SYSTEM, a_season, season_rules
from tests.support.playing import Player

CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""
NOW = datetime(2026, 9, 1, tzinfo=UTC)
EXTENSION = "[ext]\nextendedKeyUsage = critical,timeStamping\n"


class Service:
    """A time-stamp service: `answers` of its own kind, or as OpenSSL makes them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.answer, self.asked = folder, b"", 0
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
        (folder / "ext.cnf").write_text(EXTENSION)
        key, days = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"), ("-days", "3650")
        self.openssl("req", "-x509", *key, *days, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Example CA")
        self.openssl("req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Example TSA")
        signed = ("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        self.openssl(*signed, *days, "-extfile", "ext.cnf", "-extensions", "ext", "-out", "tsa.pem")
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.asked += 1
                (folder / "query.tsq").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
                answer = service.answer or service.sign()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def sign(self) -> bytes:
        given = ("-queryfile", "query.tsq", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "answer.tsr")
        self.openssl("ts", "-reply", "-config", "tsa.cnf", *given)
        return (self.folder / "answer.tsr").read_bytes()

    def openssl(self, *words: str) -> str:
        done = subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("tsa"))
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def player(engine: Engine, service: Service, tmp_path: Path) -> Player:
    """A season with one published root, whose file names the service."""
    service.answer = b""
    rules = season_rules().model_copy(update={"record": RecordAnchors(timestamp_service=service.url)})
    at = rules.dates.publish_results
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        session.get_one(Call, rules.year).rules = rules.model_dump_json()
        record_root(session, rules.year, PublicationKind.RESULTS, Act(SYSTEM, at))
    player = Player(Settings(home=tmp_path), engine, rules.year)
    player.at(at)
    return player


def _stamped(player: Player) -> Path:
    with player.reading() as session:
        (due,) = stamps_due(session, player.settings, player.season)
    assert player.play("deliver_messages", delivering).outcome == "done"
    return paths.timestamp(player.settings, due)


def test_a_published_root_gets_its_stamp_once(player: Player, service: Service) -> None:
    before = service.asked

    path = _stamped(player)
    player.play("deliver_messages", delivering)

    assert service.asked == before + 1
    with player.reading() as session:
        assert stamps_due(session, player.settings, player.season) == []
        root = read_stamps(session, path.parent)[0][0].root
    # What README tells an outsider to do.
    (service.folder / "root.txt").write_text(root)
    given = ("-in", str(path), "-data", "root.txt", "-CAfile", "ca.pem")
    assert "Verification: OK" in service.openssl("ts", "-verify", *given)


def test_a_stamp_is_judged_by_the_certificates_that_are_trusted(player: Player, service: Service) -> None:
    path = _stamped(player)
    with player.reading() as session:
        (unjudged,), _ = read_stamps(session, path.parent)
        (path.parent / "roots.pem").write_bytes((service.folder / "ca.pem").read_bytes())
        (judged,), found = read_stamps(session, path.parent, player.year)
        own = service.openssl("req", "-x509", "-key", "ca.key", "-subj", "/CN=Somebody else")
        (path.parent / "roots.pem").write_text(own)
        none, strange = read_stamps(session, path.parent)

    assert (unjudged.certified, judged.certified, found) == (False, True, [])
    assert judged.by == "CN=Example CA"
    assert (none, [finding.code for finding in strange]) == ([], ["stamp"])
    with player.reading() as session:
        assert unstamped(session, [judged]) == []


def test_a_stamp_of_a_root_that_was_made_anew_is_found(player: Player) -> None:
    path = _stamped(player)
    with writing(player.engine) as session:
        (published,) = session.query(Publication).all()
        published.root = "f" * 64
        session.flush()
        stamps, findings = read_stamps(session, path.parent)
        session.rollback()

    assert stamps == []
    assert [finding.sentence for finding in findings] == ["it stamps a root that was never recorded here"]


def test_a_stamp_that_was_cut_bent_or_is_of_another_root_counts_for_nothing(player: Player, service: Service) -> None:
    path = _stamped(player)
    (path.parent / "roots.pem").write_bytes((service.folder / "ca.pem").read_bytes())
    whole = path.read_bytes()
    of_another = fetch_stamp(service.url, "b" * 64)

    for answer, said in (
        (b"bent", "no time stamp"),
        *((whole[:length], "no time stamp") for length in range(0, len(whole), 97)),
        (whole[:-1], "no time stamp"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "no certificate in roots.pem stands for it"),
        (of_another, "it stamps a root that was never recorded here"),
    ):
        path.write_bytes(answer)
        with reading(player.engine) as session:
            stamps, findings = read_stamps(session, path.parent)
            assert ([said in finding.sentence for finding in findings], stamps) == ([True], [])
            assert len(unstamped(session, stamps)) == 1


def test_a_service_that_fails_is_told_and_mail_goes_on(player: Player, service: Service) -> None:
    service.answer = b"<html>moved</html>"

    with pytest.raises(StageFailed, match="its answer is no time stamp"):
        player.play("deliver_messages", delivering)

    asked = service.asked
    with player.writing() as session:
        assert len(stamps_due(session, player.settings, player.season)) == 1
        for _ in range(2):
            keep_failures(session, player.year, "deliver_messages", {"timestamp": "示例"}, at=NOW, seconds=900)
        assert stamps_due(session, player.settings, player.season) == []
    assert player.play("deliver_messages", delivering).outcome == "done"
    assert service.asked == asked


def test_a_stamp_of_something_else_is_refused(service: Service) -> None:
    service.answer = b""
    fetch_stamp(service.url, "a" * 64)
    service.answer = service.sign()

    with pytest.raises(GangchuangError, match="of something else"):
        fetch_stamp(service.url, "b" * 64)


def test_a_service_that_is_away_is_named() -> None:
    with pytest.raises(GangchuangError, match=r"127\.0\.0\.1:9/"):
        fetch_stamp("http://127.0.0.1:9/", "a" * 64)

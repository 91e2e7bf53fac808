"""Keys made by an earlier rule are made anew when the database is opened; what they identify stays the same."""

from sqlalchemy import Engine, text

from models import Expert, Organisation, Submission
from models.database import reading, writing
from states.audit.projection import disagreements
from states.audit.verify import verify
from states.rules.names import name_key, recorded_key
from states.submissions.identity import bring_up, fingerprint
from tests.states.submissions.test_intake import a_form, a_season, codes, deliver


def test_keys_of_an_earlier_rule_are_made_anew(engine: Engine) -> None:
    form = a_form("智能10KV巡檢裝置")
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, form).accepted[1]
        for index, name in enumerate(("示例专家", "示例專家")):
            keys = {"name_key": recorded_key(name), "organisation_key": recorded_key("示例大学")}
            session.add(Expert(id=f"E000{index + 1}", name=name, organisation="示例大学", fields="机械制造", **keys))
        submission = session.get_one(Submission, number)
        submission.title_key, submission.fingerprint = "", "0" * 64  # as revision 0009 leaves it
        session.execute(text("UPDATE organisation SET name_key = 'old'"))
        session.execute(text("UPDATE expert SET name_key = '', organisation_key = id"))

    bring_up(engine)

    with reading(engine) as session:
        submission = session.get_one(Submission, number)
        organisation = session.get_one(Organisation, (number, 1))
        experts = [(expert.name_key, expert.organisation_key) for expert in session.query(Expert).order_by(Expert.id)]
        assert (submission.title_key, submission.fingerprint) == (name_key(form.title), fingerprint(form))
        assert organisation.name_key == name_key(organisation.name)
        assert experts == [("示例专家", "示例大学"), ("示例专家", "示例大学#E0002")]
        assert verify(session) == []
        assert [
            difference for difference in disagreements(session, 2026) if difference[0] in ("submission", "organisation")
        ] == []
    with writing(engine) as session:
        assert codes(deliver(session, a_form("智能1\u041eKV巡检装置"), digest="9")) == {}
        assert codes(deliver(session, a_form("智能10KV巡检装置"), unit="500102", digest="8")) == {1: "duplicate"}


def test_a_database_of_this_version_is_not_written_to(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = deliver(session, a_form("示例")).accepted[1]
        session.get_one(Submission, number).fingerprint = "0" * 64

    bring_up(engine)

    with reading(engine) as session:
        assert session.get_one(Submission, number).fingerprint == "0" * 64

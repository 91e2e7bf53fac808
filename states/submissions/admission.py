"""Late deliveries: an officer lets one in, with a reason, and it is taken again from where it lies."""

from sqlalchemy.orm import Session

from models import Admission, Delivery
from models.enums import (
    DeliveryState,
    Trigger,
)
from models.queries import lock_call
from states.machine import Act
from states.officers import DecisionRefused, require_reason
from states.transitions import note_call


def admit_late(session: Session, year: int, digest: str, act: Act, *, reason: str) -> Delivery:
    """Let one late delivery in; it is taken again from where it lies. `digest` may be a unique beginning."""
    lock_call(session, year)
    beginning = Delivery.digest.startswith(digest, autoescape=True)
    found = session.query(Delivery).filter(Delivery.season == year, beginning).all()
    if len(digest) < 8:
        raise DecisionRefused(
            f"delivery {digest!r}", "give at least 8 characters of its digest", "请给出来件校验码的前8位以上"
        )
    if len(found) != 1:
        raise DecisionRefused(
            f"delivery {digest}",
            f"{len(found)} deliveries begin so; see `gangchuang status`",
            f"有{len(found)}份来件的校验码以{digest}开头",
        )
    delivery = found[0]
    if delivery.state is DeliveryState.ACCEPTED:
        raise DecisionRefused(f"delivery {digest}", "it was accepted already", "该来件已全部接收")
    require_reason(f"delivery {digest}", reason)
    if session.query(Admission).filter_by(digest=delivery.digest).first() is None:
        session.add(
            Admission(season=year, digest=delivery.digest, officer=act.actor.name, admitted_at=act.at, reason=reason)
        )
        facts = {"delivery": delivery.digest, "sender": delivery.sender}
        note_call(session, year, Trigger.ADMIT_LATE, act, reason=reason, facts=facts)
    return delivery

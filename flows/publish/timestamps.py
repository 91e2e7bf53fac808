"""Time stamps (RFC 3161) of published roots, from a service outside that knows nothing of the award.

Who owns the database, the disk and the keys can make a season anew; a stamp says when a root was there already.
The stamped bytes are the root as it is printed: 64 hexadecimal digits, without a line end, so that anybody checks it with
`openssl ts -verify`. Never required: a season names a service (`record.timestamp_service`), or none.
"""

import httpx
from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response
from rfc3161_client.base import HashAlgorithm
from rfc3161_client.tsp import PKIStatus
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.milestones import Chore
from config.season import Season
from config.settings import Settings
from flows.home import paths
from flows.run import Run
from models import Publication
from states.failures import resting

_STAMPS = "timestamp"
_SECONDS = 20.0
_LARGEST = 1 << 20


class StampRefused(GangchuangError):
    """The service gave no stamp, or one of something else."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(
            f"The time-stamp service {service} gave no stamp (时间戳): {reason}. It is asked again by itself; the season's "
            "record.timestamp_service says where."
        )


def stamps_due(session: Session, settings: Settings, season: Season) -> list[Publication]:
    """The published roots of a season that want a time stamp now; none while the service rests after failures."""
    if not season.record.timestamp_service or _STAMPS in resting(session, season.year, Chore.DELIVER_MESSAGES):
        return []
    query = select(Publication).where(Publication.season == season.year).order_by(Publication.published_at)
    return [made for made in session.scalars(query) if not paths.timestamp(settings, made).exists()]


def stamp_roots(run: Run) -> None:
    """Fetch the stamps that are due; what fails is kept with the failures of the run, and mail goes on."""
    with run.step() as session:
        wanted = [
            (made.root, paths.timestamp(run.settings, made)) for made in stamps_due(session, run.settings, run.season)
        ]
        if _STAMPS in resting(session, run.year, Chore.DELIVER_MESSAGES):
            run.resting.add(_STAMPS)
    for root, path in wanted:
        try:
            run.write(path, fetch_stamp(run.season.record.timestamp_service, root))
        except StampRefused as problem:
            run.failures[_STAMPS] = str(problem)
            return
    if wanted:
        run.tell("roots stamped", len(wanted))


def fetch_stamp(service: str, root: str) -> bytes:
    """The service's answer (DER) for a root in hex. Raises StampRefused."""
    request = TimestampRequestBuilder(data=root.encode(), hash_algorithm=HashAlgorithm.SHA256).build()
    try:
        answer = httpx.post(
            service,
            content=request.as_bytes(),
            headers={"Content-Type": "application/timestamp-query"},
            timeout=_SECONDS,
        )
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise StampRefused(service, str(problem) or type(problem).__name__) from problem
    if len(answer.content) > _LARGEST:
        raise StampRefused(service, f"its answer has {len(answer.content)} bytes")
    try:
        stamp = decode_timestamp_response(answer.content)
    except ValueError as problem:
        raise StampRefused(service, f"its answer is no time stamp ({problem})") from problem
    if stamp.status != PKIStatus.GRANTED:
        raise StampRefused(service, f"status {stamp.status}: {'; '.join(stamp.status_string)}")
    asked, given = request.message_imprint.message, stamp.tst_info.message_imprint.message
    if asked != given or request.nonce != stamp.tst_info.nonce:
        raise StampRefused(service, "its stamp is of something else")
    return answer.content

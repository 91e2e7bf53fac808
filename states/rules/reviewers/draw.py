"""The panel's draw: committed to before the pool closes, repeated by anyone afterwards.

    place of X in the draw = place of SHA-256(seed ‖ UTF-8 of X's mark) among all, ascending

A mark is made of who somebody is, by a key that is committed to as well and never revealed: neither the order of
rows nor ids decide, and nobody is named. Seasons opened by earlier versions have no marks; there the id stands in.
Where the season names public numbers, the seed that orders is derived from the office's and from them, which come
after the pool is frozen: then neither alone decides.
The office picks a seed of 32 random bytes, publishes SHA-256(seed), closes the pool, and
reveals the seed. Experts are then taken in the order of the draw. An expert takes a seat
if the seats of the fields can still hold everybody taken so far and the newcomer, moving
earlier ones among their own fields where need be (a maximum matching, so an expert with two
fields never blocks a seat that somebody else could have left free). Seats beyond the fields'
own, then reserves, go to the next in the order.

A tie that is drawn late must not be foreseeable by who knows the panel's seed: commit to a
second seed, or derive one from the first and the hash of the frozen scores (`derive_seed`).
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from config.errors import GangchuangError

LEAST_SEED_BYTES = 16


class DrawMalformed(GangchuangError):
    """The draw's input cannot be drawn from: a guessable seed, an expert twice, impossible seats."""


class PanelShortage(GangchuangError):
    """Too few eligible experts; `fields` share the shortage (none named: the pool as a whole)."""

    def __init__(self, fields: tuple[str, ...], eligible: int, needed: int) -> None:
        self.fields, self.eligible, self.needed = fields, eligible, needed
        where = f"in {'、'.join(fields)}" if fields else "in the pool"
        super().__init__(
            f"There are {eligible} eligible experts {where} for {needed} seats. "
            "Add experts to the pool before the draw, or lower the season's seats."
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """An eligible expert and their fields, the main one first."""

    id: str
    fields: tuple[str, ...]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn expert; `position` counts from 1 in the order of the draw, `field` is the seat's."""

    position: int
    expert: str
    field: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Who sits and who stands by, both in the order of the draw."""

    seated: tuple[Drawn, ...]
    reserves: tuple[Drawn, ...]

    def facts(self) -> dict[str, list[dict[str, str | int]]]:
        """The panel as recorded."""
        return {
            "seated": [_facts(seat) for seat in self.seated],
            "reserves": [_facts(seat) for seat in self.reserves],
        }


def commitment(seed: bytes) -> str:
    """What is published before the pool closes: the seed's SHA-256 in hex. Raises DrawMalformed."""
    return hashlib.sha256(_checked(seed)).hexdigest()


def derive_seed(seed: bytes, purpose: str) -> bytes:
    """A seed for another draw: SHA-256(seed ‖ 0x00 ‖ UTF-8 of the purpose). 32 bytes."""
    return hashlib.sha256(_checked(seed) + b"\0" + purpose.encode()).digest()


def mark_of(key: bytes, *identity: str) -> str:
    """What stands for somebody in the draw: HMAC-SHA256 of who they are, in hex."""
    return hmac.new(key, "\0".join(identity).encode(), hashlib.sha256).hexdigest()


def pool_digest(pool: Iterable[Candidate]) -> str:
    """SHA-256 over the marks and fields of a pool, whatever the order of its rows."""
    lines = sorted([candidate.mark, *candidate.fields] for candidate in pool)
    return hashlib.sha256(json.dumps(lines, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def seed_with(seed: bytes, public: str) -> bytes:
    """The seed that orders: the office's own, or derived from it and the public numbers."""
    return derive_seed(seed, f"public/{public}") if public else seed


def draw_order(seed: bytes, ids: Iterable[str]) -> tuple[str, ...]:
    """Different ids in the order of the draw; the order in which they are given is of no matter."""
    _checked(seed)
    listed = list(ids)
    if len(set(listed)) != len(listed):
        twice = sorted({mark for mark in listed if listed.count(mark) > 1})
        raise DrawMalformed(f"In one draw each id stands once, but there is more than one {'、'.join(twice)}.")
    return tuple(sorted(listed, key=lambda mark: hashlib.sha256(seed + mark.encode()).digest()))


def draw_panel(
    *,
    seed: bytes,
    pool: Sequence[Candidate],
    seats: Mapping[str, int],
    size: int | None = None,
    reserves: int = 0,
) -> Panel:
    """Draw a panel of `size` (default: the seats' sum) with at least `seats[field]` of each field.

    Fewer reserves than asked are no error. Raises PanelShortage, DrawMalformed.
    """
    asked = sum(seats.values())
    wanted = asked if size is None else size
    if wanted < asked or reserves < 0 or any(number < 0 for number in seats.values()):
        raise DrawMalformed(f"A panel of {wanted} cannot hold {asked} seats of fields and {reserves} reserves.")
    by_mark = {expert.mark or expert.id: expert for expert in pool}
    order = [by_mark[mark] for mark in draw_order(seed, (expert.mark or expert.id for expert in pool))]
    field_of = _take_fields(order, seats)
    rest = [expert for expert in order if expert.id not in field_of]
    if len(order) < wanted:
        raise PanelShortage((), len(order), wanted)
    more = wanted - asked
    field_of |= {expert.id: _main_field(expert) for expert in rest[:more]}
    seated = [expert for expert in order if expert.id in field_of]
    standing_by = [(expert.id, _main_field(expert)) for expert in rest[more : more + reserves]]
    return Panel(
        _numbered([(expert.id, field_of[expert.id]) for expert in seated], 1),
        _numbered(standing_by, len(seated) + 1),
    )


def _take_fields(order: Sequence[Candidate], seats: Mapping[str, int]) -> dict[str, str]:
    """Field by expert for the seats of the fields, the earliest in the order first."""
    holders: dict[str, list[Candidate]] = {field: [] for field in sorted(seats)}
    for newcomer in order:
        _sit(newcomer, holders, seats, set())
    short = {field for field, held in holders.items() if len(held) < seats[field]}
    if short:
        raise _shortage(order, seats, holders, min(short))
    return {candidate.id: field for field, held in holders.items() for candidate in held}


def _sit(candidate: Candidate, holders: dict[str, list[Candidate]], seats: Mapping[str, int], tried: set[str]) -> bool:
    """Seat an expert in a field of theirs, moving others if that frees a seat (an augmenting path)."""
    own = [field for field in sorted(set(candidate.fields)) if field in holders and field not in tried]
    for field in own:
        if len(holders[field]) < seats[field]:
            holders[field].append(candidate)
            return True
    for field in own:
        if field in tried:
            continue
        tried.add(field)
        for index, other in enumerate(holders[field]):
            if _sit(other, holders, seats, tried):
                holders[field][index] = candidate
                return True
    return False


def _shortage(
    order: Sequence[Candidate], seats: Mapping[str, int], holders: Mapping[str, list[Candidate]], short: str
) -> PanelShortage:
    """The fields that together have too few (Hall): all whose holders could have taken the open seat."""
    fields, grown = {short}, True
    while grown:
        eligible = [candidate for candidate in order if fields & set(candidate.fields)]
        reached = {field for field, held in holders.items() if any(candidate in eligible for candidate in held)}
        grown = not reached <= fields
        fields |= reached
    return PanelShortage(tuple(sorted(fields)), len(eligible), sum(seats[field] for field in fields))


def _numbered(drawn: Sequence[tuple[str, str]], first: int) -> tuple[Drawn, ...]:
    return tuple(Drawn(position, expert, field) for position, (expert, field) in enumerate(drawn, first))


def _main_field(candidate: Candidate) -> str:
    return candidate.fields[0] if candidate.fields else ""


def _facts(seat: Drawn) -> dict[str, str | int]:
    return {"position": seat.position, "expert": seat.expert, "field": seat.field}


def _checked(seed: bytes) -> bytes:
    if len(seed) < LEAST_SEED_BYTES:
        raise DrawMalformed(f"A seed of {len(seed)} bytes can be guessed; use at least {LEAST_SEED_BYTES}, best 32.")
    return seed

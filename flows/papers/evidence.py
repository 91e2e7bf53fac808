"""Evidence (岗位创新证明) as the office hands it out: a PDF to be stamped, the same as JSON, and what checks the JSON.

The PDF bears the digest of the JSON. Its design is `evidence.typ`; a name that no font has stops it and is told.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from config.local_time import local_day
from config.units import name_on
from flows.home.files import write_atomically
from flows.papers.typesetting import Typesetter, chinese_day
from models.enums import CertificateState, Holder, Outcome, PublicationKind, SubmissionState, Tier, Use
from states.audit.evidence import Evidence, EvidenceCase, SubjectKind
from states.audit.export import CHECKER
from states.submissions.certificates import CertificateNumber

DESIGN, FOLDER = "evidence.typ", "证明"
_TOTALS = ("submitted", "recommended", "final_reviewed", *(tier.value for tier in Tier), "revoked", "in_use")


@dataclass(frozen=True)
class EvidenceFiles:
    """One evidence as files; their common name names nobody."""

    pdf: Path
    document: Path
    checker: Path


def write_evidence(made: Evidence, folder: Path, site_url: str) -> EvidenceFiles:
    """Write an evidence into a folder, whole or not at all. Raises PaperNotSet, HomeNotWritable."""
    document = json.dumps(made.document, ensure_ascii=False, indent=1).encode() + b"\n"
    digest = hashlib.sha256(document).hexdigest()
    pdf = Typesetter(DESIGN).compiled(given_of(made, digest, site_url), made.made_at, f"{made.about.name}的证明")
    first = made.about.name if made.about.kind is SubjectKind.UNIT else made.cases[0].number
    stem = folder / f"{made.about.kind.label}证明-{first}-{digest[:8]}"
    files = EvidenceFiles(stem.with_suffix(".pdf"), stem.with_suffix(".json"), folder / CHECKER.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(files.pdf, pdf)
    write_atomically(files.document, document)
    shutil.copyfile(CHECKER, files.checker)
    return files


def given_of(made: Evidence, digest: str, site_url: str) -> dict[str, Any]:
    """What the design gets; the file itself says what each is."""
    whole = made.about.kind is SubjectKind.UNIT
    told = [case for case in made.cases if not whole or case.record["tier"]]
    name = name_on(made.about.name, local_day(made.made_at)) if whole else made.about.name
    years = sorted({case.season for case in made.cases})
    return {
        "kind": made.about.kind.value,
        "name": name,
        "organisations": [] if whole else list(made.about.organisations),
        "office": made.office,
        "day": chinese_day(made.made_at),
        "years": years,
        "tiers": [tier.label for tier in Tier],
        "totals": [{"year": str(year), **_counted(made.cases, year)} for year in years]
        + ([{"year": "合计", **_counted(made.cases)}] if len(years) > 1 else []),
        "cases": [_case(case, made.about.kind, site_url.rstrip("/")) for case in told],
        "notes": [*made.notes, *_truths(made)],
        "publications": [
            {
                "year": one["season"],
                "kind": PublicationKind(one["kind"]).label
                + (f"（第{one['ordinal']}次）" if one["ordinal"] > 1 else ""),
                "day": chinese_day(datetime.fromisoformat(one["published_at"])),
                "root": one["root"],
                "page": one["page"],
            }
            for one in made.publications
        ],
        "digest": digest,
        "checker": CHECKER.name,
    }


def _counted(cases: Iterable[EvidenceCase], year: int | None = None) -> dict[str, int]:
    """How many, by what became of them; prizes only while they stand."""
    totals = dict.fromkeys(_TOTALS, 0)
    for case in {case.number: case for case in cases}.values():
        if year is not None and case.season != year:
            continue
        record = case.record
        totals["submitted"] += 1
        totals["recommended"] += bool(record["recommended"])
        totals["final_reviewed"] += record["final_reviewed"]
        if record["tier"]:
            totals["revoked" if record["revoked_at"] else record["tier"]] += 1
        totals["in_use"] += (record["follow_up"] or {}).get("use") == Use.IN_USE
    return totals


def _case(case: EvidenceCase, kind: SubjectKind, base: str) -> dict[str, Any]:
    said, record = case.said, case.record
    return {
        "number": case.number,
        "year": case.season,
        "title": said["title"],
        "unit": said["unit_name"],
        "organisation": said["organisation"] if kind is not SubjectKind.ORGANISATION else "",
        "place": said["position"],
        "of": record["contributors"] if said["holder"] == Holder.CONTRIBUTOR else 0,
        "role": said.get("role", ""),
        "recommended": bool(record["recommended"]),
        "standing": standing(record),
        "tier": Tier(record["tier"]).label if record["tier"] else "",
        "revoked": bool(record["revoked_at"]),
        "suspended": record["open_objections"] > 0,
        "awarded_on": chinese_day(datetime.fromisoformat(record["awarded_at"])) if record["awarded_at"] else "",
        "certificates": list(_certificates(case, base)),
        "use": _use(case),
        "proven": case.proof is not None,
    }


def standing(record: Mapping[str, Any]) -> str:
    """How a submission stands by the record, in Chinese."""
    if record["outcome"] and record["outcome"] != Outcome.COMPLETED:
        return Outcome(record["outcome"]).label
    return Tier(record["tier"]).label if record["tier"] else SubmissionState(record["state"]).label


def _certificates(case: EvidenceCase, base: str) -> Iterator[dict[str, Any]]:
    """The certificates of who is meant; of a unit, those in force of all its people and organisations."""
    whose = (case.said["holder"], case.said["position"])
    for one in case.record["certificates"]:
        if (one["holder"], one["position"]) == whose or (not whose[0] and one["state"] == CertificateState.VALID):
            number = CertificateNumber(case.season, one["ordinal"])
            state = CertificateState(one["state"])
            heir = CertificateNumber(case.season, one["successor"]) if one["successor"] else None
            yield {
                "number": str(number),
                "valid": state is CertificateState.VALID,
                "state": state.label + (f"为{heir}" if heir else ""),
                "page": f"{base}/check/{number.short}/" if base else "",
            }


def _use(case: EvidenceCase) -> str:
    """What became of the achievement since, as far as the unit said."""
    told = case.record["follow_up"]
    if told is None:
        return ""
    parts = [Use(told["use"]).label]
    parts += [f"{told['since']}起应用"] if "since" in told else []
    parts += [f"当年经济效益{told['benefit_economic']}万元"] if "benefit_economic" in told else []
    parts += [f"推广到{told['places']}家"] if told.get("places") else []
    return "，".join(parts)


def _truths(made: Evidence) -> Iterator[str]:
    """What a reader of the table might otherwise take for more than it is."""
    if any(case.record["revoked_at"] for case in made.cases):
        yield "标有“撤销获奖”的项目，获奖已经撤销，证书作废，不得作为获奖使用。"
    if any(case.record["open_objections"] for case in made.cases):
        yield "标有“异议未决”的项目，在异议办结之前获奖尚未确定。"
    if any(case.said["public"] in ("已撤回公开同意", "未同意公开") for case in made.cases):
        yield "部分项目本人没有同意公开姓名或者已经撤回同意，公开网页上没有其姓名；本证明只供本人使用。"
    if made.about.kind is SubjectKind.UNIT:
        yield "本表列出授过奖的项目；其他申报只计数，逐项见所附数据文件。"

"""A plausible value for everything a letter can need."""

from datetime import UTC, date, datetime
from typing import Any

from flows.outbox.letters import LetterKind
from models.enums import MailDoubt, ObjectionParty, ObjectionResult, ObjectionState, Outcome, Tier, TroubleKind

DUE = datetime(2026, 4, 30, 10, 0, tzinfo=UTC)
NUMBER = "2026-500101-001"
OTHER = "2026-500101-002"
TITLE = "一种示例装置"
SEED = "5a" * 32
COMMITMENT = "9c" * 32
ROOT = "71" * 32

_VALUES: dict[str, Any] = {
    "added": 2,
    "address": "clerk@example.invalid",
    "answer": "经核查，情况不属实。\n维持原结果。",
    "arrived_at": DUE,
    "closes_on": date(2026, 8, 7),
    "commitment": COMMITMENT,
    "count": 3,
    "counts": {Outcome.COMPLETED: 4, "其他": 1},
    "day": date(2026, 9, 30),
    "deadline": DUE,
    "asked_by": ObjectionParty.UNIT,
    "decision": ObjectionResult.REJECTED,
    "delivered": 8,
    "amount": "3,000.00",
    "digest": "e4" * 32,
    "doubt": MailDoubt.UNKNOWN_ADDRESS,
    "due_at": DUE,
    "checker": "1c" * 32,
    "export": "2e" * 32,
    "expert_name": "示例·张三",
    "file": "history.jsonl",
    "files": ["年度报告.docx", "年度报告依据.xlsx"],
    "file_name": "申报汇总表.xlsx",
    "file_names": ["照片.jpg", "说明.docx"],
    "hints": ["附件打不开"],
    "folder": "office/2026",
    "first": [(NUMBER, TITLE)],
    "for_all": True,
    "judged": [(NUMBER, TITLE, "推荐，共85分，排第1")],
    "in_correction": [OTHER],
    "ineligible": [(NUMBER, TITLE, "完成日期不在征集范围内")],
    "investigator": "示例·赵监督",
    "issue": 2,
    "about": "权属与完成人",
    "items": [(NUMBER, TITLE)],
    "lacking": [OTHER],
    "large": ["P-7K3MQ2XA 附件2-装置图.pdf"],
    "level": 1,
    "again": True,
    "back": [(NUMBER, TITLE)],
    "milestone": "申报截止",
    "more": 0,
    "name": "示例·䶮",
    "new": DUE,
    "newest": True,
    "notice_until": DUE,
    "not_recommended": [],
    "not_reviewed": [OTHER],
    "number": NUMBER,
    "numbers": [NUMBER],
    "officers": ("示例·王主任", "示例·李干事"),
    "objection": 20260001,
    "old": datetime(2026, 4, 28, 10, 0, tzinfo=UTC),
    "opens_on": date(2026, 8, 3),
    "ordinal": 2,
    "out": [(OTHER, TITLE)],
    "over": False,
    "owed": [NUMBER, OTHER],
    "page": "https://example.invalid/2026/",
    "part": 1,
    "parts": 2,
    "pairs": [(NUMBER, OTHER, 93)],
    "passed": [NUMBER],
    "said": "“申报截止”自2026-04-30 18:00起失败2次：UnitFailed: 500101",
    "silent": ["万州区"],
    "since": DUE,
    "subject": "500101/申报.xlsx",
    "trouble": TroubleKind.DELIVERY_HELD,
    "problems": [("“申报”表 C5", "日期无法识别")],
    "public": "0312233",
    "published": 2,
    "quota": 10,
    "reason": "山区交通中断，\n材料无法按时送达",
    "recipient_name": "万州区科协",
    "secret": False,
    "received_on": date(2026, 8, 5),
    "recommended": [NUMBER],
    "reconsider_until": DUE,
    "reserves": 4,
    "returned": 0,
    "root": ROOT,
    "rows_back": 1,
    "rows_in": 3,
    "second": [],
    "seed": SEED,
    "third": [(OTHER, TITLE)],
    "ties": [[NUMBER, OTHER]],
    "tier": Tier.THIRD,
    "title": TITLE,
    "total": 8,
    "unread": 1,
    "notes": [("“申报”表 J5", "“经济效益”按12.5万元计。")],
    "more_notes": 2,
    "standing": [("本次", "新接收3项"), ("不在本表、仍然有效", "1项：2026-500101-0002《示例》")],
    "unit_name": "万州区",
    "until": DUE,
    "valid": "岗创〔2026〕第0009号",
    "void": "岗创〔2026〕第0001号",
    "what": "完成人1的姓名",
    "without_verdict": [NUMBER],
    "workbook": "初评结果表",
    "years": [2027],
}


def a_context(kind: LetterKind, **changed: Any) -> dict[str, Any]:
    """Exactly what a letter of this kind needs."""
    context = {name: _VALUES[name] for name in kind.needs}
    if kind is LetterKind.CORRECTION_ASKED:
        context["items"] = [(NUMBER, TITLE, "应用证明")]
    if kind is LetterKind.NOTICE_OPENED:
        context["items"] = [(NUMBER, TITLE, Tier.THIRD)]
    if kind is LetterKind.POOL_CHANGED:
        context |= {"items": ["新增：示例·张三（示例大学）"], "counts": {"added": 1, "changed": 0}}
    if kind in (LetterKind.OBJECTION_TO_OBJECTOR, LetterKind.OBJECTION_REMINDER):
        context["standing"] = ObjectionState.INVESTIGATING
    if kind in (LetterKind.PAPERS, LetterKind.PAPERS_MADE):
        context["problems"] = ["岗创〔2026〕第0003号（示例·𪚥）：字体缺字"]
    if kind is LetterKind.SCORES_OWED:
        context["items"] = [("E0001", "示例·张三", 3)]
    if kind is LetterKind.NAMES_IN_TEXTS:
        context["items"] = [(NUMBER, "成果简介", "示例·张三")]
    return context | changed


def everything(kind: LetterKind) -> dict[str, Any]:
    """What a letter of this kind needs, and what it may say besides."""
    return a_context(kind, **{name: _VALUES[name] for name in kind.may})

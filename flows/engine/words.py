"""What a run says of itself in the dashboard, in the office's words: its name, its state."""

from collections.abc import Mapping
from typing import Any

from config.milestones import Chore, Milestone
from config.units import all_units
from flows.engine.forms import code_of, instant_of, read
from models.enums import Outcome, Tier, Trigger

STATES = {
    "done": "已完成",
    "already_done": "已完成",
    "not_due": "未到期",
    "waiting": "等待中",
    "dry_run": "试运行",
    "failed": "失败",
    "refused": "被拒绝",
}
# The lines of an outcome; one that is not listed is shown as it is.
LINES = {
    "files of the report": "年度报告文件",
    "units asked": "征集单位",
    "reports of good practice": "好经验好做法材料",
    "to be published": "公开材料",
    "units without a report": "没有报送的单位",
    "units called": "通知单位",
    "closes at": "截止时间",
    "units closed": "已截止单位",
    "units without any": "没有材料的单位",
    "submissions": "项目",
    "near duplicates shown to the office": "疑似重复（已报办公室）",
    "waiting": "待发送",
    "sent": "已发送",
    "sent again, may have come twice": "重新发送（可能重复收到）",
    "put off": "暂缓发送",
    "stuck": "无法发送",
    "roots stamped": "已加盖时间戳的根",
    "messages written": "拟发邮件",
    "done by helpers": "其他运行分担",
    "taken": "新收文件",
    "taken before": "此前已收",
    "rows in": "接收行数",
    "rows back": "退回行数",
    "could not be taken, and rest": "无法接收、待处理",
    "corrections lapsed": "补正逾期",
    "recommended": "推荐",
    "not recommended": "未推荐",
    "not reviewed": "未初评",
    "dropped as duplicates": "重复剔除",
    "passed": "形式审查通过",
    "sent back for correction": "退回补正",
    "passed after correction": "补正后通过",
    "ineligible after correction": "补正后不合格",
    "lapsed": "逾期未补正",
    "seated": "评委",
    "reserves": "候补评委",
    "worst-served submission": "最低匹配项目",
    "worst share of own best experts": "最低匹配比例",
    "total affinity": "匹配总和",
    "assignment": "分配",
    "assignments": "分配份数",
    "assignments to be replaced": "待替换份数",
    "replacements": "替换份数",
    "experts with a workbook": "已发评分表专家",
    "names masked in blind texts": "盲审遮蔽姓名",
    "final reviewed": "完成终评",
    "ranked": "参与排序",
    "with a prize": "拟获奖",
    "ties settled": "已解决并列",
    "to be re-reviewed": "待复评",
    "put to the vote": "提交表决",
    "put to the panel's vote": "提交评委会表决",
    "ballots issued": "已发表决票",
    "not carried": "未通过表决",
    "list digest": "名单校验码",
    "on the list": "名单项数",
    "experts not asked again": "未续列专家",
    "units assessed": "考核单位",
    "units compared": "可比单位",
    "provisional calendar": "节假日暂定",
    "approved": "审定",
    "struck": "划去",
    "struck by a person": "人工划去",
    "decision": "决定",
    "subject": "对象",
    "awarded": "获奖",
    "awarded after an objection was dismissed": "异议不成立后获奖",
    "certificates given": "颁发证书",
    "certificates made": "制作证书",
    "not made": "未能制作",
    "suspended by an objection": "因异议暂缓",
    "submissions with experts' comments sent": "已反馈评审意见的申报",
    "archived": "归档",
    "asked about": "回访项目",
    "reminded": "催办",
    "issue": "第几版",
    "objection": "异议",
    "objections": "异议件数",
    "objections open": "未答复异议",
    "not accepted": "不予受理",
    "result": "核查结果",
    "moved up": "递补",
    "objections closed": "异议办结",
    "awarded after their own notice": "递补公示期满获奖",
    "mail": "邮件",
    "taken off for a conflict": "因利益冲突撤下",
    "counted as an absence": "计为缺席",
    "moved": "调整",
    "from": "原时间",
    "to": "新时间",
    "attention": "注意",
    "nothing in yet": "尚无材料",
    "then": "随后",
    "needed": "需要",
    "files": "文件",
    "files of pictures": "图片文件",
    "public no more": "不再公开",
    "release": "网站版次",
    "pages not published": "网站未能更新（将自动重试）",
    "still to be deleted by hand": "仍须人工删除",
    "contacts": "联系方式",
    "contributors": "完成人",
    "names on certificates": "证书上的姓名",
    "declared conflicts": "申报的利益冲突",
    "attachments": "附件",
    "contents": "申报内容",
    "fingerprints": "指纹",
    "objectors": "异议人",
    "evidence": "异议证据",
    "reasons to step back": "回避理由",
    "what units sent back for": "单位退回原因",
    "follow-up answers": "成果转化说明",
    "comments of experts": "专家评语",
    "comments of districts": "初评意见",
    "experts' contacts": "专家联系方式",
    "experts' names": "不再需要的专家姓名",
    "experts forgotten": "删除的专家",
    "letters that waited, sent to the new address": "改寄新邮箱的待发信件",
    "letters masked": "遮盖姓名的信件",
    "letters never sent": "未发出的信件",
    "letters": "信件",
    "deliveries": "来件",
    "mails": "收到的邮件",
    "scores never sent": "没有提交的评分",
    "addresses that letters came back from": "退信地址",
    "mails answered": "没有填报表，已答复的邮件",
    "mails held": "暂扣的邮件",
    "mails that came back": "退信",
    "mails without need": "无需处理的邮件",
    **{tier.value: tier.label for tier in Tier},
    **{outcome.value: outcome.label for outcome in Outcome},
}
_BY_HAND = {
    "approve_list": "审定获奖名单",
    "decide": "办公室决定",
    "write_papers": "制作证书和奖补发放表",
    Trigger.MOVE_DATE.value: "调整时间",
    "new_season": "编制下一年度",
    "plan_season": "启用年度",
    "assess_units": "区县工作考核",
    "make_evidence": "开具岗位创新证明",
}


def deed_of(stage: str) -> str:
    """What a stage, or a milestone, does; a stage without a word of its own goes by its name."""
    if stage in set(Milestone):
        return Milestone(stage).label
    return Chore(stage).label if stage in set(Chore) else _BY_HAND.get(stage, stage)


def _unit_name(code: str) -> str:
    return all_units()[code].name if code in all_units() else code


def run_name(stage: str, parameters: Mapping[str, Any], deed: str = "") -> str:
    """Season, deed and subject of a run with these parameters; `deed` is the word for it where the stage has several."""
    given = read(parameters)
    milestone, unit, subject = (str(given.get(name) or "") for name in ("milestone", "unit", "subject"))
    which = f"第{given.get('ordinal', 1)}次" if milestone.startswith("remind") else ""
    said = [deed_of(milestone), which] if stage == "remind" else [deed or deed_of(stage), deed_of(milestone), which]
    said += [subject if "与" in subject else _unit_name(code_of(subject)), _unit_name(unit)]
    said += [instant_of(str(given.get("to") or "")).partition("+")[0].replace("T", " ")]
    return " ".join(
        filter(None, (str(given.get("season", "")), *said, STATES["dry_run"] if given.get("dry_run") else ""))
    )

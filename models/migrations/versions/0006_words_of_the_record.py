"""words of the record: the database knows every word that an entry may bear."""

from models.migrations.rules import add_rules

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WORDS = (
    "plan",
    "open_call",
    "close_call",
    "begin_final_review",
    "open_public_notice",
    "publish_results",
    "close_season",
    "move_date",
    "settle_milestone",
    "skip_milestone",
    "commit_draw",
    "import_experts",
    "import_by_hand",
    "admit_late",
    "reissue_workbook",
    "draw_panel",
    "assign",
    "give_up_seat",
    "freeze_scores",
    "assign_re_review",
    "freeze_ranking",
    "open_votes",
    "close_votes",
    "approve",
    "send_back",
    "record_root",
    "release_message",
    "give_up_message",
    "erase_personal_data",
    "submit",
    "record_district_review",
    "record_final_review",
    "award",
    "archive",
    "reinstate",
    "revoke",
    "amend",
    "amend_verdict",
    "shift_rank",
    "ask_correction",
    "lapse_correction",
    "pass_eligibility",
    "decide_duplicate",
    "replace",
    "recuse",
    "record_score",
    "record_votes",
    "strike",
    "raise_objection",
    "answer_objection",
)


def upgrade() -> None:
    listed = ", ".join(f"'{word}'" for word in _WORDS)
    add_rules("history", {"trigger_known": f"CHECK (trigger IN ({listed}))"})


def downgrade() -> None:
    raise RuntimeError("rules are not taken back: restore a backup instead")

"""an earlier release put back."""

from models.migrations.rules import add_rules

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_rules(
        "history",
        {
            "trigger_known": "CHECK (trigger IN ('plan', 'open_call', 'close_call', 'begin_final_review', 'open_public_notice', 'publish_results', 'close_season', 'move_date', 'settle_milestone', 'skip_milestone', 'commit_draw', 'import_experts', 'import_by_hand', 'admit_late', 'reissue_workbook', 'freeze_pool', 'enter_randomness', 'draw_panel', 'assign', 'give_up_seat', 'freeze_scores', 'assign_re_review', 'freeze_ranking', 'open_votes', 'close_votes', 'approve', 'send_back', 'withdraw_approval', 'record_root', 'release_message', 'give_up_message', 'erase_personal_data', 'put_back_release', 'submit', 'record_district_review', 'record_final_review', 'award', 'archive', 'reinstate', 'revoke', 'amend', 'amend_verdict', 'shift_rank', 'ask_correction', 'lapse_correction', 'pass_eligibility', 'decide_duplicate', 'replace', 'recuse', 'record_score', 'record_votes', 'strike', 'raise_objection', 'answer_objection', 'give_certificates', 'void_certificates', 'correct_name'))",
        },
    )


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

"""deliveries and corrected addresses."""

from models.migrations.rules import add_rules

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_rules(
        "history",
        {
            "trigger_known": "CHECK (trigger IN ('plan', 'open_call', 'close_call', 'begin_final_review', 'open_public_notice', 'publish_results', 'close_season', 'move_date', 'settle_milestone', 'skip_milestone', 'commit_draw', 'import_experts', 'import_by_hand', 'correct_address', 'take_delivery', 'admit_late', 'admit_mail', 'dismiss_mail', 'open_link', 'sign_statement', 'reissue_link', 'reissue_workbook', 'freeze_pool', 'enter_randomness', 'draw_panel', 'assign', 'give_up_seat', 'freeze_scores', 'assign_re_review', 'freeze_ranking', 'open_votes', 'close_votes', 'approve', 'send_back', 'withdraw_approval', 'record_root', 'release_message', 'give_up_message', 'erase_personal_data', 'erase_person', 'put_back_release', 'record_practice', 'withhold_practice', 'submit', 'record_district_review', 'record_final_review', 'award', 'archive', 'reinstate', 'revoke', 'amend', 'amend_verdict', 'shift_rank', 'ask_correction', 'lapse_correction', 'pass_eligibility', 'decide_duplicate', 'replace', 'recuse', 'record_score', 'record_votes', 'strike', 'change_tier', 'record_follow_up', 'raise_objection', 'accept_objection', 'decline_objection', 'investigate_objection', 'answer_objection', 'reconsider_objection', 'close_objection', 'show_objector', 'seal_objector', 'move_up', 'give_certificates', 'void_certificates', 'correct_name', 'withdraw_consent'))",
        },
    )


def downgrade() -> None:
    raise RuntimeError("history is append-only: restore a backup instead")

"""Every kind of letter and what its template needs.

Shapes of the context, the same in every kind:

- `unit_name`: a reporting unit's name without 科协 (万州区); `expert_name`, `recipient_name`: as they stand;
- `deadline`, `due_at`, `arrived_at`, `old`, `new`: aware instants; `opens_on`, `closes_on`: dates;
- `numbers`, `without_verdict`, `in_correction`, `owed`, `passed`, `recommended`, `not_recommended`,
  `not_reviewed`: lists of submission numbers; `ties`: a list of such lists, one a cut;
- `items`, `ineligible`, `back`, `out`, `first`, `second`, `third`, `pairs`, `problems`: lists of tuples as named below;
- `root`: a Merkle root; `export`, `checker`: SHA-256 of the history up to that root, and of the file that checks it;
- `counts`: a mapping from a word (or an enum with `.label`) to a number;
- `level`: 1 to the unit or officer, 2 with the office told, 3 with the coordination group told;
- `until`: the instant by which to come back or go on; without it the letter says so in words. Letters take
  every date from the context, never from the season file: dates are moved, and the file is not told;
- `page`: an address for people, empty when the site has none; `officers`: names;
- `objection`: an objection's number; `about`, `standing`, `asked_by`, `tier`: Chinese words or enums with `.label`;
- `hints`: sentences without their full stop; `file_names`: as their sender called them; `address`: of mail;
- `milestone`, `decision`, `doubt`: an enum with `.label`, or the Chinese word.
"""

from enum import StrEnum
from typing import Self


class LetterKind(StrEnum):
    """One kind of letter; `needs` must be given to `compose`, `may` can be left out."""

    needs: tuple[str, ...]
    may: tuple[str, ...]

    def __new__(cls, code: str, needs: str, may: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.needs, member.may = tuple(needs.split()), tuple(may.split())
        return member

    # Call
    CALL_OPENED = "call_opened", "unit_name deadline quota commitment"
    CALL_REMINDER = "call_reminder", "unit_name deadline delivered returned level", "problems more"
    RECEIPT = (
        "receipt",
        "recipient_name file_name arrived_at rows_in rows_back problems more numbers",
        "deadline over newest standing owed unread notes more_notes judged folder",
    )  # newest: the workbook in force comes along; problems, notes: (place, message); standing: (label, text);
    # judged: (number, title, how it stands); folder: of the inbox, told to the office
    MAIL_WITHOUT_WORKBOOK = "mail_without_workbook", "arrived_at hints file_names"  # to whoever wrote
    MAIL_HELD = "mail_held", "arrived_at doubt"  # to whoever wrote
    MAIL_HELD_OFFICE = "mail_held_office", "arrived_at doubt address unit_name digest"  # to the office
    CALL_CLOSED = "call_closed", "unit_name count", "deadline issue"  # deadline: of the district round
    WORKBOOK_REISSUED = "workbook_reissued", "unit_name workbook issue deadline reason"  # workbook: its Chinese name
    ADDRESS_CORRECTED = "address_corrected", "unit_name count reason"  # count: letters that waited
    LINK_REISSUED = "link_reissued", "unit_name reason"
    LINK_REISSUED_EXPERT = "link_reissued_expert", "expert_name reason"
    LATE_ADMITTED = "late_admitted", "unit_name file_name reason"
    DUPLICATE_FOUND = "duplicate_found", "pairs"  # (number, other, percent); to the office

    # District round and eligibility
    DISTRICT_ROUND_REMINDER = (
        "district_round_reminder",
        "unit_name deadline without_verdict in_correction",
        "level total",
    )  # total: submissions of the unit in the round
    OWING = "owing", "milestone deadline items level"  # (who, what); to the office, then to the coordination group
    CORRECTION_ASKED = "correction_asked", "unit_name items due_at"  # (number, title, missing)
    CORRECTION_LAPSED = "correction_lapsed", "unit_name items"  # (number, title)
    DISTRICT_ROUND_CLOSED = (
        "district_round_closed",
        "unit_name recommended not_recommended not_reviewed",
        "until",
    )
    LATE_VERDICTS = "late_verdicts", "unit_name back out", "reason"  # (number, title); reason: of the admission
    ELIGIBILITY_RESULT = "eligibility_result", "unit_name passed ineligible", "until"  # (number, title, why)

    # Final round
    POOL_CHANGED = "pool_changed", "counts items more"  # lines; counts: added changed; to the office
    PANEL_DRAWN = "panel_drawn", "unit_name seed commitment", "until public"  # public: numbers mixed in
    NAMES_IN_TEXTS = "names_in_texts", "items count more"  # (number, heading, written); to the office
    EXPERT_INVITATION = "expert_invitation", "expert_name count deadline"
    EXPERT_REMINDER = "expert_reminder", "expert_name deadline owed", "level again"  # again: in the re-review
    EXPERT_MATERIAL = "expert_material", "expert_name count part parts", "large"
    EXPERT_REPLACEMENT = "expert_replacement", "expert_name added deadline", "again"  # again: in the re-review
    EXPERTS_REPLACED = "experts_replaced", "items lacking"  # (number, expert's name); to the office
    SCORES_OWED = "scores_owed", "items deadline reserves level", "again"  # (id, name, how many); to the office
    ROUND_CLOSED = "round_closed", "counts ties", "until"  # to the office
    BALLOT = "ballot", "recipient_name count deadline secret"  # to an expert, or to the office for a secret ballot
    BALLOT_REMINDER = "ballot_reminder", "recipient_name owed deadline secret"

    # Approval, notice, results
    APPROVAL_WANTED = "approval_wanted", "officers due_at digest page level"
    APPROVAL_ESCALATED = "approval_escalated", "officers due_at digest page"  # to the coordination group
    NOTICE_OPENED = (
        "notice_opened",
        "unit_name opens_on closes_on items page root export file checker",
    )  # (number, title, tier): the unit's own

    # Objections; what is for the objector goes to the office, which hands it on
    OBJECTION_RECEIVED = "objection_received", "objection number title about received_on due_at"  # to the office
    OBJECTION_RECEIVED_UNIT = "objection_received_unit", "unit_name objection number title about due_at"
    OBJECTION_TO_INVESTIGATE = (
        "objection_to_investigate",
        "objection number title about investigator due_at again",
    )
    OBJECTION_ANSWERED = (
        "objection_answered",
        "unit_name objection number title decision answer",
        "reconsider_until",
    )
    OBJECTION_RECONSIDERED = "objection_reconsidered", "unit_name objection number title asked_by due_at"
    OBJECTION_TO_OBJECTOR = (
        "objection_to_objector",
        "objection number title about standing due_at",
        "decision answer reconsider_until asked_by",
    )
    OBJECTION_REMINDER = "objection_reminder", "objection number title about standing due_at level", "investigator"
    MOVED_UP = "moved_up", "unit_name number title tier", "notice_until"

    RESULTS_PUBLISHED = (
        "results_published",
        "unit_name first second third page root export file checker",
        "until",
    )  # (number, title)

    FEEDBACK = "feedback", "unit_name count", "until"  # count: of submissions; the workbook comes along

    # One submission
    DUPLICATE_DROPPED = "duplicate_dropped", "unit_name number title reason", "until"
    WITHDRAWN = "withdrawn", "unit_name number title reason", "until"
    REVOKED = "revoked", "unit_name number title reason", "until"
    REINSTATED = "reinstated", "unit_name number title reason", "until"
    AWARD_RESTORED = "award_restored", "unit_name number title reason"
    PERSON_ERASED = "person_erased", "unit_name number title what", "until"  # what: places, no names
    CONSENT_WITHDRAWN = "consent_withdrawn", "unit_name number title what", "until"

    # After the award
    PAPERS = "papers", "unit_name count amount problems"  # count: of certificates; problems: sentences
    PAPERS_MADE = "papers_made", "folder count amount problems"  # folder: below the home; to the office
    NAME_CORRECTED = "name_corrected", "unit_name number title void valid name reason"  # void, valid: certificates
    ARCHIVED = "archived", "unit_name counts root export file checker", "until"
    RECORD_CHANGED = (
        "record_changed",
        "unit_name ordinal page root export file checker",
    )  # ordinal: the how manieth change
    PRACTICE_ASKED = "practice_asked", "unit_name deadline"
    PRACTICE_REMINDER = "practice_reminder", "unit_name deadline level"
    PRACTICE_CLOSED = "practice_closed", "count published silent"  # silent: names of units; to the office
    PRACTICE_WITHHELD = "practice_withheld", "unit_name number title reason"  # number: of the report
    YEARLY_REPORT = "yearly_report", "day folder files"  # day: a date; files: names; to the office
    FOLLOW_UP = "follow_up", "unit_name items due_at"  # (number, title)
    FOLLOW_UP_REMINDER = "follow_up_reminder", "unit_name deadline owed level"
    SEASON_CLOSED = "season_closed", "counts"  # to the office

    # The year itself
    DATE_MOVED = "date_moved", "unit_name milestone old new reason", "for_all"
    EXPERT_DATE_MOVED = "expert_date_moved", "expert_name milestone old new reason"
    CALENDAR_PROVISIONAL = "calendar_provisional", "years"  # to the office
    MILESTONE_SKIPPED = "milestone_skipped", "milestone reason"  # to the office
    ALERT = "alert", "trouble said"  # to the office, while something is wrong; trouble: its kind
    ALERT_OVER = "alert_over", "trouble subject since"  # to the office

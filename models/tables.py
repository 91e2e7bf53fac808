"""Every table, registered: they refer to one another, so whoever needs one needs them all."""

from models.call import Admission, Approval, Call, Failure, Lease, MilestoneDate, Publication
from models.history import History, PublicationLeaf
from models.message import Delivery, IssuedWorkbook, Message
from models.review import Assignment, Ballot, DeclaredConflict, Expert, Placing, Recusal, Score, Seat
from models.submission import (
    Attachment,
    Certificate,
    Contact,
    Contributor,
    Correction,
    DistrictVerdict,
    Duplicate,
    FollowUp,
    Objection,
    Organisation,
    Submission,
    SubmissionVersion,
)

__all__ = [
    "Admission",
    "Approval",
    "Assignment",
    "Attachment",
    "Ballot",
    "Call",
    "Certificate",
    "Contact",
    "Contributor",
    "Correction",
    "DeclaredConflict",
    "Delivery",
    "DistrictVerdict",
    "Duplicate",
    "Expert",
    "Failure",
    "FollowUp",
    "History",
    "IssuedWorkbook",
    "Lease",
    "Message",
    "MilestoneDate",
    "Objection",
    "Organisation",
    "Placing",
    "Publication",
    "PublicationLeaf",
    "Recusal",
    "Score",
    "Seat",
    "Submission",
    "SubmissionVersion",
]

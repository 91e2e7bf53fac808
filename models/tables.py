"""Every table, registered: they refer to one another, so whoever needs one needs them all."""

from models.call import Admission, Alert, Approval, Call, Failure, Lease, MilestoneDate, Publication
from models.history import History, PublicationLeaf
from models.message import Delivery, IssuedWorkbook, Message
from models.objection import Objection, ObjectionEvidence, ObjectionRuling
from models.review import Assignment, Ballot, DeclaredConflict, Expert, Placing, Recusal, Score, Seat
from models.submission import (
    Attachment,
    Certificate,
    Consent,
    Contact,
    Contributor,
    Correction,
    DistrictVerdict,
    Duplicate,
    FollowUp,
    Organisation,
    Picture,
    Submission,
    SubmissionVersion,
)

__all__ = [
    "Admission",
    "Alert",
    "Approval",
    "Assignment",
    "Attachment",
    "Ballot",
    "Call",
    "Certificate",
    "Consent",
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
    "ObjectionEvidence",
    "ObjectionRuling",
    "Organisation",
    "Picture",
    "Placing",
    "Publication",
    "PublicationLeaf",
    "Recusal",
    "Score",
    "Seat",
    "Submission",
    "SubmissionVersion",
]

"""Every table, registered: they refer to one another, so whoever needs one needs them all."""

from models.call import Admission, Alert, Approval, Call, Failure, Lease, MilestoneDate, Publication
from models.history import History, PublicationLeaf, RecordText
from models.link import PersonalLink, ScoreDraft
from models.message import BouncedAddress, Delivery, IncomingMail, IssuedWorkbook, MailboxLook, Message
from models.objection import Objection, ObjectionEvidence, ObjectionRuling
from models.practice import GoodPractice
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
    FollowUpPicture,
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
    "BouncedAddress",
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
    "FollowUpPicture",
    "GoodPractice",
    "History",
    "IncomingMail",
    "IssuedWorkbook",
    "Lease",
    "MailboxLook",
    "Message",
    "MilestoneDate",
    "Objection",
    "ObjectionEvidence",
    "ObjectionRuling",
    "Organisation",
    "PersonalLink",
    "Picture",
    "Placing",
    "Publication",
    "PublicationLeaf",
    "RecordText",
    "Recusal",
    "Score",
    "ScoreDraft",
    "Seat",
    "Submission",
    "SubmissionVersion",
]

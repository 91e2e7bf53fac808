"""Which expert reviews which submission: the best assignment within all limits, with its proof."""

from states.rules.assignment.best import Aim, Assignment, assign, assign_with_certificate
from states.rules.assignment.certificate import Certificate, faults, written
from states.rules.assignment.instance import AssignmentMalformed
from states.rules.assignment.limits import AssignmentInfeasible

__all__ = [
    "Aim",
    "Assignment",
    "AssignmentInfeasible",
    "AssignmentMalformed",
    "Certificate",
    "assign",
    "assign_with_certificate",
    "faults",
    "written",
]

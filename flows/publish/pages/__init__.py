"""Pages: what the public reads, and the office's list for approval. Values in, files out."""

from flows.publish.pages.content import (
    AwardLine,
    Barred,
    Cut,
    Deviation,
    Disagreement,
    IndexEntry,
    IndexPage,
    NoticePage,
    Proof,
    ProposalPage,
    ProposedLine,
    Remark,
    ResultsPage,
)
from flows.publish.pages.rendering import (
    faults_of_own_pages,
    put_proposal_page,
    render_index,
    render_notice,
    render_proposal,
    render_results,
)

__all__ = [
    "AwardLine",
    "Barred",
    "Cut",
    "Deviation",
    "Disagreement",
    "IndexEntry",
    "IndexPage",
    "NoticePage",
    "Proof",
    "ProposalPage",
    "ProposedLine",
    "Remark",
    "ResultsPage",
    "faults_of_own_pages",
    "put_proposal_page",
    "render_index",
    "render_notice",
    "render_proposal",
    "render_results",
]

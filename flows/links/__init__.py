"""The link pages: what a unit, an expert or an applicant sees and does in a browser by their personal link."""

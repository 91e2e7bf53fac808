"""Submissions (申报): taken in, told apart, kept in versions with their files, corrected, brought back, settled."""

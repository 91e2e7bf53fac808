"""From experts' scores to merits, and how far experts differ."""

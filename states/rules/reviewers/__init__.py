"""Who may review what: the draw, conflicts, affinity, and what would give a name away."""

"""The people of the demo: they act upon the system from outside only, never through its database."""

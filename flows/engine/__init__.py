"""Prefect as engine and window: its environment, its server, its worker, and the tree of processes."""

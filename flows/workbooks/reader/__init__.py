"""Reads a delivery: opened with distrust, its sheets matched to a layout, every row checked."""

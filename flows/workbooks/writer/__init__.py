"""Writes workbooks: what is issued, and the answers to what comes back."""

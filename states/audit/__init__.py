"""The audit: does the record hold, and do all rows that decide follow from it?"""

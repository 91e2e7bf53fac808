"""Keeping an installation: backup, restore, deletion of personal data, messages that do not go out."""

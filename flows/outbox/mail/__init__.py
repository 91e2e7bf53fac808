"""Mail: envelopes, and the two ways out of the house (an SMTP server, or .eml files)."""

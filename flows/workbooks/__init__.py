"""Excel in, cell-level answers out: templates, reading, receipts. Pure files and values, no database."""

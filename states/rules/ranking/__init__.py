"""From merits to places, tiers and votes."""

"""The district round (初评): units' verdicts and places, late ones, and what units ask for."""

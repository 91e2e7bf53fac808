"""The final round (终评): scores, their freezing, the ranking, votes, and the approval by a person."""

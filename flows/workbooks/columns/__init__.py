"""What a column may hold, and how people type it: cells, dates, numbers, people; and what is found wrong."""

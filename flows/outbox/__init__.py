"""What is told to people: messages as rows, letters, calendar entries, mail."""

"""Rules of the calendar: what is due, which deadline holds for whom, what is odd about a season's dates."""

"""What a year leaves behind for the office: the units' scorecards, as pages and workbooks."""

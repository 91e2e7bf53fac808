"""The scorecard of the reporting units (区县工作考核): what a unit did in a season, read from the record alone."""

"""The control room: where a season stands, as facts that `status` prints and the pages under `/office/` show."""

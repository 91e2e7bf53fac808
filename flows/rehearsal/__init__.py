"""The rehearsal: a coming season played in a scratch home, so that its letters, pages and workbooks can be read before."""

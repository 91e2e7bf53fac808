"""The way in by mail: the mailbox, what a mail says and holds, what becomes of it."""

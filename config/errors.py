"""The one base of every error that this project raises on purpose."""


class GangchuangError(Exception):
    """Something an administrator can act on; the message is a whole sentence with the way out.

    `chinese` is the sentence for who asked through the dashboard; empty where only operators meet the error.
    """

    chinese: str = ""


class MayPass(GangchuangError):
    """Nothing is wrong with what was asked: the database, the disk or another server could not serve it just now."""

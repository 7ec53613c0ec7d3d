"""Options that several commands take."""

from __future__ import annotations

import asyncclick

__all__ = ["database_url"]

database_url = asyncclick.option(
    "--database-url",
    metavar="URL",
    help="postgres://…, mysql://… or sqlite://path [SENTRI_DATABASE_URL; default: sqlite://sentri.db]. "
    "Other users of this machine can read arguments: a URL with a password belongs in the variable.",
)

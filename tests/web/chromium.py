"""Where Chromium is, and the options with which tests start it."""

import shutil

# The headless shell has no windows and opens a page in half the time.
_NAMES = ("chromium-headless-shell", "chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def path() -> str | None:
    """Return the path of the executable; None if Chromium is not installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)

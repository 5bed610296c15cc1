"""Where Chromium is, and the options with which tests start it."""

import shutil

# Has no windows, and no back/forward cache, and opens a page in half the time.
_SHELL = "chromium-headless-shell"
_WHOLE = "chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def path(whole: bool = False) -> str | None:
    """Return the path of the executable; None if Chromium is not installed.

    The headless shell, where it is installed, unless the ``whole`` browser is asked for.
    """
    return (None if whole else shutil.which(_SHELL)) or shutil.which(_WHOLE)

"""The error that lists all problems of a data set."""

from collections.abc import Sequence

# More problems than this are counted, not listed.
LISTED_PROBLEMS = 20


class DatasetError(Exception):
    """The data set cannot be used; the message lists its problems."""

    def __init__(self, problems: Sequence[str]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems[:LISTED_PROBLEMS])
        rest = len(problems) - LISTED_PROBLEMS
        more = f"\n  … and {rest} more" if rest > 0 else ""
        super().__init__(f"the data set has {len(problems)} problem(s):\n{listed}{more}")
        self.problems = tuple(problems)

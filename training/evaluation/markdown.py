"""Formats tables in Markdown for the model card."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format a header and rows with the same number of cells."""
    return "\n".join([_row(head), "|---" * len(head) + "|", *map(_row, rows)])


def _row(cells: Sequence[object]) -> str:
    return "".join("| " if cell == "" else f"| {cell} " for cell in cells) + "|"

"""Tables in Markdown, as the model card shows its figures."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A head, and rows of as many cells."""
    return "\n".join([_row(head), "|---" * len(head) + "|", *map(_row, rows)])


def _row(cells: Sequence[object]) -> str:
    return "".join("| " if cell == "" else f"| {cell} " for cell in cells) + "|"

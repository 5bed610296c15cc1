"""The figures of a run as PNG: the paper's 5 to 9, and the confusion matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOUR, SECOND = "#1b6ca8", "#d1495b"


def distribution(counts: dict[str, tuple[int, int]], path: Path) -> None:
    """Bars of images and lesions by class (the paper's figures 5 and 7)."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    positions = np.arange(len(counts))
    for offset, index, name, colour in ((-0.2, 0, "images", COLOUR), (0.2, 1, "lesions", SECOND)):
        values = [pair[index] for pair in counts.values()]
        bars = axes.bar(positions + offset, values, 0.4, label=name, color=colour)
        axes.bar_label(bars, fontsize=7)
    axes.set(
        xticks=positions, xticklabels=list(counts), ylabel="count", title="Classes of the data"
    )
    axes.legend()
    _save(figure, path)


def curves(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Loss, accuracy and balanced accuracy by epoch (the paper's figures 6, 8 and 9)."""
    names = ("loss", "accuracy", "balanced_accuracy")
    figure, grid = plt.subplots(1, len(names), figsize=(12, 3.6), layout="constrained")
    epochs = [entry["epoch"] for entry in history]
    for axes, name in zip(grid, names, strict=True):
        axes.plot(epochs, [entry[name] for entry in history], label="training", color=COLOUR)
        validation = [entry[f"val_{name}"] for entry in history]
        axes.plot(epochs, validation, label="validation", color=SECOND)
        axes.set(xlabel="epoch", title=name.replace("_", " "))
        axes.grid(alpha=0.3)
    grid[0].legend()
    _save(figure, path)


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str], path: Path) -> None:
    """Confusion matrix; the shade is the share of the true class."""
    counts = np.array(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(5.5, 5), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    ticks = np.arange(len(classes))
    axes.set(xticks=ticks, xticklabels=classes, yticks=ticks, yticklabels=classes)
    axes.set(xlabel="predicted", ylabel="truth", title="Confusion matrix, test")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the date, the same figures give the same file.
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)

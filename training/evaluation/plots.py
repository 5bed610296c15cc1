"""Plots of a run as PNG: the paper's figures 5 to 9, confusion matrix, ROC, reliability."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from .analysis import Calibrated
from .roc import Curves

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


def curves(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Loss, log loss and balanced accuracy by epoch (the paper's figures 6, 8 and 9: accuracy)."""
    names = ("loss", "log_loss", "balanced_accuracy")
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


def roc(curves: Curves, path: Path) -> None:
    """ROC curve of each class against the rest, and, thick, of malignancy."""
    figure, axes = plt.subplots(figsize=(6, 5.5), layout="constrained")
    rates = curves.false_positive_rate
    for name, sensitivities in curves.sensitivity.items():
        whole = name == "malignancy"
        style = {"color": "black", "linewidth": 2.5} if whole else {"linewidth": 1.2}
        axes.step(rates, sensitivities, where="post", label=name, **style)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC curves, test")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    _save(figure, path)


def reliability(found: Calibrated, path: Path) -> None:
    """Reliability diagrams by prior, before and after calibration."""
    names = {"top_label": "highest probability", "malignancy": "probability of malignancy"}
    figure, grid = plt.subplots(len(found.after), 2, figsize=(10, 9), layout="constrained")
    for row, prior in zip(grid, found.after, strict=True):
        for axes, (of, name) in zip(row, names.items(), strict=True):
            axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
            for when, under, colour in (
                ("before", found.before[prior], SECOND),
                ("after", found.after[prior], COLOUR),
            ):
                bins = getattr(under, of).bins
                axes.plot(
                    [entry.probability for entry in bins],
                    [entry.came_true for entry in bins],
                    marker="o",
                    markersize=4,
                    label=f"{when} calibration",
                    color=colour,
                )
            axes.set(xlabel=name, ylabel="share that came true", xlim=(0, 1), ylim=(0, 1))
            axes.set_title(f"{prior} prior")
            axes.grid(alpha=0.3)
    grid[0][0].legend()
    figure.suptitle("Reliability, HAM10000's test images")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date, equal figures give equal files.
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)

"""The sections of the model card that the evidence stage fills."""

from typing import Any

from ..evaluation import leakage, robustness
from ..evaluation.evaluate import text
from .markdown import table

GROUPINGS = {
    "age": "Age",
    "sex": "Sex",
    "localization": "Body site",
    "dx_type": "How the diagnosis was made",
}


def calibration(manifest: dict[str, Any]) -> str:
    found = manifest["evidence"]["calibration"]
    before, after = found["before"], found["after"]
    figures = {"calibration_error": "calibration error", "brier": "Brier score", "nll": "NLL"}
    rows = [
        (of, figure, text(before[part][key]), text(after[part][key]))
        for part, of in (("top_label", "the seven classes"), ("malignancy", "malignancy"))
        for key, figure in figures.items()
    ]
    return (
        "## Calibration, on test\n\nExpected calibration error over 15 equal bins: of the highest "
        "probability, and of the probability of malignancy. Before: the softmax of the logits.\n\n"
        f"{table(('of', 'figure', 'before', 'after'), rows)}\n\n"
        "![Reliability](figures/reliability.png)"
    )


def subgroups(manifest: dict[str, Any]) -> str:
    parts = [
        f"### {title}\n\n{_groups(manifest['evidence']['subgroups'][name])}"
        for name, title in GROUPINGS.items()
    ]
    return (
        "## Subgroups, on test\n\nBalanced accuracy is over the classes that occur in the group; "
        "sensitivity and specificity are those of the malignancy flag, undefined where nobody, or "
        "everybody, is ill. A group of few lesions is marked with *: its figures say little.\n\n"
        + "\n\n".join(parts)
    )


def _groups(groups: dict[str, Any]) -> str:
    counts = {
        "images": "images",
        "lesions": "lesions",
        "malignant": "malignant images",
        "classes": "classes",
    }
    figures = {
        "balanced_accuracy": "balanced accuracy",
        "accuracy": "accuracy",
        "malignancy_sensitivity": "sensitivity",
        "malignancy_specificity": "specificity",
    }
    rows = [
        (
            f"{name}{' *' if group['few'] else ''}",
            *(group[key] for key in counts),
            *(text(group[key]) for key in figures),
        )
        for name, group in groups.items()
    ]
    return table(("group", *counts.values(), *figures.values()), rows)


def worse_pictures(manifest: dict[str, Any]) -> str:
    found = manifest["evidence"]["robustness"]
    columns = {
        "balanced_accuracy": "balanced accuracy",
        "difference": "difference",
        "malignancy_sensitivity": "sensitivity to malignancy",
        "malignancy_specificity": "specificity",
    }
    rows = [
        (name, *(text(figures[key]) for key in columns), _share(figures["in_distribution"]))
        for name, figures in robustness.rows(found)
    ]
    head = ("worsened by", *columns.values(), "in distribution")
    return (
        "## Worse pictures, on test\n\nThe test images, made worse before the model sees them: "
        "blurred (standard deviation as a share of the short side), compressed again (JPEG "
        "quality), darker or brighter (factor), turned (degrees; what was outside is black), and "
        "under drawn hair (number of lines; drawn, not real). The difference is paired over "
        "lesions. The last column: the share of them that the detector lets pass.\n\n"
        f"{table(head, rows)}"
    )


def explanation(manifest: dict[str, Any]) -> str:
    found = manifest["evidence"]["deletion"]
    return (
        f"## Where the model looked\n\nMasking the {found['masked']:.0%} of the image that the "
        "class activation map marks most lowers the predicted class's probability by "
        f"{text(found['drop_where_marked'])}; a mask of the same shape elsewhere lowers it by "
        f"{text(found['drop_at_random'])}. Difference {text(found['difference'])}, over "
        f"{found['images']} test images."
    )


def elsewhere(manifest: dict[str, Any]) -> str:
    """Nothing if no other set was judged."""
    found = manifest["evidence"].get("elsewhere")
    if found is None:
        return ""
    figures, errors = found["metrics"], found["calibration"]
    passed = found["in_distribution"]
    rows = {
        "balanced accuracy": text(figures["balanced_accuracy"]),
        "accuracy": text(figures["accuracy"]),
        "macro AUC": text(figures["macro_auc"]),
        "sensitivity to malignancy": text(found["malignancy"]["sensitivity"]),
        "specificity": text(found["malignancy"]["specificity"]),
        "expected calibration error": text(errors["top_label"]["calibration_error"]),
        "the same, of malignancy": text(errors["malignancy"]["calibration_error"]),
        "in distribution": "the release cannot tell" if passed is None else text(passed),
    }
    counts = ", ".join(
        f"{entry['images']} {label}" for label, entry in figures["per_class"].items()
    )
    return (
        f"## On images from elsewhere\n\n`{found['set']}`: {figures['images']} images of "
        f"{figures['lesions']} lesions ({counts}), on which nothing was fitted or chosen; "
        f"fingerprint `{found['fingerprint'][:16]}`.\n\n{table(('', ''), rows.items())}"
    )


def the_papers_way(manifest: dict[str, Any]) -> str:
    """Nothing if the runs were not made."""
    found = manifest["evidence"].get("paper")
    if not found:
        return ""
    own = manifest["metrics"]["test"]
    return (
        f"## The paper's {leakage.CLAIM:.0%}, and what is left of it\n\nOne small network, trained "
        "for minutes in each of three ways and judged on what was held out. Where copies or other "
        "photographs of the held-out lesions are in training, it is asked for what it has seen. "
        "The groups differ in their shares of the classes: compare balanced accuracies, where all "
        "seven occur. Of the paper only its claim is known, not how it oversampled.\n\n"
        f"{leakage.table(found)}\n| this release, test: split by lesion | {own['images']} | "
        f"{len(own['per_class'])} | {text(own['accuracy'])} | {text(own['balanced_accuracy'])} |"
    )


def in_distribution(manifest: dict[str, Any]) -> str:
    """What the detector accepts and refuses, by origin, and when a picture is warned of."""
    found = manifest["in_distribution"]
    left, tones = found["left_out"], found["skin_tones"]
    taught = ", ".join(f"{count} {kind}" for kind, count in found["fitted_to"].items())
    accepted = {
        f"dermatoscopic, {name}": (entry, left["dermatoscopic_accepted"].get(name))
        for name, entry in found["dermatoscopic_accepted"].items()
    }
    refused = {
        f"close-ups, {name}": (None, entry) for name, entry in left["close_ups_refused"].items()
    } | {f"other pictures, {name}": (entry, None) for name, entry in found["other_refused"].items()}
    head = ("", "pictures", "share", "where its origin was left out")
    missed = ", ".join(f"{name} {share:.0%}" for name, share in found["missed"].items())
    equal = found["equalized"]
    shades = [
        (origin, tone, entry["pictures"], text(entry["share"]))
        for origin, by_tone in tones.items()
        for tone, entry in by_tone.items()
    ]
    return (
        "## What is no dermatoscopic image\n\n"
        f"{found['method']}, of the averages of {', '.join(found['layers'])} over the image, "
        f"taught by {taught} pictures and their altered copies. Dermatoscopic is what lies within "
        f"a distance of {found['threshold']:.2f} and has log-odds of at least "
        f"{found['log_odds']:.2f}: limits chosen on validation, origins weighing alike. Intervals "
        "are Wilson's, with each lesion, patient or scene as one draw. In the last column the "
        "detector was fitted again without that origin, limits included; dermatoscopic images are "
        "those that the network was not trained on.\n\nAccepted:\n\n"
        f"{table(head, [_row(name, *entries) for name, entries in accepted.items()])}\n\n"
        "Refused:\n\n"
        f"{table(head, [_row(name, *entries) for name, entries in refused.items()])}\n\n"
        f"Of other pictures, accepted by mistake: {missed or 'none'}. Pictures under a share-alike "
        "licence judged the detector and taught it nothing.\n\n"
        f"With every picture reduced to {equal['side']} pixels square and JPEG quality "
        f"{equal['quality']}, so that only content can count, "
        f"{text(equal['dermatoscopic_accepted']['share'])} of "
        f"{equal['dermatoscopic_accepted']['pictures']} dermatoscopic images are accepted and "
        f"{text(equal['close_ups_refused']['share'])} of "
        f"{equal['close_ups_refused']['pictures']} close-ups refused.\n\n"
        "Nobody recorded the tone of anybody's skin. By the typology angle of a close-up's median "
        "colour, which light and camera change, these shares were refused where their origin was "
        f"left out:\n\n{table(('origin', 'colour', 'pictures', 'refused'), shades)}\n\n"
        f"{_quality(manifest['quality'])}"
    )


def _row(
    name: str, entry: dict[str, Any] | None, left_out: dict[str, Any] | None
) -> tuple[Any, ...]:
    counted = entry or left_out or {}
    shares = (text(one["share"]) if one else "" for one in (entry, left_out))
    return (name, counted["pictures"], *shares)


def _quality(found: dict[str, Any]) -> str:
    limits = found["limits"]
    rows = [
        (name, *(f"{share:.1%}" for share in shares.values()))
        for name, shares in found["warned"].items()
    ]
    sides = ", ".join(
        f"{side} {accuracy:.3f}" for side, accuracy in found["balanced_accuracy_by_side"].items()
    )
    return (
        f"A picture is warned of whose sharpness is below {limits['sharpness']:g}, whose "
        f"brightness is below {limits['darkest']:g} or above {limits['brightest']:g} of 255, or "
        f"whose shorter side is below {limits['side']:g} pixels (balanced accuracy of validation "
        f"images made that small: {sides}). Share of the validation images that are warned of, as "
        "they are and made worse:\n\n"
        f"{table(('', 'blurred', 'dark', 'bright', 'taken for dermatoscopic'), rows)}"
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"

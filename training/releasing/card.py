"""The model card, generated from the manifest: no figure in it is typed."""

from typing import Any

from ..data.split import HELD_OUT, PARTS
from ..evaluation.evaluate import text
from . import card_evidence
from .markdown import table

PAPER = (
    "Bhalerao and Budhewar, “Implementation of an AI-Driven Skin Disease Detection System Using "
    "MobileNet and Flask Framework” (2026)"
)


def write(manifest: dict[str, Any]) -> str:
    """Return MODEL_CARD.md for a release."""
    sections = (
        _head,
        _use,
        _limits,
        _results,
        _per_class,
        card_evidence.calibration,
        card_evidence.elsewhere,
        card_evidence.the_papers_way,
        card_evidence.in_distribution,
        card_evidence.explanation,
        card_evidence.worse_pictures,
        card_evidence.subgroups,
        _speed,
        _data,
        _figures,
        _origin,
    )
    return "\n\n".join(filter(None, (section(manifest) for section in sections))) + "\n"


def _head(manifest: dict[str, Any]) -> str:
    return (
        f"# Model card: {manifest['name']}, {manifest['version']}\n\n"
        "**Not a medical diagnosis, and not a cleared medical device.** "
        f"{manifest['licence']['text']}"
    )


def _use(manifest: dict[str, Any]) -> str:
    return (
        "## What it is for\n\n"
        "- Use: a second look at one dermatoscopic image of one pigmented lesion, as probabilities "
        "of seven classes and a flag for malignancy, by people who know what it cannot do; "
        "teaching; research.\n"
        "- Users: visitors of the page, who are told to see a doctor; telemedicine partners, whose "
        "doctors decide; maintainers.\n"
        "- Not for: diagnosis, triage without a doctor, lesions that are not pigmented, of nails "
        "or of mucosa, ordinary close-ups, or any commercial use of these weights."
    )


def _limits(manifest: dict[str, Any]) -> str:
    names = ", ".join(manifest["classes"])
    return (
        "## What it cannot do\n\n"
        f"- It knows seven classes ({names}) and puts every image into one of them: rashes, "
        "infections, rarer tumours and healthy skin are unknown to it.\n"
        "- It was trained on pictures taken through a dermatoscope; an ordinary close-up is "
        "outside of what its figures speak of.\n"
        "- Skin tones are not recorded in HAM10000, whose patients were mostly of light skin "
        "(Austria, Australia): how it does on darker skin is unknown.\n"
        "- At its threshold it flags this share of malignant images, and misses the others: "
        f"{text(manifest['malignancy']['test']['sensitivity'])} on test.\n"
        "- It must not decide on treatment, replace a doctor, or reassure anybody."
    )


def _results(manifest: dict[str, Any]) -> str:
    split = manifest["data"]["split"]
    names = {
        "balanced_accuracy": "balanced accuracy",
        "accuracy": "accuracy",
        "macro_auc": "macro AUC",
    }
    sizes = [
        f"{part} ({split[part]['images']} images, {split[part]['lesions']} lesions)"
        for part in HELD_OUT
    ]
    rows = [
        (name, *(text(manifest["metrics"][part][key]) for part in HELD_OUT))
        for key, name in names.items()
    ]
    operating = manifest["malignancy"]
    return (
        f"## Results\n\nSplit by {split['by']}; intervals are 95%, by bootstrap over lesions. "
        "Calibration and threshold were fitted on validation; test was only reported.\n\n"
        f"{table(('', *sizes), rows)}\n\n"
        f"{_calibrations(manifest['calibration'])}\n\n"
        "Malignancy (mel, bcc, akiec) has a probability of its own, fitted to be right as often as "
        f"it says ({operating['slope']} times the log-odds of the three classes under the "
        f"{operating['calibration']} prior, plus {operating['intercept']}); it need not equal the "
        f"sum of the three. It is flagged from {operating['threshold']:.3f}: "
        f"sensitivity {operating['sensitivity']:.3f}, "
        f"specificity {operating['specificity']:.3f} on validation, where it was chosen; "
        f"sensitivity {text(operating['test']['sensitivity'])}, specificity "
        f"{text(operating['test']['specificity'])} on test."
    )


def _calibrations(calibrations: dict[str, Any]) -> str:
    rows = [
        (name, fitted["temperature"], ", ".join(map(str, fitted["offsets"])))
        for name, fitted in calibrations.items()
    ]
    return (
        "Probabilities are softmax((logits + offsets) / temperature). By default (decision) the "
        "classes are ranked as if all were equally frequent, and the highest probability says how "
        "often it is right where classes are as frequent as in the data set. Under `prior=uniform` "
        "and `prior=dataset` all seven hold for classes equally frequent, or as frequent as "
        "there.\n\n"
        f"{table(('prior', 'temperature', 'offsets'), rows)}"
    )


def _per_class(manifest: dict[str, Any]) -> str:
    rates = ("sensitivity", "specificity", "auc")
    rows = [
        (label, entry["images"], entry["lesions"], *(text(entry[rate]) for rate in rates))
        for label, entry in manifest["metrics"]["test"]["per_class"].items()
    ]
    head = ("class", "images", "lesions", "sensitivity", "specificity", "AUC")
    return f"## Each class, on test\n\n{table(head, rows)}"


def _speed(manifest: dict[str, Any]) -> str:
    export = manifest["export"]
    rows = [
        (
            f"{row['name']}{' (shipped)' if row['name'] == export['chosen'] else ''}",
            f"{row['bytes'] / 1e6:.1f} MB",
            f"{row['latency_ms']:.1f} ms",
            f"{row['balanced_accuracy']:.4f}",
            f"{row['parity']:.1g}",
        )
        for row in export["variants"]
    ]
    head = ("variant", "file", "latency", "balanced accuracy", "difference")
    refused = "".join(f"\n\n{name} {why}." for name, why in export["refused"].items())
    return (
        f"## Speed against accuracy\n\nLatency: median of one image on one thread of "
        f"{export['measured_on']}. Balanced "
        "accuracy: on validation. Difference: of probabilities to the Keras model, mean.\n\n"
        f"{table(head, rows)}{refused}\n\n{_views(manifest['views'])}"
    )


def _views(views: dict[str, Any]) -> str:
    rows = [(count, text(figure)) for count, figure in views.items()]
    return (
        "One answer may average the logits of several views of the image (`views=n`): mirrored and "
        "turned. Each takes the model's latency once more. Balanced accuracy on validation:\n\n"
        f"{table(('views', 'balanced accuracy'), rows)}"
    )


def _data(manifest: dict[str, Any]) -> str:
    data = manifest["data"]
    rows = [
        (label, count["images"], count["lesions"]) for label, count in data["distribution"].items()
    ]
    return (
        f"## Data\n\n{data['name']}: {data['images']} images of {data['lesions']} lesions, "
        f"fingerprint `{data['fingerprint'][:16]}`.\n\n"
        f"{table(('class', 'images', 'lesions'), rows)}\n\n"
        f"{_split(data['split'])}\n\n{_preprocessing(manifest['input'])}\n\n"
        f"Licence of the weights: {manifest['licence']['weights']}; of the code: "
        f"{manifest['licence']['code']}."
    )


def _split(split: dict[str, Any]) -> str:
    rows = [
        (part, split[part]["images"], split[part]["lesions"], f"`{split[part]['sha256'][:16]}`")
        for part in PARTS
    ]
    return (
        f"Split by {split['by']}, stratified by class, seed {split['seed']}; the last column is "
        "the hash of the image ids.\n\n"
        f"{table(('part', 'images', 'lesions', 'hash'), rows)}"
    )


def _preprocessing(taken: dict[str, Any]) -> str:
    steps = taken["preprocessing"]
    return (
        f"Preprocessing: {steps['geometry'].replace('-', ' ')} to {taken['size']}×{taken['size']} "
        f"pixels of RGB; median filter {'on' if steps['denoise'] else 'off'}, colour constancy "
        f"{'on' if steps['colour_constancy'] else 'off'}; values are scaled inside the model."
    )


def _figures(manifest: dict[str, Any]) -> str:
    return (
        f"## Figures\n\nBeside those of {PAPER}:\n\n"
        "| its figures | here |\n|---|---|\n"
        "| 5 and 7, the classes | ![Classes of the data](figures/distribution.png) |\n"
        "| 6, 8 and 9, loss and accuracy by epoch | "
        "![Loss and accuracy by epoch](figures/curves.png) |\n\n"
        "Its 97% validation accuracy is no measure of comparison: it does not come with a split by "
        "lesion. [The curves' numbers](history.json)\n\n"
        "![Confusion matrix](figures/confusion.png)\n![ROC curves](figures/roc.png)"
    )


def _origin(manifest: dict[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items())
    files = "\n".join(
        f"- `{name}`: {entry['size']} bytes, SHA-256 `{entry['sha256']}`"
        for name, entry in {**manifest["files"], **manifest["archive"]}.items()
    )
    return (
        f"## Origin\n\nMade {manifest['created']} at commit `{manifest['git_commit']}` with the "
        f"configuration `{manifest['training']['name']}`; {libraries}.\n\n{files}"
    )

"""Renders the model card, the README's results and the table of releases from the manifests."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import msgspec

from lesionlens.model.figures import Interval
from lesionlens.model.manifest import Manifest

from ..data.dataset import HAM10000
from ..evaluation import leakage
from ..evaluation.analysis import DEGRADED_PER_CLASS, Evidence
from ..evaluation.evaluate import text

# Settings of `evaluation.robustness` in the table of releases, and how they are named there.
WORSENED = {
    "none": "a sample",
    "blur 0.005": "the sample blurred by 0.005",
    "jpeg 20": "the sample at JPEG quality 20",
    "brightness 0.75": "the sample at brightness 0.75",
    "hair 5": "the sample under five hairs",
    "noise 10": "the sample with noise of 10",
}
CARD, RESULTS = "card.md.jinja", "results.md.jinja"
# Lines of a document that enclose what `update` replaces.
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def write(manifest: Manifest, evidence: Evidence) -> str:
    """Return MODEL_CARD.md for a release. Raises jinja2.UndefinedError if a figure is missing."""
    return _filled(CARD, manifest, evidence)


def results(manifest: Manifest) -> str:
    """Return the README's section on a published release."""
    return _filled(RESULTS, manifest, msgspec.convert(manifest.evidence, Evidence))


def releases(manifests: Sequence[Manifest]) -> str:
    """Return a table of figures on test, with a column for each published release."""
    columns = [_column(manifest) for manifest in manifests]
    rows = [["on test images", *(manifest.version for manifest in manifests)]]
    rows.append(["---"] * len(rows[0]))
    for name in columns[-1]:
        rows.append([name, *(column.get(name, "–") for column in columns)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _column(manifest: Manifest) -> dict[str, str]:
    """Figures of a release, by name; earlier releases lack some."""
    flag = manifest.malignancy.test.by_origin
    worsened = dict(msgspec.convert(manifest.evidence, Evidence).robustness.rows())
    found = {"balanced accuracy, HAM10000": manifest.metrics["test"].balanced_accuracy}
    others = " + ".join(manifest.malignancy.pooled)
    for title, name in (("HAM10000", HAM10000), ("other clinics", others)):
        if rates := flag.get(name):
            found[f"sensitivity of the flag, {title}"] = rates.sensitivity
            found[f"specificity of the flag, {title}"] = rates.specificity
            found[f"AUC of malignancy, {title}"] = rates.auc
    for name, title in WORSENED.items():
        if name in worsened:
            found[f"balanced accuracy, {title}"] = worsened[name].balanced_accuracy
    return {name: f"{figure['value']:.3f}" for name, figure in found.items()}


def update(document: str, content: str) -> str:
    """Return the document with other content between BEGIN and END. Raises ValueError."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the document lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{content}{END}{after}"


def _filled(template: str, manifest: Manifest, evidence: Evidence) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 Markdown from our own figures; no untrusted text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(interval=_interval, share=_share)
    return environment.get_template(template).render(
        manifest=manifest,
        evidence=evidence,
        robustness=evidence.robustness.rows(),
        degraded_per_class=DEGRADED_PER_CLASS,
        paper=leakage.table(evidence.paper) if evidence.paper else "",
        paper_claim=leakage.CLAIM,
    )


def _interval(figure: Interval | None) -> str:
    return "unknown" if figure is None else text(figure)


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"

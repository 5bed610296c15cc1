"""Renders the model card and the README's results from the manifest and the evidence."""

from pathlib import Path

import jinja2
import msgspec

from lesionlens.model.figures import Interval
from lesionlens.model.manifest import Manifest

from ..evaluation import leakage
from ..evaluation.analysis import DEGRADED_PER_CLASS, Evidence
from ..evaluation.evaluate import text
from ..evaluation.guardrails import VIEWED

CARD, RESULTS = "card.md.jinja", "results.md.jinja"
# Lines of the README that enclose the results of the current release.
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def write(manifest: Manifest, evidence: Evidence) -> str:
    """Return MODEL_CARD.md for a release. Raises jinja2.UndefinedError if a figure is missing."""
    return _filled(CARD, manifest, evidence)


def results(manifest: Manifest) -> str:
    """Return the README's section on a published release."""
    return _filled(RESULTS, manifest, msgspec.convert(manifest.evidence, Evidence))


def update(readme: str, manifest: Manifest) -> str:
    """Return the README with the results of a published release. Raises ValueError."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the README lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{results(manifest)}{END}{after}"


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
        viewed=VIEWED,
        paper=leakage.table(evidence.paper) if evidence.paper else "",
        paper_claim=leakage.CLAIM,
    )


def _interval(figure: Interval | None) -> str:
    return "unknown" if figure is None else text(figure)


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"

"""Shares of pictures that the detector accepts and refuses, by seen and unseen origin.

Leave-one-origin-out: the detector and its limits are fitted again without one origin and evaluated
on it, for each origin. This estimates the figures for other clinics and telephones.
"""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from skimage.color import rgb2lab

from lesionlens.model.ood import CLOSE_UP, DERMATOSCOPIC, OTHER

from ..data.kinds import TEST, TRAIN, VALIDATION, Picture
from . import ood_fit
from .metrics import Interval, wilson
from .ood_fit import Fitted, Mask, Shown

# Upper bounds of the individual typology angle, in degrees: Chardon, Cretois and Hourseau, "Skin
# colour typology and suntanning pathways", 1991.
TONES = {"dark": -30.0, "brown": 10.0, "tan": 28.0, "light": math.inf}


class Share(Struct, frozen=True):
    """A share of a number of pictures, with its interval."""

    pictures: int
    share: Interval


class LeftOut(Struct, frozen=True):
    """Shares by origin, for detectors that were fitted without that origin."""

    dermatoscopic_accepted: dict[str, Share]
    close_ups_refused: dict[str, Share]


class Report(Struct, frozen=True):
    """The detector's shares. ``missed``: accepted share by source of other pictures, if not 0."""

    dermatoscopic_accepted: dict[str, Share]  # by part of the split, and on test by origin
    other_refused: dict[str, Share]  # by whether the detector was fitted to the source
    missed: dict[str, float]
    left_out: LeftOut


def shown(
    pictures: Sequence[Picture],
    features: NDArray[np.float32],
    altered: Sequence[Picture] = (),
    framed: Sequence[Picture] = (),
) -> Shown:
    """Combine pictures, altered and framed copies, and the (N, F) features of all."""
    every = [*pictures, *altered, *framed]
    end = len(pictures) + len(altered)
    return Shown(
        features=features,
        kinds=np.array([picture.kind for picture in every]),
        origins=np.array([picture.origin for picture in every]),
        groups=np.array([picture.group for picture in every]),
        parts=np.array([picture.part for picture in every]),
        altered=(np.arange(len(every)) >= len(pictures)) & (np.arange(len(every)) < end),
        framed=np.arange(len(every)) >= end,
    )


def fit(shown: Shown, without: str | None = None) -> Fitted:
    """Fit a detector to the training pictures of all origins except ``without``."""
    kept = shown.origins != without
    dermatoscopic = shown.kinds == DERMATOSCOPIC
    validation = kept & dermatoscopic & (shown.parts == VALIDATION) & shown.untouched
    return ood_fit.fit(shown.subset(kept & (shown.parts == TRAIN)), shown.subset(validation))


def report(shown: Shown, fitted: Fitted) -> tuple[Report, Mask]:
    """Compute the shares accepted and refused, with intervals.

    Also returns (N,) whether each close-up was refused by the detector fitted without its origin.
    """
    clean = shown.untouched
    accepted = fitted.accepts(shown.features)
    dermatoscopic = clean & (shown.kinds == DERMATOSCOPIC)
    origins = [str(origin) for origin in np.unique(shown.origins[dermatoscopic])]
    close = clean & (shown.kinds == CLOSE_UP)
    families = [str(origin) for origin in np.unique(shown.origins[close])]
    held_out = dermatoscopic & (shown.parts != TRAIN)
    others = clean & (shown.kinds == OTHER)
    by_part = {
        part: share(accepted, shown, dermatoscopic & (shown.parts == part))
        for part in (VALIDATION, TEST)
    }
    by_origin = {
        origin: share(
            accepted, shown, dermatoscopic & (shown.parts == TEST) & (shown.origins == origin)
        )
        for origin in origins
    }
    left_out = LeftOut({}, {})
    if len(origins) > 1:
        for origin in origins:
            evaluated = held_out & (shown.origins == origin)
            without = fit(shown, without=origin).accepts(shown.features)
            left_out.dermatoscopic_accepted[origin] = share(without, shown, evaluated)
    refused = np.zeros(len(accepted), bool)
    for family in families:
        evaluated = close & (shown.origins == family)
        fitted_to = bool((evaluated & (shown.parts == TRAIN)).any())
        one = fit(shown, without=family) if fitted_to else fitted
        refused[evaluated] = ~one.accepts(shown.features[evaluated])
        left_out.close_ups_refused[family] = share(refused, shown, evaluated)
    left_out.close_ups_refused["all"] = share(refused, shown, close)
    found = Report(
        dermatoscopic_accepted=by_part | by_origin,
        other_refused={
            name: share(~accepted, shown, others & (shown.parts == part))
            for name, part in (("sources that taught", TRAIN), ("other sources", TEST))
        },
        missed=_missed(accepted, shown, others),
        left_out=left_out,
    )
    return found, refused


def share(chosen: Mask, shown: Shown, among: Mask) -> Share:
    """Share of ``chosen`` pictures among those of the mask ``among``, with its interval."""
    pictures = int(among.sum())
    if not pictures:
        return Share(0, {"value": None, "low": None, "high": None})
    groups = len(np.unique(shown.groups[among]))
    return Share(pictures, wilson(float(chosen[among].mean()), groups))


def tones(pixels: NDArray[np.uint8]) -> NDArray[np.str_]:
    """(N,) names in `TONES` by the median colour of (N, S, S, 3) pictures of skin.

    The colour in the picture depends on light and camera too; true skin tones were not recorded.
    """
    medians = np.median(pixels.reshape(len(pixels), -1, 3), axis=1)
    lightness, _, yellow = np.moveaxis(rgb2lab(medians[None] / 255)[0], -1, 0)
    angles = np.degrees(np.arctan2(lightness - 50, yellow))
    names = np.array(list(TONES))
    return np.asarray(names[np.searchsorted(list(TONES.values()), angles)])


def _missed(accepted: Mask, shown: Shown, among: Mask) -> dict[str, float]:
    """Accepted share of each source, where it is not 0."""
    shares = {
        str(source): round(float(accepted[among & (shown.origins == source)].mean()), 4)
        for source in np.unique(shown.origins[among])
    }
    return {source: found for source, found in shares.items() if found > 0}

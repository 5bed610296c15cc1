"""What the detector accepts and refuses, by origin: those it was fitted to, and unseen ones.

Leave-one-origin-out: the detector is fitted again without each origin, limits included, and
evaluated on that origin. Its figures for pictures of other clinics and telephones are these.
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
from .metrics import Interval
from .ood_fit import Fitted, Mask, Shown

# Of a normal distribution, for intervals of 95%.
DEVIATIONS = 1.96
# Individual typology angles, in degrees, from which on a picture's colour counts as that of lighter
# skin: Chardon, Cretois and Hourseau, "Skin colour typology and suntanning pathways", 1991.
TONES = {"dark": -30.0, "brown": 10.0, "tan": 28.0, "light": math.inf}


class Share(Struct, frozen=True):
    """A share of so many pictures."""

    pictures: int
    share: Interval


class LeftOut(Struct, frozen=True):
    """By origin, each judged by a detector that was fitted without it."""

    dermatoscopic_accepted: dict[str, Share]
    close_ups_refused: dict[str, Share]


class Report(Struct, frozen=True):
    """``missed``: the share accepted of each source of other pictures, where there is one."""

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
    """Pictures as they are, altered copies, copies in a black surround; (N, F) features of all."""
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
    """Fit to the training pictures but those of the origin that is left out."""
    kept = shown.origins != without
    home = shown.kinds == DERMATOSCOPIC
    validation = kept & home & (shown.parts == VALIDATION) & shown.untouched
    return ood_fit.fit(shown.subset(kept & (shown.parts == TRAIN)), shown.subset(validation))


def report(shown: Shown, fitted: Fitted) -> tuple[Report, Mask]:
    """Shares accepted and refused, with intervals.

    Also returned, (N,): whether a close-up was refused by the detector fitted without its origin.
    """
    clean = shown.untouched
    accepted = fitted.accepts(shown.features)
    home = clean & (shown.kinds == DERMATOSCOPIC)
    origins = [str(origin) for origin in np.unique(shown.origins[home])]
    close = clean & (shown.kinds == CLOSE_UP)
    families = [str(origin) for origin in np.unique(shown.origins[close])]
    held_out = home & (shown.parts != TRAIN)
    others = clean & (shown.kinds == OTHER)
    by_part = {
        part: share(accepted, shown, home & (shown.parts == part)) for part in (VALIDATION, TEST)
    }
    by_origin = {
        origin: share(accepted, shown, home & (shown.parts == TEST) & (shown.origins == origin))
        for origin in origins
    }
    left_out = LeftOut({}, {})
    if len(origins) > 1:
        for origin in origins:
            judged = held_out & (shown.origins == origin)
            without = fit(shown, without=origin).accepts(shown.features)
            left_out.dermatoscopic_accepted[origin] = share(without, shown, judged)
    refused = np.zeros(len(accepted), bool)
    for family in families:
        judged = close & (shown.origins == family)
        taught = bool((judged & (shown.parts == TRAIN)).any())
        one = fit(shown, without=family) if taught else fitted
        refused[judged] = ~one.accepts(shown.features[judged])
        left_out.close_ups_refused[family] = share(refused, shown, judged)
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
    """The share of the pictures ``among`` these that are chosen, with its interval."""
    groups = len(np.unique(shown.groups[among]))
    return Share(int(among.sum()), wilson(chosen[among], groups))


def wilson(chosen: Mask, groups: int) -> Interval:
    """A share with Wilson's 95% interval, as if each of the ``groups`` were one draw.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if not groups:
        return {"value": None, "low": None, "high": None}
    value, squared = float(chosen.mean()), DEVIATIONS**2
    centre = (value + squared / (2 * groups)) / (1 + squared / groups)
    half = (
        DEVIATIONS
        / (1 + squared / groups)
        * math.sqrt(value * (1 - value) / groups + squared / (4 * groups**2))
    )
    return {
        "value": round(value, 4),
        "low": round(max(0.0, centre - half), 4),
        "high": round(min(1.0, centre + half), 4),
    }


def tones(pixels: NDArray[np.uint8]) -> NDArray[np.str_]:
    """(N,) a name of `TONES` by the median colour of (N, S, S, 3) pictures of skin.

    By the colour in the picture, which light and camera change: nobody recorded the skin's.
    """
    medians = np.median(pixels.reshape(len(pixels), -1, 3), axis=1)
    lightness, _, yellow = np.moveaxis(rgb2lab(medians[None] / 255)[0], -1, 0)
    angles = np.degrees(np.arctan2(lightness - 50, yellow))
    names = np.array(list(TONES))
    return np.asarray(names[np.searchsorted(list(TONES.values()), angles)])


def _missed(accepted: Mask, shown: Shown, among: Mask) -> dict[str, float]:
    """The share accepted of each source that has some."""
    shares = {
        str(source): round(float(accepted[among & (shown.origins == source)].mean()), 4)
        for source in np.unique(shown.origins[among])
    }
    return {source: found for source, found in shares.items() if found > 0}

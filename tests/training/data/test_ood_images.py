import numpy as np
import pytest

from training.data import ood_images
from training.data.ood_images import SEEN, UNSEEN, OodImage


@pytest.fixture(scope="module")
def pictures() -> list[OodImage]:
    return list(ood_images.pictures(seed=1))


def test_no_source_is_in_both_halves(pictures: list[OodImage]) -> None:
    sources = {half: {p.source for p in pictures if p.half == half} for half in (SEEN, UNSEEN)}
    assert not sources[SEEN] & sources[UNSEEN]
    assert min(len(names) for names in sources.values()) >= 15


def test_there_are_photographs_and_drawings_of_every_kind_that_is_refused(
    pictures: list[OodImage],
) -> None:
    sources = {picture.source for picture in pictures}
    # A cat, a landscape, a document, faces, noise, blank, a screenshot, skin.
    assert sources >= {
        "chelsea.png", "china.jpg", "page.png", "astronaut.png", "drawn face", "drawn noise",
        "drawn blank", "drawn screenshot", "drawn healthy_skin", "drawn document",
    }  # fmt: skip


def test_all_can_be_classified(pictures: list[OodImage]) -> None:
    for picture in pictures:
        assert picture.image.mode == "RGB"
        assert min(picture.image.size) >= 32


def test_variants_differ_and_the_same_seed_draws_the_same(pictures: list[OodImage]) -> None:
    skin = [np.asarray(p.image) for p in pictures if p.source == "drawn healthy_skin"]
    assert not np.array_equal(skin[0], skin[1])
    again = next(p for p in ood_images.pictures(seed=1) if p.source == "drawn healthy_skin")
    np.testing.assert_array_equal(np.asarray(again.image), skin[0])

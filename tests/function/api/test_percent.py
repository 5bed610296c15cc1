import pytest

from lesionlens.api.percent import percent


@pytest.mark.parametrize(
    ("probability", "digits", "written"),
    [
        (0.0, 0, "< 1%"),
        (0.009, 0, "< 1%"),
        (0.01, 0, "1%"),
        (0.504, 0, "50%"),
        (0.99, 0, "99%"),
        (0.995, 0, "> 99%"),
        (1.0, 0, "> 99%"),
        (0.009, 1, "0.9%"),
        (0.0009, 1, "< 0.1%"),
        (0.9995, 1, "> 99.9%"),
    ],
)
def test_a_probability_is_never_0_or_100(probability: float, digits: int, written: str) -> None:
    assert percent(probability, digits) == written

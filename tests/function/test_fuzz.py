"""Mutated files of every format decode, or are refused with a Problem.

Decoder processes are used, so their limits of memory and time apply.
"""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from lesionlens.errors import ImageProblem, UnsupportedType
from lesionlens.imaging import decoder_pool
from lesionlens.imaging.model_input import Preprocessing
from tests.conftest import ROOT
from tests.dicom import photograph
from tests.pictures import encoded, lesion

# Mutations of each seed; `make fuzz` runs many more, and others every time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))

RULE = Preprocessing(32)
SMALL = lesion(64, 48)
SEEDS = {
    **{name: encoded(SMALL, name) for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")},
    "AVIF": encoded(SMALL, "AVIF"),
    "HEIC": (ROOT / "tests" / "data" / "lesion.heic").read_bytes(),
    "DICOM": photograph(SMALL),
    "implicit DICOM": photograph(SMALL, syntax=ImplicitVRLittleEndian, planar=1),
    "JPEG in DICOM": photograph(
        SMALL, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422", frames=2
    ),
}


@st.composite
def mutated(draw: st.DrawFn, seed: bytes) -> bytes:
    """The seed with bytes replaced, runs doubled, removed or moved, and its end cut off."""
    data = bytearray(seed)
    # Most errors depend on the first bytes.
    place = st.one_of(
        st.integers(0, min(len(seed), 1500) - 1),
        st.integers(0, len(seed) - 1),
    )
    for _ in range(draw(st.integers(1, 6))):
        at, kind = draw(place), draw(st.sampled_from(("set", "insert", "drop", "double")))
        if kind == "set":
            piece = draw(st.binary(min_size=1, max_size=8))
            data[at : at + len(piece)] = piece
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=16))
        else:
            end = at + draw(st.integers(1, 64))
            data[at:end] = data[at:end] * 2 if kind == "double" else b""
    return bytes(data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data)


# A thread left by another test may draw random numbers meanwhile.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("name", SEEDS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_mutated_file_decodes_or_raises_a_problem(name: str, data: Any) -> None:
    file = data.draw(mutated(SEEDS[name]))
    try:
        prepared = decoder_pool.shared.prepare(file, RULE)
    except (ImageProblem, UnsupportedType):
        return
    assert prepared.pixels.shape == (32, 32, 3)

"""The seven HAM10000 classes: their names, which are malignant, and their public codes.

The order of a model's outputs is defined by the release's manifest alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A code of a public terminology; ``match``: for the class, or for one of its members."""

    system: str
    code: str
    display: str
    match: str = "exact"


@dataclass(frozen=True)
class Disease:
    """One class of HAM10000.

    ``malignant`` follows the usual reading of the data set: akiec is in situ or pre-malignant and
    counts as malignant, because it is to be treated.
    """

    label: str
    name: str
    malignant: bool
    codes: tuple[Code, ...]


ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD11 = "http://id.who.int/icd/release/11/mms"
# Distributing SNOMED CT content needs a licence in many countries.
SNOMED = "http://snomed.info/sct"


def _representative(system: str, code: str, display: str) -> Code:
    return Code(system, code, display, "representative")


TAXONOMY: dict[str, Disease] = {
    disease.label: disease
    for disease in (
        Disease(
            "akiec",
            "Actinic keratosis / Bowen's disease",
            True,
            (
                _representative(ICD10, "L57.0", "Actinic keratosis"),
                _representative(ICD10, "D04.9", "Bowen's disease"),
                _representative(ICD11, "EK90.0", "Actinic keratosis"),
                _representative(ICD11, "2E64.0Z", "Bowen's disease"),
                _representative(SNOMED, "201101007", "Actinic keratosis"),
            ),
        ),
        Disease(
            "bcc",
            "Basal cell carcinoma",
            True,
            (
                Code(ICD10, "C44.9", "Basal cell carcinoma of skin"),
                Code(ICD11, "2C32.Z", "Basal cell carcinoma of skin"),
                Code(SNOMED, "254701007", "Basal cell carcinoma of skin"),
            ),
        ),
        Disease(
            "bkl",
            "Benign keratosis-like lesion",
            False,
            (
                _representative(ICD10, "L82", "Seborrheic keratosis"),
                _representative(ICD11, "2F21.0", "Seborrheic keratosis"),
            ),
        ),
        Disease(
            "df",
            "Dermatofibroma",
            False,
            (Code(ICD10, "D23.9", "Dermatofibroma"), Code(ICD11, "2F23.0", "Dermatofibroma")),
        ),
        Disease(
            "mel",
            "Melanoma",
            True,
            (
                Code(ICD10, "C43.9", "Melanoma of skin"),
                Code(ICD11, "2C30.Z", "Melanoma of skin"),
                Code(SNOMED, "93655004", "Melanoma of skin"),
            ),
        ),
        Disease(
            "nv",
            "Melanocytic nevus",
            False,
            (
                Code(ICD10, "D22.9", "Melanocytic nevus"),
                Code(ICD11, "2F20.Z", "Melanocytic nevus"),
                Code(SNOMED, "400010006", "Melanocytic nevus"),
            ),
        ),
        Disease(
            "vasc",
            "Vascular lesion",
            False,
            (
                _representative(ICD10, "D18.0", "Haemangioma"),
                _representative(ICD11, "2F26", "Pyogenic granuloma"),
                _representative(SNOMED, "400210000", "Hemangioma"),
            ),
        ),
    )
}

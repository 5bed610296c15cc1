"""The seven HAM10000 classes: names, malignancy, and codes in medical terminologies.

The order of a model's outputs is defined by the manifest of its release only.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A code in a terminology.

    ``match``: "exact" for a code of the whole class, "representative" for one of its diseases.
    """

    system: str
    code: str
    display: str
    match: str = "exact"


@dataclass(frozen=True)
class Disease:
    """One class of HAM10000.

    ``malignant`` is as usual for this data set: akiec, in situ or premalignant lesions, counts as
    malignant because it requires treatment.
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

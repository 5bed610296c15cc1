import pytest

from lesionlens.model.diagnoses import ICD10, SNOMED, TAXONOMY

# Verhoeff's tables: multiplication in the dihedral group of order ten, and the permutation.
D5 = [
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
]
PERMUTATION = (
    "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258"
)


def verhoeff(code: str) -> bool:
    rows = PERMUTATION.split()
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(D5[check][int(rows[place % 8][int(digit)])])
    return check == 0


def test_seven_classes_of_which_three_are_malignant() -> None:
    assert sorted(TAXONOMY) == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert {d.label for d in TAXONOMY.values() if d.malignant} == {"akiec", "bcc", "mel"}


@pytest.mark.parametrize("label", ["mel", "nv", "bcc", "akiec", "vasc"])
def test_snomed_codes_carry_their_check_digit(label: str) -> None:
    codes = [code.code for code in TAXONOMY[label].codes if code.system == SNOMED]
    assert len(codes) == 1
    assert all(verhoeff(code) for code in codes)


@pytest.mark.parametrize("code", ["65126008", "400083001", "21238008", "201160009", "254677009"])
def test_codes_that_circulate_and_are_wrong_fail_the_check_digit(code: str) -> None:
    assert not verhoeff(code)


@pytest.mark.parametrize("label", TAXONOMY)
def test_every_class_has_an_icd10_code_and_groups_say_so(label: str) -> None:
    codes = [code for code in TAXONOMY[label].codes if code.system == ICD10]
    assert codes
    group = label in ("bkl", "akiec", "vasc")
    assert all(code.match == ("representative" if group else "exact") for code in codes)

"""The command that creates, lists and revokes partners' keys."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lesionlens.api import keys
from lesionlens.api.keyring import read

TODAY = datetime.now(UTC).date()


def made(capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> str:
    assert keys.main([str(file), "create", "Example Clinic", *options]) == 0
    return capsys.readouterr().out.strip()


def test_a_key_is_created_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.json"
    text = made(capsys, file, "--rate", "30/hour", "--batch", "4", "--days", "10")
    other = made(capsys, file)
    assert text not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    key = read(str(file)).find(text)
    assert key is not None
    assert (key.partner, str(key.rate), key.batch) == ("Example Clinic", "30/hour", 4)
    assert key.expires == TODAY + timedelta(days=10)

    assert keys.main([str(file), "list"]) == 0
    listed = capsys.readouterr().out
    assert f"{key.id}  until {key.expires}  30/hour, 4 a batch  Example Clinic" in listed

    assert keys.main([str(file), "revoke", key.id]) == 0
    left = read(str(file))
    assert left.find(text) is None
    assert left.find(other) is not None
    assert keys.main([str(file), "revoke", key.id]) == 1
    assert f"there is no key '{key.id}'" in capsys.readouterr().err


def test_a_test_key_is_created_and_listed_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.json"
    text = made(capsys, file, "--test")
    assert text.startswith("ll_test_")
    assert not made(capsys, file).startswith("ll_test_")
    assert [key.test for key in read(str(file)).keys] == [True, False]
    assert keys.main([str(file), "list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("Example Clinic  (test)")
    assert second.endswith("Example Clinic")


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("--days", "0", "a number from 1 to 3650"),
        ("--days", "-1", "a number from 1 to 3650"),
        ("--days", "99999999999", "a number from 1 to 3650"),
        ("--batch", "0", "a number from 1 to 100"),
        ("--batch", "101", "a number from 1 to 100"),
        ("--batch", "9" * 5000, "a number from 1 to 100"),
        ("--rate", "many", "accepted is a number of images above 0 and a time"),
    ],
)
def test_a_key_that_could_not_be_used_is_not_created(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, accepted: str
) -> None:
    file = tmp_path / "keys.json"
    with pytest.raises(SystemExit) as refused:
        keys.main([str(file), "create", "Example Clinic", f"{option}={value}"])
    assert refused.value.code == 2
    assert accepted in capsys.readouterr().err
    assert not file.exists()

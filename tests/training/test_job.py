"""All stages of the training job, run by their commands."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from isic_challenge_scoring.classification import ClassificationMetric, ClassificationScore

from lesionlens.imaging.decode import decode
from lesionlens.imaging.preprocess import tensor
from lesionlens.model import release
from lesionlens.model.classifier import Classifier
from lesionlens.model.file_store import FileStore
from lesionlens.model.manifest import UNIFORM
from lesionlens.model.posterior import named_prior, posterior
from tests.smoke import options
from training.__main__ import main
from training.config import load
from training.data import source
from training.data.dataset import CLASSES
from training.evaluation import isic
from training.evaluation.evaluate import text
from training.workspace import Job


def test_the_release_is_complete(made: Path) -> None:
    store = FileStore(made / "store")
    manifest = release.read_manifest(store, "v1")
    assert manifest.classes == CLASSES
    assert manifest.name == "mobilenet_0.25_64"
    assert manifest.licence.weights == "CC BY-NC 4.0"
    assert manifest.training["name"] == "smoke"
    assert set(manifest.libraries) >= {"python", "keras", "tensorflow-cpu"}
    assert manifest.data.split.by == "lesion"
    assert set(manifest.metrics) == {"validation", "test"}
    assert set(manifest.archive) == {"model.keras"}
    folder = made / "store" / "v1"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.*")}
    for name in (
        "MODEL_CARD.md",
        "model.keras",
        "figures/distribution.png",
        "figures/curves.png",
        "figures/confusion.png",
        "figures/roc.png",
        "figures/reliability.png",
        "history.json",
    ):
        assert name in names


def test_the_release_is_served_with_the_figures_it_claims(made: Path) -> None:
    """Classifying files with the serving code reproduces the manifest's confusion matrix."""
    classifier = Classifier(release.load(FileStore(made / "store"), "current"), interpreters=1)
    manifest = classifier.manifest
    parts = json.loads((made / "run" / "split.json").read_text())
    (drawings,) = (made / "cache").glob("drawn-168-*")
    table = (drawings / "HAM10000_metadata.csv").read_text().splitlines()[1:]
    truth = {row.split(",")[1]: row.split(",")[2] for row in table}
    confusion = np.zeros((7, 7), int)
    for image_id in parts["test"]:
        data = (drawings / "images" / f"{image_id}.jpg").read_bytes()
        decoded = decode(data)
        logits = classifier.run(tensor(decoded.image, manifest.preprocessing)).logits
        shares = posterior(logits, manifest.calibration, named_prior(manifest, UNIFORM).shares)
        confusion[CLASSES.index(truth[image_id]), int(np.argmax(shares))] += 1
    assert confusion.tolist() == np.array(manifest.metrics["test"].confusion_matrix).tolist()


def test_the_model_card_is_made_of_the_manifests_figures(made: Path) -> None:
    folder = made / "store" / "v1"
    manifest = json.loads((folder / "manifest.json").read_text())
    card = (folder / "MODEL_CARD.md").read_text()
    accuracy = manifest["metrics"]["test"]["balanced_accuracy"]
    assert f"{accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})" in card
    assert manifest["files"]["model.tflite"]["sha256"] in card
    assert "(shipped)" in card
    for linked in re.findall(r"\]\((\S+)\)", card):
        assert (folder / linked).is_file(), linked
    assert card.index("Not a medical diagnosis") < card.index("What it cannot do")
    assert card.index("What it cannot do") < card.index("## On HAM10000's own images")
    for part in ("validation", "test"):
        for of in manifest["malignancy"][part]["by_origin"].values():
            assert f"| {of['images']} | {of['malignant']} | {text(of['sensitivity'])} |" in card
    tables = re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE)
    assert len(tables) > 10
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_the_evaluation_is_printed_with_intervals(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *options(made)]) == 0
    printed = capsys.readouterr().out
    value = json.loads((made / "run" / "evaluation.json").read_text())
    assert f"{value['metrics']['test']['accuracy']['value']:.3f} (" in printed
    assert "sensitivity" in printed


@pytest.mark.filterwarnings("ignore:DataFrame.applymap:FutureWarning")
def test_the_challenges_scorer_agrees_with_the_evaluation(made: Path) -> None:
    answers = made / "run" / "answers" / "isic-test.csv"
    rows = (made / "run" / "answers" / "test.csv").read_text().splitlines()[1:]
    ids = [row.split(",")[0] for row in rows]
    truth = np.eye(7)[[CLASSES.index(row.split(",")[3]) for row in rows]]
    isic.write(ids, truth, CLASSES, made / "truth.csv")
    metric = ClassificationMetric.BALANCED_ACCURACY
    score = ClassificationScore.from_file(made / "truth.csv", answers, metric)
    ours = json.loads((made / "run" / "export.json").read_text())["evaluation"]["metrics"]["test"]
    assert score.overall == pytest.approx(ours["balanced_accuracy"]["value"], abs=1e-4)
    assert score.macro_average["auc"] == pytest.approx(ours["macro_auc"]["value"], abs=1e-4)


def test_the_manifest_holds_the_evidence_that_the_card_shows(made: Path) -> None:
    folder = made / "store" / "v1"
    document = json.loads((folder / "manifest.json").read_text(), parse_constant=pytest.fail)
    assert (folder / "manifest.json").stat().st_size < release.MAX_JSON_BYTES / 4
    found, card = document["evidence"], (folder / "MODEL_CARD.md").read_text()
    assert found["model_sha256"] == document["files"]["model.tflite"]["sha256"]
    # The stage evidence evaluated the test part again, with the serving code.
    own = document["metrics"]["test"]
    undisturbed = found["robustness"]["none"]
    assert undisturbed["balanced_accuracy"]["value"] == own["balanced_accuracy"]["value"]
    sensitivity = document["malignancy"]["test"]["sensitivity"]["value"]
    assert undisturbed["malignancy_sensitivity"]["value"] == sensitivity
    for figure in (
        found["calibration"]["after"]["dataset"]["top_label"]["calibration_error"],
        found["calibration"]["before"]["uniform"]["malignancy"]["nll"],
        found["subgroups"]["sex"]["female"]["accuracy"],
        found["robustness"]["hair"][-1]["balanced_accuracy"],
    ):
        assert text(figure) in card
    for heading in ("What it is for", "Calibration", "Subgroups", "Worse pictures"):
        assert f"## {heading}" in card
    assert "how it does on darker skin is unknown" in " ".join(card.split())


def test_a_set_from_elsewhere_joins_the_card(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    given = options(made, run)
    (drawings,) = (made / "cache").glob("drawn-168-*")
    labels = str(drawings / "HAM10000_metadata.csv")
    predicted = ("--images", str(drawings / "images"), "--labels", labels)
    assert main(["evaluate", *given, *predicted]) == 0
    assert f"{drawings.name}: 168 images of 84 lesions" in capsys.readouterr().out
    store = ("--store", (tmp_path / "store").as_uri(), "--version", "v1")
    assert main(["publish", *given, *store]) == 0
    card = (tmp_path / "store" / "v1" / "MODEL_CARD.md").read_text()
    assert f"`{drawings.name}`: 168 images of 84 lesions" in card
    # Evidence on one model is not published with another.
    found = json.loads((run / "evidence.json").read_text())
    (run / "evidence.json").write_text(json.dumps({**found, "model_sha256": "0" * 64}))
    assert main(["publish", *given, *store]) == 1
    assert "evidence.json is of another export; measure it again" in capsys.readouterr().err
    (run / "evidence.json").unlink()
    assert main(["publish", *given, *store]) == 1
    assert "has no evidence.json; run the stage evidence" in capsys.readouterr().err


def test_a_run_of_another_configuration_is_not_resumed(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = (*options(made), "--set", "training.dropout=0.5", "--resume")
    for stage in ("train", "evaluate", "export", "evidence", "publish"):
        assert main([stage, *other]) == 1
        assert "was started with another configuration" in capsys.readouterr().err


def test_a_run_that_is_older_than_an_option_stays_usable(made: Path, tmp_path: Path) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    trained = json.loads((run / "config.json").read_text())
    del trained["teachers"]
    (run / "config.json").write_text(json.dumps(trained))
    assert main(["evaluate", *options(made, run)]) == 0


def test_a_training_needs_its_teachers_in_the_store(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    (run / "training.json").unlink()
    taught = ("--set", "teachers=['20200101-00000000']", "--store", f"file://{made / 'store'}")
    assert main(["train", *options(made, run), *taught]) == 1
    assert "20200101-00000000" in capsys.readouterr().err


def test_the_split_of_a_trained_run_stays(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    before = (run / "split.json").read_bytes()
    assert main(["split", *options(made, run)]) == 0
    assert main(["split", *options(made, run), "--set", "data.test_fraction=0.3"]) == 1
    assert "was trained on another split" in capsys.readouterr().err
    assert (run / "split.json").read_bytes() == before


def test_what_was_trained_on_another_split_is_not_judged(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    parts = json.loads((run / "split.json").read_text())
    parts["test"].append(parts["train"].pop())
    (run / "split.json").write_text(json.dumps(parts))
    given = (*options(made, run), "--store", (tmp_path / "store").as_uri())
    for stage in ("train", "evaluate", "export", "safeguard", "evidence", "publish"):
        assert main([stage, *given, *(["--resume"] if stage == "train" else [])]) == 1, stage
        assert "is not the split that was trained on" in capsys.readouterr().err


def test_without_a_training_nothing_is_judged(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["split", *options(made, run)]) == 0
    for stage in ("evaluate", "export", "safeguard", "evidence", "publish"):
        assert main([stage, *options(made, run)]) == 1, stage
        assert "holds no training; run the stage train" in capsys.readouterr().err


def test_a_model_that_was_trained_after_its_export_is_not_published(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    with (run / "model.keras").open("ab") as model:
        model.write(b"changed")
    store = (tmp_path / "store").as_uri()
    assert main(["publish", *options(made, run), "--store", store]) == 1
    assert "was trained again after its export" in capsys.readouterr().err


def test_safeguards_of_another_export_are_not_published(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(made / "run", tmp_path / "run")
    found = json.loads((run / "safeguards.json").read_text())
    (run / "safeguards.json").write_text(json.dumps({**found, "model_sha256": "0" * 64}))
    store = (tmp_path / "store").as_uri()
    assert main(["publish", *options(made, run), "--store", store]) == 1
    assert "was exported anew; run the stage safeguard again" in capsys.readouterr().err


def test_a_publication_killed_after_any_write_can_be_repeated(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = ("publish", *options(made), "--store", (tmp_path / "store").as_uri())
    write = FileStore.write
    for writes in range(10):
        left = writes

        def dying(self: FileStore, name: str, data: bytes, generation: int) -> None:
            nonlocal left
            write(self, name, data, generation)
            left -= 1
            if left < 0:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(FileStore, "write", dying)
            with pytest.raises(KeyboardInterrupt):
                main([*publish, "--version", f"v{writes}"])
        assert main([*publish, "--version", f"v{writes}"]) == 0


def test_the_life_of_a_release(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ("--store", (made / "life").as_uri())
    publish = ("publish", *options(made), *store, "--version")
    assert main([*publish, "v1", "--promote"]) == 0
    assert main([*publish, "v2"]) == 0
    assert main(["promote", "v2", *store]) == 0
    assert main(["rollback", *store]) == 0
    capsys.readouterr()
    assert main(["list", *store]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("* v1")
    assert second.startswith("  v2")
    assert "balanced accuracy" in first
    assert main([*publish, "v2"]) == 0
    (made / "life" / "v2" / "MODEL_CARD.md").write_text("another")
    assert main([*publish, "v2"]) == 1
    assert "v2/MODEL_CARD.md exists already with other content" in capsys.readouterr().err


@pytest.mark.parametrize("worker", [0, 1])
def test_only_the_chief_prints_and_plots_the_data(
    worker: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pools = {"workerpool0": ["localhost:1"], "workerpool1": ["localhost:2"]}
    task = {"type": f"workerpool{worker}", "index": 0}
    monkeypatch.setenv("CLUSTER_SPEC", json.dumps({"cluster": pools, "task": task}))
    given = ("--config", "smoke", "--run", str(tmp_path / "run"), "--cache", str(tmp_path))
    run = tmp_path / "run" if worker == 0 else tmp_path / "run" / "worker-1"
    for stage in ("data", "split"):
        assert main([stage, *given]) == 0
        assert bool(capsys.readouterr().out) == (worker == 0), stage
    assert (run / "figures" / "distribution.png").exists() == (worker == 0)
    # Every worker needs the split.
    assert (run / "split.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["data", "--data", "/nowhere"],
            "/nowhere and its folders hold none of HAM10000",
        ),
        (["train", "--config", "unheard"], "unknown configuration 'unheard'"),
        (["list", "--store", "s3://bucket"], "is no store; accepted are gs://"),
        (["rollback", "--store", "file:///nowhere"], "there is no earlier version"),
        (["promote", "gone", "--store", "file:///nowhere"], "gone/manifest.json does not exist"),
    ],
)
def test_errors_are_reported_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = ["--run", str(tmp_path)] if arguments[0] in ("data", "train") else []
    assert main([*arguments, *run]) == 1
    assert message in capsys.readouterr().err


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fly"])
    assert "invalid choice: 'fly'" in capsys.readouterr().err


def test_ham10000_is_the_same_data_whatever_is_trained_on_beside_it(tmp_path: Path) -> None:
    """The runs of the paper's experiment, on HAM10000 alone, are found by its fingerprint."""
    few = ("data.generated=40",)
    alone = Job(load("smoke", few), None, tmp_path / "run", tmp_path)
    both = Job(
        load("smoke", (*few, "data.archive_fraction=0.25")), None, tmp_path / "run", tmp_path
    )
    assert both.ham10000.fingerprint == alone.dataset.fingerprint == alone.ham10000.fingerprint
    assert both.dataset.fingerprint != alone.dataset.fingerprint
    assert both.dataset.records[: len(alone.dataset.records)] == alone.dataset.records


def test_drawings_are_made_once_and_anew_after_an_interruption(tmp_path: Path) -> None:
    made = []

    def draw(folder: Path, images: int, seed: int) -> None:
        folder.mkdir()
        made.append((images, seed))
        if len(made) == 1:
            raise KeyboardInterrupt
        (folder / "done").touch()

    with pytest.raises(KeyboardInterrupt):
        source.drawn("drawn", draw, 14, 1, tmp_path)
    for _ in range(2):
        assert (source.drawn("drawn", draw, 14, 1, tmp_path) / "done").exists()
    assert made == [(14, 1)] * 2

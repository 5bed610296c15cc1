import msgspec

from tests.releases import manifest
from training.evaluation.analysis import Evidence
from training.releasing import card


def test_the_card_names_the_releases_that_the_network_learned_from() -> None:
    shipped = manifest()
    evidence = msgspec.convert(shipped.evidence, Evidence)
    written = card.write(shipped, evidence)
    *most, last = shipped.training["teachers"]
    assert f"from the weights of release `{shipped.training['start']}`" in written
    assert f"`{most[-1]}` and `{last}`;" in written
    alone = {**shipped.training, "start": "", "teachers": []}
    unaided = card.write(msgspec.structs.replace(shipped, training=alone), evidence)
    assert "from the weights of" not in unaided
    assert "learning beside" not in unaided

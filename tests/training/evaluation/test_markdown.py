from training.evaluation.markdown import table


def test_a_table_has_a_line_a_row_and_a_rule_below_its_head() -> None:
    assert table(("", "images"), [("mel", 3), ("", 0.5)]) == (
        "| | images |\n|---|---|\n| mel | 3 |\n| | 0.5 |"
    )


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("a", "b", "c"), []) == "| a | b | c |\n|---|---|---|"

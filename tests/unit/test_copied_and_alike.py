"""Copies are found whatever their layout, renamed ones as such, and what merely shares idioms is left alone."""

from __future__ import annotations

from node.checks.guards.copied import FULL, Grams
from node.checks.guards.likeness import THRESHOLD_BP, NearDuplicates

SOURCE = """
/// The words of a text, counted.
pub fn count_words(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for word in text.split_whitespace() {
        let folded: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        *found.entry(folded).or_insert(0) += 1;
    }
    found
}
"""
OTHER = """
pub fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(|a, b| a.total_cmp(b));
    let middle = values.len() / 2;
    Some(if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 })
}
"""
RENAMED = SOURCE.replace("found", "tally").replace("word", "item").replace("folded", "key")


def test_a_copy_in_another_layout_is_contained_in_full():
    copy = "// mine\n" + " ".join(SOURCE.replace("/// The words of a text, counted.", "").split())
    assert Grams([OTHER, SOURCE]).containment(copy) == FULL


def test_half_a_copy_is_contained_by_half_and_other_code_not_at_all():
    known = Grams([SOURCE])
    assert 3_000 < known.containment(SOURCE + OTHER) < 6_000
    assert known.containment(OTHER) == 0
    assert known.containment("fn f() {}") == 0


def test_the_same_sources_give_the_same_grams_in_any_order():
    assert len(Grams([SOURCE, OTHER])) == len(Grams([OTHER, SOURCE, SOURCE]))


def test_a_row_that_was_seen_is_named_by_its_first_occurrence():
    seen = NearDuplicates()
    assert seen.first_like("a", SOURCE) is None
    assert seen.first_like("b", OTHER) is None
    again = seen.first_like("c", "// as before\n" + SOURCE.replace("    ", "\t"))
    assert again is not None
    assert (again.earlier, again.similarity, again.renamed) == ("a", FULL, False)


def test_a_row_with_a_small_change_is_a_near_duplicate():
    seen = NearDuplicates()
    seen.first_like("a", SOURCE)
    near = seen.first_like("b", SOURCE.replace("or_insert(0)", "or_default()"))
    assert near is not None
    assert THRESHOLD_BP <= near.similarity < FULL
    assert not near.renamed


def test_a_renamed_copy_is_found_and_called_renamed():
    seen = NearDuplicates()
    seen.first_like("a", SOURCE)
    found = seen.first_like("b", RENAMED)
    assert found is not None
    assert (found.earlier, found.renamed) == ("a", True)


def test_rows_find_the_same_twins_each_time():
    def run():
        seen = NearDuplicates()
        rows = [SOURCE, OTHER, RENAMED, SOURCE + OTHER, OTHER.replace("2.0", "2.5"), ""]
        return [seen.first_like(str(number), row) for number, row in enumerate(rows)]

    assert run() == run()


def test_beyond_its_bound_only_exact_copies_are_found():
    seen = NearDuplicates(rows_max=1)
    assert seen.first_like("a", SOURCE) is None
    assert seen.first_like("b", OTHER) is None
    near, same = OTHER.replace("2.0", "2.5"), OTHER + "// the same"
    assert seen.first_like("c", near) is None
    found = seen.first_like("d", same)
    assert found is not None
    assert found.earlier == "b"

"""Copies are found whatever their layout, renamed ones as such, and what merely shares idioms is left alone."""

from __future__ import annotations

import random
import sys
from types import SimpleNamespace

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


class Seen:
    """Rows by name, over the numbers that the index knows them by."""

    def __init__(self, **bounds):
        self.rows = []
        self.index = NearDuplicates(lambda number: self.rows[number][1], **bounds)

    def first_like(self, name, code):
        self.rows.append((name, code))
        found = self.index.first_like(len(self.rows) - 1, code)
        return found and SimpleNamespace(
            earlier=self.rows[found.earlier][0], similarity=found.similarity, renamed=found.renamed
        )


def test_a_row_that_was_seen_is_named_by_its_first_occurrence():
    seen = Seen()
    assert seen.first_like("a", SOURCE) is None
    assert seen.first_like("b", OTHER) is None
    again = seen.first_like("c", "// as before\n" + SOURCE.replace("    ", "\t"))
    assert again is not None
    assert (again.earlier, again.similarity, again.renamed) == ("a", FULL, False)


def test_a_row_with_a_small_change_is_a_near_duplicate():
    seen = Seen()
    seen.first_like("a", SOURCE)
    near = seen.first_like("b", SOURCE.replace("or_insert(0)", "or_default()"))
    assert near is not None
    assert THRESHOLD_BP <= near.similarity < FULL
    assert not near.renamed


def test_a_renamed_copy_is_found_and_called_renamed():
    seen = Seen()
    seen.first_like("a", SOURCE)
    found = seen.first_like("b", RENAMED)
    assert found is not None
    assert (found.earlier, found.renamed) == ("a", True)


def test_rows_find_the_same_twins_each_time():
    def run():
        seen = Seen()
        rows = [SOURCE, OTHER, RENAMED, SOURCE + OTHER, OTHER.replace("2.0", "2.5"), ""]
        return [seen.first_like(str(number), row) for number, row in enumerate(rows)]

    assert run() == run()


def test_beyond_its_bound_only_exact_copies_are_found_and_it_says_of_how_many_rows():
    seen = Seen(rows_max=1)
    assert seen.first_like("a", SOURCE) is None
    assert seen.index.unknown == 0
    assert seen.first_like("b", OTHER) is None
    assert seen.index.unknown == 1
    near, same = OTHER.replace("2.0", "2.5"), OTHER + "// the same"
    assert seen.first_like("c", near) is None
    found = seen.first_like("d", same)
    assert found is not None
    assert found.earlier == "b"
    assert seen.first_like("e", SOURCE.replace("or_insert(0)", "or_default()")).earlier == "a"


def words(number):
    """A row of its own, and one that differs from it in one token of eighty."""
    drawn = random.Random(number)
    one = [f"{drawn.randrange(10_000)}" for _ in range(40)]
    return " + ".join(one), " + ".join([*one[:20], "0", *one[21:]])


def test_near_copies_are_found_among_many_rows():
    seen = Seen()
    for number in range(400):
        assert seen.first_like(f"{number}", words(number)[0]) is None
    twins = [seen.first_like("twin", words(number)[1]) for number in range(400)]
    assert [twin and twin.earlier for twin in twins] == [f"{number}" for number in range(400)]


def held_bytes(value):
    """Memory of a value and of everything in it."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(held_bytes(key) + held_bytes(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return size + sum(map(held_bytes, value))
    fields = getattr(value, "__slots__", None) or getattr(value, "__dict__", ())
    return size + sum(held_bytes(getattr(value, name)) for name in fields)


def test_a_row_takes_some_hundred_bytes_whatever_its_length():
    def code(number):
        return (
            " - ".join(words(part)[0] for part in range(number, number + 8)) if number % 40 == 0 else words(number)[0]
        )

    seen = NearDuplicates(code)
    sizes = []
    for number in range(600):
        seen.first_like(number, code(number))
        if number in {199, 599}:
            sizes.append(held_bytes(seen))
    assert sizes[0] > 200 * 17 * 6, "each row is in there by seventeen keys of six bytes"
    assert (sizes[1] - sizes[0]) / 400 < 400

use wordwise::{anagram_groups, Histogram};

fn counted(text: &str) -> Histogram {
    let mut histogram = Histogram::default();
    histogram.record(text);
    histogram
}

#[test]
fn counts_words_in_any_case() {
    let histogram = counted("Tea or tea? TEA!");
    assert_eq!(histogram.most_common(), Some(("tea", 3)));
    assert_eq!(histogram.to_string(), "or: 1, tea: 3");
}

#[test]
fn shares_add_up() {
    let histogram = counted("a b b c");
    assert_eq!(histogram.share("B"), 0.5);
    assert_eq!(histogram.share("z"), 0.0);
    assert_eq!(Histogram::default().share("a"), 0.0);
}

#[test]
fn pruning_forgets_rare_words() {
    let mut histogram = counted("a b b c c c");
    assert_eq!(histogram.prune(2), 2);
    assert_eq!(histogram.to_string(), "b: 2, c: 3");
    assert_eq!(histogram.share("c"), 0.6);
}

#[test]
fn groups_anagrams_in_order_of_appearance() {
    let groups = anagram_groups(&["tea", "tan", "eat", "nat", "bat"]);
    assert_eq!(groups, [vec!["tea", "eat"], vec!["tan", "nat"], vec!["bat"]]);
}

#[test]
fn the_first_of_equals_is_most_common() {
    let histogram = counted("b a b a");
    assert_eq!(histogram.most_common(), Some(("a", 2)));
}

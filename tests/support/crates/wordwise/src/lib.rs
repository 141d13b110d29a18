//! Small tools for words and lines.

mod histogram;

use std::collections::HashMap;

pub use histogram::Histogram;

/// The longest line that [`wrap`] makes when it is not told otherwise.
pub const DEFAULT_WIDTH: usize = 72;

/// Breaks a text into lines of at most `width` characters, between words only.
///
/// Runs of white space count as one space. A word that is longer than `width` gets a line of its own and is never cut,
/// so that no line can be blamed on this function but those that hold a single word.
///
/// ```
/// use wordwise::wrap;
///
/// let lines = wrap("the quick brown fox", 9);
/// assert_eq!(lines, ["the quick", "brown fox"]);
/// ```
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        // One more for the space that joins the word to the line.
        let joined_len = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && joined_len > width {
            lines.push(line);
            line = String::new();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    // What is left is the last line; an empty text has none.
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Finds the beginning that two words have in common, compared character by character.
///
/// ```
/// use wordwise::common_prefix;
///
/// assert_eq!(common_prefix("interview", "internet"), "inter");
/// ```
pub fn common_prefix<'a>(left: &'a str, right: &str) -> &'a str {
    let shared = left
        .chars()
        .zip(right.chars())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    &left[..shared]
}

/// Tells whether a phrase reads the same from both ends, spaces and case aside.
pub fn is_palindrome(phrase: &str) -> bool {
    let letters: Vec<char> = phrase
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let half = letters.len() / 2;
    // The letter in the middle of an odd number mirrors itself.
    letters[..half].iter().eq(letters.iter().rev().take(half))
}

/// Why a number could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum RomanError {
    /// A character that is no numeral.
    UnknownNumeral(char),
    /// Nothing to read.
    Empty,
}

/// Reads a number in Roman numerals, as in `MCMXCIV`.
///
/// # Errors
///
/// Fails for an empty text, and at the first character that is no numeral.
pub fn parse_roman(text: &str) -> Result<u32, RomanError> {
    if text.is_empty() {
        return Err(RomanError::Empty);
    }
    let mut total = 0;
    let mut highest = 0;
    for numeral in text.chars().rev() {
        let value = numeral_value(numeral)?;
        // A smaller numeral in front of a larger one is taken away from it.
        if value < highest {
            total -= value;
        } else {
            total += value;
            highest = value;
        }
    }
    Ok(total)
}

fn numeral_value(numeral: char) -> Result<u32, RomanError> {
    let value = match numeral {
        'I' => 1,
        'V' => 5,
        'X' => 10,
        'L' => 50,
        'C' => 100,
        'D' => 500,
        'M' => 1000,
        other => return Err(RomanError::UnknownNumeral(other)),
    };
    Ok(value)
}

/// Groups words that are anagrams of each other, keeping the order in which the groups first appear.
pub fn anagram_groups<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut groups: Vec<Vec<&str>> = Vec::with_capacity(words.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for word in words {
        let mut key: Vec<char> = word.chars().collect();
        key.sort_unstable();
        let key: String = key.into_iter().collect();
        if let Some(place) = places.get(&key) {
            groups[*place].push(*word);
        } else {
            places.insert(key, groups.len());
            groups.push(vec![*word]);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roman(text: &str) -> u32 {
        parse_roman(text).unwrap()
    }

    #[test]
    fn wraps_between_words() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("a bb ccc", 3), ["a", "bb", "ccc"]);
    }

    #[test]
    fn never_cuts_a_long_word() {
        assert_eq!(wrap("incomprehensible joy", 5), ["incomprehensible", "joy"]);
    }

    #[test]
    fn an_empty_text_has_no_lines() {
        assert!(wrap("  \n ", 10).is_empty());
    }

    #[test]
    fn finds_palindromes_in_any_case() {
        assert!(is_palindrome("Never odd or even"));
        assert!(is_palindrome("A b ba"));
        assert!(!is_palindrome("almost"));
    }

    #[test]
    fn reads_additive_numerals() {
        assert_eq!(roman("MMXVI"), 2016);
        assert_eq!(roman("III"), 3);
    }

    #[test]
    fn reads_subtractive_numerals() {
        assert_eq!(roman("MCMXCIV"), 1994);
        assert_eq!(roman("IX"), 9);
    }

    #[test]
    fn refuses_what_is_no_numeral() {
        assert_eq!(parse_roman("XIQ"), Err(RomanError::UnknownNumeral('Q')));
        assert_eq!(parse_roman(""), Err(RomanError::Empty));
    }

    #[test]
    fn prefixes_end_where_the_words_part() {
        assert_eq!(common_prefix("wörter", "wörtlich"), "wört");
        assert_eq!(common_prefix("a", "b"), "");
    }
}

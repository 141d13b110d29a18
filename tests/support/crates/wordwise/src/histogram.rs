use std::collections::BTreeMap;
use std::fmt;

/// Counts how often words occur, whatever their case.
#[derive(Debug, Default, Clone)]
pub struct Histogram {
    counts: BTreeMap<String, usize>,
    total: usize,
}

impl Histogram {
    /// Counts every word of a text; words are what white space and punctuation leave.
    pub fn record(&mut self, text: &str) {
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            // Two separators in a row leave an empty word between them.
            if word.is_empty() {
                continue;
            }
            *self.counts.entry(word.to_lowercase()).or_insert(0) += 1;
            self.total += 1;
        }
    }

    /// Returns the word that was counted most often, the alphabetically first one among equals.
    ///
    /// ```
    /// let mut histogram = wordwise::Histogram::default();
    /// histogram.record("One fish, two fish.");
    /// let favourite = histogram.most_common();
    /// assert_eq!(favourite, Some(("fish", 2)));
    /// ```
    pub fn most_common(&self) -> Option<(&str, usize)> {
        let mut best: Option<(&str, usize)> = None;
        for (word, &count) in &self.counts {
            // Words come in alphabetical order, so an equal count never replaces the first.
            if best.is_none_or(|(_, most)| count > most) {
                best = Some((word.as_str(), count));
            }
        }
        best
    }

    /// Gives the share of all counted words that a word has, between 0 and 1.
    pub fn share(&self, word: &str) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let count = self.counts.get(&word.to_lowercase()).copied().unwrap_or(0);
        count as f64 / self.total as f64
    }

    /// Drops every word that was counted fewer than `least` times and returns how many words are left.
    pub fn prune(&mut self, least: usize) -> usize {
        self.counts.retain(|_, count| *count >= least);
        self.total = self.counts.values().sum();
        self.counts.len()
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (word, count)) in self.counts.iter().enumerate() {
            if place > 0 {
                write!(f, ", ")?;
            }
            write!(f, "{word}: {count}")?;
        }
        Ok(())
    }
}

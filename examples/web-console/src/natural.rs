//! The order of names in which people number them.

use std::cmp::Ordering;

/// A name that is ordered by the numbers in it: `web2` is before `web10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Natural(String);

impl Natural {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Natural {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        // Different names such as `web1` and `web01` may be of equal rank.
        alphanumeric_sort::compare_str(&self.0, &other.0).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let names = [
            "db", "web", "web1", "web01", "web2", "web10", "web10-a", "web10-b2",
        ];
        let mut sorted: Vec<_> = names
            .iter()
            .rev()
            .map(|name| Natural::from(*name))
            .collect();

        sorted.sort();

        let sorted: Vec<_> = sorted.iter().map(Natural::as_str).collect();
        assert_eq!(sorted[..2], ["db", "web"]);
        assert_eq!(sorted[4..], ["web2", "web10", "web10-a", "web10-b2"]);
    }
}

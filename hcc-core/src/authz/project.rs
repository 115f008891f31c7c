//! Projects in permissions: their names, and which grants hold in one.

use std::fmt;
use std::str::FromStr;

use serde_with::{DeserializeFromStr, SerializeDisplay};

use super::pattern;

/// The name of a project: in permissions, metrics, logs and addresses of web pages.
///
/// ```
/// use hcc_core::ProjectName;
///
/// let name: ProjectName = "shop_2".parse()?;
/// assert_eq!(name.as_str(), "shop_2");
/// assert!("shop/2".parse::<ProjectName>().is_err());
/// # Ok::<(), hcc_core::InvalidProjectName>(())
/// ```
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeserializeFromStr, SerializeDisplay,
)]
pub struct ProjectName(String);

/// The error for a name that is not a valid name of a project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid project name {0:?}: expected up to 63 letters, digits, '-', '_' and '.', the first of \
     them a letter or digit"
)]
pub struct InvalidProjectName(String);

impl ProjectName {
    /// Returns the name as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = InvalidProjectName;

    fn from_str(name: &str) -> Result<Self, InvalidProjectName> {
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins_well && name.len() <= 63 && name.bytes().all(is_part_of_name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidProjectName(name.to_owned()))
        }
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_part_of_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.".contains(&b)
}

/// A pattern for names of projects, like a [`NamePattern`](crate::NamePattern): `*` matches any number
/// of characters, and alone also the project without a name.
#[derive(Clone, Debug, PartialEq, Eq, DeserializeFromStr, SerializeDisplay)]
pub struct ProjectPattern(String);

/// The error for a pattern that cannot match the name of any project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid project pattern {0:?}: only letters, digits, '-', '_', '.' and '*' are allowed")]
pub struct InvalidProjectPattern(String);

impl ProjectPattern {
    /// Returns whether the pattern matches the name of a project, or a project without one.
    pub fn matches(&self, name: Option<&ProjectName>) -> bool {
        pattern::matches(&self.0, name.map_or("", ProjectName::as_str))
    }
}

impl FromStr for ProjectPattern {
    type Err = InvalidProjectPattern;

    fn from_str(pattern: &str) -> Result<Self, InvalidProjectPattern> {
        let is_allowed = |b: u8| is_part_of_name(b) || b == b'*';
        if pattern.is_empty() || !pattern.bytes().all(is_allowed) {
            return Err(InvalidProjectPattern(pattern.to_owned()));
        }
        Ok(Self(pattern.to_owned()))
    }
}

impl fmt::Display for ProjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The project that permissions are checked for. Several projects can share one database of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectScope {
    /// The project whose database stores the users. Grants that name no project hold in it.
    Home(Option<ProjectName>),
    /// Another project. Only grants that name it hold in it.
    Other(ProjectName),
}

impl Default for ProjectScope {
    fn default() -> Self {
        Self::Home(None)
    }
}

impl ProjectScope {
    /// Returns the name of the project, if it has one.
    pub fn name(&self) -> Option<&ProjectName> {
        match self {
            Self::Home(name) => name.as_ref(),
            Self::Other(name) => Some(name),
        }
    }

    /// Returns the name of the project, unless its database stores the users. The audit trail and the
    /// settings in the database of the users tell the projects apart by it.
    pub fn other(&self) -> Option<&ProjectName> {
        match self {
            Self::Home(_) => None,
            Self::Other(name) => Some(name),
        }
    }

    /// Returns whether a grant for these projects holds in this one.
    pub(super) fn is_in(&self, projects: Option<&ProjectPattern>) -> bool {
        match projects {
            Some(projects) => projects.matches(self.name()),
            None => matches!(self, Self::Home(_)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_and_labels() {
        let longest = "a".repeat(63);
        for name in ["a", "42", "Shop_2.test-x", &longest] {
            assert!(name.parse::<ProjectName>().is_ok(), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in [
            "", ".", "..", "-", "-a", "_a", "a b", "a/b", "a*", "ä", "a\n", "a\"", &too_long,
        ] {
            assert!(name.parse::<ProjectName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn pattern_matches_names_and_a_star_the_project_without_one() {
        let shop: ProjectName = "shop_2".parse().unwrap();
        for (pattern, named, unnamed) in [
            ("shop_2", true, false),
            ("shop*", true, false),
            ("*", true, true),
            ("Shop_2", false, false),
            ("shop", false, false),
        ] {
            let pattern: ProjectPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(Some(&shop)), named, "{pattern}");
            assert_eq!(pattern.matches(None), unnamed, "{pattern}");
        }
        for pattern in ["", "a b", "a/*", "a?", "%", "*\n"] {
            assert!(pattern.parse::<ProjectPattern>().is_err(), "{pattern:?}");
        }
    }
}

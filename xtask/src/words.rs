//! `cargo xtask words`: a search for the words that `docs/style.md` rules out.

use std::fs;

use anyhow::{Context, Result, ensure};
use regex::Regex;

use crate::workspace::{git_files, root};

/// Fail if a tracked source file or document contains a word that docs/style.md rules out
#[derive(clap::Args)]
pub(crate) struct Words {}

const STYLE_GUIDE: &str = "docs/style.md";

/// Quotes the names that were replaced.
const CHANGELOG: &str = "CHANGELOG.md";

const EXTENSIONS: [&str; 4] = ["rs", "md", "html", "js"];

impl Words {
    pub(crate) fn run(self) -> Result<()> {
        let guide = fs::read_to_string(root().join(STYLE_GUIDE)).context(STYLE_GUIDE)?;
        let (start, end) = block(&guide)
            .with_context(|| format!("{STYLE_GUIDE} has no fenced block ```words … ```"))?;
        let words = pattern(&guide[start..end])?;

        let mut count = 0;
        let files = git_files(&EXTENSIONS)?;
        for file in files.into_iter().filter(|file| file != CHANGELOG) {
            let mut text = fs::read_to_string(root().join(&file)).context(file.clone())?;
            if file == STYLE_GUIDE {
                // The list itself; its lines stay, for the line numbers.
                text.replace_range(start..end, &"\n".repeat(guide[start..end].lines().count()));
            }
            for (line, word) in occurrences(&words, &text) {
                println!("{file}:{line}: {word}");
                count += 1;
            }
        }
        ensure!(count == 0, "{count} words that {STYLE_GUIDE} rules out");
        Ok(())
    }
}

/// Returns the range of the lines in the block.
fn block(guide: &str) -> Option<(usize, usize)> {
    const FENCE: &str = "\n```words\n";
    let start = guide.find(FENCE)? + FENCE.len();
    Some((start, start + guide[start..].find("```")?))
}

/// Combines the regular expressions, one per line, into one that matches whole words.
fn pattern(expressions: &str) -> Result<Regex> {
    let expressions: Vec<_> = expressions.lines().map(str::trim).collect();
    let expression = format!(r"(?i)\b(?:{})\b", expressions.join("|"));
    Regex::new(&expression).with_context(|| format!("invalid expression in {STYLE_GUIDE}"))
}

/// Returns the line number and the words of each match; `_` counts as a space.
fn occurrences(words: &Regex, text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().map(|line| line.replace('_', " "));
    lines
        .zip(1..)
        .flat_map(|(line, number)| {
            let found = words.find_iter(&line);
            let found: Vec<_> = found
                .map(|word| (number, word.as_str().to_owned()))
                .collect();
            found
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_prose_and_identifiers() {
        let guide = "# Style\n\n```words\nfrobs?\nhas [a-z]+ frob\n```\n";
        let (start, end) = block(guide).unwrap();
        let words = pattern(&guide[start..end]).unwrap();

        let found = occurrences(&words, "A Frob\n\nfn has_one_frob() {}\nfrobnicate\n");

        assert_eq!(
            found,
            [(1, "Frob".to_owned()), (3, "has one frob".to_owned())]
        );
    }

    #[test]
    fn guide_without_list_has_no_block() {
        assert_eq!(block("# Style\n\n```rust\n```\n"), None);
    }
}

//! The languages of the web console: English, and German by a catalogue of its texts.
//!
//! Texts are English wherever they are made, and are translated where they are shown. Those with
//! values in them are found by the pattern of the catalogue.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::time::Duration;
use tokio::task_local;

use crate::WebConsole;

/// The translations, which pages load, too.
pub(crate) const WORDS: &str = include_str!("../static/words.js");

/// The cookie with the choice of the user.
const COOKIE: &str = "hcc-language";
const COOKIE_LIFETIME: Duration = Duration::from_hours(24 * 365);

/// The least number of letters in a row by which a pattern is recognized.
const MIN_LETTERS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

task_local! {
    /// The language of the request that is being responded to.
    pub(crate) static LANGUAGE: Language;
}

#[derive(Deserialize)]
pub(crate) struct LanguageForm {
    language: String,
    back: String,
}

struct Catalogue {
    texts: HashMap<String, String>,
    /// Texts with values, the longest first.
    patterns: Vec<(String, String)>,
}

static GERMAN: LazyLock<Catalogue> = LazyLock::new(|| {
    let pairs = pairs(WORDS);
    let is_pattern = |(english, _): &&(String, String)| {
        let mut words = english.split(|letter: char| !letter.is_alphabetic());
        english.contains("{}") && words.any(|word| word.len() >= MIN_LETTERS)
    };
    let mut patterns: Vec<_> = pairs.iter().filter(is_pattern).cloned().collect();
    patterns.sort_by_key(|(english, _)| std::cmp::Reverse(english.len()));
    Catalogue {
        texts: pairs.into_iter().collect(),
        patterns,
    }
});

/// Returns the texts in a file of translations, with their translations.
fn pairs(file: &str) -> Vec<(String, String)> {
    let lines = file
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\'", "\u{0}");
    let strings: Vec<_> = text.split('\'').skip(1).step_by(2).collect();
    let string = |it: &str| it.replace('\u{0}', "'");
    let pairs = strings.chunks_exact(2);
    pairs
        .map(|pair| (string(pair[0]), string(pair[1])))
        .collect()
}

impl Language {
    /// Returns the choice of the user, or the first language of the browser that there is.
    pub(crate) fn of(console: &WebConsole, headers: &HeaderMap) -> Self {
        let chosen = console.cookie(headers, COOKIE);
        let chosen = chosen.and_then(|it| Self::named(it.expose_secret()));
        let accepted = headers.get(header::ACCEPT_LANGUAGE);
        let accepted = accepted.and_then(|it| it.to_str().ok()).unwrap_or_default();
        chosen.unwrap_or_else(|| Self::accepted(accepted))
    }

    fn named(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.trim().to_ascii_lowercase().as_str() {
            "de" => Some(Self::German),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// Returns the language of the highest quality in `Accept-Language`.
    fn accepted(list: &str) -> Self {
        let weighted = list.split(',').filter_map(|item| {
            let (tag, quality) = item.split_once(";q=").unwrap_or((item, "1"));
            let quality: f32 = quality.trim().parse().ok()?;
            Some((Self::named(tag.trim())?, quality)).filter(|(_, quality)| *quality > 0.0)
        });
        // The first of equal ones.
        let best = weighted.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }
}

fn current() -> Language {
    LANGUAGE.try_get().unwrap_or(Language::English)
}

/// The tag of the language, for the page.
pub(crate) fn tag() -> &'static str {
    match current() {
        Language::English => "en",
        Language::German => "de",
    }
}

/// Returns a text in the language of the request.
pub(crate) fn t(english: impl AsRef<str>) -> String {
    let english = english.as_ref();
    match current() {
        Language::English => english.to_owned(),
        Language::German => GERMAN.text(english),
    }
}

impl Catalogue {
    fn text(&self, english: &str) -> String {
        if let Some(text) = self.texts.get(english) {
            return text.clone();
        }
        let found = self.patterns.iter().find_map(|(pattern, german)| {
            let values = values(pattern, english)?;
            let values: Vec<_> = values.into_iter().map(|it| self.text(it)).collect();
            Some(filled(german, &values))
        });
        if let Some(text) = found {
            return text;
        }
        for separator in [": ", ", "] {
            if let Some((first, rest)) = english.split_once(separator) {
                return format!("{}{separator}{}", self.text(first), self.text(rest));
            }
        }
        english.to_owned()
    }
}

/// Returns the values in a text that has the form of a pattern.
fn values<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut parts = parts.peekable();
    let mut values = Vec::new();
    while let Some(part) = parts.next() {
        let end = match parts.peek() {
            Some(_) => rest.find(part)?,
            // The last part is at the end.
            None => rest.strip_suffix(part)?.len(),
        };
        values.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    Some(values)
}

fn filled(pattern: &str, values: &[String]) -> String {
    let mut values = values.iter();
    let mut text = String::new();
    for (index, part) in pattern.split("{}").enumerate() {
        if index > 0 {
            text.extend(values.next().map(String::as_str));
        }
        text.push_str(part);
    }
    text
}

/// Returns a text with a value in it.
pub(crate) fn f1(english: &str, value: impl Display) -> String {
    filled(&t(english), &[value.to_string()])
}

/// Returns a text with two values in it.
pub(crate) fn f2(english: &str, first: impl Display, second: impl Display) -> String {
    filled(&t(english), &[first.to_string(), second.to_string()])
}

/// Sets the language of a browser.
pub(crate) async fn choose(
    State(console): State<WebConsole>,
    Form(LanguageForm { language, back }): Form<LanguageForm>,
) -> Response {
    let (value, lifetime) = match Language::named(&language) {
        Some(Language::English) => ("en", COOKIE_LIFETIME),
        Some(Language::German) => ("de", COOKIE_LIFETIME),
        None => ("", Duration::ZERO),
    };
    let cookie = console.set_cookie(COOKIE, &value.into(), lifetime);
    let back = match back.as_str() {
        "/account" => "/account",
        _ => "/login",
    };
    ([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::argument_fields;
    use crate::button::{Button, label_of};

    #[test]
    fn browsers_get_the_language_that_they_prefer() {
        for (list, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-AT, en;q=0.5", Language::German),
            ("en-US, de", Language::English),
            ("fr, de;q=0.8, en;q=0.9", Language::English),
            ("fr, de;q=0.8", Language::German),
            ("de;q=0, en", Language::English),
            ("de;q=x", Language::English),
            ("*", Language::English),
        ] {
            assert_eq!(Language::accepted(list), language, "{list}");
        }
    }

    #[test]
    fn texts_with_values_are_translated() {
        for (english, german) in [
            ("Servers", "Server"),
            ("Start: waiting", "Einschalten: wartet"),
            ("Start: retry in 5 s", "Einschalten: neuer Versuch in 5 s"),
            (
                "Cut power failed: server is locked",
                "Strom abschalten fehlgeschlagen: server is locked",
            ),
            ("It is running already.", "Schon erreicht: läuft."),
            ("2 CPUs, 4 GB, 40 GB disk", "2 CPUs, 4 GB, 40 GB Platte"),
            (
                "Too many requests. Try again in 30 s.",
                "Zu viele Anfragen. Versuchen Sie es in 30 s noch einmal.",
            ),
            (
                "add schedule Stop: 07:30 Mon, Thu, Europe/Berlin",
                "Zeitplan hinzugefügt: Herunterfahren: 07:30 Mo, Do, Europe/Berlin",
            ),
            ("Unknown to the catalogue", "Unknown to the catalogue"),
        ] {
            assert_eq!(GERMAN.text(english), german);
        }
    }

    #[test]
    fn catalogue_is_consistent() {
        let pairs = pairs(WORDS);
        assert!(pairs.len() > 200, "{}", pairs.len());
        let mut known = BTreeMap::new();
        for (english, german) in &pairs {
            let count = |text: &str| text.matches("{}").count();
            assert_eq!(count(english), count(german), "{english}");
            assert!(!german.is_empty(), "{english}");
            assert_eq!(
                known.insert(english, german),
                None,
                "{english} is there twice"
            );
        }
    }

    /// All texts of buttons, forms and arguments are in the catalogue.
    #[test]
    fn commands_have_only_texts_of_the_catalogue() {
        let known = |text: String| assert_ne!(GERMAN.text(&text), text, "{text:?}");
        let same = ["Server", "Status", "Labels", "Image", "Name"];
        for button in Button::all() {
            known(button.label());
            known(button.consequence());
            for argument in button.arguments() {
                let label = argument_fields::label(argument);
                if !same.contains(&&*label) {
                    known(label);
                }
            }
        }
        for verb in hcc_core::Verb::ALL {
            assert!(
                GERMAN.texts.contains_key(&label_of(verb.wire(), None)),
                "{verb}"
            );
        }
    }

    /// The console page has a catalogue of its own, for programs that serve only that page.
    #[test]
    fn console_page_has_the_same_words() {
        /// Texts that mean something else there: keys, and typing.
        const OTHERS: [&str; 3] = ["Reset", "Stop", "Type"];
        let page = include_str!("../../../www/words.js");
        let (page, _) = page.split_once("\n};").unwrap();
        let mut same = 0;
        for (english, german) in pairs(page) {
            assert!(!german.is_empty(), "{english}");
            assert_eq!(
                english.matches('{').count(),
                german.matches('{').count(),
                "{english}"
            );
            if let Some(here) = GERMAN.texts.get(&english)
                && !OTHERS.contains(&&*english)
            {
                assert_eq!(*here, german, "{english}");
                same += 1;
            }
        }
        assert!(same >= 5, "{same}");
    }

    /// All texts of the console page and its scripts are in its catalogue.
    #[test]
    fn console_page_has_only_texts_of_its_catalogue() {
        let (catalogue, _) = include_str!("../../../www/words.js")
            .split_once("\n};")
            .unwrap();
        let known: Vec<_> = pairs(catalogue).into_iter().map(|it| it.0).collect();
        let script = include_str!("../../../www/l.js");
        let calls = script.split("localize('").skip(1);
        let mut texts: Vec<_> = calls.map(|it| it.split('\'').next().unwrap()).collect();
        // What is on one line, between tags.
        let page = include_str!("../../../www/l.html");
        let (_, page) = page.split_once("<body").unwrap();
        let pieces = page.split('>').skip(1);
        texts.extend(pieces.map(|it| it.split('<').next().unwrap().trim()));
        let labels = page.split("aria-label=\"").skip(1);
        texts.extend(labels.map(|it| it.split('"').next().unwrap()));
        let mut count = 0;
        // Keys and commands are the same in both languages, and without scripts the page is English.
        let english = [
            "AltGr",
            "Enter",
            "Magic SysRq",
            "hcc page",
            "If this message stays, JavaScript is disabled, or the page was opened as a file. Serve it with:",
        ];
        let is_word = |text: &&str| {
            text.split(|it: char| !it.is_alphabetic())
                .any(|it| it.len() > 3)
        };
        for text in texts.into_iter().filter(is_word) {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            count += 1;
            let is_known = known.contains(&text) || english.contains(&&*text);
            assert!(is_known, "{text:?}");
        }
        assert!(count > 40, "{count}");
    }

    /// All texts of the templates are in the catalogue.
    #[test]
    fn templates_have_only_texts_of_the_catalogue() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let mut count = 0;
        for file in std::fs::read_dir(directory).unwrap() {
            let path = file.unwrap().path();
            let template = std::fs::read_to_string(&path).unwrap();
            for function in ["t(\"", "f1(\"", "f2(\""] {
                for rest in template.split(&format!("crate::{function}")).skip(1) {
                    let english = rest.split('"').next().unwrap();
                    count += 1;
                    let texts = &GERMAN.texts;
                    assert!(
                        texts.contains_key(english),
                        "{}: {english:?}",
                        path.display()
                    );
                }
            }
            // What is left is code, or the name of the program.
            let mut text = template;
            for (begin, end) in [("{{", "}}"), ("{%", "%}"), ("<code", "</code>"), ("<", ">")] {
                while let Some((before, rest)) = text.split_once(begin) {
                    let (_, after) = rest.split_once(end).unwrap();
                    text = format!("{before}\n{after}");
                }
            }
            for word in text.split_whitespace() {
                let is_known = ["hcc", "IPv4", "IPv6", "openapi.json", "English", "Deutsch"];
                let has_letters = word.contains(char::is_alphabetic);
                assert!(
                    !has_letters || is_known.contains(&word),
                    "{}: {word}",
                    path.display()
                );
            }
        }
        assert!(count > 150, "{count}");
    }
}

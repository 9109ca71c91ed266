//! The words of a report, by key.
//!
//! A catalogue is TOML. A key is the path to a text; `{name}` in it stands for an argument. A table whose keys are all
//! plural categories of Unicode CLDR (`one`, `few`, `many`, `other`) and that has `other` is one text with plural forms:
//!
//! ```toml
//! language = "en"
//! [summary]
//! title = "Summary"
//! [count]
//! findings = { one = "{n} finding", other = "{n} findings" }
//! ```
//!
//! What another language lacks is taken from English and listed ([`Catalogue::missing`]).
//! What this module never does: read a file, or fail on a missing text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const ENGLISH: &str = include_str!("../../../knowledge/messages/en.toml");

/// Deepest nesting of tables.
const MAX_DEPTH: usize = 4;

/// Plural categories that a catalogue may use.
const FORMS: [&str; 4] = ["one", "few", "many", "other"];

/// Why a catalogue cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is no TOML.
    #[error("cannot read the message catalogue: {0}")]
    Syntax(String),
    /// It does not say which language it is.
    #[error("the message catalogue names no language; write language = \"uk\" in its first line")]
    NoLanguage,
    /// A value is neither a text nor a table.
    #[error(
        "the message catalogue has something that is no text under \"{0}\"; write a text, or plural forms with \"other\""
    )]
    NoText(String),
    /// A text asks for an argument that nobody gives.
    #[error(
        "the text \"{key}\" of the message catalogue uses {{{argument}}}, which the English text does not have"
    )]
    Argument {
        /// The key.
        key: String,
        /// The argument.
        argument: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Text {
    Plain(String),
    Plural(BTreeMap<&'static str, String>),
}

impl Text {
    fn each(&self) -> impl Iterator<Item = &str> {
        let (plain, plural) = match self {
            Text::Plain(t) => (Some(t.as_str()), None),
            Text::Plural(forms) => (None, Some(forms.values().map(String::as_str))),
        };
        plain.into_iter().chain(plural.into_iter().flatten())
    }
}

/// The words of one language.
#[derive(Clone, Debug)]
pub struct Catalogue {
    language: String,
    texts: BTreeMap<String, Text>,
    missing: Vec<String>,
    unknown: Vec<String>,
}

impl Catalogue {
    /// The English one, in the binary.
    pub fn english() -> &'static Catalogue {
        static ENGLISH_CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
            let (language, texts) = read(ENGLISH).unwrap_or_else(|_| ("en".into(), BTreeMap::new()));
            Catalogue { language, texts, missing: Vec::new(), unknown: Vec::new() }
        });
        &ENGLISH_CATALOGUE
    }

    /// Reads another one. Texts it lacks stay English.
    ///
    /// # Errors
    /// If it is no TOML, names no language, or a text uses an argument that the English one does not have.
    pub fn parse(text: &str) -> Result<Catalogue, CatalogueError> {
        let (language, mut texts) = read(text)?;
        let english = &Catalogue::english().texts;
        for (key, text) in &texts {
            let Some(own) = english.get(key) else { continue };
            let known: Vec<&str> = own.each().flat_map(arguments).collect();
            let foreign = text.each().flat_map(arguments).find(|a| !known.contains(a));
            if let Some(argument) = foreign {
                return Err(CatalogueError::Argument { key: key.clone(), argument: argument.to_owned() });
            }
        }
        let unknown =
            texts.keys().filter(|k| !english.contains_key(*k) && !k.starts_with(FINDING)).cloned().collect();
        let missing: Vec<String> = english.keys().filter(|k| !texts.contains_key(*k)).cloned().collect();
        for key in &missing {
            if let Some(text) = english.get(key) {
                texts.insert(key.clone(), text.clone());
            }
        }
        Ok(Catalogue { language, texts, missing, unknown })
    }

    /// The language it says it is: `en`.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Keys that it lacks; English stands in.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Keys that nobody asks for: misspelt, or of another version.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// The text of a key, its arguments put in. A key that nobody knows stands for itself in brackets.
    pub fn text(&self, key: &str, args: &[(&str, &str)]) -> String {
        match self.texts.get(key) {
            Some(Text::Plain(text)) => fill(text, args),
            Some(Text::Plural(forms)) => fill(forms.get("other").map_or("", |t| t), args),
            None => format!("[{key}]"),
        }
    }

    /// The text of a key in the form that the number asks for; `{n}` is `shown`.
    pub fn count(&self, key: &str, n: u64, shown: &str, args: &[(&str, &str)]) -> String {
        let mut all = vec![("n", shown)];
        all.extend_from_slice(args);
        match self.texts.get(key) {
            Some(Text::Plural(forms)) => {
                // A text that stayed English follows the rules of English.
                let stayed = self.missing.binary_search_by(|k| k.as_str().cmp(key)).is_ok();
                let language = if stayed { "en" } else { &self.language };
                let text = forms.get(form(language, n)).or_else(|| forms.get("other"));
                fill(text.map_or("", |t| t), &all)
            }
            _ => self.text(key, &all),
        }
    }

    /// The sentence of a finding's message, if some catalogue has one for its id.
    pub(crate) fn sentence(&self, id: &str, args: &[(String, String)]) -> Option<String> {
        let key = format!("{FINDING}{id}");
        self.texts.contains_key(&key).then(|| {
            let args: Vec<(&str, &str)> = args.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            self.text(&key, &args)
        })
    }
}

/// Below this stand sentences for the message ids of findings, which rooms make up as they need them.
const FINDING: &str = "finding.";

fn read(text: &str) -> Result<(String, BTreeMap<String, Text>), CatalogueError> {
    let table: toml::Table = toml::from_str(text).map_err(|e| CatalogueError::Syntax(e.to_string()))?;
    let language = table.get("language").and_then(toml::Value::as_str);
    let language = language.ok_or(CatalogueError::NoLanguage)?.to_owned();
    let mut texts = BTreeMap::new();
    for (name, value) in table.iter().filter(|(name, _)| *name != "language") {
        collect(name, value, 0, &mut texts)?;
    }
    Ok((language, texts))
}

fn collect(
    key: &str,
    value: &toml::Value,
    depth: usize,
    out: &mut BTreeMap<String, Text>,
) -> Result<(), CatalogueError> {
    match value {
        toml::Value::String(text) => {
            out.insert(key.to_owned(), Text::Plain(text.clone()));
            Ok(())
        }
        toml::Value::Table(table) => {
            let plural = table.contains_key("other") && table.keys().all(|k| FORMS.contains(&k.as_str()));
            if plural {
                let forms = FORMS.into_iter().filter_map(|f| Some((f, table.get(f)?.as_str()?.to_owned())));
                out.insert(key.to_owned(), Text::Plural(forms.collect()));
                return Ok(());
            }
            if depth >= MAX_DEPTH {
                return Err(CatalogueError::NoText(key.to_owned()));
            }
            table
                .iter()
                .try_for_each(|(name, value)| collect(&format!("{key}.{name}"), value, depth + 1, out))
        }
        _ => Err(CatalogueError::NoText(key.to_owned())),
    }
}

/// Names between braces.
fn arguments(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

/// One pass, so that an argument that holds `{name}` itself is left alone.
fn fill(text: &str, args: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let known = tail.split_once('}').and_then(|(name, after)| {
            args.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value, after))
        });
        match known {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The plural category of a whole number (Unicode CLDR, "Language Plural Rules").
fn form(language: &str, n: u64) -> &'static str {
    match language.split(['-', '_']).next().unwrap_or("") {
        "ja" | "ko" | "zh" | "vi" | "th" | "id" => "other",
        "fr" | "pt" => {
            if n < 2 {
                "one"
            } else {
                "other"
            }
        }
        "uk" | "ru" | "be" => match (n % 10, n % 100) {
            (1, r) if r != 11 => "one",
            (2..=4, r) if !(12..=14).contains(&r) => "few",
            _ => "many",
        },
        "pl" => match (n, n % 10, n % 100) {
            (1, _, _) => "one",
            (_, 2..=4, r) if !(12..=14).contains(&r) => "few",
            _ => "many",
        },
        _ => {
            if n == 1 {
                "one"
            } else {
                "other"
            }
        }
    }
}

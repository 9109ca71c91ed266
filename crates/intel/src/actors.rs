//! Actors: who is known, read from ATT&CK's STIX bundles, MISP galaxies and Palisade's own profiles.
//!
//! What comes in is hostile until it is a [`Knowledge`]: sizes are bounded, what cannot be read is a Problem, and one
//! damaged object costs itself. What this module never does: fetch anything, or decide that two names are one actor.

use palisade_model::{Knowledge, Origin, Problem, ProblemCode};
use serde_json::value::RawValue;

mod galaxy;
mod nation;
mod profile;
mod stix;

pub use profile::write;

/// Largest file of knowledge read: ten times the largest ATT&CK bundle of today.
pub const MAX_BYTES: usize = 512 << 20;
/// Most objects, statements or actors taken from one file.
pub const MAX_OBJECTS: usize = 2_000_000;
/// Longest name, id or notice kept, in bytes.
pub const MAX_NAME: usize = 512;
/// Problems reported one by one; the rest is counted.
const MAX_PROBLEMS: usize = 200;

/// Reads a file of knowledge, whichever of the three forms it has. Content decides, never the name.
pub fn read(bytes: &[u8], origin: &Origin) -> (Knowledge, Vec<Problem>) {
    let mut to = Sink::new(origin);
    if bytes.len() > MAX_BYTES {
        to.say(ProblemCode::Limit, format!("larger than {} MiB: not read", MAX_BYTES >> 20));
        return to.done();
    }
    let text = String::from_utf8_lossy(bytes);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        to.say(ProblemCode::Encoding, "not UTF-8 throughout; bad bytes were replaced".to_owned());
    }
    let text = text.trim_start_matches('\u{feff}');
    if text.starts_with(profile::FIRST) {
        profile::read(text, &mut to);
    } else {
        #[derive(serde::Deserialize)]
        struct Any<'a> {
            #[serde(borrow, default)]
            objects: Option<Bounded<'a, MAX_OBJECTS>>,
            #[serde(borrow, default)]
            values: Option<Bounded<'a, MAX_OBJECTS>>,
        }
        match serde_json::from_str::<Any>(text) {
            Ok(Any { objects: Some(objects), .. }) => stix::read(objects.told("objects", &mut to), &mut to),
            Ok(Any { values: Some(values), .. }) => galaxy::read(values.told("actors", &mut to), &mut to),
            Ok(_) => to.say(
                ProblemCode::Unrecognised,
                "neither a STIX bundle (objects), nor a MISP galaxy (values), nor an actor profile"
                    .to_owned(),
            ),
            Err(e) => to.say(ProblemCode::Syntax, format!("no JSON: {e}")),
        }
    }
    to.done()
}

/// The elements of an array, up to a limit: what is beyond is counted while it is parsed and takes no memory.
struct Bounded<'a, const MAX: usize> {
    kept: Vec<&'a RawValue>,
    more: usize,
}

impl<'a, const MAX: usize> Bounded<'a, MAX> {
    /// The elements; that there were more is told.
    fn told(&self, what: &str, to: &mut Sink) -> &[&'a RawValue] {
        if self.more > 0 {
            to.say(
                ProblemCode::Limit,
                format!("more than {MAX} {what}; the other {} were not read", self.more),
            );
        }
        &self.kept
    }
}

impl<'de: 'a, 'a, const MAX: usize> serde::Deserialize<'de> for Bounded<'a, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect<'a, const MAX: usize>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a, const MAX: usize> serde::de::Visitor<'de> for Collect<'a, MAX> {
            type Value = Bounded<'a, MAX>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
                let mut out = Bounded { kept: Vec::new(), more: 0 };
                while out.kept.len() < MAX {
                    let Some(element) = all.next_element::<&'de RawValue>()? else { return Ok(out) };
                    out.kept.push(element);
                }
                while all.next_element::<serde::de::IgnoredAny>()?.is_some() {
                    out.more += 1;
                }
                Ok(out)
            }
        }
        from.deserialize_seq(Collect(std::marker::PhantomData))
    }
}

/// Feeds arbitrary bytes to every reader; used by the seeded mutator of the tests.
pub fn fuzz(bytes: &[u8]) {
    let origin = Origin::file("fuzz");
    let (read, _) = self::read(bytes, &origin);
    let written = write(&read);
    let (again, _) = self::read(written.as_bytes(), &origin);
    // What was written is read back, whatever it came from.
    let _ = self::write(&again) == written;
}

/// Where readers put what they understood and what they did not.
struct Sink<'o> {
    knowledge: Knowledge,
    problems: Vec<Problem>,
    origin: &'o Origin,
    /// Problems beyond [`MAX_PROBLEMS`].
    more: u64,
}

impl<'o> Sink<'o> {
    fn new(origin: &'o Origin) -> Sink<'o> {
        Sink { knowledge: Knowledge::default(), problems: Vec::new(), origin, more: 0 }
    }

    fn say(&mut self, code: ProblemCode, message: String) {
        if let Some(last) = self.problems.last_mut().filter(|p| p.code == code && p.message == message) {
            last.count += 1;
        } else if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem::new(code, self.origin, None, message));
        } else {
            self.more += 1;
        }
    }

    fn done(mut self) -> (Knowledge, Vec<Problem>) {
        if self.more > 0 {
            let mut rest =
                Problem::new(ProblemCode::Limit, self.origin, None, "further problems, not listed");
            rest.count = self.more;
            self.problems.push(rest);
        }
        self.knowledge.normalise();
        (self.knowledge, self.problems)
    }
}

/// Text from a file, on one line, without tabs, cut at [`MAX_NAME`]: what a line of a profile can hold.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_NAME));
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if out.len() + word.len() + 1 > MAX_NAME {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Whether a text is the id of a technique (`T1566`, `T1566.001`, `T0801`) or of software (`S0002`).
fn is_item(id: &str) -> bool {
    let digits = |d: &str, n: std::ops::RangeInclusive<usize>| {
        n.contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit())
    };
    match (id.strip_prefix('T'), id.strip_prefix('S')) {
        (Some(rest), _) => match rest.split_once('.') {
            Some((a, b)) => digits(a, 4..=5) && digits(b, 3..=3),
            None => digits(rest, 4..=5),
        },
        (_, Some(rest)) => digits(rest, 4..=5),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_takes_no_more_than_its_limit() {
        let read = |text: &str| serde_json::from_str::<Bounded<'_, 3>>(text).map(|b| (b.kept.len(), b.more));
        assert_eq!(read("[]").unwrap(), (0, 0));
        assert_eq!(read("[0,[1,2],{\"a\":3}]").unwrap(), (3, 0));
        assert_eq!(read("[0,0,0,0,[0]]").unwrap(), (3, 2));
        // What is beyond is still JSON.
        assert!(read("[0,0,0,0,]").is_err() && read("[0,0,0,x]").is_err() && read("7").is_err());
    }
}

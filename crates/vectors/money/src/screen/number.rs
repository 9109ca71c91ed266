//! Numbers that somebody gave a party: what it says that two of them are the same.
//!
//! A number alone says little: of a million clients' numbers of six digits some stand on a list by chance, and a tax number
//! that is another's passport number is nobody's. So equal digits weigh by how many there are, for more if kind and issuer are
//! the same, and against if they are not. Only a number of one kind from one issuer is one number.
//!
//! The sizes are stated log-odds, not fitted ones. A number of `n` characters is met by chance about once in `10ⁿ`, but lists
//! have thousands of numbers and books of clients millions, and numbers are not drawn evenly: what is left of each digit is
//! [`EACH`] instead of 2.3.
//!
//! What this module never does: check a number's own check digits.

use super::engine::Query;
use super::evidence::country;
use super::party::{Identifier, Party};

/// Shortest number that says anything.
pub const SHORTEST: usize = 5;
/// Shortest number that identifies its holder by itself, kind and issuer being the same.
const WHOLE: usize = 6;
/// What each character adds, and from where.
const EACH: f32 = 0.8;
const FIRST: f32 = -3.6;
const MOST: f32 = 6.0;
/// Numbers of one or two digits over and over stand in forms for none.
const FILLER: f32 = -1.0;
const SAME_KIND: f32 = 1.5;
const OTHER_KIND: f32 = -4.0;
const SAME_ISSUER: f32 = 2.5;
const OTHER_ISSUER: f32 = -6.0;
/// The same number of the same kind and issuer, nothing against it: certain.
pub const IDENTICAL: f32 = 30.0;

/// What a number is, where a list or a form says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Passport.
    Passport,
    /// Identity card, social security, electoral roll.
    National,
    /// Driving licence.
    Driving,
    /// Tax office.
    Tax,
    /// Register of companies or trades.
    Register,
    /// Ship (International Maritime Organization).
    Ship,
    /// Radio of a ship (MMSI).
    Radio,
    /// Call sign.
    CallSign,
    /// Registration or serial number of an aircraft.
    Aircraft,
    /// Bank (SWIFT/BIC).
    Bank,
    /// Legal entity identifier, D-U-N-S.
    Entity,
}

impl Kind {
    /// Reads what lists and forms call it; `None` for what says nothing.
    pub fn parse(text: &str) -> Option<Kind> {
        let lower = text.to_lowercase();
        let has = |any: &[&str]| any.iter().any(|w| lower.contains(w));
        // Abbreviations are words of their own: `bic` is in `Republic`, `inn` in `Finnish`.
        let word = |any: &[&str]| lower.split(|c: char| !c.is_alphanumeric()).any(|w| any.contains(&w));
        Some(if has(&["passport"]) {
            Kind::Passport
        } else if has(&["driver", "driving"]) {
            Kind::Driving
        } else if word(&["imo"]) {
            Kind::Ship
        } else if word(&["mmsi"]) {
            Kind::Radio
        } else if has(&["call sign", "callsign"]) {
            Kind::CallSign
        } else if has(&["aircraft", "tail number", "construction number"]) {
            Kind::Aircraft
        } else if word(&["swift", "bic"]) {
            Kind::Bank
        } else if word(&["lei", "duns"]) || has(&["legal entity", "d-u-n-s"]) {
            Kind::Entity
        } else if has(&["tax", "fiscal"])
            || word(&["inn", "nit", "ruc", "rfc", "vat", "ein", "tin", "cnpj", "cpf", "cuit", "pan"])
        {
            Kind::Tax
        } else if has(&[
            "regist",
            "company number",
            "business",
            "matricula",
            "folio",
            "trade license",
            "commercial",
        ]) || has(&["credit code", "gazette"])
            || word(&["ogrn", "uscc", "crn"])
            || lower.starts_with("c.r.")
        {
            Kind::Register
        } else if has(&["national id", "identification number", "identity", "cedula", "cédula", "id card"])
            || has(&[
                "social security",
                "personal id",
                "birth certificate",
                "electoral",
                "electoral registry",
            ])
            || word(&["ssn", "curp", "dni", "nie", "nric", "cnic"])
        {
            Kind::National
        } else {
            return None;
        })
    }

    /// Given once in the world, whoever asks for it.
    fn global(self) -> bool {
        matches!(self, Kind::Ship | Kind::Radio | Kind::CallSign | Kind::Aircraft | Kind::Bank | Kind::Entity)
    }
}

/// Countries that may have given it: its own; that of a kind that only one country has; else those of its holder.
/// Whether it is known or taken from the holder.
fn issuers(number: &Identifier, holder: &[String]) -> (Vec<String>, bool) {
    let word = |w: &str| number.kind.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|k| k == w);
    let own = match number.country.trim() {
        "" if word("inn") || word("ogrn") => "ru",
        "" if word("ssn") => "us",
        "" if word("uscc") => "cn",
        "" if word("curp") || word("rfc") => "mx",
        own => own,
    };
    match own {
        "" => (holder.iter().map(|c| country(c)).collect(), false),
        own => (vec![country(own)], true),
    }
}

/// A number of a query that a party has, and what it says.
#[derive(Clone, PartialEq, Debug)]
pub struct Met<'a> {
    /// The query's.
    pub asked: &'a Identifier,
    /// The party's.
    pub listed: &'a Identifier,
    /// What speaks for and against that they are one.
    pub terms: Vec<(&'static str, f32)>,
    /// One kind, one issuer, and long enough.
    pub identical: bool,
}

impl Met<'_> {
    /// Sum of the terms.
    pub fn logit(&self) -> f32 {
        self.terms.iter().map(|t| t.1).sum()
    }
}

/// The number of a query that agrees best with one of the party's; `None` where none has the same digits.
pub fn meet<'a>(query: &'a Query, party: &'a Party) -> Option<Met<'a>> {
    let mut best: Option<Met<'a>> = None;
    for asked in &query.identifiers {
        let key = Identifier::key(&asked.number);
        if key.chars().count() < SHORTEST {
            continue;
        }
        for listed in party.identifiers.iter().filter(|i| Identifier::key(&i.number) == key) {
            let met = compare(&key, asked, listed, query, party);
            if best.as_ref().is_none_or(|b| (met.identical, met.logit()) > (b.identical, b.logit())) {
                best = Some(met);
            }
        }
    }
    best
}

fn compare<'a>(
    key: &str,
    asked: &'a Identifier,
    listed: &'a Identifier,
    query: &Query,
    party: &Party,
) -> Met<'a> {
    let length = key.chars().count();
    let mut digits: Vec<char> = key.chars().collect();
    digits.sort_unstable();
    digits.dedup();
    let filler = digits.len() <= 2;
    let mut terms = vec![match filler {
        true => ("number agrees, of digits that repeat", FILLER),
        false => ("number agrees", (FIRST + EACH * length as f32).clamp(0.0, MOST)),
    }];
    let kinds = (Kind::parse(&asked.kind), Kind::parse(&listed.kind));
    match kinds {
        (Some(a), Some(b)) if a == b => terms.push(("of the same kind", SAME_KIND)),
        (Some(_), Some(_)) => terms.push(("a number of another kind", OTHER_KIND)),
        _ => {}
    }
    let global = kinds.1.is_some_and(Kind::global);
    let ((from, own), (to, theirs)) = (issuers(asked, &query.countries), issuers(listed, &party.countries));
    let same = from.iter().any(|c| to.contains(c));
    let other_kind = matches!(kinds, (Some(a), Some(b)) if a != b);
    if !global && same && !other_kind {
        terms.push(("from the same country", SAME_ISSUER));
    } else if !global && own && theirs {
        terms.push(("from another country", OTHER_ISSUER));
    }
    // Where neither number says whose it is, that the holders have a country in common is not enough.
    let identical = kinds.0.is_some()
        && kinds.0 == kinds.1
        && (global || same && (own || theirs))
        && length >= WHOLE
        && !filler;
    Met { asked, listed, terms, identical }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn kinds_are_told_by_what_lists_call_them() {
        for (text, kind) in [
            ("Passport", Some(Kind::Passport)),
            ("Diplomatic Passport", Some(Kind::Passport)),
            ("Tax ID No.", Some(Kind::Tax)),
            ("INN", Some(Kind::Tax)),
            ("NIT", Some(Kind::Tax)),
            ("National ID No.", Some(Kind::National)),
            ("Cedula No.", Some(Kind::National)),
            ("Registration Number", Some(Kind::Register)),
            ("OGRN", Some(Kind::Register)),
            ("Vessel Registration Identification", Some(Kind::Register)),
            ("IMO", Some(Kind::Ship)),
            ("SWIFT/BIC", Some(Kind::Bank)),
            ("Republic ID", None),
            ("ID", None),
            ("", None),
        ] {
            assert_eq!(Kind::parse(text), kind, "{text}");
        }
    }
}

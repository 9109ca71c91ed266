//! What else is known: dates of birth, countries, gender, numbers, for and against one party.
//!
//! Each is a stated log-odds, not a fitted one: no labelled pairs with these attributes are at hand.
//! The sizes follow how often two different people agree by chance: a day of birth about 1 in
//! 20,000, a year about 1 in 50, a country about 1 in 5; and how often lists and customers are wrong
//! about their own people. What is missing says nothing.
//!
//! What this module never does: compare names.

use super::engine::Query;
use super::number::{self, Met};
use super::party::{Birth, Date, Party};

/// A weak alias hits too many others: it must not alert alone.
pub const WEAK_ALIAS: f32 = -2.0;
/// A one-word name met inside a longer one: among tens of thousands of names some one word always agrees.
pub const SINGLE_WORD: f32 = -3.0;
/// The same day.
const SAME_DAY: f32 = 4.5;
/// Day and month have changed places.
const SWAPPED_DAY: f32 = 3.0;
/// The same month, or one side knows the month only.
const SAME_MONTH: f32 = 3.0;
/// The same year, nothing more is known.
const SAME_YEAR: f32 = 1.5;
/// The same year, another day.
const OTHER_DAY: f32 = 0.0;
/// Within two years.
const NEAR_YEAR: f32 = -1.0;
/// More than two years apart: caps what a name alone can reach.
const OTHER_YEAR: f32 = -4.5;
const SAME_COUNTRY: f32 = 0.7;
const OTHER_COUNTRY: f32 = -0.5;
const OTHER_GENDER: f32 = -3.0;
/// What a name may add to a number or take from it: a paper is one person's under whatever name.
pub const NAME_BESIDE_NUMBER: f32 = 3.0;

/// Sum of all terms.
pub fn sum(query: &Query, party: &Party) -> f32 {
    let mut sum = 0.0;
    each(query, party, &mut |_, logit| sum += logit);
    sum
}

/// Hands over each term: what it is about, and what it adds to the log-odds.
pub fn each(query: &Query, party: &Party, term: &mut dyn FnMut(&'static str, f32)) {
    others(query, party, term);
    for (what, logit) in number::meet(query, party).iter().flat_map(|m: &Met<'_>| &m.terms) {
        term(what, *logit);
    }
}

/// The same without numbers.
pub fn others(query: &Query, party: &Party, term: &mut dyn FnMut(&'static str, f32)) {
    // Several dates on one side: the best agreement counts, as lists add dates when papers differ.
    let births = query.births.iter().flat_map(|a| party.births.iter().map(move |b| born(*a, *b)));
    if let Some((what, logit)) = births.max_by(|a, b| a.1.total_cmp(&b.1)) {
        term(what, logit);
    }
    if !query.countries.is_empty() && !party.countries.is_empty() {
        let same = query.countries.iter().any(|a| party.countries.iter().any(|b| country(a) == country(b)));
        if same {
            term("country agrees", SAME_COUNTRY);
        } else {
            term("no country in common", OTHER_COUNTRY);
        }
    }
    if let (Some(a), Some(b)) = (query.gender, party.gender)
        && a != b
    {
        term("another gender", OTHER_GENDER);
    }
}

fn born(a: Birth, b: Birth) -> (&'static str, f32) {
    match (a, b) {
        (Birth::On(a), Birth::On(b)) => dates(a, b),
        (a, b) => {
            let ((from, to), (low, high)) = (years(a), years(b));
            if from <= high && low <= to {
                ("year of birth agrees, about", SAME_YEAR * 0.7)
            } else if from.saturating_sub(high).max(low.saturating_sub(to)) <= 2 {
                ("years of birth are near", NEAR_YEAR * 0.5)
            } else {
                ("another year of birth", OTHER_YEAR * 0.7)
            }
        }
    }
}

fn dates(a: Date, b: Date) -> (&'static str, f32) {
    let full = |d: Date| d.month != 0 && d.day != 0;
    if a.year != b.year {
        return match a.year.abs_diff(b.year) {
            1 | 2 => ("years of birth are near", NEAR_YEAR),
            _ => ("another year of birth", OTHER_YEAR),
        };
    }
    if full(a) && full(b) {
        return match (a.month == b.month, a.day == b.day) {
            (true, true) => ("day of birth agrees", SAME_DAY),
            _ if a.month == b.day && a.day == b.month => {
                ("day and month of birth change places", SWAPPED_DAY)
            }
            _ => ("year of birth agrees, day differs", OTHER_DAY),
        };
    }
    if a.month != 0 && b.month != 0 {
        return if a.month == b.month {
            ("month of birth agrees", SAME_MONTH)
        } else {
            ("year of birth agrees, month differs", OTHER_DAY)
        };
    }
    ("year of birth agrees", SAME_YEAR)
}

fn years(b: Birth) -> (u16, u16) {
    match b {
        Birth::On(d) => (d.year, d.year),
        Birth::About(d) => (d.year.saturating_sub(2), d.year.saturating_add(2)),
        Birth::Between(from, to) => (from, to),
    }
}

/// One word for one country, whether written as a code or in full; unknown ones are compared as they are.
pub(super) fn country(text: &str) -> String {
    let lower: String = text.trim().trim_end_matches('.').to_lowercase();
    let code = match lower.as_str() {
        "russia" | "russian federation" | "rus" => "ru",
        "iran" | "iran (islamic republic of)" | "islamic republic of iran" | "irn" => "ir",
        "democratic people's republic of korea" | "north korea" | "korea, north" | "dprk" | "prk" => "kp",
        "republic of korea" | "south korea" | "korea, south" | "kor" => "kr",
        "china" | "people's republic of china" | "chn" => "cn",
        "syria" | "syrian arab republic" | "syr" => "sy",
        "united states" | "united states of america" | "usa" => "us",
        "united kingdom" | "great britain" | "gbr" | "uk" => "gb",
        "belarus" | "blr" => "by",
        "ukraine" | "ukr" => "ua",
        "afghanistan" | "afg" => "af",
        "iraq" | "irq" => "iq",
        "cuba" | "cub" => "cu",
        "venezuela" | "ven" => "ve",
        "colombia" | "col" => "co",
        "mexico" | "mex" => "mx",
        "pakistan" | "pak" => "pk",
        "turkey" | "türkiye" | "tur" => "tr",
        "united arab emirates" | "are" | "uae" => "ae",
        "germany" | "deu" => "de",
        "france" | "fra" => "fr",
        "lebanon" | "lbn" => "lb",
        "libya" | "lby" => "ly",
        "somalia" | "som" => "so",
        "sudan" | "sdn" => "sd",
        "yemen" | "yem" => "ye",
        "myanmar" | "burma" | "mmr" => "mm",
        "democratic republic of the congo" | "congo, democratic republic of the" | "cod" => "cd",
        _ => return lower,
    };
    code.to_owned()
}

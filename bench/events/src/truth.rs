//! What is planted, where, and what is nowhere.
//!
//! Every made-up value carries a class in its number before a bijection scrambles it: values of
//! the background, planted ones and absent ones can never be equal, and lie mixed among each
//! other in every sort order.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::draw::{Draw, mix};

/// Who may use a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Background = 0,
    Planted = 1,
    Absent = 2,
}

/// Kinds of indicators, by the names lists use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ip,
    Domain,
    Sha256,
    Md5,
    Url,
    Email,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ip => "ip",
            Kind::Domain => "domain",
            Kind::Sha256 => "sha256",
            Kind::Md5 => "md5",
            Kind::Url => "url",
            Kind::Email => "email",
        }
    }
}

/// Indicators planted, by kind; together 100.
const PLANTED: [(Kind, u32); 6] = [
    (Kind::Ip, 35),
    (Kind::Domain, 30),
    (Kind::Sha256, 15),
    (Kind::Md5, 8),
    (Kind::Url, 7),
    (Kind::Email, 5),
];
/// Indicators that are nowhere; together 10,000.
const ABSENT: [(Kind, u32); 6] = [
    (Kind::Ip, 3500),
    (Kind::Domain, 3500),
    (Kind::Sha256, 1500),
    (Kind::Md5, 700),
    (Kind::Url, 500),
    (Kind::Email, 300),
];
/// Most hits of one planted indicator.
const MAX_HITS: u64 = 50;

/// An address of 100.64.0.0/10 (shared address space, never routed).
pub fn ip(class: Class, index: u32) -> String {
    // Bijective on 22 bits: odd factors and xor-shifts.
    let mut x = (index << 2 | class as u32) & 0x3F_FFFF;
    for factor in [0x2D_4F35, 0x1B_56A7] {
        x = x.wrapping_mul(factor) & 0x3F_FFFF;
        x ^= x >> 11;
    }
    format!("100.{}.{}.{}", 64 + (x >> 16), x >> 8 & 255, x & 255)
}

/// A name of 8 letters and digits below one of IANA's example domains.
pub fn domain(class: Class, index: u32) -> String {
    const ZONES: [&str; 12] = [
        "cdn.example.com",
        "example.net",
        "api.example.org",
        "example.com",
        "static.example.net",
        "mail.example.com",
        "example.org",
        "apps.example.com",
        "img.example.net",
        "news.example.org",
        "telemetry.example.com",
        "shop.example.net",
    ];
    // Bijective on 40 bits; its 8 base-32 digits are the label.
    let mut x = (u64::from(index) << 2 | class as u64) & 0xFF_FFFF_FFFF;
    for factor in [0x9E_3779_B97F, 0x58_476D_1CE5] {
        x = x.wrapping_mul(factor) & 0xFF_FFFF_FFFF;
        x ^= x >> 20;
    }
    let mut name = String::with_capacity(32);
    for digit in 0..8 {
        name.push(char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(x >> (digit * 5) & 31) as usize]));
    }
    name.push('.');
    name.push_str(ZONES[index as usize % ZONES.len()]);
    name
}

/// `words` × 16 upper-case hexadecimal digits; the first 16 alone are unique to class, index and salt.
pub fn hex(class: Class, index: u32, salt: u64, words: u64) -> String {
    let number = salt << 36 | u64::from(index) << 2 | class as u64;
    let mut text = String::with_capacity(words as usize * 16);
    for word in 0..words {
        let part = if word == 0 { mix(number) } else { mix(mix(number).wrapping_add(word)) };
        let _ = write!(text, "{part:016X}");
    }
    text
}

pub fn sha256(class: Class, index: u32) -> String {
    hex(class, index, 1, 4)
}

pub fn md5(class: Class, index: u32) -> String {
    hex(class, index, 2, 2)
}

pub fn url(class: Class, index: u32) -> String {
    // The host is shared by all classes: only the whole address tells them apart.
    let file = hex(class, index, 3, 1).to_lowercase();
    format!("https://{}/packages/{file}.cab", domain(Class::Background, index % 5000))
}

pub fn email(class: Class, index: u32) -> String {
    const GIVEN: [&str; 8] = ["ada", "boris", "chen", "dalia", "emeka", "freya", "goran", "hana"];
    let mail = hex(class, index, 4, 1).to_lowercase();
    format!("{}.{}@mail.example.org", GIVEN[index as usize % GIVEN.len()], &mail)
}

fn value(kind: Kind, class: Class, index: u32) -> String {
    match kind {
        Kind::Ip => ip(class, index),
        Kind::Domain => domain(class, index),
        Kind::Sha256 => sha256(class, index).to_lowercase(),
        Kind::Md5 => md5(class, index).to_lowercase(),
        Kind::Url => url(class, index),
        Kind::Email => email(class, index),
    }
}

/// Something that stands at one line instead of what chance would write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    /// This value, in a field that holds its kind.
    Indicator { kind: Kind, value: String },
    /// An event that public Sigma rules are written for.
    Attack,
}

/// One mark and its place.
#[derive(Clone, Debug)]
pub struct Place {
    pub file: u32,
    /// From 0; files and tables count from 1.
    pub line: u32,
    /// Index of the indicator; `usize::MAX` for an attack.
    pub indicator: usize,
    pub mark: Mark,
}

/// Everything that is known of a set of events before one is written.
pub struct Truth {
    pub indicators: Vec<(Kind, String)>,
    /// In order of file and line, one mark a line.
    pub places: Vec<Place>,
}

impl Truth {
    /// The truth of `events` events in files of `per_file`.
    pub fn new(seed: u64, events: u64, per_file: u64, attacks: u64) -> Truth {
        let mut draw = Draw::new(seed, u64::MAX);
        let mut indicators = Vec::new();
        for (kind, count) in PLANTED {
            indicators.extend((0..count).map(|i| (kind, value(kind, Class::Planted, i))));
        }
        let mut places = Vec::new();
        let mut taken = HashSet::new();
        let mut place = |draw: &mut Draw, indicator: usize, mark: Mark| {
            // A set too small for its marks keeps fewer of them.
            for _ in 0..1000 {
                let at = draw.below(events);
                if taken.insert(at) {
                    let (file, line) = ((at / per_file) as u32, (at % per_file) as u32);
                    places.push(Place { file, line, indicator, mark });
                    return;
                }
            }
        };
        for (index, (kind, value)) in indicators.iter().enumerate() {
            let hits = match index {
                // Both ends are there for sure.
                0 => 1,
                1 => MAX_HITS,
                // Few have many hits.
                _ => 1 + draw.below(MAX_HITS) * draw.below(MAX_HITS) / MAX_HITS,
            };
            for hit in 0..hits {
                // Every second hit of a name is on a name below it: lists mean these too.
                let value = match kind {
                    Kind::Domain if hit % 2 == 1 => format!("n{}.{value}", draw.below(1000)),
                    _ => value.clone(),
                };
                place(&mut draw, index, Mark::Indicator { kind: *kind, value });
            }
        }
        for _ in 0..attacks {
            place(&mut draw, usize::MAX, Mark::Attack);
        }
        places.sort_by_key(|p| (p.file, p.line));
        Truth { indicators, places }
    }

    /// `indicator,type,file,line`, one row a hit; Palisade reads the table as a list of indicators.
    pub fn csv(&self) -> String {
        let mut text = String::from("indicator,type,file,line\n");
        for place in self.places.iter().filter(|p| p.indicator != usize::MAX) {
            let (kind, value) = &self.indicators[place.indicator];
            let _ = writeln!(text, "{value},{},{},{}", kind.name(), file_name(place.file), place.line + 1);
        }
        text
    }
}

/// Indicators of the planted kinds that stand nowhere, one a line.
pub fn absent() -> String {
    let mut text = String::new();
    for (kind, count) in ABSENT {
        for index in 0..count {
            text.push_str(&value(kind, Class::Absent, index));
            text.push('\n');
        }
    }
    text
}

pub fn file_name(file: u32) -> String {
    format!("events-{file:05}.ndjson")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_never_meet() {
        for kind in [Kind::Ip, Kind::Domain, Kind::Sha256, Kind::Md5, Kind::Url, Kind::Email] {
            let mut seen = HashSet::new();
            for class in [Class::Background, Class::Planted, Class::Absent] {
                for index in 0..20_000 {
                    let value = value(kind, class, index);
                    assert!(seen.insert(value.clone()), "{kind:?} {value}");
                }
            }
        }
    }

    #[test]
    fn the_background_of_addresses_is_large_enough() {
        let all: HashSet<String> = (0..200_000).map(|i| ip(Class::Background, i)).collect();
        assert_eq!(all.len(), 200_000);
    }

    #[test]
    fn places_are_distinct_and_hits_within_bounds() {
        let truth = Truth::new(7, 1_000_000, 250_000, 300);
        assert_eq!(truth.indicators.len(), 100);
        let places: HashSet<(u32, u32)> = truth.places.iter().map(|p| (p.file, p.line)).collect();
        assert_eq!(places.len(), truth.places.len());
        assert!(truth.places.iter().all(|p| p.file < 4 && p.line < 250_000));
        for index in 0..100 {
            let hits = truth.places.iter().filter(|p| p.indicator == index).count();
            assert!((1..=50).contains(&hits), "{index}: {hits}");
        }
        assert_eq!(absent().lines().count(), 10_000);
    }
}

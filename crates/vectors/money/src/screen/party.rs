//! What a list says of a party, whatever the list's format.
//!
//! What this module never does: read a format, or compare.

use palisade_model::Citation;

use super::name::Rules;

/// What kind of thing a party is. Names are those of FollowTheMoney.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Schema {
    /// A natural person.
    Person,
    /// A company.
    Company,
    /// An organisation that is no company, or nobody says which.
    Organization,
    /// A person or organisation: the list does not say.
    #[default]
    LegalEntity,
    /// A ship.
    Vessel,
    /// An aircraft.
    Aircraft,
    /// A wallet or address on a chain, with its label.
    CryptoWallet,
    /// Infrastructure: hosts, networks.
    Host,
}

impl Schema {
    /// Its name in FollowTheMoney and in output.
    pub fn name(self) -> &'static str {
        match self {
            Schema::Person => "Person",
            Schema::Company => "Company",
            Schema::Organization => "Organization",
            Schema::LegalEntity => "LegalEntity",
            Schema::Vessel => "Vessel",
            Schema::Aircraft => "Airplane",
            Schema::CryptoWallet => "CryptoWallet",
            Schema::Host => "Host",
        }
    }

    /// Reads names of several lists: `Individual`, `person`, `P`, `Entity`, `Vessel`, …; unknown ones are legal entities.
    pub fn parse(text: &str) -> Schema {
        match text.trim().to_ascii_lowercase().as_str() {
            "person" | "individual" | "individuals" | "p" | "publicperson" => Schema::Person,
            "company" | "publicbody company" => Schema::Company,
            "organization" | "organisation" | "publicbody" => Schema::Organization,
            "vessel" | "ship" => Schema::Vessel,
            "aircraft" | "airplane" => Schema::Aircraft,
            "cryptowallet" | "wallet" => Schema::CryptoWallet,
            "host" | "infrastructure" => Schema::Host,
            _ => Schema::LegalEntity,
        }
    }

    /// Rules under which its names are read.
    pub fn rules(self) -> Rules {
        match self {
            Schema::Person => Rules::Person,
            Schema::Vessel | Schema::Aircraft => Rules::Craft,
            _ => Rules::Body,
        }
    }

    /// Whether a query of one kind can mean a party of the other.
    pub fn may_be(self, other: Schema) -> bool {
        self == Schema::LegalEntity && !matches!(other, Schema::Vessel | Schema::Aircraft)
            || other == Schema::LegalEntity && !matches!(self, Schema::Vessel | Schema::Aircraft)
            || self.rules() == other.rules()
    }
}

/// What a name is to its party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NameKind {
    /// The name it is listed under.
    Primary,
    /// Another name the list vouches for.
    Alias,
    /// Another name that hits too many others to alert alone (OFAC weak, UN low, EU not strong).
    Weak,
    /// A former name.
    Former,
    /// In the party's own script.
    Original,
}

impl NameKind {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            NameKind::Primary => "primary",
            NameKind::Alias => "alias",
            NameKind::Weak => "weak alias",
            NameKind::Former => "former name",
            NameKind::Original => "original script",
        }
    }
}

/// A name of a party.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedName {
    /// As the list has it.
    pub text: String,
    /// What it is.
    pub kind: NameKind,
}

/// A day, month or year of the Gregorian calendar. Unknown parts are 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Date {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12; 0 if unknown.
    pub month: u8,
    /// 1 to 31; 0 if unknown.
    pub day: u8,
}

impl Date {
    /// A date with plausible parts.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Date> {
        if !(1..=9999).contains(&year) || month > 12 || day > 31 || (month == 0 && day != 0) {
            return None;
        }
        Some(Date { year: year as u16, month: month as u8, day: day as u8 })
    }

    /// Reads what lists write: `1977`, `Mar 1977`, `25 Mar 1977`, `1977-03-25`, `1977-03`, `25/03/1977`
    /// (day first where `day_first`, else month first), with a time behind it or not.
    pub fn parse(text: &str, day_first: bool) -> Option<Date> {
        let text = text.trim();
        let text = text.split_once('T').map_or(text, |(date, time)| {
            if time.starts_with(|c: char| c.is_ascii_digit()) { date } else { text }
        });
        let mut parts = text.split(['-', '/', '.', ' ', ',']).filter(|p| !p.is_empty());
        let (first, second, third) = (parts.next()?, parts.next(), parts.next());
        let number = |t: &str| t.parse::<u32>().ok().filter(|_| t.len() <= 4);
        match (first, second, third) {
            (year, None, _) => Date::new(number(year).filter(|_| year.len() == 4)?, 0, 0),
            (month, Some(year), None) if month_name(month) > 0 => {
                Date::new(number(year)?, month_name(month), 0)
            }
            (year, Some(month), None) if year.len() == 4 => Date::new(number(year)?, number(month)?, 0),
            (month, Some(year), None) if year.len() == 4 => Date::new(number(year)?, number(month)?, 0),
            (day, Some(month), Some(year)) if month_name(month) > 0 => {
                Date::new(number(year)?, month_name(month), number(day)?)
            }
            (month, Some(day), Some(year)) if month_name(month) > 0 => {
                Date::new(number(year)?, month_name(month), number(day)?)
            }
            (year, Some(month), Some(day)) if year.len() == 4 => {
                Date::new(number(year)?, number(month)?, number(day)?)
            }
            (day, Some(month), Some(year)) if day_first => {
                Date::new(number(year)?, number(month)?, number(day)?)
            }
            (month, Some(day), Some(year)) => Date::new(number(year)?, number(month)?, number(day)?),
            _ => None,
        }
    }

    /// Whether one can be the other where parts are unknown.
    pub fn agrees(self, other: Date) -> bool {
        self.year == other.year
            && (self.month == other.month || self.month == 0 || other.month == 0)
            && (self.day == other.day || self.day == 0 || other.day == 0)
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.month, self.day) {
            (0, _) => write!(f, "{:04}", self.year),
            (month, 0) => write!(f, "{:04}-{month:02}", self.year),
            (month, day) => write!(f, "{:04}-{month:02}-{day:02}", self.year),
        }
    }
}

/// 1 to 12 by an English name or its first three letters; 0 if it is none.
fn month_name(text: &str) -> u32 {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let Some(head) = text.get(..3) else { return 0 };
    MONTHS.iter().position(|m| head.eq_ignore_ascii_case(m)).map_or(0, |at| at as u32 + 1)
}

/// When a person was born, as far as the list knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Birth {
    /// On this day, or in this month or year.
    On(Date),
    /// About then.
    About(Date),
    /// In one of these years.
    Between(u16, u16),
}

impl Birth {
    /// Reads OFAC's and others' words: `circa 1960`, `1965 to 1969`, `1960-1962`, `approximately 1971`, a date.
    pub fn parse(text: &str, day_first: bool) -> Option<Birth> {
        let text = text.trim().trim_end_matches('.');
        let lower = text.to_ascii_lowercase();
        for (word, len) in
            [("circa", 5), ("approximately", 13), ("approx", 6), ("c.", 2), ("about", 5), ("~", 1)]
        {
            if lower.starts_with(word) {
                let rest = text.get(len..)?.trim_start_matches(['.', ' ']);
                return match Birth::parse(rest, day_first)? {
                    Birth::On(date) => Some(Birth::About(date)),
                    other => Some(other),
                };
            }
        }
        let split = lower
            .split_once(" to ")
            .or_else(|| lower.split_once(" and "))
            .or_else(|| lower.split_once('-').filter(|(a, b)| a.trim().len() == 4 && b.trim().len() == 4));
        if let Some((from, to)) = split {
            let from = Date::parse(from.trim().trim_start_matches("between "), day_first)?;
            let to = Date::parse(to, day_first)?;
            return Some(Birth::Between(from.year.min(to.year), from.year.max(to.year)));
        }
        Date::parse(text, day_first).map(Birth::On)
    }
}

/// `male`, `female`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Gender {
    /// Male.
    Male,
    /// Female.
    Female,
}

impl Gender {
    /// Reads `Male`, `F`, …
    pub fn parse(text: &str) -> Option<Gender> {
        match text.trim().chars().next()? {
            'm' | 'M' => Some(Gender::Male),
            'f' | 'F' => Some(Gender::Female),
            _ => None,
        }
    }
}

/// A number that somebody gave the party.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Identifier {
    /// `Passport`, `Tax ID No.`, `IMO`, … as the list has it.
    pub kind: String,
    /// The number as the list has it; compared by [`Identifier::key`].
    pub number: String,
    /// Country as the list has it; empty if it has none.
    pub country: String,
}

impl Identifier {
    /// Letters and digits in upper case: what two spellings of one number share. A ship's number is written with `IMO` in
    /// front or without.
    pub fn key(number: &str) -> String {
        let key: String =
            number.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).take(64).collect();
        let ship = key.strip_prefix("IMO").filter(|n| n.len() == 7 && n.bytes().all(|b| b.is_ascii_digit()));
        ship.map(str::to_owned).unwrap_or(key)
    }

    /// Reads `number`, `kind:number` or `kind:number (country)`.
    pub fn parse(text: &str) -> Identifier {
        let (kind, rest) = text.split_once(':').unwrap_or(("", text));
        let rest = rest.trim();
        let (number, country) = match rest.strip_suffix(')').and_then(|r| r.rsplit_once(" (")) {
            Some((number, country)) => (number, country),
            None => (rest, ""),
        };
        Identifier {
            kind: kind.trim().to_owned(),
            number: number.trim().to_owned(),
            country: country.trim().to_owned(),
        }
    }
}

/// An address on a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CryptoAddress {
    /// What the list files it under (`XBT`); says little about its chain.
    pub ticker: String,
    /// As the list has it.
    pub text: String,
    /// The record that says so, where it is not the party's.
    pub citation: Option<Citation>,
}

/// Somebody who owns a part of the party.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Owner {
    /// Name of the owner, or its id where the list names nobody under it.
    pub who: String,
    /// The list's own id of it; empty if the list gives a name only.
    pub id: String,
    /// Share in hundredths of a percent (5000 is 50 %), where the list has it.
    pub share: Option<u16>,
    /// Last day on which it owned that, if it is over.
    pub until: Option<Date>,
}

impl Owner {
    /// Reads `51`, `51 %`, `50.01%`; of `75-100` the lesser, and of `>50` or `more than 50` the least that is more.
    pub fn share(text: &str) -> Option<u16> {
        let text = text.trim();
        let above = ["more than ", "over ", ">"].iter().find_map(|w| text.strip_prefix(w));
        let text = above.unwrap_or(text).trim_start();
        let text = text.split(['-', '–']).next().unwrap_or(text).trim().trim_end_matches('%').trim();
        let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
        let whole: u16 = whole.parse().ok().filter(|w| *w <= 100)?;
        let mut digits = part.bytes().take_while(u8::is_ascii_digit).map(|d| u16::from(d - b'0'));
        let hundredths = digits.next().unwrap_or(0) * 10 + digits.next().unwrap_or(0);
        Some((whole * 100 + hundredths + u16::from(above.is_some())).min(10_000))
    }
}

/// What a list says of a party on a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// It is on the list.
    Listed,
    /// It is to be listed from a later day on.
    NotYet,
    /// It was taken off, or its entry has expired.
    Ended,
    /// The file names it beside those that are listed, as an owner, a company of theirs or a relative.
    Mentioned,
}

impl Standing {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Listed => "listed",
            Standing::NotYet => "not_yet",
            Standing::Ended => "ended",
            Standing::Mentioned => "mentioned",
        }
    }
}

/// Index of a list in [`Lists::infos`](super::Lists::infos).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListId(pub u32);

/// A party of a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Party {
    /// Which list.
    pub list: ListId,
    /// The list's own id of it.
    pub id: String,
    /// What it is.
    pub schema: Schema,
    /// Its names, the primary one first.
    pub names: Vec<ListedName>,
    /// When born. Several: the list is not sure, or there are several papers.
    pub births: Vec<Birth>,
    /// Gender.
    pub gender: Option<Gender>,
    /// Countries it has to do with (citizenship, residence, flag), as the list has them.
    pub countries: Vec<String>,
    /// Numbers.
    pub identifiers: Vec<Identifier>,
    /// Addresses on chains.
    pub addresses: Vec<CryptoAddress>,
    /// Hosts: IP addresses, networks, domains, autonomous systems, as the list has them.
    pub hosts: Vec<String>,
    /// Postal addresses, one line each.
    pub places: Vec<String>,
    /// Sanctions programmes, or categories of a label.
    pub programmes: Vec<String>,
    /// Names of parties that the list links it to.
    pub linked: Vec<String>,
    /// Who owns it.
    pub owners: Vec<Owner>,
    /// First day on the list, if the list says.
    pub listed: Option<Date>,
    /// Last day, if it was taken off or the entry expires.
    pub until: Option<Date>,
    /// Not listed itself: the file only names it beside those that are.
    pub mentioned: bool,
    /// The record that says so.
    pub citation: Citation,
}

impl Party {
    /// A party of which nothing but its place is known.
    pub fn new(list: ListId, id: impl Into<String>, schema: Schema, citation: Citation) -> Party {
        Party {
            list,
            id: id.into(),
            schema,
            names: Vec::new(),
            births: Vec::new(),
            gender: None,
            countries: Vec::new(),
            identifiers: Vec::new(),
            addresses: Vec::new(),
            hosts: Vec::new(),
            places: Vec::new(),
            programmes: Vec::new(),
            linked: Vec::new(),
            owners: Vec::new(),
            listed: None,
            until: None,
            mentioned: false,
            citation,
        }
    }

    /// Adds a name, unless it is empty, there already, or one too many.
    pub fn name(&mut self, text: &str, kind: NameKind) {
        let text = text.trim();
        if text.is_empty() || self.names.len() >= MAX_VALUES || self.names.iter().any(|n| n.text == text) {
            return;
        }
        self.names.push(ListedName { text: text.to_owned(), kind });
    }

    /// What its list says of it on that day. Open ends count as listed: a list that gives no dates lists now. Of a first or
    /// last day of which only the year or month is known, all of it counts. Without a day, an entry with a last day has ended.
    pub fn standing(&self, day: Option<Date>) -> Standing {
        // 99 is behind every day and month there is.
        let last = |until: Date| match (until.month, until.day) {
            (0, _) => Date { month: 99, day: 99, ..until },
            (_, 0) => Date { day: 99, ..until },
            _ => until,
        };
        match day {
            _ if self.mentioned => Standing::Mentioned,
            Some(day) if self.until.is_some_and(|until| last(until) < day) => Standing::Ended,
            Some(day) if self.listed.is_some_and(|from| from > day) => Standing::NotYet,
            None if self.until.is_some() => Standing::Ended,
            _ => Standing::Listed,
        }
    }

    /// The kinds of values of which it has as many as it may: what came beyond was left out.
    pub fn full(&self) -> Vec<&'static str> {
        let counts = [
            ("names", self.names.len(), MAX_VALUES),
            ("dates of birth", self.births.len(), MAX_VALUES),
            ("countries", self.countries.len(), MAX_VALUES),
            ("numbers", self.identifiers.len(), MAX_VALUES),
            ("addresses on chains", self.addresses.len(), MAX_ADDRESSES),
            ("hosts", self.hosts.len(), MAX_VALUES),
            ("places", self.places.len(), MAX_VALUES),
            ("programmes", self.programmes.len(), MAX_VALUES),
            ("links", self.linked.len(), MAX_VALUES),
            ("owners", self.owners.len(), MAX_VALUES),
        ];
        counts.into_iter().filter(|(_, n, most)| n >= most).map(|(what, ..)| what).collect()
    }

    /// The name it is listed under.
    pub fn primary(&self) -> &str {
        self.names.first().map_or("", |n| &n.text)
    }
}

/// Most values of one kind that a party may have. The longest entry seen has a few hundred.
pub const MAX_VALUES: usize = 10_000;

/// Most addresses of one party: a label of a mixer has tens of thousands.
pub const MAX_ADDRESSES: usize = 2_000_000;

/// Adds a text to a list of texts, unless it is empty, there already, or one too many.
pub(super) fn add(to: &mut Vec<String>, text: &str) {
    let text = text.trim();
    if !text.is_empty() && to.len() < MAX_VALUES && !to.iter().any(|t| t == text) {
        to.push(text.to_owned());
    }
}

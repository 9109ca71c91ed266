//! Knowledge about actors: who is known, by what names, and which report tells what of whom.
//!
//! The unit is the [`Account`]: what one report tells of one actor. Ten techniques in one report share its author's
//! mistakes; counting accounts instead of statements makes one report one vote. Everything is dated, so that a
//! question can be asked as of a day in the past.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Observable;

/// A calendar month: reports are dated no finer. Order is order in time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Month(u16, u8);

impl Month {
    /// Of a year 1 to 9999 and a month 1 to 12.
    pub fn new(year: u16, month: u8) -> Option<Month> {
        ((1..=9999).contains(&year) && (1..=12).contains(&month)).then_some(Month(year, month))
    }

    /// Reads `YYYY-MM`, `YYYY-MM-DD` (the day is dropped) or `YYYY` (July, the middle of the year).
    pub fn parse(text: &str) -> Option<Month> {
        let digits = |part: &str, n: usize| -> Option<u16> {
            (part.len() == n && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
        };
        let mut parts = text.trim().split('-');
        let year = digits(parts.next()?, 4)?;
        let Some(month) = parts.next() else { return Month::new(year, 7) };
        let month = Month::new(year, u8::try_from(digits(month, 2)?).ok()?)?;
        if let Some(day) = parts.next() {
            // `2021-03-04T…` is a day, too.
            let day = day.get(..2).filter(|_| day.len() == 2 || day.as_bytes().get(2) == Some(&b'T'))?;
            (1..=31).contains(&digits(day, 2)?).then_some(())?;
        }
        Some(month)
    }

    /// Months since the year 0: differences are ages.
    pub fn index(self) -> i32 {
        i32::from(self.0) * 12 + i32::from(self.1) - 1
    }
}

/// `2021-03`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0, self.1)
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Month, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Month::parse(&text).ok_or_else(|| serde::de::Error::custom("not a date of the form YYYY-MM[-DD]"))
    }
}

/// What a name means when a source uses it for an actor. Names are never merged: the same text may stand for a
/// group, for an umbrella over several, or for everybody of one state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasMeaning {
    /// The source says that it is the same actor.
    Same,
    /// The name covers this actor and others.
    Umbrella,
    /// The name covers a part of this actor.
    Part,
    /// The source sees them overlap and says no more.
    Overlaps,
}

/// A name that somebody gives an actor. Many to many: one name may stand at several actors.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// Who uses it so: `mitre-attack`, `misp-galaxy`, a report.
    pub source: String,
    /// First month in which it was so used, if known.
    pub from: Option<Month>,
    /// Last month, if known.
    pub to: Option<Month>,
    /// What it means there.
    pub meaning: AliasMeaning,
    /// How much the source is to be believed in this, 0 to 1.
    pub weight: f64,
}

/// Somebody who attacks, as a source describes them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// ATT&CK id (`G0032`), or `misp:` and a UUID.
    pub id: String,
    /// The source's main name.
    pub name: String,
    /// The state that the source ties them to, ISO 3166 alpha-2.
    pub nation: Option<String>,
    /// Names.
    pub aliases: Vec<Alias>,
}

/// What an item of evidence about method is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A technique or sub-technique.
    Technique,
    /// Software that anybody can get: ATT&CK's `tool`.
    Tool,
    /// Malware.
    Malware,
}

/// A technique or a piece of software.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Item {
    /// ATT&CK id: `T1566.001`, `S0002`.
    pub id: String,
    /// What it is.
    pub kind: ItemKind,
    /// Its name.
    pub name: String,
}

/// What one report tells of one actor: one vote.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Id of the actor.
    pub actor: String,
    /// When the report was published; `None` if nobody knows: then it is not shown to be
    /// older than anything.
    pub date: Option<Month>,
    /// How the source cites it; empty for statements without a citation.
    pub report: String,
    /// Ids of techniques and software, sorted.
    pub items: Vec<String>,
}

/// A thing that a report ties to an actor, or to a piece of software: a domain of its infrastructure, a file of its malware.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Id of the actor, or of software (`S0002`): whoever uses that is looked up like any other.
    pub of: String,
    /// How the source cites the report, or names itself.
    pub report: String,
    /// First month for which it is said.
    pub from: Option<Month>,
    /// Last month, if somebody says; addresses change hands.
    pub to: Option<Month>,
    /// The thing.
    pub observable: Observable,
}

/// Everything known about actors, as of a month.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Knowledge {
    /// Nothing in it is newer, as far as its dates tell.
    pub as_of: Option<Month>,
    /// Copyright notices that go with it.
    pub notices: Vec<String>,
    /// Actors, sorted by id.
    pub actors: Vec<Actor>,
    /// Techniques and software, sorted by id.
    pub items: Vec<Item>,
    /// Accounts, sorted by actor, date and report.
    pub accounts: Vec<Account>,
    /// Marks, sorted.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

impl Knowledge {
    /// Sorts everything and drops what is said twice, so that the same facts are the same value.
    pub fn normalise(&mut self) {
        self.notices.sort();
        self.notices.dedup();
        for account in &mut self.accounts {
            account.items.sort();
            account.items.dedup();
        }
        self.accounts.sort();
        self.accounts.dedup();
        self.marks.sort();
        self.marks.dedup();
        self.items.sort_by(|a, b| (&a.id, a.kind, &a.name).cmp(&(&b.id, b.kind, &b.name)));
        self.items.dedup_by(|a, b| a.id == b.id);
        self.actors.sort_by(|a, b| (&a.id, &a.name, &a.nation).cmp(&(&b.id, &b.name, &b.nation)));
        // The first of the same id keeps its name and nation; the names of the others join it.
        self.actors.dedup_by(|later, first| {
            let same = later.id == first.id;
            if same {
                first.nation = first.nation.take().or_else(|| later.nation.take());
                first.aliases.append(&mut later.aliases);
                if later.name != first.name {
                    first.aliases.push(Alias {
                        name: std::mem::take(&mut later.name),
                        source: "main name elsewhere".to_owned(),
                        from: None,
                        to: None,
                        meaning: AliasMeaning::Same,
                        weight: 1.0,
                    });
                }
            }
            same
        });
        for actor in &mut self.actors {
            actor.aliases.sort_by(|a, b| {
                (&a.name, &a.source, a.from, a.to, a.meaning)
                    .cmp(&(&b.name, &b.source, b.from, b.to, b.meaning))
            });
            actor.aliases.dedup_by(|a, b| (&a.name, &a.source) == (&b.name, &b.source));
        }
    }

    /// Adds what another source knows. Accounts of one report about one actor become one, not two votes.
    pub fn add(&mut self, other: Knowledge) {
        self.as_of = self.as_of.max(other.as_of);
        self.notices.extend(other.notices);
        self.actors.extend(other.actors);
        self.items.extend(other.items);
        self.accounts.extend(other.accounts);
        self.marks.extend(other.marks);
        self.normalise();
        self.accounts.dedup_by(|later, first| {
            let same =
                !later.report.is_empty() && (&later.actor, &later.report) == (&first.actor, &first.report);
            if same {
                first.items.append(&mut later.items);
                first.items.sort();
                first.items.dedup();
            }
            same
        });
    }
}

/// What is known of one incident or campaign, for the question of who.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct IncidentReport {
    /// Its name.
    pub id: String,
    /// When; only reports from before are used if the caller says so.
    #[serde(default)]
    pub date: Option<Month>,
    /// Technique ids.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// Software ids.
    #[serde(default)]
    pub software: Vec<String>,
    /// Further artefacts, by cost class: strings, time zones, infrastructure; each with the actors it points to.
    #[serde(default)]
    pub artefacts: Vec<Artefact>,
}

/// An observation of another kind than method, and whom it points to by knowledge the user has.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Artefact {
    /// What it is: `Korean resource language`.
    pub name: String,
    /// Its class in the table of costs to fake: `language_string`, `infrastructure`, `signing_key`.
    pub class: String,
    /// Ids of actors, or nations (`KP`), that it points to.
    pub points_to: Vec<String>,
    /// How strongly, in nats, before the cost to fake is taken into account.
    pub nats: f64,
}

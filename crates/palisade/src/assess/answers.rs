//! What analysts answer to the questions of scales, merged over what findings answer.
//!
//! A person's word takes the place of what was derived for the same question, and says so. An adopted assessment of who is
//! behind it answers the questions about that. What this module never does: invent an answer, or drop one.

use std::io::{self, Write as _};

use anyhow::{Result, anyhow, bail};
use palisade_assess::gravity::{Answer, Answers, Reading, Scale};
use palisade_model::{Campaign, FindingId, terminal};
use palisade_store::{Case, StoredAnswer};
use serde_json::json;

use super::adopt::Word;
use crate::args::{AssessAnswer, AssessAnswers, AssessFormat, AssessUndo};
use crate::campaign::{find, joined};
use crate::case::analyst;
use crate::errors::Exit;
use crate::times::{Clock, now};

/// The answer "nobody knows", which takes the place of what was derived.
const UNKNOWN: &str = "unknown";

/// Whether words given about a campaign are about this one, which may have had another name then.
pub fn is_about(campaign: &str, c: &Campaign) -> bool {
    FindingId::parse(campaign).is_some_and(|id| c.id.0 == id || c.aliases.iter().any(|a| a.0 == id))
}

/// Puts what analysts answered about a campaign over what was derived.
pub fn over(derived: &mut Answers, scale: &Scale, c: &Campaign, kept: &[(i64, StoredAnswer)]) {
    let mine =
        kept.iter().filter(|(_, a)| a.undone.is_none() && a.scale == scale.id && is_about(&a.campaign, c));
    for (number, a) in mine {
        let reading =
            if a.choices.is_empty() { Reading::Unknown } else { Reading::Chosen(a.choices.clone()) };
        let why = format!("{} answered ({number}): {}", a.analyst, a.reason);
        let mut findings = derived.get(&a.item).map_or_else(Vec::new, |d| d.findings.clone());
        if derived.get(&a.item).is_none_or(|d| d.reading != reading) {
            findings.clear();
        }
        derived.insert(a.item.clone(), Answer { reading, why: vec![why], findings });
    }
}

/// Likelihood from which an adopted word answers anything: "very likely".
const SURE: f64 = 0.8;

/// What an adopted word on who is behind it answers, where nobody said: who is tied to a state is an actor from outside of others.
/// Who is responsible in law it does not.
pub fn by_attribution(derived: &mut Answers, scale: &Scale, word: &Word) {
    let Some(said) = word.statement.conclusion().filter(|s| s.probability >= SURE) else { return };
    let mut put = |item: &str, choice: &str| {
        let fits = scale.items.iter().any(|i| i.id == item && i.choices.iter().any(|c| c.id == choice));
        if fits && !derived.contains_key(item) {
            let why = format!("{} adopted that it is {} ({})", word.stored.analyst, said.name, word.number);
            let reading = Reading::AtLeast(choice.to_owned());
            derived.insert(item.to_owned(), Answer { reading, why: vec![why], findings: Vec::new() });
        }
    };
    if let Some(nation) = &said.nation {
        put("actor", "apt");
        if !EU.contains(&nation.as_str()) {
            put("external-actor", "yes");
        }
    }
}

/// Member states of the European Union: whoever is tied to another is an actor from outside.
const EU: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// `palisade assess answer`.
pub fn answer(args: &AssessAnswer) -> Result<Exit> {
    let scales = Scale::shipped()?;
    let ids = || scales.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(", ");
    let scale = scales
        .iter()
        .find(|s| s.id == args.scale)
        .ok_or_else(|| anyhow!("there is no scale {}; there are {}", args.scale, ids()))?;
    let (Some(item), choices) = (args.item.as_deref(), &args.choices) else {
        questions(scale)?;
        return Ok(Exit::Clean);
    };
    let asked = scale.items.iter().find(|i| i.id == item).ok_or_else(|| {
        let all: Vec<&str> = scale.items.iter().map(|i| i.id.as_str()).collect();
        anyhow!("{} does not ask about {item}; it asks about {}", scale.name, all.join(", "))
    })?;
    if choices.is_empty() {
        let all: Vec<&str> = asked.choices.iter().map(|c| c.id.as_str()).collect();
        bail!("\"{}\" may be answered by {}, {UNKNOWN}", asked.question, all.join(", "));
    }
    let unknown = choices.iter().any(|c| c == UNKNOWN);
    if unknown && choices.len() > 1 {
        bail!("{UNKNOWN} and something else cannot both hold");
    }
    for choice in choices.iter().filter(|c| *c != UNKNOWN) {
        if !asked.choices.iter().any(|c| c.id == *choice) {
            let all: Vec<&str> = asked.choices.iter().map(|c| c.id.as_str()).collect();
            bail!("{choice} is no answer to \"{}\"; there are {}, {UNKNOWN}", asked.question, all.join(", "));
        }
    }
    let reason = args.reason.as_deref().map(str::trim).filter(|r| !r.is_empty());
    let reason =
        reason.ok_or_else(|| anyhow!("--reason is missing; whoever reads this later must know why"))?;
    let (case, campaign) = args
        .case
        .as_deref()
        .zip(args.campaign.as_deref())
        .ok_or_else(|| anyhow!("--case DIR and --campaign ID say what is answered about"))?;
    let (_, joined) = joined(case)?;
    let c = find(&joined, campaign)?;
    let kept = StoredAnswer {
        campaign: c.id.0.to_string(),
        scale: scale.id.clone(),
        item: item.to_owned(),
        choices: choices.iter().filter(|c| *c != UNKNOWN).cloned().collect(),
        analyst: analyst(args.analyst.as_deref()),
        time: now(),
        reason: reason.to_owned(),
        undone: None,
    };
    let id = Case::open(case)?.answer_add(&kept)?;
    writeln!(
        io::stdout(),
        "{id}: {} answers for {}: {} {}",
        terminal(&kept.analyst),
        c.id,
        asked.question,
        choices.join(", ")
    )?;
    Ok(Exit::Clean)
}

/// What a scale asks, and what may be answered.
fn questions(scale: &Scale) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{} ({})\n{}", scale.name, scale.id, scale.source)?;
    for item in &scale.items {
        writeln!(out, "\n{:<24}{}", item.id, item.question)?;
        for choice in &item.choices {
            let name = if choice.name == choice.id { "" } else { choice.name.as_str() };
            writeln!(out, "    {:<20}{name}", choice.id)?;
        }
    }
    writeln!(
        out,
        "\nAnything may be {UNKNOWN}. `palisade assess answer {} ITEM CHOICE --case DIR --campaign ID --reason TEXT`",
        scale.id
    )?;
    Ok(())
}

/// `palisade assess unanswer`.
pub fn unanswer(args: &AssessUndo) -> Result<Exit> {
    Case::open(&args.case)?.answer_undo(args.id, now())?;
    writeln!(io::stdout(), "{} taken back", args.id)?;
    Ok(Exit::Clean)
}

/// `palisade assess answers`.
pub fn list(args: &AssessAnswers) -> Result<Exit> {
    let answers = Case::open_read_only(&args.case)?.answers()?;
    let clock = Clock::default();
    let mut out = io::stdout().lock();
    if answers.is_empty() && args.format == AssessFormat::Table {
        writeln!(out, "nobody has answered; `palisade assess answer SCALE` shows what a scale asks")?;
    }
    for (number, a) in &answers {
        if args.format == AssessFormat::Ndjson {
            let mut line = json!(a);
            line["number"] = json!(number);
            writeln!(out, "{line}")?;
            continue;
        }
        let state = a.undone.map_or_else(String::new, |at| format!(" (taken back {})", clock.short(at)));
        let id = FindingId::parse(&a.campaign).map(palisade_model::CampaignId);
        let id = id.map_or_else(|| a.campaign.clone(), |id| id.to_string());
        let choices = if a.choices.is_empty() { UNKNOWN.to_owned() } else { a.choices.join(", ") };
        writeln!(
            out,
            "{number:>4}  {}  {} {}: {}{state}\n      {} on {}: {}",
            terminal(&id),
            terminal(&a.scale),
            terminal(&a.item),
            terminal(&choices),
            terminal(&a.analyst),
            clock.short(a.time),
            terminal(&a.reason)
        )?;
    }
    Ok(Exit::Clean)
}

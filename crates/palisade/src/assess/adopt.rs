//! The analyst's word on an assessment: adopting a draft, saying something else, taking it back, and what still holds.
//!
//! A word holds for the campaign that has its id, now or formerly, until a later one takes its place or it is taken
//! back. It is stale when the campaign, the knowledge or the weights are not what they were. What this module never
//! does: drop a word, or let a stale one pass for one that holds.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::{Context as _, Result, anyhow, bail};
use palisade_assess::who::{Basis, Change, Confidence, Said, Statement, UNKNOWN, likelihood_words};
use palisade_model::{Alias, AliasMeaning, Campaign, FindingId, terminal};
use palisade_store::{Case, StoredAttribution};
use serde_json::{Value, json};

use super::Known;
use super::answers::is_about;
use super::campaigns::{basis, said};
use super::seen::Traces;
use crate::args::{AssessAdopt, AssessFormat, AssessHistory, AssessOverride, AssessUndo, ConfidenceName};
use crate::campaign::{find, joined};
use crate::case::analyst;
use crate::errors::Exit;
use crate::times::{Clock, now};

/// A word that the case keeps.
pub struct Word {
    /// Its number in the case.
    pub number: i64,
    /// Who, when, why.
    pub stored: StoredAttribution,
    /// What was said, and on what it rested.
    pub statement: Statement,
}

impl Word {
    /// Every word, oldest first.
    pub fn all(case: &mut Case) -> Result<Vec<Word>> {
        let read = |(number, stored): (i64, StoredAttribution)| {
            let statement = serde_json::from_str(&stored.body).with_context(|| {
                format!("adopted assessment {number} of the case cannot be read; `palisade case verify` says whether it was changed")
            })?;
            Ok(Word { number, stored, statement })
        };
        case.attributions()?.into_iter().map(read).collect()
    }

    /// Whether it is about this campaign.
    fn is_about(&self, c: &Campaign) -> bool {
        is_about(&self.stored.campaign, c)
    }

    /// What is not as it was; `None`: the campaign is no more.
    pub fn changes(&self, now: Option<&Basis>) -> Vec<Change> {
        self.statement.basis.changes(now)
    }

    /// In sentences: who said what, whether it holds, and how far it can be trusted.
    pub fn write(&self, now: Option<&Basis>, clock: &Clock, out: &mut dyn Write) -> io::Result<()> {
        let s = &self.stored;
        writeln!(
            out,
            "  {} by {} on {}: {}",
            s.kind,
            terminal(&s.analyst),
            clock.short(s.time),
            terminal(&self.statement.sentence())
        )?;
        writeln!(out, "  confidence in this: {}", self.statement.confidence)?;
        writeln!(out, "  because: {}", terminal(&s.reason))?;
        for change in self.changes(now) {
            writeln!(out, "  stale: {}", terminal(&change.to_string()))?;
        }
        Ok(())
    }

    /// For programs.
    pub fn value(&self, now: Option<&Basis>) -> Value {
        let stale: Vec<String> = self.changes(now).iter().map(Change::to_string).collect();
        json!({
            "number": self.number, "kind": self.stored.kind, "analyst": self.stored.analyst,
            "time": self.stored.time.to_string(), "reason": self.stored.reason,
            "concluded": self.statement.concluded, "said": self.statement.said,
            "confidence": self.statement.confidence, "stale": stale,
        })
    }
}

/// The word that counts for a campaign: of those not taken back the last.
pub fn holding<'w>(words: &'w [Word], c: &Campaign) -> Option<&'w Word> {
    words.iter().rev().find(|w| w.stored.undone.is_none() && w.is_about(c))
}

/// `palisade assess adopt`.
pub fn adopt(args: &AssessAdopt) -> Result<Exit> {
    let known = Known::read(Some(&args.case), &[], None, true)?;
    let (read, joined) = joined(&args.case)?;
    let c = find(&joined, &args.campaign)?;
    let view = known.library.view(None, &BTreeSet::new(), None);
    let (_, statement) = said(&view, &known, c, &Traces::new(&read, &known, None).of(c));
    if statement.answer == "insufficient" {
        bail!(
            "the evidence of {} is insufficient for an assessment, so there is none to adopt; `palisade assess override` \
             records your own",
            c.id
        );
    }
    keep(&args.case, c, "adopted", args.analyst.as_deref(), &args.reason, &statement)
}

/// `palisade assess override`.
pub fn overrule(args: &AssessOverride) -> Result<Exit> {
    if !(0.0..=1.0).contains(&args.likelihood) {
        bail!("--likelihood {} is not between 0 and 1", args.likelihood);
    }
    let known = Known::read(Some(&args.case), &[], None, true)?;
    let (read, joined) = joined(&args.case)?;
    let c = find(&joined, &args.campaign)?;
    let confidence = match args.confidence {
        ConfidenceName::Low => Confidence::Low,
        ConfidenceName::Moderate => Confidence::Moderate,
        ConfidenceName::High => Confidence::High,
    };
    let who = Said { probability: args.likelihood, ..who(&known, &args.actor)? };
    let statement =
        Statement::by_analyst(who, confidence, basis(c, &Traces::new(&read, &known, None).of(c), &known));
    keep(&args.case, c, "overridden", args.analyst.as_deref(), &args.reason, &statement)
}

/// Whom an analyst means: an id or a name of the knowledge, a state, nobody known, or a name of their own.
fn who(known: &Known, text: &str) -> Result<Said> {
    let text = text.trim();
    let said = |id: &str, name: &str, nation: Option<String>| Said {
        id: id.to_owned(),
        name: name.to_owned(),
        nation,
        probability: 0.0,
        supporting: Vec::new(),
        against: Vec::new(),
    };
    if text.is_empty() {
        bail!("--actor names nobody; write an id, a name, state:KP, or unknown");
    }
    if text.eq_ignore_ascii_case(UNKNOWN) {
        return Ok(said(UNKNOWN, "somebody who is not known", None));
    }
    if let Some(state) = text.strip_prefix("state:") {
        let code = palisade_intel::incidents::state_code(state)
            .ok_or_else(|| anyhow!("--actor {text} names no state; write its name or its ISO 3166 code"))?;
        return Ok(said(
            &format!("state:{code}"),
            &format!("an actor tied to {code}"),
            Some(code.to_owned()),
        ));
    }
    let found = known.library.named(text);
    match found.as_slice() {
        [(one, alias)] if alias.is_none_or(|a| a.meaning == AliasMeaning::Same) => {
            Ok(said(&one.id, &one.name, one.nation.clone()))
        }
        // Several actors of one name, or one that means more or less than an actor: names are not merged, so the id decides.
        [_, ..] => {
            let each: Vec<String> = found.iter().map(|(a, alias)| meant(a, *alias)).collect();
            bail!("{text} may mean {}; give an id", each.join("; "))
        }
        [] => Ok(said(text, text, None)),
    }
}

/// An actor that a name may mean, with who says so.
fn meant(a: &palisade_assess::who::Known, alias: Option<&Alias>) -> String {
    let id = format!("{} ({})", a.name, a.id);
    let Some(alias) = alias else { return id };
    let how = match alias.meaning {
        AliasMeaning::Same => "the same",
        AliasMeaning::Umbrella => "it and others",
        AliasMeaning::Part => "a part of it",
        AliasMeaning::Overlaps => "an overlap with it",
    };
    format!("{id}: {how}, says {}", alias.source)
}

fn keep(
    dir: &std::path::Path,
    c: &Campaign,
    kind: &str,
    name: Option<&str>,
    reason: &str,
    statement: &Statement,
) -> Result<Exit> {
    if reason.trim().is_empty() {
        bail!("--reason is empty; whoever reads this later must know why");
    }
    let word = StoredAttribution {
        campaign: c.id.0.to_string(),
        kind: kind.to_owned(),
        analyst: analyst(name),
        time: now(),
        reason: reason.to_owned(),
        body: serde_json::to_string(statement)?,
        undone: None,
    };
    let id = Case::open(dir)?.attribution_add(&word)?;
    writeln!(
        io::stdout(),
        "{id}: {kind} by {} for {}: {}",
        terminal(&word.analyst),
        c.id,
        terminal(&statement.sentence())
    )?;
    Ok(Exit::Clean)
}

/// `palisade assess undo`.
pub fn undo(args: &AssessUndo) -> Result<Exit> {
    Case::open(&args.case)?.attribution_undo(args.id, now())?;
    writeln!(io::stdout(), "{} taken back", args.id)?;
    Ok(Exit::Clean)
}

/// `palisade assess history`.
pub fn history(args: &AssessHistory) -> Result<Exit> {
    let known = Known::read(Some(&args.case), &[], None, true)?;
    let (read, joined) = joined(&args.case)?;
    let traces = Traces::new(&read, &known, None);
    let words = Word::all(&mut Case::open_read_only(&args.case)?)?;
    let clock = Clock::default();
    let mut out = io::stdout().lock();
    if words.is_empty() && args.format == AssessFormat::Table {
        writeln!(out, "nobody has adopted an assessment; `palisade assess --case DIR` shows the drafts")?;
    }
    for word in &words {
        let campaign = joined.campaigns.iter().find(|c| word.is_about(c));
        let now = campaign.map(|c| basis(c, &traces.of(c), &known));
        let later = campaign.and_then(|c| holding(&words, c)).filter(|w| w.number != word.number);
        let state = match (word.stored.undone, later) {
            (Some(at), _) => format!("taken back {}", clock.short(at)),
            (None, Some(later)) => format!("replaced by {}", later.number),
            (None, None) if word.changes(now.as_ref()).is_empty() => "holds".to_owned(),
            (None, None) => "stale".to_owned(),
        };
        if args.format == AssessFormat::Ndjson {
            let mut line = word.value(now.as_ref());
            line["campaign"] = json!(word.stored.campaign);
            line["state"] = json!(state);
            line["undone"] = json!(word.stored.undone.map(|t| t.to_string()));
            writeln!(out, "{line}")?;
            continue;
        }
        let id = FindingId::parse(&word.stored.campaign).map(palisade_model::CampaignId);
        writeln!(
            out,
            "{:>4}  {}  {state}",
            word.number,
            id.map_or_else(|| terminal(&word.stored.campaign).into_owned(), |id| id.to_string())
        )?;
        word.write(now.as_ref(), &clock, &mut out)?;
        for s in word.statement.said.iter().take(6) {
            let p = s.probability * 100.0;
            writeln!(out, "  {p:>5.1} %  {} ({})", terminal(&s.name), likelihood_words(s.probability))?;
        }
    }
    Ok(Exit::Clean)
}

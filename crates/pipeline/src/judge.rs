//! From a rule's hit to a finding: names, observables, citation.

use std::collections::HashMap;
use std::sync::Arc;

use palisade_model::{
    Address, Batch, Catalogue, Citation, Confidence, Extract, FieldId, Fields, Finding, FindingId, Match,
    Message, Observable, ObservableKind, RuleInfo, Severity, ShapeId, Time, Vector,
};
use palisade_rules::correlate::{Alert, Matches, measure_name};
use palisade_rules::engine;

use crate::knowledge::Knowledge;
use crate::unfold;
use palisade_text::unfold::Layer;

/// Longest value of a telling field kept in a finding, in bytes.
const MAX_VALUE: usize = 512;

/// Most observables of one finding.
pub(crate) const MAX_OBSERVABLES: usize = 32;

/// What of the knowledge looks at a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// Rules and indicators.
    Both,
    /// Rules.
    Rules,
    /// Indicators.
    Indicators,
}

/// What a batch gives.
#[derive(Default)]
pub(crate) struct Judged {
    /// Findings in record order, rules before indicators.
    pub(crate) findings: Vec<Finding>,
    /// What correlations look at, of every time: a window may begin before the time that is asked for.
    pub(crate) matches: Matches,
}

/// Runs rules and indicators over batches, whoever filled them.
pub(crate) struct Judge<'a> {
    knowledge: &'a Knowledge,
    /// What fields that correlations group by are, by name.
    grouped: HashMap<String, Grouped>,
    indicators: Vec<Arc<RuleInfo>>,
    since: Option<Time>,
    until: Option<Time>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(knowledge: &'a Knowledge, since: Option<Time>, until: Option<Time>) -> Judge<'a> {
        let grouped = grouped(knowledge);
        Judge { knowledge, grouped, indicators: indicator_infos(knowledge), since, until }
    }

    pub(crate) fn knowledge(&self) -> &'a Knowledge {
        self.knowledge
    }

    pub(crate) fn in_time(&self, time: Option<Time>) -> bool {
        let after = self.since.is_none_or(|s| time.is_none_or(|t| t >= s));
        let before = self.until.is_none_or(|u| time.is_none_or(|t| t < u));
        after && before
    }

    /// Appends what a batch gives.
    pub(crate) fn batch(
        &self,
        batch: &dyn Batch,
        look: Look,
        scratch: &mut engine::Scratch,
        judged: &mut Judged,
    ) {
        let k = self.knowledge;
        let Judged { findings: out, matches } = judged;
        let first = out.len();
        let mut rows: Vec<usize> = Vec::new();
        // Which rule has spoken of which row, in order: what lies under wrappings says it no second time.
        let mut spoken: Vec<(usize, u32)> = Vec::new();
        if look != Look::Indicators {
            let rules = k.engine.rules();
            k.engine.scan(batch, scratch, &mut |hit| {
                let rule = &rules[hit.rule as usize];
                let header = batch.header(hit.row);
                if !k.unfolding.is_off() {
                    spoken.push((hit.row, hit.rule));
                }
                if rule.correlated.is_some() {
                    let (source, record, offset) = (batch.source(hit.row), header.record, header.offset);
                    hit.values(batch, |values| {
                        matches.observe(&Match {
                            rule: hit.rule,
                            time: header.time,
                            citation: Citation { source, record, offset },
                            recovered: header.recovered,
                            values,
                        });
                    });
                }
                if rule.reports() && self.in_time(header.time) {
                    let info = &k.infos[hit.rule as usize];
                    let made =
                        finding(batch, hit.row, info, "sigma.match", hit.telling, &k.fields, &k.catalogue);
                    out.push(made);
                    rows.push(hit.row);
                }
            });
        }
        let mut rules = rows.len();
        if look != Look::Indicators && !k.unfolding.is_off() {
            let told = out.len();
            for hidden in self.under(batch, scratch, &spoken, matches) {
                let row = hidden.row;
                let (plain, before) = out.split_at_mut(told);
                let plain = plain.get(first..).unwrap_or_default();
                let Some(made) = self.hidden(batch, &hidden, &spoken, plain) else { continue };
                if before.iter_mut().rev().any(|b| unfold::fold(b, &made, k.unfolding.info())) {
                    continue;
                }
                out.push(made);
                rows.push(row);
            }
            if rows.len() > rules {
                // They are put into the order of rows below.
                rules = 0;
            }
        }
        if look != Look::Rules {
            k.indicators.scan(batch, &k.catalogue, &mut |hit| {
                if self.in_time(batch.header(hit.row).time) {
                    let info = &self.indicators[hit.indicator as usize];
                    let telling = [hit.field];
                    let made =
                        finding(batch, hit.row, info, "indicator.match", &telling, &k.fields, &k.catalogue);
                    out.push(made);
                    rows.push(hit.row);
                }
            });
        }
        if rows.len() > rules {
            let mut tail: Vec<(usize, Finding)> = rows.into_iter().zip(out.drain(first..)).collect();
            tail.sort_by_key(|(row, _)| *row);
            out.extend(tail.into_iter().map(|(_, f)| f));
        }
        out.iter_mut().skip(first).for_each(|made| k.kev.join(made));
    }

    /// Runs rules over what lies under the wrappings of rows: what they had not said of the row itself.
    fn under(
        &self,
        batch: &dyn Batch,
        scratch: &mut engine::Scratch,
        spoken: &[(usize, u32)],
        matches: &mut Matches,
    ) -> Vec<Hidden> {
        let k = self.knowledge;
        let rules = k.engine.rules();
        let mut out = Vec::new();
        for row in 0..batch.len() {
            let under = k.unfolding.under(batch, row);
            if under.is_empty() {
                continue;
            }
            let decoded = k.unfolding.rows(batch, row, &under, &k.catalogue, &k.projection);
            let header = batch.header(row);
            let citation =
                Citation { source: batch.source(row), record: header.record, offset: header.offset };
            let mut said: Vec<u32> = Vec::new();
            k.engine.scan(&decoded, scratch, &mut |hit| {
                if spoken.binary_search(&(row, hit.rule)).is_ok() || said.contains(&hit.rule) {
                    return;
                }
                let rule = &rules[hit.rule as usize];
                if rule.correlated.is_some() {
                    hit.values(&decoded, |values| {
                        let (time, recovered) = (header.time, header.recovered);
                        matches.observe(&Match { rule: hit.rule, time, citation, recovered, values });
                    });
                }
                if rule.reports() {
                    said.push(hit.rule);
                }
            });
            if self.in_time(header.time) && !said.is_empty() {
                out.push(Hidden { row, said, under });
            }
        }
        out
    }

    /// One finding for what lies under a record: of the gravest rule if it is graver than what was said of the record as it
    /// is and says something that was not said beside it (`plain`), else one that only says what is hidden there: so, too, if
    /// the text was stored and did not run. The other rules are named in it.
    fn hidden(
        &self,
        batch: &dyn Batch,
        hidden: &Hidden,
        spoken: &[(usize, u32)],
        plain: &[Finding],
    ) -> Option<Finding> {
        let k = self.knowledge;
        let Hidden { row, said, under } = hidden;
        let row = *row;
        let level = |rule: &u32| k.infos[*rule as usize].level;
        let gravest = said.iter().copied().max_by_key(|rule| (level(rule), std::cmp::Reverse(*rule)))?;
        let before =
            spoken.iter().filter(|(r, rule)| *r == row && k.engine.rules()[*rule as usize].reports());
        let info = &k.infos[gravest as usize];
        let header = batch.header(row);
        let mut graver = before.map(|(_, rule)| level(rule)).max().is_none_or(|worst| info.level > worst);
        if k.unfolding.info().is_some_and(|shows| info.level > shows.level) {
            let host = host(batch, row, header.shape, &k.catalogue);
            graver &= !k.unfolding.is_stored(header.shape)
                && !unfold::said_beside(info, host.as_deref(), header.time, plain);
        }
        let info = if graver { info } else { k.unfolding.info()? };
        let mut made = finding(batch, row, info, "sigma.unfolded", &[], &k.fields, &k.catalogue);
        let titles = said.iter().filter(|rule| !graver || **rule != gravest);
        let titles: Vec<&str> = titles.map(|rule| k.infos[*rule as usize].title.as_str()).collect();
        let (how, text) = unfold::told(under);
        let mut say = |name: &str, value: String| made.message.args.push((name.to_owned(), value));
        say("unfolded_from", how);
        say("unfolded", cut(&text, MAX_VALUE));
        if !titles.is_empty() {
            say("rules_that_hold_of_it", cut(&titles.join("; "), MAX_VALUE));
        }
        made.observables.extend(unfold::found(under));
        made.observables.sort();
        made.observables.dedup();
        made.observables.truncate(MAX_OBSERVABLES);
        Some(made)
    }
}

/// What rules say of the text under a row's wrappings.
struct Hidden {
    row: usize,
    /// Rules, by number, that said nothing of the row itself; at least one.
    said: Vec<u32>,
    under: Vec<(FieldId, Vec<Layer>)>,
}

/// What a field is that correlations group by.
#[derive(Default)]
struct Grouped {
    host: bool,
    extracts: Vec<Extract>,
}

/// By the names that correlations use, aliases among them.
fn grouped(knowledge: &Knowledge) -> HashMap<String, Grouped> {
    let mut out: HashMap<String, Grouped> = HashMap::new();
    for document in knowledge.correlations.documents() {
        for name in &document.group_by {
            let alias = document.aliases.iter().find(|a| a.name == *name);
            let mut fields: Vec<&str> = alias
                .map_or(vec![name.as_str()], |a| a.fields.iter().map(|(_, field)| field.as_str()).collect());
            fields.dedup();
            let entry = out.entry(name.clone()).or_default();
            for (_, shape) in knowledge.catalogue.shapes() {
                let named = |field: &FieldId| fields.contains(&knowledge.fields.name(*field));
                entry.host |= shape.host.iter().any(named);
                for (_, extract) in shape.observables.iter().filter(|(field, _)| named(field)) {
                    if !entry.extracts.contains(extract) {
                        entry.extracts.push(*extract);
                    }
                }
            }
        }
    }
    out
}

impl Judge<'_> {
    /// The finding that an alert of a correlation is; `None` if it is of another time.
    pub(crate) fn alert(&self, alert: &Alert) -> Option<Finding> {
        let k = self.knowledge;
        let rule = k.correlation_infos.get(alert.correlation as usize)?;
        let document = k.correlations.document(alert.correlation)?;
        // It belongs to the span from the moment it was seen to hold to its last match.
        let after = self.since.is_none_or(|s| alert.last >= s);
        if !after || self.until.is_some_and(|u| alert.fired >= u) {
            return None;
        }
        let mut args: Vec<(String, String)> =
            alert.group.iter().map(|(name, value)| (name.clone(), cut(value, MAX_VALUE))).collect();
        args.push(("matches".to_owned(), alert.matches.to_string()));
        args.push((measure_name(&document.kind), alert.measured.to_string()));
        args.dedup_by(|a, b| a.0 == b.0);
        let (mut observables, mut host) = (Vec::new(), None);
        for (name, value) in &alert.group {
            let Some(known) = self.grouped.get(name) else { continue };
            known.extracts.iter().for_each(|extract| extract.apply(value, &mut observables));
            if known.host && !value.is_empty() {
                host.get_or_insert_with(|| cut(value, 255));
            }
        }
        observables.sort();
        observables.dedup();
        observables.truncate(MAX_OBSERVABLES);
        Some(Finding {
            id: FindingId::new(&rule.id, &alert.digest()),
            vector: Vector::Host,
            rule: rule.clone(),
            message: Message { id: "sigma.correlation".to_owned(), args },
            time: Some(alert.first),
            time_end: Some(alert.last),
            host,
            observables,
            citations: alert.citations.clone(),
            recovered: alert.recovered,
        })
    }
}

fn indicator_infos(knowledge: &Knowledge) -> Vec<Arc<RuleInfo>> {
    let info = |i: &palisade_rules::indicators::Indicator| {
        Arc::new(RuleInfo {
            id: format!("indicator:{}", i.pattern),
            title: format!("Indicator from {}: {}", i.list, i.pattern),
            level: Severity::High,
            // A list says that a value was bad once, somewhere.
            confidence: Confidence(60),
            attack: Vec::new(),
            software: Vec::new(),
            author: None,
            license: None,
            description: (!i.note.is_empty()).then(|| i.note.clone()),
            false_positives: Vec::new(),
            file: format!("{}:{}", i.list, i.line),
        })
    };
    knowledge.indicators.list().iter().map(info).collect()
}

/// Builds the finding that `rule` makes of a row.
fn finding(
    batch: &dyn Batch,
    row: usize,
    rule: &Arc<RuleInfo>,
    message: &str,
    telling: &[FieldId],
    fields: &Fields,
    catalogue: &Catalogue,
) -> Finding {
    let header = batch.header(row);
    let shape = catalogue.shape_of(header.shape);
    let mut args: Vec<(String, String)> = Vec::new();
    let mut bytes_left = 4 * MAX_VALUE;
    for field in telling.iter().chain(&shape.telling) {
        // A derived field's own name says by which view (`registry_4657.TargetObject`); people know the rest.
        let name = fields.name(*field);
        let derived = shape.derive.iter().any(|d| d.field == *field);
        let name = name.split_once('.').filter(|_| derived).map_or(name, |(_, rest)| rest);
        if shape.secret.contains(field) || args.iter().any(|(n, _)| n == name) {
            continue;
        }
        if let Some(value) = batch.show(row, *field).filter(|v| !v.is_empty()) {
            let value = cut(&value, MAX_VALUE.min(bytes_left));
            bytes_left -= value.len().min(bytes_left);
            args.push((name.to_owned(), value));
        }
        if bytes_left == 0 {
            break;
        }
    }
    let mut observables: Vec<Observable> = Vec::new();
    for (field, extract) in &shape.observables {
        if observables.len() >= MAX_OBSERVABLES {
            break;
        }
        if let Some(value) = batch.show(row, *field) {
            extract.apply(&value, &mut observables);
        }
    }
    // No field of a log is for wallets; what names one is a command line, a script, a request.
    for wallet in args.iter().flat_map(|(_, value)| Address::find(value)) {
        observables.extend(Observable::parse(ObservableKind::CryptoAddress, wallet.text()));
    }
    observables.sort();
    observables.dedup();
    observables.truncate(MAX_OBSERVABLES);
    Finding {
        id: FindingId::new(&rule.id, &batch.digest(row)),
        vector: Vector::Host,
        rule: rule.clone(),
        message: Message { id: message.to_owned(), args },
        time: header.time,
        time_end: header.time,
        host: host(batch, row, header.shape, catalogue),
        observables,
        citations: vec![Citation { source: batch.source(row), record: header.record, offset: header.offset }],
        recovered: header.recovered,
    }
}

/// The machine a row is about.
fn host(batch: &dyn Batch, row: usize, shape: ShapeId, catalogue: &Catalogue) -> Option<String> {
    let fields = &catalogue.shape_of(shape).host;
    fields.iter().find_map(|f| batch.show(row, *f)).filter(|h| !h.is_empty()).map(|h| cut(&h, 255))
}

/// The text, or its beginning and an ellipsis.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

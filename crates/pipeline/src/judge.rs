//! From a rule's hit to a finding: names, observables, citation.

use std::sync::Arc;

use palisade_model::{
    Batch, Catalogue, Citation, Fields, Finding, FindingId, Message, Observable, RuleInfo, ShapeId, Vector,
};

/// Longest value of a telling field kept in a finding, in bytes.
const MAX_VALUE: usize = 512;

/// Most observables of one finding.
const MAX_OBSERVABLES: usize = 32;

/// Builds the finding that `rule` makes of a row.
pub(crate) fn finding(
    batch: &dyn Batch,
    row: usize,
    rule: &Arc<RuleInfo>,
    message: &str,
    telling: &[palisade_model::FieldId],
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

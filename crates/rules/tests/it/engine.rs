//! The engine against the executable definition of the language: every literate case of
//! [`sigma`](crate::sigma), and the whole public corpus on events made of its own values.

use palisade_model::{
    Batch, Catalogue, FieldId, FieldsBuilder, Projection, RowBatch, RowBuilder, RowHeader, ShapeId, SourceId,
};
use palisade_rules::engine::{Engine, Scratch, intern_fields};
use palisade_rules::sigma::ir::{Atom, Expr, Piece, Rule, Target, Test};
use palisade_rules::sigma::reference::matches;

use crate::sigma::{Json, Owned};

/// One kind of record that every rule's log source binds to.
fn catalogue(rules: &[Rule], fields: &mut FieldsBuilder) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let mut sources: Vec<_> = rules.iter().map(|r| r.logsource.clone()).collect();
    sources.sort();
    sources.dedup();
    // Products exclude each other, so the test forgets them: categories and services do not.
    let list = |f: &dyn Fn(&palisade_rules::sigma::ir::Logsource) -> Option<String>| {
        let mut names: Vec<String> = sources.iter().filter_map(f).collect();
        names.sort();
        names.dedup();
        format!("{names:?}")
    };
    let text = format!(
        "product = 'windows'\n[[stream]]\nnames = ['test']\nservices = {}\ncategories = {}\n",
        list(&|s| s.service.clone()),
        list(&|s| s.category.clone())
    );
    catalogue.add("test.toml", &text, fields).unwrap();
    catalogue
}

struct Setup {
    engine: Engine,
    catalogue: Catalogue,
    projection: Projection,
    fields: palisade_model::Fields,
}

impl Setup {
    fn new(rules: &[Rule]) -> Setup {
        let mut rules = rules.to_vec();
        rules.iter_mut().for_each(|r| r.logsource.product = None);
        let mut fields = FieldsBuilder::new();
        let catalogue = catalogue(&rules, &mut fields);
        assert_eq!(intern_fields(&rules, &catalogue, &mut fields), Vec::<u32>::new());
        let fields = fields.close();
        let engine = Engine::new(rules, &catalogue, &fields);
        let mut projection = Projection::new(&catalogue);
        engine.want(&mut projection);
        Setup { engine, catalogue, projection, fields }
    }

    fn batch(&self, events: &[Json]) -> RowBatch {
        let shape = self.catalogue.shape(self.catalogue.stream("test").unwrap(), 0);
        assert_ne!(shape, ShapeId::UNRECOGNISED);
        let mut builder = RowBuilder::new(SourceId(0), &self.catalogue, &self.projection, Default::default());
        for (i, event) in events.iter().enumerate() {
            builder.begin();
            for (name, values) in &event.0 {
                let field = self.fields.id(name).unwrap_or(FieldId::NONE);
                for value in values {
                    match value {
                        Owned::Null => builder.null_cell(field),
                        Owned::Blank => builder.blank_cell(field),
                        Owned::Bool(b) => builder.bool_cell(field, *b),
                        Owned::Text(text) => builder.text_cell(field, text),
                        Owned::Number(text) => {
                            let start = builder.arena().len();
                            builder.arena_mut().push_str(text);
                            builder.number_cell(field, start..start + text.len());
                        }
                    }
                    builder.arena_mut().push('\n');
                }
            }
            let (record, offset) = (i as u64, 0);
            builder.end(RowHeader {
                shape,
                time: None,
                record,
                offset,
                recovered: false,
                guids: false,
                blank: false,
            });
        }
        builder.finish()
    }

    fn hits(&self, batch: &RowBatch, scratch: &mut Scratch) -> Vec<(usize, u32)> {
        let mut hits = Vec::new();
        self.engine.scan(batch as &dyn Batch, scratch, &mut |hit| hits.push((hit.row, hit.rule)));
        hits
    }
}

/// Which of the rules match the event, by the engine.
pub fn run(rules: &[Rule], event: &Json) -> Vec<bool> {
    let setup = Setup::new(rules);
    let batch = setup.batch(std::slice::from_ref(event));
    let hits = setup.hits(&batch, &mut Scratch::default());
    (0..rules.len() as u32).map(|i| hits.contains(&(0, i))).collect()
}

/// Row, rule and the values that correlations ask for, of every match.
pub fn asked(rules: &[Rule], events: &[Json]) -> Vec<(usize, u32, Vec<Option<String>>)> {
    let setup = Setup::new(rules);
    let batch = setup.batch(events);
    let mut out = Vec::new();
    setup.engine.scan(&batch as &dyn Batch, &mut Scratch::default(), &mut |hit| {
        let values = hit.values(&batch, |v| v.iter().map(|v| v.map(str::to_owned)).collect());
        out.push((hit.row, hit.rule, values));
    });
    out
}

/// A small generator with a fixed seed (xorshift64*), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n.max(1) as u64) as usize
    }
}

fn atoms<'r>(expr: &'r Expr, out: &mut Vec<&'r Atom>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) | Expr::AtLeast(_, parts) => {
            parts.iter().for_each(|p| atoms(p, out))
        }
        Expr::Not(inner) => atoms(inner, out),
        Expr::Atom(atom) => out.push(atom),
        Expr::Const(_) => {}
    }
}

/// A value that an atom probably holds on, with noise around it.
fn value_for(test: &Test, random: &mut Random) -> Owned {
    let noise = ["", "x", "C:\\Windows\\", " -", "É", "K"];
    let text = match test {
        Test::Text { value, .. } => value.clone(),
        Test::Glob { pieces, .. } => pieces
            .iter()
            .map(|p| match p {
                Piece::Lit(text) => text.as_str(),
                Piece::AnyRun => noise[2],
                Piece::AnyChar => "É",
            })
            .collect(),
        Test::Number { .. } => return Owned::Number(random.below(5000).to_string()),
        Test::Null => return Owned::Null,
        Test::Empty => return if random.below(2) == 0 { Owned::Blank } else { Owned::Text(String::new()) },
        Test::Cidr(network) => network.network().to_string(),
        Test::Regex(re) => re.pattern.replace(['\\', '(', ')', '?', '^', '$', '*', '+'], ""),
        _ => "x".into(),
    };
    let text = if random.below(3) == 0 { text.to_uppercase() } else { text };
    let (before, after) = match random.below(4) {
        0 => (noise[random.below(noise.len())], noise[random.below(noise.len())]),
        1 => (noise[random.below(noise.len())], ""),
        2 => ("", noise[random.below(noise.len())]),
        _ => ("", ""),
    };
    Owned::Text(format!("{before}{text}{after}"))
}

/// Every published rule, on events made of the rules' own values: the engine and the
/// definition must agree on every (rule, event).
#[test]
fn corpus_agrees_with_the_definition() {
    let Some(rules) = crate::sigma_corpus::published_rules() else { return };
    let setup = Setup::new(&rules);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut events = Vec::new();
    for _ in 0..400 {
        let mut event: Vec<(String, Vec<Owned>)> = Vec::new();
        for _ in 0..1 + random.below(3) {
            let mut list = Vec::new();
            atoms(&rules[random.below(rules.len())].expr, &mut list);
            for atom in list {
                if random.below(3) == 0 {
                    continue;
                }
                let name = match &atom.target {
                    Target::Field(name) => name.clone(),
                    Target::Keyword => "Unknown".into(),
                };
                let value = value_for(&atom.test, &mut random);
                match event.iter_mut().find(|(n, _)| *n == name) {
                    // Mostly one value, sometimes a list.
                    Some((_, values)) if random.below(8) == 0 => values.push(value),
                    Some((_, values)) => values[0] = value,
                    None => event.push((name, vec![value])),
                }
            }
        }
        events.push(Json(event));
    }
    let batch = setup.batch(&events);
    let mut scratch = Scratch::default();
    let hits = setup.hits(&batch, &mut scratch);
    let mut expected = Vec::new();
    for (row, event) in events.iter().enumerate() {
        for (i, rule) in rules.iter().enumerate() {
            if matches(&rule.expr, event) {
                expected.push((row, i as u32));
            }
        }
    }
    assert!(expected.len() > 1_000, "the events are too tame: {} matches", expected.len());
    let differing: Vec<String> = (hits.iter().filter(|h| !expected.contains(h)).map(|h| ("engine only", h)))
        .chain(expected.iter().filter(|h| !hits.contains(h)).map(|h| ("definition only", h)))
        .map(|(side, (row, rule))| format!("{side}: row {row}, {}", rules[*rule as usize].title))
        .collect();
    assert_eq!(differing, Vec::<String>::new());
    assert_eq!(setup.hits(&batch, &mut scratch), hits, "a used scratch changes nothing");
}

//! Tables of queries: a header whose columns are known by their names, a query a row.

use std::fs::File;
use std::io;
use std::path::Path;

use palisade_money::screen::party::{Birth, Date, Gender, Identifier};
use palisade_money::screen::{Query, Schema, Workspace};

use super::{CHUNK, Form, MAX_QUERIES};

/// Columns, by their names.
struct Columns {
    name: Option<usize>,
    schema: Option<usize>,
    birth: Option<usize>,
    country: Option<usize>,
    id: Option<usize>,
    /// Columns of numbers, with what kind of number the name says.
    numbers: Vec<(usize, &'static str)>,
    issuer: Option<usize>,
    address: Option<usize>,
    host: Option<usize>,
    gender: Option<usize>,
}

/// Columns of numbers. What a cell says itself (`kind:number (country)`) goes before.
const NUMBERS: [(&str, &str); 8] = [
    ("number", ""),
    ("identifier", ""),
    ("identifiers", ""),
    ("id_number", ""),
    ("passport", "Passport"),
    ("national_id", "National ID"),
    ("tax_id", "Tax ID"),
    ("imo", "IMO"),
];

impl Columns {
    fn of(header: &csv::StringRecord) -> Columns {
        let names: Vec<String> =
            header.iter().map(|h| h.trim().trim_start_matches('\u{feff}').to_lowercase()).collect();
        let find = |any: &[&str]| names.iter().position(|h| any.contains(&h.as_str()));
        let numbers = (0..).zip(&names).filter_map(|(at, name)| {
            let (_, kind) = NUMBERS.iter().find(|(column, _)| column == name)?;
            Some((at, *kind))
        });
        Columns {
            name: find(&["name", "full_name", "caption"]),
            schema: find(&["schema", "type", "kind"]),
            birth: find(&["birth_date", "birthdate", "dob", "date_of_birth", "born"]),
            country: find(&["country", "countries", "nationality"]),
            id: find(&["id", "query_id", "ref"]),
            numbers: numbers.collect(),
            issuer: find(&["number_country", "issuer", "issuing_country", "passport_country"]),
            address: find(&["address", "wallet", "crypto_address"]),
            host: find(&["host", "domain", "ip"]),
            gender: find(&["gender", "sex"]),
        }
    }

    fn query(&self, row: &csv::StringRecord, line: u64, schema: Schema, day: Date) -> Query {
        let cell = |at: Option<usize>| at.and_then(|n| row.get(n)).map(str::trim).unwrap_or("");
        let several = |at| -> Vec<String> {
            cell(at).split([';', '|']).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
        };
        let id = match cell(self.id) {
            "" => line.to_string(),
            id => id.to_owned(),
        };
        let number = |(at, kind): &(usize, &str)| -> Vec<Identifier> {
            let mut found: Vec<Identifier> =
                several(Some(*at)).iter().map(|t| Identifier::parse(t)).collect();
            for one in &mut found {
                if one.kind.is_empty() {
                    (*kind).clone_into(&mut one.kind);
                }
                if one.country.is_empty() {
                    cell(self.issuer).clone_into(&mut one.country);
                }
            }
            found
        };
        Query {
            id,
            name: cell(self.name).to_owned(),
            schema: if cell(self.schema).is_empty() { schema } else { Schema::parse(cell(self.schema)) },
            births: Birth::parse(cell(self.birth), true).into_iter().collect(),
            gender: Gender::parse(cell(self.gender)),
            countries: several(self.country),
            identifiers: self.numbers.iter().flat_map(number).collect(),
            addresses: several(self.address),
            hosts: several(self.host),
            day: Some(day),
        }
    }
}

/// Screens a table, chunk by chunk.
pub fn screen(
    file: &Path,
    schema: Schema,
    day: Date,
    jobs: usize,
    quiet: bool,
    form: &mut Form<'_, '_, '_>,
) -> io::Result<()> {
    let cannot = |e: &dyn std::fmt::Display| {
        io::Error::other(format!("cannot read the table of queries {}: {e}", file.display()))
    };
    let other = |e: csv::Error| cannot(&e);
    let open = File::open(file).map_err(|e| cannot(&crate::errors::reason(&e)))?;
    let size = open.metadata().map_or(0, |m| m.len());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(open);
    let columns = Columns::of(reader.headers().map_err(other)?);
    let nothing = columns.name.is_none() && columns.address.is_none() && columns.host.is_none();
    if nothing && columns.numbers.is_empty() {
        let message = "it has no column name, number, address or host; its first line names the columns";
        return Err(cannot(&message));
    }
    if let Some(kept) = form.kept.as_deref_mut() {
        kept.numbered = columns.id.is_none();
    }
    let bar = crate::progress::Bar::new(!quiet);
    let mut spaces: Vec<Workspace> = (0..jobs).map(|_| Workspace::default()).collect();
    let mut held: Vec<Query> = Vec::with_capacity(CHUNK * jobs);
    let mut row = csv::StringRecord::new();
    for line in 1.. {
        let more = reader.read_record(&mut row).map_err(other)?;
        if more && line > MAX_QUERIES {
            form.answers(&held, &mut spaces)?;
            return Err(cannot(&format!("more than {MAX_QUERIES} queries; split the table")));
        }
        if more {
            held.push(columns.query(&row, line as u64, schema, day));
        }
        if held.len() >= CHUNK * jobs || !more {
            form.answers(&held, &mut spaces)?;
            held.clear();
            bar.show(palisade_pipeline::Progress {
                bytes: reader.position().byte(),
                total: size,
                ..Default::default()
            });
        }
        if !more {
            break;
        }
    }
    bar.clear();
    Ok(())
}

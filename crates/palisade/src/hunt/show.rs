//! Answers and tables on a screen.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};
use palisade_model::{Time, terminal};
use palisade_store::lake::answer::Cells;
use palisade_store::lake::{Lake, envelope_schema};

use crate::output::{self, count, plural};
use crate::times::Clock;

/// Longest text of a cell on the screen.
const CELL: usize = 240;

/// Longest text of a value where each has a line of its own.
const LINE: usize = 2_000;

/// Columns of a screen that is none.
const WIDTH: usize = 160;

/// A column with less room than this cannot be read.
const NARROW: usize = 12;

/// Names of left out columns that are said.
const LEFT_OUT: usize = 12;

/// Columns of the screen.
fn width() -> usize {
    output::terminal_width().unwrap_or(WIDTH)
}

/// An answer as a table; where its columns do not fit, without those that are empty, and where they
/// still do not, row by row with a line for each value.
pub fn answer(cells: &Cells, foot: &str, out: &mut dyn Write) -> io::Result<()> {
    let width = width();
    let plan = cells.names == ["plan_type", "plan"];
    let all: Vec<usize> = (0..cells.names.len()).collect();
    if cells.rows.is_empty() {
        writeln!(out, "no rows; columns: {}", terminal(&cells.names.join(", ")))?;
    } else if plan {
        for row in &cells.rows {
            let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or("");
            writeln!(out, "{}", terminal(text(0)))?;
            for line in text(1).lines() {
                writeln!(out, "    {}", terminal(line))?;
            }
        }
    } else if needs(cells, &all) <= width {
        table(cells, &all, width, out)?;
    } else {
        let filled: Vec<usize> = all.iter().copied().filter(|at| is_filled(cells, *at)).collect();
        if needs(cells, &filled) <= width {
            table(cells, &filled, width, out)?;
        } else {
            records(cells, &filled, width, out)?;
        }
        left_out(cells, &filled, out)?;
    }
    let more = cells.total - cells.rows.len() as u64;
    if more > 0 {
        writeln!(out, "and {} more: --limit, or --format csv", plural(more, "row"))?;
    }
    out.write_all(foot.as_bytes())
}

fn is_filled(cells: &Cells, at: usize) -> bool {
    let value =
        |row: &Vec<Option<String>>| row.get(at).is_some_and(|c| c.as_deref().is_some_and(|t| !t.is_empty()));
    cells.rows.iter().any(value)
}

/// Characters that a column needs: all of a number or a time, some of a text.
fn room(cells: &Cells, at: usize) -> usize {
    let of = |flags: &[bool]| flags.get(at).copied().unwrap_or(false);
    let name = cells.names.get(at).map_or(0, |n| n.chars().count());
    let rows = cells.rows.iter().filter_map(|r| r.get(at)?.as_deref());
    let widest = rows.map(|t| t.chars().count()).max().unwrap_or(0);
    if of(&cells.numbers) || of(&cells.times) { name.max(widest) } else { name.max(widest.min(NARROW)) }
}

fn needs(cells: &Cells, columns: &[usize]) -> usize {
    columns.iter().map(|at| room(cells, *at) + 2).sum()
}

fn table(cells: &Cells, columns: &[usize], width: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut table = plain(width);
    table.set_header(columns.iter().filter_map(|at| cells.names.get(*at)).map(|n| terminal(n).into_owned()));
    for row in &cells.rows {
        table.add_row(columns.iter().map(|at| shown(row.get(*at).and_then(Option::as_deref))));
    }
    for (place, at) in columns.iter().enumerate() {
        let is = |flags: &[bool]| flags.get(*at).copied().unwrap_or(false);
        let Some(column) = table.column_mut(place) else { continue };
        if is(&cells.numbers) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if is(&cells.numbers) || is(&cells.times) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        } else {
            let least = room(cells, *at) as u16 + 2;
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn records(cells: &Cells, columns: &[usize], width: usize, out: &mut dyn Write) -> io::Result<()> {
    for (number, row) in cells.rows.iter().enumerate() {
        writeln!(out, "row {}", number + 1)?;
        let mut table = plain(width);
        for at in columns {
            if let (Some(name), Some(Some(text))) = (cells.names.get(*at), row.get(*at))
                && !text.is_empty()
            {
                // Here there is room for lines.
                let lines: Vec<_> = text.lines().map(terminal).collect();
                table.add_row([terminal(name).into_owned(), output::cut(&lines.join("\n"), LINE)]);
            }
        }
        if let Some(column) = table.column_mut(0) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        for line in table.lines() {
            writeln!(out, "  {}", line.trim_end())?;
        }
    }
    Ok(())
}

fn shown(text: Option<&str>) -> String {
    text.map(|t| output::cut(&terminal(t), CELL)).unwrap_or_default()
}

fn left_out(cells: &Cells, shown: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let shown: BTreeSet<usize> = shown.iter().copied().collect();
    let hidden = cells.names.iter().enumerate().filter(|(at, _)| !shown.contains(at));
    let hidden: Vec<&str> = hidden.map(|(_, n)| n.as_str()).collect();
    if hidden.is_empty() {
        return Ok(());
    }
    let some: Vec<&str> = hidden.iter().copied().take(LEFT_OUT).collect();
    let more = hidden.len() - some.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!("Not shown, because no row above has a value there: {}{more}", some.join(", "));
    writeln!(out, "\n{}", terminal(&text))
}

fn plain(width: usize) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table
}

/// What the lake has of one table.
#[derive(Default)]
struct Of<'l> {
    rows: u64,
    bytes: u64,
    segments: u64,
    first: Option<i64>,
    last: Option<i64>,
    columns: BTreeSet<(&'l str, &'l str)>,
}

/// Tables with their rows and times, then the columns of each.
pub fn tables(lake: &Lake, views: &[String], out: &mut dyn Write) -> io::Result<()> {
    let mut tables: BTreeMap<&str, Of<'_>> = BTreeMap::new();
    let mut all = Of::default();
    for s in lake.segments() {
        for t in [tables.entry(&s.table).or_default(), &mut all] {
            t.rows += s.rows;
            t.bytes += s.bytes + s.index_bytes;
            t.segments += 1;
            t.first = [t.first, s.min_time].into_iter().flatten().min();
            t.last = [t.last, s.max_time].into_iter().flatten().max();
            t.columns.extend(s.columns.iter().map(|(n, k)| (n.as_str(), k.name())));
        }
    }
    let width = width();
    let mut head = plain(width);
    head.set_header(["table", "rows", "first (UTC)", "last (UTC)", "size", "segments"]);
    let clock = Clock::default();
    let time = |t: Option<i64>| t.map_or("-".to_owned(), |t| clock.short(Time(t)));
    for (name, t) in tables.iter().map(|(n, t)| (*n, t)).chain([("events (all of them)", &all)]) {
        head.add_row([
            name.to_owned(),
            count(t.rows),
            time(t.first),
            time(t.last),
            output::bytes(t.bytes),
            count(t.segments),
        ]);
    }
    for right in [1, 4, 5] {
        if let Some(column) = head.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for column in head.column_iter_mut() {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for line in head.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "\nColumns of every table, and all that events has:")?;
    let envelope = envelope_schema();
    wrapped(envelope.fields().iter().map(|f| f.name().clone()), width, out)?;
    for (name, t) in &tables {
        writeln!(out, "\n{name} also has (# is a whole number, all others are text):")?;
        let columns =
            t.columns.iter().map(|(n, k)| if *k == "integer" { format!("{n}#") } else { (*n).to_owned() });
        wrapped(columns, width, out)?;
    }
    writeln!(out, "\nKnowledge of the case:")?;
    let knowledge =
        ["findings", "citations", "sources", "problems", "coverage", "verdicts", "runs", "indicators"];
    wrapped(knowledge.into_iter().map(str::to_owned), width, out)?;
    writeln!(out, "\nEvents as OCSF:")?;
    wrapped(views.iter().cloned(), width, out)
}

/// Names with commas, in lines of at most `width` characters.
fn wrapped(names: impl Iterator<Item = String>, width: usize, out: &mut dyn Write) -> io::Result<()> {
    const INDENT: &str = "    ";
    let mut line = String::new();
    let mut names = names.peekable();
    while let Some(name) = names.next() {
        let name = terminal(&name).into_owned() + if names.peek().is_some() { "," } else { "" };
        if !line.is_empty() && INDENT.len() + line.chars().count() + 1 + name.chars().count() > width {
            writeln!(out, "{INDENT}{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&name);
    }
    writeln!(out, "{INDENT}{line}")
}

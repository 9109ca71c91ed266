//! A report between what it says and how it is written: sections of blocks of spans.
//!
//! The builders in [`crate::sections`] say everything once, in raw text; the writers (HTML, Markdown, PDF) neutralise
//! it for where they put it. What this module never does: escape anything.

use palisade_model::{Severity, Tlp};

use crate::picture::Picture;

/// Longest text of a line; the JSON form has everything.
pub(crate) const MAX_LINE: usize = 300;

/// A piece of a line.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Span {
    Text(String),
    Strong(String),
    /// Emphasis.
    Em(String),
    Dim(String),
    Code(String),
    /// To an anchor of this document.
    Link {
        to: String,
        text: String,
    },
    /// To a page that does not belong to it. Only ever made from our own tables.
    Page {
        url: String,
        text: String,
    },
    /// A severity with its word.
    Level(Severity, String),
    /// A moment: machine's form, people's form.
    Time {
        iso: String,
        text: String,
    },
    /// A share from 0 to 1, drawn as a bar.
    Bar(f64),
    /// A mistake, shown in place.
    Error(String),
}

/// A line of text.
pub(crate) type Line = Vec<Span>;

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Column {
    #[default]
    Text,
    /// Right-aligned figures.
    Number,
    /// Must not be wider than it has to be.
    Narrow,
    /// Fixed-width text that may break anywhere.
    Code,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Row {
    pub id: Option<String>,
    pub cells: Vec<Line>,
    /// Set apart: a sum.
    pub strong: bool,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Table {
    pub head: Vec<(Column, String)>,
    pub rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(head: impl IntoIterator<Item = (Column, String)>) -> Table {
        Table { head: head.into_iter().collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Line>) {
        self.rows.push(Row { id: None, cells: cells.into_iter().collect(), strong: false });
    }

    pub(crate) fn row_at(&mut self, id: String, cells: impl IntoIterator<Item = Line>) {
        self.rows.push(Row { id: Some(id), cells: cells.into_iter().collect(), strong: false });
    }
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Block {
    /// Level 3 or 4; sections have level 2.
    Heading {
        level: u8,
        id: Option<String>,
        line: Line,
    },
    Para(Line),
    /// Small print.
    Note(Line),
    /// Something to notice.
    Callout(Line),
    List(Vec<Line>),
    /// Steps to take, each with what it rests on.
    Tasks(Vec<(Line, Line)>),
    /// Names and values.
    Facts(Vec<(String, Line)>),
    Table(Table),
    Picture(Picture),
    /// Can be folded away on a screen.
    Fold {
        line: Line,
        open: bool,
        blocks: Vec<Block>,
    },
    /// Belongs together.
    Card {
        id: Option<String>,
        blocks: Vec<Block>,
    },
    /// The findings, in the writer's own way.
    Findings,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Section {
    pub id: &'static str,
    pub title: String,
    pub blocks: Vec<Block>,
}

/// A whole report.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Doc {
    pub language: String,
    pub tlp: Tlp,
    pub title: String,
    /// Above the title: what kind of document.
    pub kicker: String,
    /// Below the title.
    pub facts: Vec<(String, Line)>,
    pub sections: Vec<Section>,
    /// At the end.
    pub foot: Vec<Line>,
}

pub(crate) fn text(t: impl Into<String>) -> Span {
    Span::Text(t.into())
}

pub(crate) fn line(t: impl Into<String>) -> Line {
    vec![Span::Text(t.into())]
}

pub(crate) fn dim(t: impl Into<String>) -> Line {
    vec![Span::Dim(t.into())]
}

pub(crate) fn code(t: impl Into<String>) -> Line {
    vec![Span::Code(t.into())]
}

/// The text, or its beginning and an ellipsis; counted in characters.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(max.saturating_sub(1)).map_or(0, |(i, _)| i);
            format!("{}…", text.get(..end).unwrap_or(""))
        }
    }
}

/// The text from both ends: paths and names tell most there.
pub(crate) fn cut_middle(text: &str, max: usize) -> String {
    // A megabyte of a path need not be counted to the end.
    let n = text.chars().take(max.saturating_mul(64)).count();
    if n <= max {
        return text.to_owned();
    }
    let tail = max.saturating_sub(1) / 2;
    let head = max.saturating_sub(1) - tail;
    let start: String = text.chars().take(head).collect();
    let mut end: Vec<char> = text.chars().rev().take(tail).collect();
    end.reverse();
    format!("{start}…{}", end.into_iter().collect::<String>())
}

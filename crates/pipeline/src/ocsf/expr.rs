//! Sources of attributes: what mapping data may say, and its SQL.
//!
//! An expression over columns that a table does not have is no SQL at all (`None`), not a NULL:
//! so a view costs nothing for what a lake never saw, and alternatives collapse before planning.
//! Only functions of DataFusion's string, regex, nested and unicode sets are used. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attributes, OcsfError, wrong};

/// Most levels of expressions inside expressions in mapping data.
const MAX_DEPTH: usize = 16;

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Column(String),
    Int(i64),
    Bool(bool),
    Text(String),
    /// The first that is there.
    First(Vec<Expr>),
    /// Those that are there, with a text between.
    Join(Vec<Expr>, String),
    /// Those that are there, as a list.
    List(Vec<Expr>),
    /// The words of a text, as a list.
    Words(Box<Expr>),
    /// A value looked up; without a default one that is not in the table is nothing.
    Lookup {
        of: Box<Expr>,
        table: Vec<(String, Expr)>,
        fit: Fit,
        default: Option<Box<Expr>>,
    },
    /// The first group of a pattern.
    Match(Box<Expr>, String),
    /// One part of a text that is cut at a separator, counted from 1.
    Part(Box<Expr>, String, u32),
    /// Hexadecimal (`0x1a4`) or decimal text as a number.
    Number(Box<Expr>),
    /// The text, if it is (or is not) an IP address.
    Ip(Box<Expr>, bool),
    /// A value that counts only where another is there (or is not).
    When(Box<Expr>, Box<Expr>, bool),
    /// A time as milliseconds since 1970; 0 where there is none, because OCSF requires one.
    Millis(String),
    /// A number and a constant.
    Plus(Box<Expr>, i64),
    /// Bytes as hexadecimal text.
    Bytes(String),
}

/// How a looked-up text must fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    Whole,
    Start,
}

/// What a column of a view holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    Int,
    Bool,
    List,
    Time,
    Other,
}

impl Kind {
    /// A typed nothing: every branch of a union has the same types.
    pub(super) fn null(self) -> String {
        match self {
            Kind::Int => "CAST(NULL AS BIGINT)",
            Kind::Bool => "CAST(NULL AS BOOLEAN)",
            Kind::List => "arrow_cast(NULL, 'List(Utf8)')",
            Kind::Text | Kind::Time | Kind::Other => "CAST(NULL AS VARCHAR)",
        }
        .into()
    }

    /// From the name of an Arrow type, or a short one.
    fn of(name: &str) -> Kind {
        let name = name.to_ascii_lowercase();
        if name.starts_with("dictionary") {
            // Its keys are numbers, its values are not ours to know.
            Kind::Other
        } else if name.contains("list") {
            Kind::List
        } else if name.starts_with("timestamp") {
            Kind::Time
        } else if name.contains("binary") {
            Kind::Other
        } else if name.contains("int") {
            Kind::Int
        } else if name.starts_with("bool") {
            Kind::Bool
        } else if name.contains("utf8") || name.contains("string") || name.contains("varchar") {
            Kind::Text
        } else {
            Kind::Other
        }
    }
}

/// A table of the lake.
pub(super) struct Table<'a> {
    pub(super) name: &'a str,
    columns: BTreeMap<&'a str, Kind>,
    nothing: &'a [String],
    alias: &'a BTreeMap<String, Vec<String>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        name: &'a str,
        columns: &'a [(String, String)],
        nothing: &'a [String],
        alias: &'a BTreeMap<String, Vec<String>>,
    ) -> Table<'a> {
        let columns = columns.iter().map(|(name, kind)| (name.as_str(), Kind::of(kind))).collect();
        Table { name, columns, nothing, alias }
    }

    /// The columns that are there of a name and its other spellings.
    pub(super) fn spelled<'t>(&'t self, name: &'t str) -> impl Iterator<Item = (&'t str, Kind)> {
        let others = self.alias.get(name).into_iter().flatten().map(String::as_str);
        [name].into_iter().chain(others).filter_map(|n| Some((n, *self.columns.get(n)?)))
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = (&'a str, Kind)> {
        self.columns.iter().map(|(name, kind)| (*name, *kind))
    }

    /// Whether a column has one of these values.
    pub(super) fn is_one_of(&self, column: &str, values: &[String]) -> Option<String> {
        // Compared as it is stored, not cast, so that a reader can skip by statistics.
        let one = |(column, kind): (&str, Kind)| {
            let values: Vec<String> = match kind {
                Kind::Int => values.iter().filter(|v| v.parse::<i64>().is_ok()).cloned().collect(),
                _ => values.iter().map(|v| literal(v)).collect(),
            };
            match values.as_slice() {
                [] => None,
                [one] => Some(format!("{} = {one}", ident(column))),
                many => Some(format!("{} IN ({})", ident(column), many.join(", "))),
            }
        };
        let any: Vec<String> = self.spelled(column).filter_map(one).collect();
        match any.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            many => Some(format!("({})", many.join(" OR "))),
        }
    }

    /// The SQL of an expression as text.
    pub(super) fn text(&self, expr: &Expr) -> Option<String> {
        self.sql_as(expr, Kind::Text)
    }

    /// The SQL of an expression with a type.
    pub(super) fn sql_as(&self, expr: &Expr, want: Kind) -> Option<String> {
        let (sql, kind) = self.sql(expr)?;
        Some(match (kind, want) {
            (have, want) if have == want => sql,
            (Kind::Text, Kind::Int) => format!("TRY_CAST({sql} AS BIGINT)"),
            (Kind::Text, Kind::Bool) => {
                format!("CASE lower({sql}) WHEN 'true' THEN true WHEN 'false' THEN false END")
            }
            (_, Kind::Int) => format!("CAST({sql} AS BIGINT)"),
            (_, Kind::Bool) => format!("CAST({sql} AS BOOLEAN)"),
            (Kind::List, _) => format!("array_to_string({sql}, ',')"),
            (_, Kind::List) => format!("make_array({sql})"),
            (_, _) => format!("CAST({sql} AS VARCHAR)"),
        })
    }

    fn sql(&self, expr: &Expr) -> Option<(String, Kind)> {
        match expr {
            Expr::Column(name) => {
                let there: Vec<(&str, Kind)> = self.spelled(name).collect();
                let read = |(name, kind): (&str, Kind)| {
                    let mut sql = ident(name);
                    // Numbers of the envelope may be narrower than the columns of a view.
                    if kind == Kind::Int && name.starts_with('_') {
                        sql = format!("CAST({sql} AS BIGINT)");
                    }
                    if kind == Kind::Text && !name.starts_with('_') {
                        for nothing in self.nothing {
                            sql = format!("nullif({sql}, {})", literal(nothing));
                        }
                    }
                    (sql, kind)
                };
                if let [one] = there.as_slice() {
                    return Some(read(*one));
                }
                let parts: Vec<String> = there
                    .into_iter()
                    .map(|column| match read(column) {
                        (sql, Kind::Text) => sql,
                        (sql, _) => format!("CAST({sql} AS VARCHAR)"),
                    })
                    .collect();
                (!parts.is_empty()).then(|| (format!("coalesce({})", parts.join(", ")), Kind::Text))
            }
            Expr::Int(n) => Some((n.to_string(), Kind::Int)),
            Expr::Bool(b) => Some((b.to_string(), Kind::Bool)),
            Expr::Text(text) => Some((literal(text), Kind::Text)),
            Expr::First(of) => {
                let there: Vec<(String, Kind)> = of.iter().filter_map(|e| self.sql(e)).collect();
                let kind = there.first()?.1;
                if there.len() == 1 || of.first().is_some_and(Expr::is_constant) {
                    return there.into_iter().next();
                }
                let kind = if there.iter().all(|(_, k)| *k == kind) { kind } else { Kind::Text };
                let parts: Vec<String> = of.iter().filter_map(|e| self.sql_as(e, kind)).collect();
                Some((format!("coalesce({})", parts.join(", ")), kind))
            }
            Expr::Join(of, between) => {
                let parts: Vec<String> = of.iter().filter_map(|e| self.text(e)).collect();
                let sql = match parts.as_slice() {
                    [] => return None,
                    [one] => one.clone(),
                    // concat_ws leaves out what is null, and is empty where all are.
                    many => format!("nullif(concat_ws({}, {}), '')", literal(between), many.join(", ")),
                };
                Some((sql, Kind::Text))
            }
            Expr::List(of) => {
                let parts: Vec<String> = of.iter().filter_map(|e| self.text(e)).collect();
                let constant = of.iter().all(Expr::is_constant);
                let array = format!("make_array({})", parts.join(", "));
                let sql = if constant { array } else { format!("array_compact({array})") };
                (!parts.is_empty()).then_some((sql, Kind::List))
            }
            Expr::Words(of) => {
                let text = self.text(of)?;
                let even = format!("regexp_replace({text}, '[\\s,;]+', ' ', 'g')");
                Some((format!("string_to_array(nullif(btrim({even}), ''), ' ')"), Kind::List))
            }
            Expr::Lookup { of, table, fit, default } => self.lookup(of, table, *fit, default.as_deref()),
            Expr::Match(of, pattern) => {
                let sql = format!("regexp_match({}, {})[1]", self.text(of)?, literal(pattern));
                Some((format!("nullif({sql}, '')"), Kind::Text))
            }
            Expr::Part(of, at, n) => {
                let part = format!("split_part({}, {}, {n})", self.text(of)?, literal(at));
                Some((format!("nullif(btrim({part}), '')"), Kind::Text))
            }
            Expr::Number(of) => match self.sql(of)? {
                (sql, Kind::Int) => Some((sql, Kind::Int)),
                _ => Some((number(&self.text(of)?), Kind::Int)),
            },
            Expr::Ip(of, yes) => {
                let text = self.text(of)?;
                let not = if *yes { "" } else { "NOT " };
                let like = literal(&address_pattern());
                let sql = format!(
                    "CASE WHEN {not}(regexp_like({text}, {like}) AND character_length({text}) <= 40) THEN {text} END"
                );
                Some((sql, Kind::Text))
            }
            Expr::When(value, there, yes) => {
                let (sql, kind) = self.sql(value)?;
                match self.sql(there) {
                    Some((there, _)) => {
                        let not = if *yes { "NOT " } else { "" };
                        Some((format!("CASE WHEN {there} IS {not}NULL THEN {sql} END"), kind))
                    }
                    None => (!yes).then_some((sql, kind)),
                }
            }
            Expr::Millis(column) => match self.columns.get(column.as_str()) {
                Some(_) => {
                    Some((format!("coalesce(CAST({} AS BIGINT) / 1000, 0)", ident(column)), Kind::Int))
                }
                None => Some(("0".into(), Kind::Int)),
            },
            Expr::Plus(of, n) => match self.sql_as(of, Kind::Int)? {
                sql if of.is_constant() => {
                    Some((sql.parse::<i64>().ok()?.checked_add(*n)?.to_string(), Kind::Int))
                }
                sql => Some((format!("{n} + ({sql})"), Kind::Int)),
            },
            Expr::Bytes(column) => {
                let sql = format!("encode(arrow_cast({}, 'Binary'), 'hex')", ident(column));
                self.columns.contains_key(column.as_str()).then_some((sql, Kind::Text))
            }
        }
    }

    fn lookup(
        &self,
        of: &Expr,
        table: &[(String, Expr)],
        fit: Fit,
        default: Option<&Expr>,
    ) -> Option<(String, Kind)> {
        // A constant's caption is a constant.
        if let Some(Expr::Int(n)) = of.constant() {
            let key = n.to_string();
            let found = table.iter().find(|(k, _)| *k == key).map(|(_, v)| v).or(default)?;
            return self.sql(found);
        }
        let (sql, kind) = self.sql(of)?;
        let values = table.iter().map(|(_, v)| v).chain(default);
        let kinds: Vec<Kind> = values.filter_map(|v| self.sql(v)).map(|(_, k)| k).collect();
        let first = *kinds.first()?;
        let out = if kinds.iter().all(|k| *k == first) { first } else { Kind::Text };
        let mut cases = String::new();
        for (key, value) in table {
            let Some(value) = self.sql_as(value, out) else { continue };
            let key = match (fit, kind) {
                (Fit::Start, _) => format!("starts_with({sql}, {})", literal(key)),
                (Fit::Whole, Kind::Int) => key.parse::<i64>().ok()?.to_string(),
                (Fit::Whole, Kind::Bool) => key.clone(),
                (Fit::Whole, _) => literal(key),
            };
            cases += &format!(" WHEN {key} THEN {value}");
        }
        let head = if fit == Fit::Start { String::new() } else { format!(" {sql}") };
        let default = default.and_then(|d| self.sql_as(d, out));
        // A default speaks of values that are there, not of their absence.
        let tail = match default {
            Some(default) => format!(" ELSE CASE WHEN {sql} IS NOT NULL THEN {default} END"),
            None => String::new(),
        };
        Some((format!("CASE{head}{cases}{tail} END"), out))
    }
}

impl Expr {
    /// The caption of a number in an enumeration.
    pub(super) fn caption(of: &Expr, captions: &BTreeMap<String, String>) -> Expr {
        let table = captions.iter().map(|(id, c)| (id.clone(), Expr::Text(c.clone()))).collect();
        match of {
            // A constant that holds only where something is there has a caption there.
            Expr::When(value, there, yes) => {
                Expr::When(Box::new(Expr::caption(value, captions)), there.clone(), *yes)
            }
            // "Other" says nothing: OCSF wants the source's own word beside 99.
            Expr::Lookup { of: source, table: numbers, fit, default: Some(other) }
                if matches!(**other, Expr::Int(99)) =>
            {
                let known = numbers.iter().filter_map(|(key, id)| match id {
                    Expr::Int(99) => None,
                    Expr::Int(id) => Some((key.clone(), Expr::Text(captions.get(&id.to_string())?.clone()))),
                    _ => None,
                });
                let known = known.collect();
                let caption = Expr::Lookup { of: source.clone(), table: known, fit: *fit, default: None };
                Expr::First(vec![caption, (**source).clone()])
            }
            of => Expr::Lookup { of: Box::new(of.clone()), table, fit: Fit::Whole, default: None },
        }
    }

    fn constant(&self) -> Option<&Expr> {
        match self {
            Expr::Int(_) | Expr::Bool(_) | Expr::Text(_) => Some(self),
            Expr::First(of) => of.first()?.constant(),
            _ => None,
        }
    }

    fn is_constant(&self) -> bool {
        self.constant().is_some()
    }

    /// The columns it reads.
    pub(super) fn columns<'e>(&'e self, out: &mut BTreeSet<&'e str>) {
        match self {
            Expr::Column(name) | Expr::Millis(name) | Expr::Bytes(name) => {
                out.insert(name);
            }
            Expr::Int(_) | Expr::Bool(_) | Expr::Text(_) => {}
            Expr::First(of) | Expr::Join(of, _) | Expr::List(of) => of.iter().for_each(|e| e.columns(out)),
            Expr::Words(of) | Expr::Match(of, _) | Expr::Part(of, ..) => of.columns(out),
            Expr::Number(of) | Expr::Ip(of, _) | Expr::Plus(of, _) => of.columns(out),
            Expr::When(value, there, _) => {
                value.columns(out);
                there.columns(out);
            }
            Expr::Lookup { of, table, default, .. } => {
                of.columns(out);
                table.iter().map(|(_, v)| v).chain(default.as_deref()).for_each(|e| e.columns(out));
            }
        }
    }
}

/// Attributes of an entry: path → source. `file`, `hashes`, `hash` and `account` stand for several paths each.
pub(super) fn attributes(file: &str, table: &toml::Table) -> Result<Attributes, OcsfError> {
    let mut out = Attributes::new();
    for (path, value) in table {
        let several = value.as_table().and_then(|t| {
            let kind = ["file", "hashes", "hash", "account"].into_iter().find(|k| t.contains_key(*k))?;
            Some((kind, &t[kind], t))
        });
        let Some((kind, of, options)) = several else {
            out.insert(path.clone(), parse(file, path, value)?);
            continue;
        };
        if kind == "hash" {
            let of = of.as_table().ok_or_else(|| wrong(file, &format!("{path}: hash takes a table")))?;
            for (n, (algorithm, value)) in of.iter().enumerate() {
                hash(&mut out, path, n, algorithm, parse(file, path, value)?, file)?;
            }
            continue;
        }
        let mut of = parse(file, path, of)?;
        if let Some(there) = options.get("when") {
            of = Expr::When(Box::new(of), Box::new(parse(file, path, there)?), true);
        }
        let mut add = |name: &str, expr: Expr| out.insert(format!("{path}.{name}"), expr);
        match kind {
            "file" => {
                let base = Expr::Match(Box::new(of.clone()), r"(?s)([^\\/]+)[\\/]*$".into());
                add("name", Expr::First(vec![base, of.clone()]));
                // A name without a folder is no path.
                let path = Expr::Match(Box::new(of.clone()), r"(?s)^(.*[\\/].*)$".into());
                add("path", path);
                let folder = Expr::Match(Box::new(of.clone()), r"(?s)^(.+)[\\/][^\\/]+[\\/]*$".into());
                add("parent_folder", folder);
                let id = options.get("type").and_then(toml::Value::as_integer).unwrap_or(1);
                add("type_id", Expr::When(Box::new(Expr::Int(id)), Box::new(of), true));
            }
            "account" => {
                let name = Expr::Match(Box::new(of.clone()), r"(?s)^(?:[^\\]*\\)?(.*)$".into());
                add("name", name);
                add("domain", Expr::Match(Box::new(of), r"(?s)^([^\\]*)\\".into()));
            }
            _ => {
                for (n, algorithm) in ["MD5", "SHA1", "SHA256", "IMPHASH"].into_iter().enumerate() {
                    // Sysmon writes zeros for a file without imports.
                    let pattern = match algorithm {
                        "IMPHASH" => "(?i)(?:^|,)\\s*IMPHASH=(0*[1-9a-f][0-9a-f]*)",
                        "MD5" => "(?i)(?:^|,)\\s*MD5=([0-9a-f]+)",
                        "SHA1" => "(?i)(?:^|,)\\s*SHA1=([0-9a-f]+)",
                        _ => "(?i)(?:^|,)\\s*SHA256=([0-9a-f]+)",
                    };
                    let value = Expr::Match(Box::new(of.clone()), pattern.into());
                    hash(&mut out, path, n, algorithm, value, file)?;
                }
            }
        }
    }
    Ok(out)
}

fn hash(
    out: &mut Attributes,
    path: &str,
    n: usize,
    algorithm: &str,
    value: Expr,
    file: &str,
) -> Result<(), OcsfError> {
    // The numbers of `fingerprint.algorithm_id`.
    let id = match algorithm {
        "MD5" => 1,
        "SHA1" => 2,
        "SHA256" => 3,
        "IMPHASH" => 18,
        _ => return Err(wrong(file, &format!("{path}: hash {algorithm:?} is unknown"))),
    };
    let when = Expr::When(Box::new(Expr::Int(id)), Box::new(value.clone()), true);
    out.insert(format!("{path}.{n}.algorithm_id"), when);
    out.insert(format!("{path}.{n}.value"), value);
    Ok(())
}

/// One source: a text is a column, a number or truth value itself, a table an operation.
pub(super) fn parse(file: &str, path: &str, value: &toml::Value) -> Result<Expr, OcsfError> {
    parse_at(file, path, value, 0)
}

fn parse_at(file: &str, path: &str, value: &toml::Value, depth: usize) -> Result<Expr, OcsfError> {
    let bad = |what: &str| wrong(file, &format!("{path}: {what} in {value}"));
    if depth > MAX_DEPTH {
        return Err(bad("too deep"));
    }
    let inner = |v: &toml::Value| parse_at(file, path, v, depth + 1);
    let inners = |v: &toml::Value| -> Result<Vec<Expr>, OcsfError> {
        v.as_array().ok_or_else(|| bad("a list is wanted"))?.iter().map(inner).collect()
    };
    let text = |v: &toml::Value| v.as_str().map(str::to_owned).ok_or_else(|| bad("a text is wanted"));
    let scalar = |v: &toml::Value| match v {
        toml::Value::String(text) => Ok(Expr::Text(text.clone())),
        toml::Value::Integer(n) => Ok(Expr::Int(*n)),
        toml::Value::Boolean(b) => Ok(Expr::Bool(*b)),
        _ => Err(bad("a text, number or truth value is wanted")),
    };
    let table = match value {
        toml::Value::String(column) => return Ok(Expr::Column(column.clone())),
        toml::Value::Table(table) => table,
        other => return scalar(other),
    };
    let mut keys: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    let mut take = |key: &str| {
        keys.remove(key);
        table.get(key)
    };
    let mut expr = if let Some(v) = take("column") {
        Expr::Column(text(v)?)
    } else if let Some(v) = take("value") {
        scalar(v)?
    } else if let Some(v) = take("first") {
        Expr::First(inners(v)?)
    } else if let Some(v) = take("join") {
        Expr::Join(inners(v)?, take("sep").map(text).transpose()?.unwrap_or_default())
    } else if let Some(v) = take("list") {
        Expr::List(inners(v)?)
    } else if let Some(v) = take("millis") {
        Expr::Millis(text(v)?)
    } else if let Some(v) = take("bytes") {
        Expr::Bytes(text(v)?)
    } else if let Some(v) = take("number") {
        Expr::Number(Box::new(inner(v)?))
    } else if let Some(v) = take("words") {
        Expr::Words(Box::new(inner(v)?))
    } else if let Some(v) = take("ip") {
        Expr::Ip(Box::new(inner(v)?), true)
    } else if let Some(v) = take("not_ip") {
        Expr::Ip(Box::new(inner(v)?), false)
    } else if let Some(v) = take("of") {
        let of = Box::new(inner(v)?);
        if let Some(pattern) = take("match") {
            Expr::Match(of, text(pattern)?)
        } else if let Some(n) = take("part") {
            let n = n.as_integer().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
            let at = take("sep").map(text).transpose()?.ok_or_else(|| bad("sep is missing"))?;
            Expr::Part(of, at, n.ok_or_else(|| bad("a number from 1 is wanted"))?)
        } else {
            let (table, fit) = match (take("table"), take("starts")) {
                (Some(table), None) => (table, Fit::Whole),
                (None, Some(table)) => (table, Fit::Start),
                _ => return Err(bad("one of match, part, table, starts is wanted")),
            };
            let table = table.as_table().ok_or_else(|| bad("a table is wanted"))?;
            let mut pairs = Vec::new();
            for (key, value) in table {
                pairs.push((key.clone(), scalar(value)?));
            }
            // The longest start that fits counts.
            pairs.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
            let default = take("default").map(scalar).transpose()?.map(Box::new);
            Expr::Lookup { of, table: pairs, fit, default }
        }
    } else {
        return Err(bad("no operation"));
    };
    for (key, yes) in [("when", true), ("unless", false)] {
        if let Some(there) = take(key) {
            expr = Expr::When(Box::new(expr), Box::new(inner(there)?), yes);
        }
    }
    match keys.first() {
        Some(key) => Err(bad(&format!("{key:?} is not understood"))),
        None => Ok(expr),
    }
}

/// An address as OCSF's `ip_t` wants it: no leading zeros, a zone allowed.
fn address_pattern() -> String {
    let v4 = r"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    let h = "[0-9A-Fa-f]{1,4}";
    let short = (1..7).map(|n| format!("({h}:){{1,{n}}}(:{h}){{1,{}}}", 7 - n)).collect::<Vec<_>>().join("|");
    format!(
        "^({v4}|({h}:){{7}}{h}|({h}:){{1,7}}:|{short}|:((:{h}){{1,7}}|:)|:(:{h}){{0,4}}:{v4}|({h}:){{1,4}}:{v4})(%[0-9A-Za-z_.-]+)?$"
    )
}

/// Hexadecimal or decimal text as a number; anything else is nothing. DataFusion has no function
/// for it, so each of up to eight digits is looked up: `strpos` gives 0 for the digit 0.
fn number(text: &str) -> String {
    let digits = format!("lpad(lower(substr({text}, 3)), 8, '0')");
    let sum: Vec<String> = (0..8)
        .map(|i| {
            let place = 1_i64 << (4 * (7 - i));
            format!("CAST(strpos('123456789abcdef', substr({digits}, {}, 1)) AS BIGINT) * {place}", i + 1)
        })
        .collect();
    format!(
        "CASE WHEN regexp_like({text}, '^0[xX][0-9a-fA-F]{{1,8}}$') THEN {} ELSE TRY_CAST({text} AS BIGINT) END",
        sum.join(" + ")
    )
}

/// A name as SQL.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

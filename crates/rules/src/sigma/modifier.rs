//! Modifiers: the `|contains|all` of a field, checked as a chain from left to right.
//!
//! Each modifier needs a certain kind of value on its left. The chain is turned into a [`Plan`]
//! before any value is looked at, so that a chain which cannot work is refused once, by name.

use super::encode::Utf16;
use super::fault::{Fault, did_you_mean};
use super::ir::{NumberOp, Span, TextKind, TimeOp, TimePart};

/// Every modifier, for suggestions.
const NAMES: [&str; 34] = [
    "contains",
    "startswith",
    "endswith",
    "all",
    "base64",
    "base64offset",
    "utf16le",
    "wide",
    "utf16be",
    "utf16",
    "windash",
    "re",
    "i",
    "ignorecase",
    "m",
    "multiline",
    "s",
    "dotall",
    "cidr",
    "cased",
    "neq",
    "exists",
    "lt",
    "lte",
    "gt",
    "gte",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "expand",
    "fieldref",
];

/// What a chain does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Values are AND'ed rather than OR'ed.
    pub all: bool,
    /// The whole is negated.
    pub neq: bool,
    /// Compare as written.
    pub cased: bool,
    /// `%name%` in the value is replaced. Done first: every rewrite keeps clear of placeholders.
    pub expand: bool,
    /// Rewrites of text, in order.
    pub rewrites: Vec<Rewrite>,
    /// What the value then is.
    pub plan: Plan,
}

/// A rewrite of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// Wildcards around it.
    Position(TextKind),
    /// Dashes vary.
    Windash,
    /// To UTF-16 bytes.
    Utf16(Utf16),
    /// To base64.
    Base64,
    /// To the three forms within base64.
    Base64Offset,
}

/// What the value is, once rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Text with wildcards, a number, a boolean, or null.
    Text,
    /// A regular expression; where it must match.
    Regex { i: bool, m: bool, s: bool, position: TextKind },
    /// A network.
    Cidr,
    /// A number to compare with.
    Number(NumberOp),
    /// A number to compare a time part with.
    Time(TimePart, TimeOp),
    /// The name of another field.
    FieldRef(TextKind),
    /// Yes or no.
    Exists,
}

impl Chain {
    /// Checks the modifiers `names` (each with its place) and plans what they do.
    pub fn parse<'a>(names: impl Iterator<Item = (&'a str, Span)>) -> Result<Self, Fault> {
        let mut chain = Self {
            all: false,
            neq: false,
            cased: false,
            expand: false,
            rewrites: Vec::new(),
            plan: Plan::Text,
        };
        let mut last = Span::default();
        // Whether only `re` and its flags came since `re`.
        let mut regex_flags = false;
        for (name, span) in names {
            regex_flags = chain.step(name, span, regex_flags)?;
            last = span;
        }
        if chain.encoded() == Encoding::Wide {
            return Err(Fault::new(last, "a UTF-16 modifier must be followed by `base64` or `base64offset`")
                .help("decoded evidence holds no UTF-16 bytes, so the rule could never match"));
        }
        Ok(chain)
    }

    fn step(&mut self, name: &str, span: Span, regex_flags: bool) -> Result<bool, Fault> {
        let once = |flag: &mut bool| {
            if std::mem::replace(flag, true) {
                refuse(span, format!("`{name}` is given twice"))
            } else {
                Ok(())
            }
        };
        if self.plan == Plan::Exists {
            return refuse(span, format!("`exists` cannot be combined with `{name}`"));
        }
        match name {
            "all" => once(&mut self.all)?,
            "neq" => once(&mut self.neq)?,
            "cased" => {
                once(&mut self.cased)?;
                match self.plan {
                    Plan::Text | Plan::FieldRef(_) => {}
                    Plan::Regex { .. } => {
                        return Err(Fault::new(span, "`cased` cannot follow `re`")
                            .help("regular expressions are case-sensitive unless `re|i`"));
                    }
                    _ => return refuse(span, format!("`cased` has no meaning for {}", self.plan.describe())),
                }
            }
            "contains" => return self.position(TextKind::Contains, name, span),
            "startswith" => return self.position(TextKind::StartsWith, name, span),
            "endswith" => return self.position(TextKind::EndsWith, name, span),
            "windash" => {
                self.need_text(name, span)?;
                if self.encoded() != Encoding::None {
                    return refuse(span, "`windash` must come before encodings");
                }
                if self.rewrites.contains(&Rewrite::Windash) {
                    return refuse(span, "`windash` is given twice");
                }
                self.rewrites.push(Rewrite::Windash);
            }
            "expand" => {
                self.need_text(name, span)?;
                if self.encoded() != Encoding::None {
                    return refuse(span, "`expand` must come before encodings");
                }
                once(&mut self.expand)?;
            }
            "utf16le" | "wide" => return self.encode(Rewrite::Utf16(Utf16::Little), name, span),
            "utf16be" => return self.encode(Rewrite::Utf16(Utf16::Big), name, span),
            "utf16" => return self.encode(Rewrite::Utf16(Utf16::Marked), name, span),
            "base64" => return self.encode(Rewrite::Base64, name, span),
            "base64offset" => return self.encode(Rewrite::Base64Offset, name, span),
            "re" => {
                self.need_unmodified(name, span)?;
                if self.expand || self.cased {
                    return refuse(span, "`re` cannot be combined with `expand` or `cased`");
                }
                self.plan = Plan::Regex { i: false, m: false, s: false, position: TextKind::Contains };
                return Ok(true);
            }
            "i" | "ignorecase" | "m" | "multiline" | "s" | "dotall" => {
                let Plan::Regex { i, m, s, .. } = &mut self.plan else {
                    return refuse(span, format!("`{name}` is a flag of `re` and must follow it"));
                };
                if !regex_flags {
                    return refuse(span, format!("`{name}` must follow `re` directly"));
                }
                once(match name {
                    "i" | "ignorecase" => i,
                    "m" | "multiline" => m,
                    _ => s,
                })?;
                return Ok(true);
            }
            "cidr" => self.become_plan(Plan::Cidr, name, span)?,
            "lt" => return self.compare(NumberOp::Lt, name, span),
            "lte" => return self.compare(NumberOp::Lte, name, span),
            "gt" => return self.compare(NumberOp::Gt, name, span),
            "gte" => return self.compare(NumberOp::Gte, name, span),
            "minute" => self.become_plan(Plan::Time(TimePart::Minute, TimeOp::Eq), name, span)?,
            "hour" => self.become_plan(Plan::Time(TimePart::Hour, TimeOp::Eq), name, span)?,
            "day" => self.become_plan(Plan::Time(TimePart::Day, TimeOp::Eq), name, span)?,
            "week" => self.become_plan(Plan::Time(TimePart::Week, TimeOp::Eq), name, span)?,
            "month" => self.become_plan(Plan::Time(TimePart::Month, TimeOp::Eq), name, span)?,
            "year" => self.become_plan(Plan::Time(TimePart::Year, TimeOp::Eq), name, span)?,
            "fieldref" => {
                self.need_unmodified(name, span)?;
                if self.expand {
                    return refuse(span, "`fieldref` names a field and cannot be combined with `expand`");
                }
                self.plan = Plan::FieldRef(TextKind::Equals);
            }
            "exists" => {
                if self.all || self.neq {
                    return Err(Fault::new(span, "`exists` cannot be combined with `all` or `neq`")
                        .help("write `exists: false` for absence"));
                }
                self.become_plan(Plan::Exists, name, span)?;
            }
            _ => {
                let mut fault = Fault::new(span, format!("unknown modifier `{name}`"));
                fault.help = did_you_mean(name, NAMES.into_iter());
                return Err(fault);
            }
        }
        Ok(false)
    }

    fn encoded(&self) -> Encoding {
        match self.rewrites.iter().rev().find(|r| !matches!(r, Rewrite::Position(_) | Rewrite::Windash)) {
            None => Encoding::None,
            Some(Rewrite::Utf16(_)) => Encoding::Wide,
            Some(_) => Encoding::Base64,
        }
    }

    fn positioned(&self) -> bool {
        self.rewrites.iter().any(|rewrite| matches!(rewrite, Rewrite::Position(_)))
    }

    fn need_text(&self, name: &str, span: Span) -> Result<(), Fault> {
        if self.plan == Plan::Text {
            return Ok(());
        }
        Err(Fault::new(span, format!("`{name}` needs text on its left, not {}", self.plan.describe())))
    }

    fn need_unmodified(&self, name: &str, span: Span) -> Result<(), Fault> {
        self.need_text(name, span)?;
        if self.rewrites.is_empty() {
            return Ok(());
        }
        Err(Fault::new(
            span,
            format!("`{name}` needs the value as written: no other modifier may change it before"),
        )
        .help(format!("put `{name}` first")))
    }

    fn become_plan(&mut self, plan: Plan, name: &str, span: Span) -> Result<(), Fault> {
        self.need_unmodified(name, span)?;
        if self.cased || (self.expand && plan != Plan::Cidr) {
            let other = if self.cased { "cased" } else { "expand" };
            return Err(Fault::new(span, format!("`{name}` cannot be combined with `{other}`")));
        }
        self.plan = plan;
        Ok(())
    }

    fn position(&mut self, kind: TextKind, name: &str, span: Span) -> Result<bool, Fault> {
        let twice = || {
            Err(Fault::new(span, format!("`{name}` follows another of contains, startswith, endswith"))
                .help("one of them says where the text stands"))
        };
        match &mut self.plan {
            Plan::Text => {
                if self.positioned() {
                    return twice();
                }
                if self.encoded() == Encoding::Wide {
                    return Err(Fault::new(span, format!("`{name}` between a UTF-16 modifier and base64"))
                        .help(format!("put `{name}` last")));
                }
                self.rewrites.push(Rewrite::Position(kind));
            }
            Plan::FieldRef(position) if *position == TextKind::Equals => *position = kind,
            // An expression is searched for anywhere, which is what `contains` would say.
            Plan::Regex { position, .. } if *position == TextKind::Contains => *position = kind,
            Plan::FieldRef(_) | Plan::Regex { .. } => return twice(),
            plan => {
                let message = format!("`{name}` needs text on its left, not {}", plan.describe());
                return Err(Fault::new(span, message));
            }
        }
        Ok(false)
    }

    fn encode(&mut self, rewrite: Rewrite, name: &str, span: Span) -> Result<bool, Fault> {
        self.need_text(name, span)?;
        if self.positioned() {
            return Err(Fault::new(span, format!("`{name}` after contains, startswith or endswith"))
                .help(format!("encode first, then say where: `{name}|contains`")));
        }
        match (self.encoded(), rewrite) {
            (Encoding::None, _) | (Encoding::Wide, Rewrite::Base64 | Rewrite::Base64Offset) => {}
            (Encoding::Wide, _) => return Err(Fault::new(span, "two UTF-16 modifiers")),
            (Encoding::Base64, _) => {
                return Err(Fault::new(span, format!("`{name}` after base64: the value is encoded already")));
            }
        }
        self.rewrites.push(rewrite);
        Ok(false)
    }

    fn compare(&mut self, op: NumberOp, name: &str, span: Span) -> Result<bool, Fault> {
        match &mut self.plan {
            Plan::Time(_, time_op) if *time_op == TimeOp::Eq => *time_op = TimeOp::Order(op),
            Plan::Time(..) | Plan::Number(_) => {
                return Err(Fault::new(span, "two comparisons of one value")
                    .help("write a range as two entries, or as two identifiers joined by `and`"));
            }
            _ => self.become_plan(Plan::Number(op), name, span)?,
        }
        Ok(false)
    }
}

/// How far text has been encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    None,
    Wide,
    Base64,
}

impl Plan {
    /// What the value is, for messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Regex { .. } => "a regular expression",
            Self::Cidr => "a network",
            Self::Number(_) => "a number",
            Self::Time(..) => "a part of a time",
            Self::FieldRef(_) => "the name of a field",
            Self::Exists => "a question of presence",
        }
    }
}

fn refuse<T>(span: Span, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::new(span, message))
}

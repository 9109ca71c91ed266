//! Indicators: known bad values, looked for among the observables of events.
//!
//! The simple matcher: one hash look-up per observable, parent domains included, and one
//! per distinct prefix length for networks. A larger one can take its place behind the
//! same door ([`IndicatorSet::scan`]).
//!
//! What it never does: read files (texts come in as arguments) or fetch lists.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use palisade_model::{Address, Batch, Catalogue, Chain, FieldId, Observable, ObservableKind};

/// Most indicators of one run; the scalable matcher lifts it.
pub const MAX_INDICATORS: usize = 5_000_000;

/// What an indicator names.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Pattern {
    /// Exactly this observable; a domain, and a host with a dot in its name, also matches names below it.
    Exact(Observable),
    /// Any address of a network: address and prefix length.
    Network(IpAddr, u8),
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pattern::Exact(o) => f.write_str(o.value()),
            Pattern::Network(ip, len) => write!(f, "{ip}/{len}"),
        }
    }
}

/// One entry of a list.
#[derive(Clone, Debug)]
pub struct Indicator {
    /// What to look for.
    pub pattern: Pattern,
    /// What the list says of it.
    pub note: String,
    /// The list's name.
    pub list: String,
    /// Line in the list, from 1.
    pub line: u32,
}

/// An entry that could not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndicatorError {
    /// Line in the list, from 1.
    pub line: u32,
    /// Why.
    pub message: String,
}

/// Reads a list: one value per line (`#` starts a comment), or CSV whose header names a
/// column `indicator`, `value`, `ioc` or `observable` and optionally `type` and
/// `note`/`description`/`comment`. Defanged values (`hxxp`, `[.]`) are read as what they mean.
pub fn parse_list(name: &str, text: &str) -> (Vec<Indicator>, Vec<IndicatorError>) {
    let text = text.trim_start_matches('\u{feff}');
    let header = text.lines().next().unwrap_or("").to_lowercase();
    let columns: Vec<&str> = header.split(',').map(|c| c.trim().trim_matches('"')).collect();
    let column = |names: &[&str]| columns.iter().position(|c| names.contains(c));
    match column(&["indicator", "value", "ioc", "observable"]) {
        Some(value) => {
            let kind = column(&["type", "kind", "indicator_type"]);
            let note = column(&["note", "description", "comment", "title"]);
            parse_csv(name, text, value, kind, note)
        }
        None => parse_lines(name, text),
    }
}

fn parse_lines(name: &str, text: &str) -> (Vec<Indicator>, Vec<IndicatorError>) {
    let mut out = Vec::new();
    let mut errors = Vec::new();
    for (line, raw) in (1u32..).zip(text.lines()) {
        let (value, note) = raw.split_once(" #").or_else(|| raw.split_once("\t#")).unwrap_or((raw, ""));
        let value = value.trim();
        if value.is_empty() || value.starts_with('#') || value.starts_with("//") {
            continue;
        }
        add(name, line, value, None, note.trim(), &mut out, &mut errors);
    }
    (out, errors)
}

fn parse_csv(
    name: &str,
    text: &str,
    value: usize,
    kind: Option<usize>,
    note: Option<usize>,
) -> (Vec<Indicator>, Vec<IndicatorError>) {
    let mut out = Vec::new();
    let mut errors = Vec::new();
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, |p| u32::try_from(p.line()).unwrap_or(u32::MAX));
                let cell = |i: Option<usize>| i.and_then(|i| record.get(i)).unwrap_or("");
                let kind = Some(cell(kind)).filter(|k| !k.is_empty());
                add(name, line, cell(Some(value)), kind, cell(note), &mut out, &mut errors);
            }
            Err(e) => {
                let line = e.position().map_or(0, |p| u32::try_from(p.line()).unwrap_or(u32::MAX));
                errors.push(IndicatorError { line, message: e.to_string() });
            }
        }
    }
    (out, errors)
}

fn add(
    list: &str,
    line: u32,
    value: &str,
    kind: Option<&str>,
    note: &str,
    out: &mut Vec<Indicator>,
    errors: &mut Vec<IndicatorError>,
) {
    if out.len() >= MAX_INDICATORS {
        if out.len() == MAX_INDICATORS && errors.last().is_none_or(|e| !e.message.starts_with("more than")) {
            errors.push(IndicatorError {
                line,
                message: format!("more than {MAX_INDICATORS} indicators; the rest is left out"),
            });
        }
        return;
    }
    match pattern(value, kind) {
        Some(pattern) => out.push(Indicator { pattern, note: note.into(), list: list.into(), line }),
        None => errors.push(IndicatorError {
            line,
            message: {
                let value: String = value.chars().take(80).collect();
                match kind {
                    Some(kind) => format!("\"{value}\" is not a valid {kind}"),
                    None => {
                        format!("\"{value}\" is no hash, address, network, domain, URL, mail address or path")
                    }
                }
            },
        }),
    }
}

/// What a text names; `kind` is the list's own word for it, if it has one.
fn pattern(text: &str, kind: Option<&str>) -> Option<Pattern> {
    let text = refang(text.trim());
    let exact = |kind| Observable::parse(kind, &text).ok().map(Pattern::Exact);
    if let Some(kind) = kind {
        // MISP, STIX and common CSV names for the same few kinds.
        let kind = kind.to_ascii_lowercase();
        let wanted = match kind.as_str() {
            "ip" | "ipv4" | "ipv6" | "ip-src" | "ip-dst" | "ipv4-addr" | "ipv6-addr" | "cidr" | "network" => {
                None
            }
            "domain" | "hostname" | "domain-name" | "fqdn" => Some(ObservableKind::Domain),
            "url" | "uri" => Some(ObservableKind::Url),
            "email" | "email-src" | "email-addr" => Some(ObservableKind::Email),
            "path" | "filepath" | "file_path" => Some(ObservableKind::Path),
            "filename" | "file_name" => Some(ObservableKind::FileName),
            "imphash" => Some(ObservableKind::Imphash),
            "crypto_address"
            | "crypto-address"
            | "wallet"
            | "btc"
            | "xmr"
            | "dash"
            | "cryptocurrency-wallet" => Some(ObservableKind::CryptoAddress),
            "crypto_transaction" | "txid" | "transaction" | "tx" | "cryptocurrency-transaction" => {
                Some(ObservableKind::CryptoTransaction)
            }
            _ => None,
        };
        if let Some(wanted) = wanted {
            let named = wanted == ObservableKind::Domain && text.contains('.');
            let host = || if named { exact(ObservableKind::Host) } else { None };
            return exact(wanted).or_else(host);
        }
    }
    if let Some((ip, len)) = text.split_once('/')
        && let (Ok(ip), Ok(len)) = (ip.parse::<IpAddr>(), len.parse::<u8>())
    {
        let max = if ip.is_ipv4() { 32 } else { 128 };
        return (len <= max).then(|| Pattern::Network(masked(ip, len), len));
    }
    if matches!(text.len(), 32 | 40 | 64 | 128)
        && let Ok(hash) = Observable::hash(&text)
    {
        return Some(Pattern::Exact(hash));
    }
    if text.contains("://") {
        return exact(ObservableKind::Url);
    }
    // Only where a checksum or the prefix speaks for it: 32 bytes in base58 can be anything.
    if Address::parse(&text).is_ok_and(|a| a.checked() || a.chain() == Chain::Evm) {
        return exact(ObservableKind::CryptoAddress);
    }
    exact(ObservableKind::Ip)
        .or_else(|| if text.contains('@') { exact(ObservableKind::Email) } else { None })
        .or_else(|| exact(ObservableKind::Domain))
        .or_else(|| exact(ObservableKind::Path))
        // A name under no public suffix (dc01.corp.local) is a machine.
        .or_else(|| if text.contains('.') { exact(ObservableKind::Host) } else { None })
}

/// The value behind a defanged one.
fn refang(text: &str) -> String {
    let text = text
        .replace("[.]", ".")
        .replace("(.)", ".")
        .replace("[:]", ":")
        .replace("[@]", "@")
        .replace("[at]", "@");
    match text.get(..4) {
        Some(head) if head.eq_ignore_ascii_case("hxxp") => format!("http{}", &text[4..]),
        _ => text,
    }
}

fn masked(ip: IpAddr, len: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => IpAddr::V4(
            (u32::from(v4) & u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0)).into(),
        ),
        IpAddr::V6(v6) => IpAddr::V6(
            (u128::from(v6) & u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)).into(),
        ),
    }
}

/// A hit of one indicator on one row.
#[derive(Clone, Debug)]
pub struct IndicatorHit {
    /// Index in the set.
    pub indicator: u32,
    /// The row.
    pub row: usize,
    /// The field that held it.
    pub field: FieldId,
}

/// Indicators, ready to match.
#[derive(Debug, Default)]
pub struct IndicatorSet {
    list: Vec<Indicator>,
    exact: HashMap<Observable, u32, foldhash::fast::FixedState>,
    networks: HashMap<(IpAddr, u8), u32, foldhash::fast::FixedState>,
    lengths_v4: BTreeSet<u8>,
    lengths_v6: BTreeSet<u8>,
    file_names: bool,
}

impl IndicatorSet {
    /// Compiles a list. Of equal patterns the first is kept.
    pub fn new(list: Vec<Indicator>) -> IndicatorSet {
        let mut set = IndicatorSet::default();
        for (i, indicator) in list.iter().enumerate() {
            let i = i as u32;
            match &indicator.pattern {
                Pattern::Exact(o) => {
                    set.file_names |= o.kind() == ObservableKind::FileName;
                    set.exact.entry(o.clone()).or_insert(i);
                }
                Pattern::Network(ip, len) => {
                    let lengths = if ip.is_ipv4() { &mut set.lengths_v4 } else { &mut set.lengths_v6 };
                    lengths.insert(*len);
                    set.networks.entry((*ip, *len)).or_insert(i);
                }
            }
        }
        set.list = list;
        set
    }

    /// The indicators, in the order given.
    pub fn list(&self) -> &[Indicator] {
        &self.list
    }

    /// The indicator that an observable meets, if any.
    pub fn look_up(&self, observable: &Observable) -> Option<u32> {
        if let Some(hit) = self.exact.get(observable) {
            return Some(*hit);
        }
        match observable.kind() {
            // A name under no public suffix is a host's, and its parents are hosts; one label alone is none.
            kind @ (ObservableKind::Domain | ObservableKind::Host) => {
                let mut name = observable.value();
                while let Some((_, parent)) = name.split_once('.') {
                    name = parent;
                    if kind == ObservableKind::Host && !parent.contains('.') {
                        return None;
                    }
                    let parent = Observable::parse(kind, parent).ok()?;
                    if let Some(hit) = self.exact.get(&parent) {
                        return Some(*hit);
                    }
                }
                None
            }
            ObservableKind::Ip => {
                let ip: IpAddr = observable.value().parse().ok()?;
                let lengths = if ip.is_ipv4() { &self.lengths_v4 } else { &self.lengths_v6 };
                // The narrowest network says most.
                lengths.iter().rev().find_map(|len| self.networks.get(&(masked(ip, *len), *len)).copied())
            }
            ObservableKind::Path if self.file_names => {
                let name = Observable::parse(ObservableKind::FileName, observable.value()).ok()?;
                self.exact.get(&name).copied()
            }
            _ => None,
        }
    }

    /// Looks at every observable of every row; `hit` is called in row order, once per row and indicator.
    pub fn scan(&self, batch: &dyn Batch, catalogue: &Catalogue, hit: &mut dyn FnMut(IndicatorHit)) {
        if self.list.is_empty() {
            return;
        }
        let mut found = Vec::new();
        let mut seen: Vec<u32> = Vec::new();
        for row in 0..batch.len() {
            seen.clear();
            for (field, extract) in &catalogue.shape_of(batch.header(row).shape).observables {
                let Some(value) = batch.show(row, *field) else { continue };
                found.clear();
                extract.apply(&value, &mut found);
                for observable in &found {
                    if let Some(indicator) = self.look_up(observable)
                        && !seen.contains(&indicator)
                    {
                        seen.push(indicator);
                        hit(IndicatorHit { indicator, row, field: *field });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let text = "# c\nhxxps://evil[.]example[.]com/a\n10.0.0.0/8\n203.0.113.5 # c2\nd41d8cd98f00b204e9800998ecf8427e\nEVIL.example.org\nC:\\Temp\\x.exe\n???\nDC01.corp.internal\n";
        let (list, errors) = parse_list("l", text);
        let got: Vec<String> = list.iter().map(|i| i.pattern.to_string()).collect();
        assert_eq!(
            got,
            [
                "https://evil.example.com/a",
                "10.0.0.0/8",
                "203.0.113.5",
                "d41d8cd98f00b204e9800998ecf8427e",
                "evil.example.org",
                "c:\\temp\\x.exe",
                "dc01.corp.internal"
            ]
        );
        assert_eq!(list[2].note, "c2");
        assert_eq!(errors.iter().map(|e| e.line).collect::<Vec<_>>(), [8]);
    }

    #[test]
    fn csv_lists() {
        let (list, errors) =
            parse_list("l", "type,value,note\nfilename,Evil.EXE,dropper\nip,1.2.3.4,\n\"domain\",no,\n");
        assert_eq!(list.len(), 2);
        assert_eq!(errors.len(), 1);
        let set = IndicatorSet::new(list);
        let hit = |kind, text| set.look_up(&Observable::parse(kind, text).unwrap());
        assert_eq!(hit(ObservableKind::Path, r"C:\Users\evil.exe"), Some(0));
        assert_eq!(hit(ObservableKind::Ip, "::ffff:1.2.3.4"), Some(1));
    }

    #[test]
    fn wallets_need_a_checksum_or_a_type() {
        let text = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\n0xDE709F2102306220921060314715629080E2FB77\n\
                    TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA\n";
        let (list, errors) = parse_list("l", text);
        let got: Vec<String> = list.iter().map(|i| i.pattern.to_string()).collect();
        assert_eq!(got, ["TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "0xde709f2102306220921060314715629080e2fb77"]);
        assert_eq!(errors.len(), 1);
        let text = format!(
            "type,value\nwallet,TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA\ntxid,0x{}\n",
            "AB".repeat(32)
        );
        let (list, errors) = parse_list("l", &text);
        assert_eq!((list.len(), errors.len()), (2, 0));
        assert_eq!(list[1].pattern.to_string(), "ab".repeat(32));
    }

    #[test]
    fn domains_and_networks() {
        let text = "example.com\n10.0.0.0/8\n10.1.0.0/16\n2001:db8::/32\nevil.internal-zone";
        let set = IndicatorSet::new(parse_list("l", text).0);
        let hit = |kind, text| set.look_up(&Observable::parse(kind, text).unwrap());
        assert_eq!(hit(ObservableKind::Domain, "a.b.example.com"), Some(0));
        assert_eq!(hit(ObservableKind::Domain, "badexample.com"), None);
        assert_eq!(hit(ObservableKind::Host, "evil.internal-zone"), Some(4));
        assert_eq!(hit(ObservableKind::Host, "a.WWW.evil.internal-zone"), Some(4));
        assert_eq!(hit(ObservableKind::Host, "devil.internal-zone"), None);
        assert_eq!(hit(ObservableKind::Host, "internal-zone"), None);
        assert_eq!(hit(ObservableKind::Ip, "10.2.3.4"), Some(1));
        assert_eq!(hit(ObservableKind::Ip, "10.1.3.4"), Some(2));
        assert_eq!(hit(ObservableKind::Ip, "2001:db8::9"), Some(3));
        assert_eq!(hit(ObservableKind::Ip, "11.2.3.4"), None);
    }
}

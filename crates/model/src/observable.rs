//! Observables: values that can join events of different vectors.
//!
//! A value exists only in canonical form: the constructors are the only way in.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::address::{Address, transaction_id};

/// Longest observable kept, in bytes. A longer value in evidence is no observable.
const MAX_BYTES: usize = 2_048;

/// What an observable is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservableKind {
    /// IPv4 or IPv6 address; v4-mapped addresses are IPv4.
    Ip,
    /// Domain name under a public suffix, in its ASCII (IDNA) form.
    Domain,
    /// URL: scheme and host in lower case, default port and fragment dropped.
    Url,
    /// Mail address in lower case.
    Email,
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// Import hash of a PE file.
    Imphash,
    /// Full path; Windows paths in lower case.
    Path,
    /// File name without folder, lower case.
    FileName,
    /// Machine name, lower case.
    Host,
    /// Account, lower case, `domain\user` where the domain is known.
    Account,
    /// Windows security identifier.
    Sid,
    /// AWS resource name.
    Arn,
    /// Sysmon process GUID, upper case, without braces.
    ProcessGuid,
    /// Windows logon session, `0x` and hexadecimal digits in lower case: unique on its machine from one start to the next.
    LogonSession,
    /// Address on a block chain, canonical as [`Address`] has it.
    CryptoAddress,
    /// Transaction of a block chain, canonical as [`transaction_id`] has it.
    CryptoTransaction,
}

impl ObservableKind {
    /// Its name in output: `ip`, `sha256`, …
    pub fn name(self) -> &'static str {
        match self {
            ObservableKind::Ip => "ip",
            ObservableKind::Domain => "domain",
            ObservableKind::Url => "url",
            ObservableKind::Email => "email",
            ObservableKind::Md5 => "md5",
            ObservableKind::Sha1 => "sha1",
            ObservableKind::Sha256 => "sha256",
            ObservableKind::Sha512 => "sha512",
            ObservableKind::Imphash => "imphash",
            ObservableKind::Path => "path",
            ObservableKind::FileName => "file_name",
            ObservableKind::Host => "host",
            ObservableKind::Account => "account",
            ObservableKind::Sid => "sid",
            ObservableKind::Arn => "arn",
            ObservableKind::ProcessGuid => "process_guid",
            ObservableKind::LogonSession => "logon_session",
            ObservableKind::CryptoAddress => "crypto_address",
            ObservableKind::CryptoTransaction => "crypto_transaction",
        }
    }
}

/// Why a text is no observable of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a valid {}", .0.name())]
pub struct ObservableError(pub ObservableKind);

/// A typed value in canonical form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Observable {
    #[serde(rename = "type")]
    kind: ObservableKind,
    value: Box<str>,
}

/// Where programs of the system and of installed software lie.
const SYSTEM_PLACES: [&str; 9] = [
    "c:\\windows\\",
    "c:\\program files",
    "c:\\programdata\\microsoft\\",
    "/usr/",
    "/bin/",
    "/sbin/",
    "/lib",
    "/opt/",
    "/etc/",
];

/// Places below them that accounts without rights may write to, so that what lies there may be anybody's.
const WRITABLE_PLACES: [&str; 6] = [
    "c:\\windows\\temp\\",
    "c:\\windows\\tasks\\",
    "c:\\windows\\tracing\\",
    "c:\\windows\\debug\\",
    "c:\\windows\\system32\\spool\\drivers\\color\\",
    "c:\\windows\\system32\\tasks\\",
];

impl Observable {
    /// Canonicalises `text` as `kind`, or says that it is none.
    pub fn parse(kind: ObservableKind, text: &str) -> Result<Observable, ObservableError> {
        let t = text.trim();
        let placeholder = t.is_empty() || t == "-" || t.len() > MAX_BYTES;
        let value = if placeholder { None } else { canonical(kind, t) };
        // Lower case may be longer than what it comes from.
        let value = value.filter(|v| v.len() <= MAX_BYTES);
        value.map(|v| Observable { kind, value: v.into() }).ok_or(ObservableError(kind))
    }

    /// One as [`Display`](fmt::Display) writes it: `kind:value`.
    pub fn typed(text: &str) -> Option<Observable> {
        let (kind, value) = text.split_once(':')?;
        let kind = serde_json::from_value(kind.into()).ok()?;
        Observable::parse(kind, value).ok()
    }

    /// A file hash, its kind told by its length. All-zero hashes (Sysmon's "not computed") are none.
    pub fn hash(text: &str) -> Result<Observable, ObservableError> {
        let kind = match text.trim().len() {
            32 => ObservableKind::Md5,
            40 => ObservableKind::Sha1,
            128 => ObservableKind::Sha512,
            _ => ObservableKind::Sha256,
        };
        Observable::parse(kind, text)
    }

    /// An IP address.
    pub fn ip(addr: IpAddr) -> Observable {
        let addr = addr.to_canonical();
        Observable { kind: ObservableKind::Ip, value: addr.to_string().into() }
    }

    /// Whether it is the path of a file that the system or installed software brings. Directories in those places that
    /// everybody may write to hold what anybody put there.
    pub fn is_system_file(&self) -> bool {
        let lower = self.value().to_lowercase();
        let below = |places: &[&str]| places.iter().any(|p| lower.starts_with(p));
        self.kind == ObservableKind::Path && below(&SYSTEM_PLACES) && !below(&WRITABLE_PLACES)
    }

    /// Whether the program that a finding is about is the system's: hashes beside such paths tell nothing of anybody.
    pub fn of_system_program(observables: &[Observable]) -> bool {
        let mut paths = observables.iter().filter(|o| o.kind == ObservableKind::Path).peekable();
        paths.peek().is_some() && paths.all(Observable::is_system_file)
    }

    /// What it is.
    pub fn kind(&self) -> ObservableKind {
        self.kind
    }

    /// The canonical text.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl<'de> Deserialize<'de> for Observable {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Observable, D::Error> {
        #[derive(Deserialize)]
        struct Plain {
            #[serde(rename = "type")]
            kind: ObservableKind,
            value: String,
        }
        let plain = Plain::deserialize(d)?;
        Observable::parse(plain.kind, &plain.value).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.value)
    }
}

fn canonical(kind: ObservableKind, t: &str) -> Option<String> {
    match kind {
        ObservableKind::Ip => {
            let t = t.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(t);
            // A scoped address (fe80::1%4) is the address.
            let t = t.split('%').next().unwrap_or(t);
            let addr: IpAddr = t.parse().ok()?;
            let nothing = addr.is_unspecified() || addr.is_loopback();
            let mapped_loopback = matches!(addr, IpAddr::V6(v6) if is_mapped_loopback(v6));
            (!nothing && !mapped_loopback).then(|| addr.to_canonical().to_string())
        }
        ObservableKind::Domain => domain(t),
        ObservableKind::Url => url(t),
        ObservableKind::Email => {
            let (local, host) = t.rsplit_once('@')?;
            let local_ok =
                !local.is_empty() && !local.contains(|c: char| c.is_whitespace() || c.is_control());
            local_ok.then(|| Some(format!("{}@{}", local.to_lowercase(), domain(host)?)))?
        }
        ObservableKind::Md5 | ObservableKind::Imphash => hex(t, 32),
        ObservableKind::Sha1 => hex(t, 40),
        ObservableKind::Sha256 => hex(t, 64),
        ObservableKind::Sha512 => hex(t, 128),
        ObservableKind::Path => {
            let windows = t.contains('\\');
            t.contains(['\\', '/']).then(|| if windows { t.to_lowercase() } else { t.to_owned() })
        }
        ObservableKind::FileName => {
            let name = t.rsplit(['\\', '/']).next()?.trim();
            says_something(name).then(|| name.to_lowercase())
        }
        ObservableKind::Host => {
            let t = t.trim_start_matches('\\').trim_end_matches('.');
            let bad = |c: char| c.is_whitespace() || c == '\\' || c == '/';
            (says_something(t) && !t.contains(bad)).then(|| t.to_lowercase())
        }
        ObservableKind::Account => {
            let t = t.trim_matches(|c: char| c == '\\' || c.is_whitespace());
            says_something(t).then(|| t.to_lowercase())
        }
        ObservableKind::Sid => {
            let up = t.to_ascii_uppercase();
            let rest = up.strip_prefix("S-1-")?;
            rest.bytes().all(|b| b.is_ascii_digit() || b == b'-').then_some(up)
        }
        ObservableKind::Arn => (t.starts_with("arn:") && t.matches(':').count() >= 5).then(|| t.to_owned()),
        ObservableKind::ProcessGuid => {
            let t = t.trim_start_matches('{').trim_end_matches('}');
            let shape = t.len() == 36 && t.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
            (shape && t.bytes().any(|b| b != b'0' && b != b'-')).then(|| t.to_ascii_uppercase())
        }
        ObservableKind::LogonSession => logon_session(t),
        ObservableKind::CryptoAddress => {
            // Logs capitalise as they like: case says nothing there, and the 20 bytes are the same.
            let address = Address::parse(t).or_else(|_| Address::evm_any_case(t)).ok()?;
            (!address.is_zero()).then(|| address.text().to_owned())
        }
        ObservableKind::CryptoTransaction => transaction_id(t),
    }
}

/// A logon session's number. Those of the system and of its services (and of nobody) are on every machine and tell nothing.
fn logon_session(t: &str) -> Option<String> {
    const EVERYWHERE: [u64; 4] = [0, 0x3e4, 0x3e5, 0x3e7];
    let digits = t.strip_prefix("0x").or_else(|| t.strip_prefix("0X"))?;
    let number =
        u64::from_str_radix(digits, 16).ok().filter(|n| !EVERYWHERE.contains(n) && *n != u64::MAX)?;
    Some(format!("{number:#x}"))
}

/// Neither empty, nor the dash that logs write for "none", nor with control characters in it.
fn says_something(t: &str) -> bool {
    !t.is_empty() && t != "-" && !t.contains(char::is_control)
}

fn is_mapped_loopback(v6: Ipv6Addr) -> bool {
    v6.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback() || v4.is_unspecified())
}

fn hex(t: &str, digits: usize) -> Option<String> {
    let ok = t.len() == digits && t.bytes().all(|b| b.is_ascii_hexdigit()) && t.bytes().any(|b| b != b'0');
    ok.then(|| t.to_ascii_lowercase())
}

/// A name under a public suffix, in IDNA ASCII form (UTS 46), without the final dot.
fn domain(t: &str) -> Option<String> {
    let t = t.trim_end_matches('.');
    if t.is_empty() || t.len() > 253 || t.parse::<IpAddr>().is_ok() {
        return None;
    }
    let ascii = idna::domain_to_ascii_cow(t.as_bytes(), idna::AsciiDenyList::EMPTY).ok()?.into_owned();
    let label_ok = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if !ascii.split('.').all(label_ok) {
        return None;
    }
    // Only a name below a listed suffix can join events of different organisations;
    // `printer.local` and `www` are hosts.
    let suffix = psl::suffix(ascii.as_bytes())?;
    (suffix.is_known() && suffix.as_bytes().len() < ascii.len()).then_some(ascii)
}

fn url(t: &str) -> Option<String> {
    let (scheme, rest) = t.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let scheme_ok =
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !scheme_ok || t.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let rest = rest.split('#').next()?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host_port = authority.rsplit('@').next()?;
    let (host, port) = match host_port.rsplit_once(':') {
        Some((h, p)) if p.bytes().all(|b| b.is_ascii_digit()) && !h.is_empty() => (h, p),
        _ => (host_port, ""),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let host = match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(a)) => format!("[{a}]"),
        Ok(IpAddr::V4(a)) => a.to_string(),
        // What is neither an address nor a port after it has no colons, brackets or backslashes.
        Err(_) if host.contains([':', '[', ']', '\\']) => return None,
        Err(_) => domain(host).or_else(|| canonical(ObservableKind::Host, host))?,
    };
    let default = matches!((scheme.as_str(), port), ("http", "80") | ("https", "443") | ("ftp", "21"));
    let port = if port.is_empty() || default { String::new() } else { format!(":{port}") };
    let path = if path.is_empty() { "/" } else { path };
    Some(format!("{scheme}://{host}{port}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        use ObservableKind::*;
        for (kind, text, want) in [
            (Ip, "::ffff:10.1.2.3", Some("10.1.2.3")),
            (Ip, "2001:DB8::0:1", Some("2001:db8::1")),
            (Ip, "-", None),
            (Ip, "::1", None),
            (Ip, "LOCAL", None),
            (Domain, "EXAMPLE.com.", Some("example.com")),
            (Domain, "bücher.example.de", Some("xn--bcher-kva.example.de")),
            (Domain, "com", None),
            (Domain, "printer", None),
            (Domain, "10.0.0.1", None),
            (Url, "HTTP://Example.COM:80/A?b#c", Some("http://example.com/A?b")),
            (Url, "https://[2001:DB8::1]:8443", Some("https://[2001:db8::1]:8443/")),
            (Email, "Bob@Example.com", Some("bob@example.com")),
            (Md5, "D41D8CD98F00B204E9800998ECF8427E", Some("d41d8cd98f00b204e9800998ecf8427e")),
            (Md5, "00000000000000000000000000000000", None),
            (Path, r"C:\Windows\CMD.exe", Some(r"c:\windows\cmd.exe")),
            (Path, "/usr/bin/Bash", Some("/usr/bin/Bash")),
            (FileName, r"C:\x\Evil.EXE", Some("evil.exe")),
            (Account, r"CORP\Bob", Some(r"corp\bob")),
            (Sid, "s-1-5-18", Some("S-1-5-18")),
            (
                ProcessGuid,
                "{b3c2a1f0-0000-1111-2222-333344445555}",
                Some("B3C2A1F0-0000-1111-2222-333344445555"),
            ),
            (
                CryptoAddress,
                "0x52908400098527886E0F7030069857D2E4169EE7",
                Some("0x52908400098527886e0f7030069857d2e4169ee7"),
            ),
        ] {
            let got = Observable::parse(kind, text).ok();
            assert_eq!(got.as_ref().map(|o| o.value()), want, "{kind:?} {text}");
        }
    }

    #[test]
    fn canonicalising_twice_changes_nothing() {
        for (kind, text) in
            [(ObservableKind::Url, "http://a.example.org"), (ObservableKind::Domain, "ß.example.com")]
        {
            let once = Observable::parse(kind, text).unwrap();
            assert_eq!(Observable::parse(kind, once.value()).unwrap(), once);
        }
    }
}

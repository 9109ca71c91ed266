//! Hosts of lists: IP addresses, networks, domains with what is below them, autonomous systems.
//!
//! What this module never does: resolve a name, or ask who announces an address.

use std::net::IpAddr;

use foldhash::HashMap;

/// A host, brought into one form.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// One address.
    Ip(IpAddr),
    /// A network: address (as 128 bits, IPv4 mapped) and length of its prefix there.
    Net(u128, u8),
    /// A domain, in lower case.
    Domain(String),
    /// Number of an autonomous system.
    As(u32),
}

/// Longest text that is looked at: a URL may stand where a host is meant.
const MAX_TEXT: usize = 2_048;

impl Host {
    /// Reads an address, network, `AS64500`, domain or URL. `None` for everything else.
    pub fn parse(text: &str) -> Option<Host> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("as").and_then(|n| n.trim().parse().ok()) {
            return Some(Host::As(number));
        }
        if let Some((address, length)) = lower.split_once('/')
            && let (Ok(ip), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u8>())
        {
            let (bits, length) = match ip {
                IpAddr::V4(_) if length <= 32 => (bits(ip), length + 96),
                IpAddr::V6(_) if length <= 128 => (bits(ip), length),
                _ => return None,
            };
            return Some(Host::Net(bits & mask(length), length));
        }
        let host = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or(host);
        let host = host.rsplit('@').next().unwrap_or(host);
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Host::Ip(ip));
        }
        let host = host.split(':').next().unwrap_or(host).trim_end_matches('.');
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Some(Host::Ip(ip));
        }
        let labels = || host.split('.');
        let sound = labels().count() >= 2
            && host.len() <= 253
            && labels().all(|l| {
                !l.is_empty()
                    && l.len() <= 63
                    && l.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            })
            && labels().next_back().is_some_and(|l| l.chars().any(char::is_alphabetic));
        sound.then(|| {
            Host::Domain(
                host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(host).to_owned(),
            )
        })
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(length: u8) -> u128 {
    if length == 0 { 0 } else { u128::MAX << (128 - u32::from(length.min(128))) }
}

/// What lists say of hosts: look-ups give the parties' places in [`Lists`](super::Lists).
#[derive(Default, Debug)]
pub struct Hosts {
    exact: HashMap<Host, Vec<u32>>,
    /// Lengths of prefixes that occur, longest first.
    lengths: Vec<u8>,
}

impl Hosts {
    /// Adds a host of a party. False if it is none.
    pub fn add(&mut self, text: &str, party: u32) -> bool {
        let Some(host) = Host::parse(text) else { return false };
        if let Host::Net(_, length) = host
            && !self.lengths.contains(&length)
        {
            self.lengths.push(length);
            self.lengths.sort_unstable_by(|a, b| b.cmp(a));
        }
        let parties = self.exact.entry(host).or_default();
        if parties.last() != Some(&party) {
            parties.push(party);
        }
        true
    }

    /// Parties a host belongs to: itself, networks around an address, domains above a domain.
    /// Each with the listed host that says so.
    pub fn find(&self, text: &str) -> Vec<(u32, String)> {
        let mut out = Vec::new();
        let Some(host) = Host::parse(text) else { return out };
        let mut look = |host: &Host, what: String| {
            for party in self.exact.get(host).into_iter().flatten() {
                out.push((*party, what.clone()));
            }
        };
        match &host {
            Host::Ip(ip) => {
                look(&host, ip.to_string());
                for length in &self.lengths {
                    let net = Host::Net(bits(*ip) & mask(*length), *length);
                    look(
                        &net,
                        format!(
                            "network /{}",
                            if ip.is_ipv4() { length.saturating_sub(96) } else { *length }
                        ),
                    );
                }
            }
            Host::Domain(domain) => {
                let mut rest = domain.as_str();
                // A listed top-level domain would hold everything: at least two labels.
                while rest.contains('.') {
                    look(&Host::Domain(rest.to_owned()), rest.to_owned());
                    rest = rest.split_once('.').map_or("", |(_, above)| above);
                }
            }
            Host::Net(..) | Host::As(_) => look(&host, text.trim().to_owned()),
        }
        out
    }
}

//! Hosts of lists: IP addresses, networks, domains with what is below them, autonomous systems.
//!
//! What is inside a listed network or below a listed domain belongs to the listed party the less surely the more else there is
//! room for: a /24 is one organisation's, a /8 is a continent's. [`Found::logit`] says how sure.
//!
//! What this module never does: resolve a name, or ask who announces an address.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};
use palisade_model::{Observable, ObservableKind};

/// A host, network or domain that is listed itself.
const ITSELF: f32 = 6.0;
/// Inside a listed network that is as small as they come, and what each bit of room takes from that.
const INSIDE: f32 = 5.5;
const PER_BIT_V4: f32 = 0.2;
/// A /64 is one network of one place, and a bit above it a tenth of one of the old kind's.
const PER_BIT_V6: f32 = 0.1;
/// Below a listed domain, and what each label between takes from that.
const BELOW: f32 = 4.5;
const PER_LABEL: f32 = 1.0;

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
                IpAddr::V4(_) if length <= 32 => (bits(ip), length + V4),
                IpAddr::V6(_) if length <= 128 => (bits(ip), length),
                _ => return None,
            };
            return Some(match length {
                128 => Host::Ip(ip.to_canonical()),
                _ => Host::Net(bits & mask(length), length),
            });
        }
        let host = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or(host);
        let host = host.rsplit('@').next().unwrap_or(host);
        // An IPv4 address that is written as one of IPv6 is itself.
        let within = host.strip_prefix('[').and_then(|h| h.split_once(']')).map_or(host, |(ip, _)| ip);
        if let Ok(ip) = within.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Host::Ip(ip.to_canonical()));
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

/// Bits in front of an IPv4 address that is written as one of IPv6.
const V4: u8 = 96;

/// Whether bits are those of an IPv4 address or network.
fn is_v4(bits: u128, length: u8) -> bool {
    length >= V4 && bits >> 32 == 0xffff
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

    /// Parties a host belongs to: itself, networks around an address or network, domains above a domain. Of each party the
    /// nearest only; of parties that list the same host no more than `most`, and how many there are beyond.
    pub fn find(&self, text: &str, most: usize) -> (Vec<Found>, u64) {
        let mut out: Vec<Found> = Vec::new();
        let mut known: HashSet<u32> = HashSet::default();
        let mut cut = 0;
        let Some(host) = Host::parse(text) else { return (out, cut) };
        // The nearest is looked up first.
        let mut look = |host: &Host, listed: String, what: &'static str, logit: f32| {
            let parties = self.exact.get(host).map_or(&[][..], Vec::as_slice);
            cut += parties.len().saturating_sub(most) as u64;
            for party in parties.iter().take(most) {
                if known.insert(*party) {
                    out.push(Found { party: *party, listed: listed.clone(), what, logit });
                }
            }
        };
        match &host {
            Host::Ip(ip) => {
                look(&host, ip.to_string(), "host is listed", ITSELF);
                self.around(bits(*ip), 128, &mut look);
            }
            Host::Net(bits, length) => {
                look(&host, network(*bits, *length), "network is listed", ITSELF);
                self.around(*bits, *length, &mut look);
            }
            Host::Domain(domain) => {
                look(&host, domain.clone(), "host is listed", ITSELF);
                // A listed top-level domain would hold everything: at least two labels, and no suffix under which anybody
                // registers names.
                let mut above = domain.split_once('.').map_or("", |(_, above)| above);
                let mut logit = BELOW;
                while above.contains('.') && !is_suffix(above) {
                    look(&Host::Domain(above.to_owned()), above.to_owned(), "below a listed domain", logit);
                    above = above.split_once('.').map_or("", |(_, rest)| rest);
                    logit -= PER_LABEL;
                }
            }
            Host::As(number) => look(&host, format!("AS{number}"), "autonomous system is listed", ITSELF),
        }
        (out, cut)
    }

    /// Listed networks around so many first bits.
    fn around(&self, bits: u128, length: u8, look: &mut dyn FnMut(&Host, String, &'static str, f32)) {
        let v4 = is_v4(bits, length);
        for around in self.lengths.iter().filter(|l| **l < length) {
            let net = bits & mask(*around);
            // Networks of IPv6 so wide that they hold all of IPv4 say nothing of it.
            if v4 && !is_v4(net, *around) {
                continue;
            }
            let logit = match v4 {
                true => INSIDE - PER_BIT_V4 * f32::from(128 - around),
                false => INSIDE - PER_BIT_V6 * f32::from(64u8.saturating_sub(*around)),
            };
            look(&Host::Net(net, *around), network(net, *around), "inside a listed network", logit);
        }
    }
}

/// A party that a host belongs to.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// Its place in [`Lists`](super::Lists).
    pub party: u32,
    /// The listed host that says so: `203.0.113.0/24`, `evil.example`.
    pub listed: String,
    /// How.
    pub what: &'static str,
    /// How sure, in log-odds.
    pub logit: f32,
}

fn network(bits: u128, length: u8) -> String {
    let ip = IpAddr::from(bits.to_be_bytes()).to_canonical();
    match is_v4(bits, length) {
        true => format!("{ip}/{}", length - V4),
        false => format!("{}/{length}", std::net::Ipv6Addr::from(bits)),
    }
}

/// Whether names below it are registered by anybody, as below `co.uk`.
fn is_suffix(domain: &str) -> bool {
    let own = |text: &str| Observable::parse(ObservableKind::Domain, text).is_ok();
    !own(domain) && own(&format!("x.{domain}"))
}

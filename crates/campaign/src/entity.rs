//! What two findings can have in common, and how much that says.
//!
//! Names of one thing become one name: `CORP\ann` and `ann@corp.example` are one account, `ws1` and `ws1.corp.example` one
//! machine; those of another organisation are others ([`crate::realm`]). What everybody has (the system's own accounts
//! and programs, loopback addresses) is no entity at all.

use std::collections::BTreeSet;
use std::net::IpAddr;

use palisade_model::{Observable, ObservableKind, is_machine};

use crate::realm::Realms;

/// Type of entity. The order is that of explanations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Process,
    Hash,
    Path,
    Domain,
    Url,
    Ip,
    Email,
    Wallet,
    Transaction,
    Account,
    Host,
    InternalIp,
    Sid,
    Arn,
}

/// An entity: type and the name that all its spellings share.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Entity {
    pub kind: Kind,
    pub name: String,
}

/// How a type of entity counts.
pub(crate) struct Weighing {
    /// How probably two findings of one campaign that could share one do, at no distance in time.
    pub shared: f64,
    /// Days after which that is half.
    pub half_life: f64,
    /// Most that it can say, in nats.
    pub cap: f64,
    /// Belongs to the victim and is there all the time: then only closeness in time says something. Otherwise it is
    /// the attacker's, and its rarity speaks.
    pub standing: bool,
    /// Only the strongest of a group counts: they are one observation.
    pub group: Group,
}

/// Types that are one observation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Group {
    /// A program: its file, its hash.
    File,
    /// A peer: its address, its name.
    Net,
    /// A running process; says where and who as well.
    Process,
    /// Who.
    Who,
    /// Where.
    Where,
}

impl Kind {
    /// Starting values are those of a survey of the field; shares, caps and half-lives of accounts, hosts, addresses and
    /// files were then chosen on exercises with seeds 1 to 5.
    pub(crate) fn weighing(self) -> Weighing {
        let w =
            |shared, half_life, cap, standing, group| Weighing { shared, half_life, cap, standing, group };
        match self {
            Kind::Process => w(0.8, 3.0, 8.0, true, Group::Process),
            Kind::Hash => w(0.6, 700.0, 8.0, false, Group::File),
            Kind::Path => w(0.5, 700.0, 8.0, false, Group::File),
            Kind::Domain => w(0.5, 365.0, 7.0, false, Group::Net),
            Kind::Url => w(0.5, 180.0, 7.0, false, Group::Net),
            Kind::Ip => w(0.5, 180.0, 7.0, false, Group::Net),
            Kind::Email => w(0.5, 180.0, 5.0, false, Group::Net),
            // Two years: stolen funds rest for long before they move.
            Kind::Wallet => w(0.6, 730.0, 7.0, false, Group::Net),
            Kind::Transaction => w(0.6, 730.0, 7.0, false, Group::Net),
            Kind::Account => w(0.6, 200.0, 9.0, true, Group::Who),
            Kind::Host => w(0.2, 7.0, 5.0, true, Group::Where),
            Kind::InternalIp => w(0.4, 20.0, 3.0, true, Group::Where),
            Kind::Sid => w(0.3, 30.0, 2.0, true, Group::Who),
            Kind::Arn => w(0.4, 30.0, 3.0, true, Group::Who),
        }
    }
}

/// Accounts that every machine has.
const EVERYWHERE: [&str; 11] = [
    "system",
    "localsystem",
    "local service",
    "localservice",
    "network service",
    "networkservice",
    "root",
    "anonymous logon",
    "administrator",
    "nobody",
    "",
];

/// The entities of a finding, sorted, each once, each with the observable it comes from.
pub(crate) fn entities(
    realms: &Realms,
    host: Option<&str>,
    observables: &[Observable],
    origin: Option<&Observable>,
) -> Vec<(Entity, Observable)> {
    let mut out: Vec<(Entity, Observable)> = Vec::new();
    let system_program = Observable::of_system_program(observables);
    for o in observables.iter().chain(origin) {
        let entity = match o.kind() {
            ObservableKind::Account => {
                is_somebody(o.value()).then(|| (Kind::Account, realms.account(o.value(), host)))
            }
            ObservableKind::Host => machine(realms, o.value(), host).map(|n| (Kind::Host, n)),
            ObservableKind::Ip => address(realms, o.value(), host),
            ObservableKind::Path if o.is_system_file() => None,
            ObservableKind::Path => path(o.value()).map(|n| (Kind::Path, n)),
            ObservableKind::Md5
            | ObservableKind::Sha1
            | ObservableKind::Sha256
            | ObservableKind::Sha512
            | ObservableKind::Imphash => (!system_program).then(|| (Kind::Hash, o.value().to_owned())),
            ObservableKind::Domain => Some((Kind::Domain, o.value().to_owned())),
            ObservableKind::Url => Some((Kind::Url, o.value().to_owned())),
            ObservableKind::Email => Some((Kind::Email, o.value().to_owned())),
            ObservableKind::ProcessGuid => Some((Kind::Process, o.value().to_owned())),
            ObservableKind::Sid => (o.value().len() > 12).then(|| (Kind::Sid, o.value().to_owned())),
            ObservableKind::Arn => Some((Kind::Arn, o.value().to_owned())),
            ObservableKind::CryptoAddress => Some((Kind::Wallet, o.value().to_owned())),
            ObservableKind::CryptoTransaction => Some((Kind::Transaction, o.value().to_owned())),
            // A name alone is too cheap; its path and hash stand beside it. A session's number means something on its
            // machine only, and is given out again; where the session came from stands beside it.
            ObservableKind::FileName | ObservableKind::LogonSession => None,
        };
        if let Some((kind, name)) = entity {
            out.push((Entity { kind, name }, o.clone()));
        }
    }
    // Of the canonical form: a name means the same with blanks around it.
    if let Some(o) = host.and_then(|h| Observable::parse(ObservableKind::Host, h).ok())
        && let Some(name) = machine(realms, o.value(), host)
    {
        out.push((Entity { kind: Kind::Host, name }, o));
    }
    out.sort();
    out.dedup_by(|a, b| a.0 == b.0);
    out
}

/// Entities that join nothing, by the word of an analyst.
pub(crate) struct Excluded {
    entities: BTreeSet<Entity>,
    /// Local names without a realm: whosever they are.
    bare: BTreeSet<(Kind, String)>,
}

impl Excluded {
    /// What `kind:value` texts name, under all its spellings.
    pub(crate) fn new(realms: &Realms, texts: &BTreeSet<String>) -> Excluded {
        let parse = |text: &String| {
            let (kind, value) = text.split_once(':')?;
            let kind = KINDS.into_iter().find(|k| k.name() == kind)?;
            Observable::parse(kind, value).ok()
        };
        let (mut all, mut bare) = (BTreeSet::new(), BTreeSet::new());
        for o in texts.iter().filter_map(parse) {
            let spelled_out = o.value().contains(['\\', '@', '.']);
            for (entity, _) in entities(realms, None, &[o], None) {
                if matches!(entity.kind, Kind::Account | Kind::Host | Kind::InternalIp)
                    && (!spelled_out || !entity.name.contains('\\'))
                {
                    bare.insert((entity.kind, local(&entity.name).to_owned()));
                }
                all.insert(entity);
            }
        }
        Excluded { entities: all, bare }
    }

    pub(crate) fn holds(&self, entity: &Entity) -> bool {
        self.entities.contains(entity)
            || (!self.bare.is_empty() && self.bare.contains(&(entity.kind, local(&entity.name).to_owned())))
    }
}

/// A name without what tells whose it is.
fn local(name: &str) -> &str {
    name.rsplit('\\').next().unwrap_or(name)
}

/// Kinds of observables that can be entities.
const KINDS: [ObservableKind; 17] = [
    ObservableKind::Ip,
    ObservableKind::Domain,
    ObservableKind::Url,
    ObservableKind::Email,
    ObservableKind::Md5,
    ObservableKind::Sha1,
    ObservableKind::Sha256,
    ObservableKind::Sha512,
    ObservableKind::Imphash,
    ObservableKind::Path,
    ObservableKind::Host,
    ObservableKind::Account,
    ObservableKind::Sid,
    ObservableKind::Arn,
    ObservableKind::ProcessGuid,
    ObservableKind::CryptoAddress,
    ObservableKind::CryptoTransaction,
];

/// Whether an account is somebody's, not the system's or a machine's.
fn is_somebody(value: &str) -> bool {
    let name = local(value);
    let name = name.split('@').next().unwrap_or(name).to_lowercase();
    !EVERYWHERE.contains(&name.as_str()) && !name.ends_with('$')
}

/// A machine's name. A tenant is no machine, and every machine is its own loopback.
fn machine(realms: &Realms, value: &str, host: Option<&str>) -> Option<String> {
    let lower = value.to_lowercase();
    if let Ok(ip) = lower.parse::<IpAddr>() {
        let ip = ip.to_canonical();
        return (!ip.is_loopback() && !ip.is_unspecified()).then(|| ip.to_string());
    }
    let (short, domain) = match lower.split_once('.') {
        Some((short, domain)) => (short, Some(domain)),
        None => (lower.as_str(), None),
    };
    (is_machine(&lower) && !short.is_empty() && short != "localhost")
        .then(|| realms.machine(short.to_owned(), domain, host))
}

fn address(realms: &Realms, value: &str, host: Option<&str>) -> Option<(Kind, String)> {
    let ip: IpAddr = value.parse().ok()?;
    let (none, internal) = match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            (
                ip.is_loopback() || ip.is_unspecified() || ip.is_broadcast(),
                ip.is_private() || ip.is_link_local() || shared,
            )
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            (ip.is_loopback() || ip.is_unspecified(), first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80)
        }
    };
    (!none).then(|| match internal {
        true => (Kind::InternalIp, realms.inside(value, host)),
        false => (Kind::Ip, value.to_owned()),
    })
}

/// A program's path without the arguments that some records write behind it.
fn path(value: &str) -> Option<String> {
    let lower = value.to_lowercase();
    let end =
        [".exe ", ".exe\"", ".dll,", ".ps1 ", ".bat "].iter().filter_map(|e| Some(lower.find(e)? + 4)).min();
    let cut = lower.get(..end.unwrap_or(lower.len()))?.trim_matches('"');
    (cut.len() > 4).then(|| cut.to_owned())
}

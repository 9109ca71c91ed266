//! The organisation an exercise happens in: people, machines, addresses, programs, and what it shares with everybody.
//!
//! Everything follows from the seed. Names are invented or reserved for examples (RFC 2606, RFC 5737, RFC 2544,
//! RFC 3849); no real organisation, person or address stands here. It never knows what is planted: a campaign uses
//! the same world as everybody else in it.

use crate::calendar::Span;
use crate::dice::Dice;

/// What a machine is for. Decides what it logs, when, and in which rendering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Somebody's desk.
    Office,
    /// A developer's desk.
    Developer,
    /// An administrator's desk.
    Admin,
    /// File and application servers.
    Server,
    /// Domain controllers.
    Controller,
    /// Windows servers that serve web pages or mail.
    WebWindows,
    /// Stations from which controllers of a plant are programmed and operated.
    Engineering,
    /// Linux: web servers.
    LinuxWeb,
    /// Linux: build, container and signing hosts.
    LinuxBuild,
}

impl Role {
    /// Whether its log is Linux's.
    pub fn linux(self) -> bool {
        matches!(self, Role::LinuxWeb | Role::LinuxBuild)
    }

    /// Whether somebody sits at it.
    pub fn desk(self) -> bool {
        matches!(self, Role::Office | Role::Developer | Role::Admin | Role::Engineering)
    }

    fn prefix(self) -> &'static str {
        match self {
            Role::Office => "WS",
            Role::Developer => "DEV",
            Role::Admin => "ADM",
            Role::Server => "SRV",
            Role::Controller => "DC",
            Role::WebWindows => "IIS",
            Role::Engineering => "ENG",
            Role::LinuxWeb => "web",
            Role::LinuxBuild => "build",
        }
    }
}

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Short name.
    pub name: String,
    /// Full name, as its log writes it.
    pub full: String,
    /// What it is for.
    pub role: Role,
    /// Its address inside.
    pub ip: String,
    /// Place of the person who works at it (of the administrator, for servers) in [`World::people`].
    pub owner: usize,
    /// First group of digits of its process GUIDs.
    pub guid: String,
}

/// A person with an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    /// Account name: `a.novak`.
    pub account: String,
    /// `CORP\a.novak`
    pub windows: String,
    /// `a.novak@grid.example`
    pub mail: String,
    /// Security identifier.
    pub sid: String,
    /// Where they sign in from when not at the desk.
    pub home: String,
    /// Handle on code hosts.
    pub handle: String,
    /// Address inside from which they work.
    pub desk: String,
}

/// A name on the net that many use, with its address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    /// Domain.
    pub name: String,
    /// Address.
    pub ip: String,
}

/// Everything there is before anything happens.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The seed all follows from.
    pub seed: u64,
    /// From when to when.
    pub span: Span,
    /// Domain of accounts and hosts: `grid.example`.
    pub domain: String,
    /// Short name of the Windows domain.
    pub realm: String,
    /// Domain part of every security identifier.
    pub sid: String,
    /// The mail tenant's id.
    pub tenant: String,
    /// The cloud account's number.
    pub cloud: String,
    /// People; the last three are administrators, before them developers.
    pub people: Vec<Person>,
    /// Machines.
    pub hosts: Vec<Host>,
    /// Sites that everybody visits, shared hosting and content delivery first ([`World::cdn`]).
    pub sites: Vec<Site>,
    /// Address through which the organisation goes out.
    pub gateway: String,
    /// Exits of a commercial VPN that staff on travel and others use.
    pub exits: Vec<String>,
}

const FIRST: [&str; 24] = [
    "Ada", "Bela", "Ciro", "Dana", "Emre", "Fenna", "Goran", "Hana", "Ilja", "Jana", "Karim", "Lena",
    "Milan", "Nora", "Omar", "Petra", "Rosa", "Sami", "Tess", "Uwe", "Vera", "Wim", "Yara", "Zoe",
];
const LAST: [&str; 30] = [
    "Abel", "Brandt", "Cerny", "Dahl", "Eder", "Falk", "Gruber", "Horvat", "Ivers", "Jonas", "Keller",
    "Lindt", "Maric", "Novak", "Orban", "Pavlik", "Quist", "Rask", "Sorel", "Toth", "Ulm", "Varga", "Weiss",
    "Xander", "Yilmaz", "Zeman", "Berg", "Holm", "Kraus", "Stein",
];

/// Tools, and the names that files of them bear.
const TOOLS: [(&str, [&str; 5]); 9] = [
    ("gridmap", ["gridmap", "netplan", "unitview", "lineprobe", "mtrscan"]),
    ("assessor", ["assessor", "envcheck", "taskrunner", "skillkit", "prereq"]),
    ("agentd", ["agentd", "cachemon", "udevhlp", "sshfsd", "npmhlp"]),
    ("mailpick", ["mailpick", "mboxsync", "readr", "olkfetch", "postbin"]),
    ("clean32", ["clean32", "dskmgr", "wipesvc", "drvfix", "tidy64"]),
    ("relayd", ["relayd", "drvhost", "fontsvc", "netbrg", "sessd"]),
    ("syncpub", ["syncpub", "cloudcp", "ferryman", "bucketeer", "pushbox"]),
    ("rlx", ["rlx", "qsv", "hostcfg", "tmrsvc", "vlk"]),
    ("frostpick", ["frostpick", "icelock", "sleetkey", "rimecut", "hailpin"]),
];

/// People without a desk among the machines.
pub(crate) const COLLEAGUES: usize = 10;

/// One sign-in in so many comes neither from one's own desk nor from the server below.
const ELSEWHERE: u64 = 15;

/// Of administrators' sign-ins one in so many comes by way of the first server.
const JUMPS: u64 = 6;

/// Administrators in every organisation.
const ADMINS: usize = 3;

impl World {
    /// Makes an organisation called `label` with these machines.
    pub fn new(seed: u64, label: &str, cast: &[(Role, usize)], span: Span) -> World {
        let mut dice = Dice::new(seed, &format!("world {label}"));
        let sid = format!("S-1-5-21-{}-{}-{}", number(&mut dice), number(&mut dice), number(&mut dice));
        // A scenario's organisation has branches; which one this is follows from the seed.
        let label = format!("{label}{}", dice.pick(&["", "-nord", "-west", "-ost", "-mitte"]));
        let domain = format!("{label}.example");
        let realm = label.to_uppercase();
        let (tenant, cloud) = (dice.uuid(), format!("{:012}", dice.below(999_999_999_999)));
        let desks: usize = cast.iter().filter(|(r, _)| r.desk() && *r != Role::Admin).map(|(_, n)| n).sum();
        let mut people: Vec<Person> = Vec::new();
        // More people than desks: they sign in to the cloud and the servers.
        while people.len() < desks + COLLEAGUES + ADMINS {
            let (first, last) = (dice.pick(&FIRST), dice.pick(&LAST));
            let account = format!("{}.{last}", first.chars().next().unwrap_or('x')).to_lowercase();
            let admin = people.len() >= desks + COLLEAGUES;
            let account = if admin { format!("adm-{}", last.to_lowercase()) } else { account };
            // No two people share an account, administrators with one family name included.
            if people.iter().any(|p| p.account == account) {
                continue;
            }
            people.push(Person {
                windows: format!("{realm}\\{account}"),
                mail: format!("{account}@{domain}"),
                sid: format!("{sid}-{}", 1_100 + people.len() * 7 + dice.place(7)),
                home: address(&mut dice),
                handle: format!("{}{}-{}", first.to_lowercase(), &last.to_lowercase()[..1], dice.hex(2)),
                account,
                desk: format!("10.{}.3.{}", 20 + seed % 40, 20 + people.len()),
            });
        }
        let mut hosts: Vec<Host> = Vec::new();
        let mut desk = 0;
        for (role, count) in cast {
            for n in 0..*count {
                let name = match role {
                    Role::Office | Role::Developer | Role::Engineering => {
                        format!("{}-{:04}", role.prefix(), 100 + hosts.len() * 83 + dice.place(80))
                    }
                    _ => format!("{}{:02}", role.prefix(), n + 1),
                };
                let owner = if role.desk() && *role != Role::Admin {
                    desk += 1;
                    desk - 1
                } else {
                    people.len() - 1 - n % ADMINS
                };
                let full = format!("{name}.{domain}");
                let ip =
                    format!("10.{}.{}.{}", 20 + seed % 40, 4 + hosts.len() / 12, 20 + hosts.len() * 7 % 220);
                hosts.push(Host { name, full, role: *role, ip, owner, guid: dice.hex(8) });
            }
        }
        // Who has a machine among these works at it.
        for host in hosts.iter().filter(|h| h.role.desk()) {
            if let Some(owner) = people.get_mut(host.owner) {
                owner.desk.clone_from(&host.ip);
            }
        }
        let mut sites = Vec::new();
        for stem in ["cdn.static-edge", "assets.cloudpages", "objects.fastshelf"] {
            sites.push(Site {
                name: format!("{}{}.example.net", stem, dice.hex(2)),
                ip: format!("198.51.100.{}", 1 + dice.below(250)),
            });
        }
        const OFTEN: [&str; 14] = [
            "mail.tenant",
            "login.tenant",
            "teams.tenant",
            "news.daily",
            "search.web",
            "update.system",
            "telemetry.system",
            "packages.registry",
            "video.meet",
            "maps.geo",
            "time.pool",
            "crl.trust",
            "shop.office",
            "weather.info",
        ];
        for stem in OFTEN {
            let ip = address(&mut dice);
            sites.push(Site { name: format!("{stem}-{}.example.com", dice.hex(3)), ip });
        }
        let gateway = format!("192.0.2.{}", 1 + dice.below(250));
        let exits = (0..3).map(|_| format!("203.0.113.{}", 1 + dice.below(250))).collect();
        World { seed, span, domain, realm, sid, tenant, cloud, people, hosts, sites, gateway, exits }
    }

    /// Dice for a purpose in this world.
    pub fn dice(&self, purpose: &str) -> Dice {
        Dice::new(self.seed, &format!("{} {purpose}", self.domain))
    }

    /// Place of the `n`th machine of a role; of the first machine if there is none.
    pub fn host(&self, role: Role, n: usize) -> usize {
        let mut of = self.hosts.iter().enumerate().filter(|(_, h)| h.role == role).map(|(i, _)| i);
        of.nth(n).unwrap_or_default()
    }

    /// Whose machine it is.
    pub fn owner(&self, host: usize) -> &Person {
        self.person(self.hosts.get(host).map_or(0, |h| h.owner))
    }

    /// A person by place, wrapping around.
    pub fn person(&self, place: usize) -> &Person {
        // There are always administrators, so the list is not empty.
        &self.people[place % self.people.len()]
    }

    /// Where somebody signs in from to another machine, with the name of the machine if it has one: their desk, now and
    /// then another desk or a server; administrators often by way of one server.
    pub fn place_of(&self, who: &Person, dice: &mut Dice) -> String {
        let admin = who.account.starts_with("adm-");
        if admin && dice.once_in(JUMPS) {
            return self.hosts[self.host(Role::Server, 0)].ip.clone();
        }
        if !dice.once_in(ELSEWHERE) {
            return who.desk.clone();
        }
        match dice.once_in(2) {
            true => self.person(dice.place(self.people.len())).desk.clone(),
            false => self.hosts[dice.place(self.hosts.len())].ip.clone(),
        }
    }

    /// The name of the machine with an address, as a sign-in without a ticket tells it.
    pub fn named(&self, address: &str) -> &str {
        self.hosts.iter().find(|h| h.ip == address).map_or("LAPTOP", |h| h.name.as_str())
    }

    /// Somebody without a desk among the machines, by number.
    pub fn colleague(&self, n: usize) -> &Person {
        self.person(self.people.len() - ADMINS - 1 - n % COLLEAGUES)
    }

    /// An administrator.
    pub fn admin(&self, n: usize) -> &Person {
        self.person(self.people.len() - 1 - n % ADMINS)
    }

    /// A name of content delivery that everybody's traffic passes.
    pub fn cdn(&self, n: usize) -> &Site {
        &self.sites[n % 3]
    }

    /// What a tool goes by in this world: whoever brings one along names it anew each time.
    pub fn called(&self, stem: &str) -> &'static str {
        let names = TOOLS.iter().find(|(s, _)| *s == stem).map(|(_, names)| names.as_slice());
        Dice::new(self.seed, &format!("name {stem}")).pick(names.unwrap_or_default())
    }

    /// SHA-256 of a program everybody has: the same on every machine of this world.
    pub fn program_hash(&self, image: &str) -> String {
        let name = image.rsplit(['\\', '/']).next().unwrap_or(image);
        Dice::new(self.seed, &format!("program {name}")).hex(64)
    }
}

fn number(dice: &mut Dice) -> u64 {
    100_000_000 + dice.below(3_000_000_000)
}

/// An address outside, of the range set aside for measuring networks: 131,072 of them, so that homes and sites differ.
pub(crate) fn address(dice: &mut Dice) -> String {
    format!("198.{}.{}.{}", 18 + dice.below(2), dice.below(256), 1 + dice.below(254))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_follows_from_its_seed() {
        let span = Span::before(1_791_763_200, 30);
        let cast = [(Role::Office, 4), (Role::Admin, 1), (Role::Controller, 2), (Role::LinuxWeb, 1)];
        let world = |seed| format!("{:?}", World::new(seed, "grid", &cast, span));
        assert_eq!(world(1), world(1));
        assert_ne!(world(1), world(2));
        let world = World::new(1, "grid", &cast, span);
        assert_eq!(world.hosts.len(), 8);
        let names: std::collections::BTreeSet<_> = world.hosts.iter().map(|h| &h.name).collect();
        assert_eq!(names.len(), 8);
        assert!(world.admin(0).account.starts_with("adm-"));
        for seed in 0..400 {
            let world = World::new(seed, "grid", &cast, span);
            let accounts: std::collections::BTreeSet<_> = world.people.iter().map(|p| &p.account).collect();
            assert_eq!(accounts.len(), world.people.len(), "seed {seed}: an account for each");
        }
    }
}

//! The made-up organisation: its machines, people, programs and the world outside.
//!
//! Texts are kept as they stand in JSON (backslashes doubled), so that writing an event is
//! copying. Names are fictional; addresses are of ranges that nobody is given (RFC 1918, RFC 6598).

use crate::draw::{Draw, Heavy, mix};
use crate::truth::{self, Class};

const WORKSTATIONS: usize = 1700;
const SERVERS: usize = 200;
const LINUX: usize = 100;
const USERS: usize = 5000;
const PROGRAMS: usize = 3000;
const LIBRARIES: usize = 3000;
const ADDRESSES: usize = 200_000;
const NAMES: usize = 100_000;
/// Processes that run at the same time.
const PROCESSES: usize = 16_384;

/// A machine.
pub struct Host {
    pub name: String,
    pub address: String,
    /// First 8 digits of the GUIDs that Sysmon gives there.
    pub guid: String,
    /// Who sits there mostly.
    pub owner: u16,
}

/// A person's account.
pub struct User {
    pub name: String,
    pub sid: String,
}

/// An executable or a library.
pub struct Program {
    pub path: String,
    pub file: String,
    pub company: &'static str,
    pub product: &'static str,
    pub md5: String,
    pub sha256: String,
    pub imphash: String,
}

/// A process, with what its events repeat.
#[derive(Clone)]
pub struct Process {
    pub host: u16,
    /// `u16::MAX`: the system.
    pub user: u16,
    pub program: u16,
    pub parent: u16,
    pub pid: u32,
    /// The last 24 digits of its GUID come from this.
    pub serial: u64,
    pub parent_pid: u32,
    pub parent_serial: u64,
}

pub const SYSTEM: u16 = u16::MAX;

pub struct World {
    pub hosts: Vec<Host>,
    pub users: Vec<User>,
    pub programs: Vec<Program>,
    pub libraries: Vec<Program>,
    pub addresses: Vec<String>,
    pub names: Vec<String>,
    user_rank: Heavy,
    program_rank: Heavy,
    library_rank: Heavy,
    address_rank: Heavy,
    name_rank: Heavy,
}

/// Programs of every machine: path, company, product.
const COMMON: [(&str, &str, &str); 24] = [
    (r"C:\\Windows\\System32\\svchost.exe", MS, WIN),
    (
        r"C:\\Program Files\\Meridian\\Browser\\Application\\meridian.exe",
        "Meridian Software",
        "Meridian Browser",
    ),
    (r"C:\\Windows\\explorer.exe", MS, WIN),
    (r"C:\\Program Files\\Northwind Office\\bin\\nwmail.exe", "Northwind Works", "Northwind Office"),
    (r"C:\\Program Files\\Northwind Office\\bin\\nwcalc.exe", "Northwind Works", "Northwind Office"),
    (r"C:\\Windows\\System32\\backgroundTaskHost.exe", MS, WIN),
    (r"C:\\Windows\\System32\\RuntimeBroker.exe", MS, WIN),
    (r"C:\\Program Files\\Palmgrove\\Agent\\pgagent.exe", "Palmgrove", "Palmgrove Endpoint Agent"),
    (r"C:\\Windows\\System32\\taskhostw.exe", MS, WIN),
    (r"C:\\Windows\\System32\\SearchIndexer.exe", MS, WIN),
    (r"C:\\Windows\\System32\\spoolsv.exe", MS, WIN),
    (r"C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", MS, WIN),
    (r"C:\\Program Files\\Larkspur\\Chat\\larkspur.exe", "Larkspur", "Larkspur Chat"),
    (r"C:\\Program Files\\Larkspur\\Sync\\larksync.exe", "Larkspur", "Larkspur Sync"),
    (r"C:\\Windows\\System32\\lsass.exe", MS, WIN),
    (r"C:\\Windows\\System32\\services.exe", MS, WIN),
    (r"C:\\Windows\\System32\\sppsvc.exe", MS, WIN),
    (r"C:\\Windows\\System32\\dllhost.exe", MS, WIN),
    (r"C:\\Windows\\System32\\conhost.exe", MS, WIN),
    (r"C:\\Windows\\System32\\audiodg.exe", MS, WIN),
    (r"C:\\Windows\\System32\\WUDFHost.exe", MS, WIN),
    (r"C:\\Windows\\System32\\msiexec.exe", MS, WIN),
    (r"C:\\Windows\\System32\\smartscreen.exe", MS, WIN),
    (r"C:\\Windows\\System32\\ctfmon.exe", MS, WIN),
];
const MS: &str = "Microsoft Corporation";
const WIN: &str = "Microsoft® Windows® Operating System";
/// Programs the system starts, by their index in [`COMMON`].
const OF_SYSTEM: [usize; 15] = [0, 5, 6, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21];
pub const EXPLORER: u16 = 2;
pub const SERVICES: u16 = 15;

const VENDORS: [&str; 16] = [
    "Alderbrook",
    "Birchwell",
    "Copperline",
    "Dunmore",
    "Eastgate",
    "Fernhill",
    "Greywater",
    "Hollowell",
    "Ironbridge",
    "Juniper Lane",
    "Kestrel Works",
    "Lindenfeld",
    "Marlstone",
    "Norrvik",
    "Oakhaven",
    "Pinecrest",
];
const WORDS: [&str; 32] = [
    "ledger", "atlas", "bridge", "canvas", "daily", "ember", "folio", "grid", "harbor", "index", "journal",
    "kiosk", "lantern", "mosaic", "notice", "orbit", "parcel", "quarry", "record", "signal", "tally",
    "update", "vector", "window", "xylo", "yield", "zenith", "beacon", "cinder", "delta", "fathom", "gantry",
];
const GIVEN: [&str; 20] = [
    "anna", "bela", "carmen", "dmytro", "elif", "farid", "greta", "hugo", "ines", "jonas", "katya", "lars",
    "maria", "nadia", "oskar", "petra", "quentin", "rosa", "stefan", "tilda",
];
const FAMILY: [&str; 25] = [
    "adler",
    "bondar",
    "castro",
    "dahl",
    "eriksen",
    "fischer",
    "garcia",
    "horvat",
    "ivanenko",
    "jansen",
    "kovac",
    "lindgren",
    "moreau",
    "novak",
    "olsen",
    "petrenko",
    "quist",
    "rossi",
    "silva",
    "tamm",
    "ullman",
    "varga",
    "weber",
    "yilmaz",
    "zielinski",
];

impl World {
    pub fn new() -> World {
        let hosts = (0..WORKSTATIONS + SERVERS + LINUX)
            .map(|i| {
                let name = match i {
                    _ if i < WORKSTATIONS => format!("WKS-{:04}.corp.example.test", 1000 + i),
                    _ if i < WORKSTATIONS + SERVERS => {
                        format!("SRV-{:03}.corp.example.test", i - WORKSTATIONS + 100)
                    }
                    _ => format!("lnx-{:03}.corp.example.test", i - WORKSTATIONS - SERVERS),
                };
                let address = format!("10.{}.{}.{}", 20 + i / 1000, i / 200 % 200, 10 + i % 200);
                Host {
                    name,
                    address,
                    guid: format!("{:08x}", mix(i as u64) as u32),
                    owner: (mix(i as u64) % USERS as u64) as u16,
                }
            })
            .collect();
        let users = (0..USERS)
            .map(|i| {
                let name = format!("{}.{}{}", GIVEN[i % 20], FAMILY[i / 20 % 25], i / 500);
                User { name, sid: format!("S-1-5-21-1004336348-1177238915-682003330-{}", 1100 + i) }
            })
            .collect();
        let program = |i: usize, path: String, company, product, salt: u32| Program {
            file: path.rsplit('\\').next().unwrap_or_default().to_owned(),
            path,
            company,
            product,
            md5: truth::md5(Class::Background, salt + i as u32),
            sha256: truth::sha256(Class::Background, salt + i as u32),
            imphash: truth::hex(Class::Background, (salt + i as u32) % 1777, 5, 2),
        };
        let made_up = |i: usize, kind: &str| {
            let (vendor, word) = (VENDORS[i % 16], WORDS[i / 16 % 32]);
            let other = WORDS[(i * 7 + 3) % 32];
            (
                format!(r"C:\\Program Files\\{vendor}\\{word}-{other}\\bin\\{word}{}.{kind}", i / 512),
                vendor,
                word,
            )
        };
        let programs = (0..PROGRAMS)
            .map(|i| match COMMON.get(i) {
                Some((path, company, product)) => program(i, (*path).to_owned(), company, product, 0),
                None => {
                    let (path, company, product) = made_up(i, "exe");
                    program(i, path, company, product, 0)
                }
            })
            .collect();
        let libraries = (0..LIBRARIES)
            .map(|i| {
                if i < 400 {
                    let path = format!(
                        r"C:\\Windows\\System32\\{}{}{:02}.dll",
                        WORDS[i % 32],
                        WORDS[i / 32 + 5],
                        i % 100
                    );
                    program(i, path, MS, WIN, 100_000)
                } else {
                    let (path, company, product) = made_up(i, "dll");
                    program(i, path, company, product, 100_000)
                }
            })
            .collect();
        World {
            hosts,
            users,
            programs,
            libraries,
            addresses: (0..ADDRESSES).map(|i| truth::ip(Class::Background, i as u32)).collect(),
            names: (0..NAMES).map(|i| truth::domain(Class::Background, i as u32)).collect(),
            user_rank: Heavy::new(USERS),
            program_rank: Heavy::new(PROGRAMS),
            library_rank: Heavy::new(LIBRARIES),
            address_rank: Heavy::new(ADDRESSES),
            name_rank: Heavy::new(NAMES),
        }
    }

    pub fn windows_host(&self, draw: &mut Draw) -> u16 {
        draw.below((WORKSTATIONS + SERVERS) as u64) as u16
    }

    pub fn linux_host(&self, draw: &mut Draw) -> &Host {
        &self.hosts[WORKSTATIONS + SERVERS + draw.index(LINUX)]
    }

    pub fn user(&self, draw: &mut Draw) -> u16 {
        self.user_rank.rank(draw) as u16
    }

    /// Mostly who sits there, sometimes anyone.
    pub fn user_of(&self, host: u16, draw: &mut Draw) -> u16 {
        if draw.one_in(5) { self.user(draw) } else { self.hosts[usize::from(host)].owner }
    }

    pub fn library(&self, draw: &mut Draw) -> &Program {
        &self.libraries[self.library_rank.rank(draw)]
    }

    pub fn address(&self, draw: &mut Draw) -> &str {
        &self.addresses[self.address_rank.rank(draw)]
    }

    pub fn name(&self, draw: &mut Draw) -> &str {
        &self.names[self.name_rank.rank(draw)]
    }

    /// A process that starts now on some machine.
    pub fn process(&self, draw: &mut Draw, serial: u64) -> Process {
        let host = self.windows_host(draw);
        let program = self.program_rank.rank(draw) as u16;
        let system = OF_SYSTEM.contains(&usize::from(program));
        Process {
            host,
            user: if system { SYSTEM } else { self.user_of(host, draw) },
            program,
            parent: if system { SERVICES } else { EXPLORER },
            pid: 4 * (100 + draw.below(16_000) as u32),
            serial,
            parent_pid: 4 * (100 + draw.below(2_000) as u32),
            parent_serial: mix(u64::from(host) << 8 | u64::from(system)),
        }
    }

    /// What runs when a file begins.
    pub fn processes(&self, draw: &mut Draw, file: u32) -> Vec<Process> {
        (0..PROCESSES as u64).map(|i| self.process(draw, u64::from(file) << 32 | 0x8000_0000 | i)).collect()
    }
}

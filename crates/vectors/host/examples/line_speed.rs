//! How fast the line readers are, on one thread, whole way from bytes to batches.
//!
//! `cargo run --release --locked -p palisade-host --example line_speed [LINES]` prints, for each
//! kind, lines and bytes per CPU-second of a generated log (wall time where the system does not tell); the rules' fields are those that the shipped
//! shapes name.

// A measurement may fail in the plain way, and its output is its purpose.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Instant;

use palisade_host::json::Dialects;
use palisade_host::lines::Kind;
use palisade_host::{Context, Format, Scratch, read, split};
use palisade_model::{Batch, Catalogue, FieldsBuilder, Origin, Projection, SourceId};

fn line(kind: Kind, i: usize, out: &mut String) {
    let (a, b, s) = (i % 251, i / 251 % 251, i % 60);
    let _ = match kind {
        Kind::Access => writeln!(
            out,
            "203.0.{b}.{a} - - [10/Oct/2024:13:55:{s:02} +0200] \"GET /shop/item/{i}?session={a}&page={b} HTTP/1.1\" 200 {} \"https://www.example.org/list/{a}\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/12{s}.0 Safari/537.36\"",
            1000 + a
        ),
        Kind::W3c => writeln!(
            out,
            "2024-10-10 13:55:{s:02} 192.0.2.10 GET /shop/item/{i} session={a} 443 - 203.0.{b}.{a} Mozilla/5.0+(Windows+NT+10.0;+Win64) https://www.example.org/ 200 0 0 {a}"
        ),
        Kind::Syslog => writeln!(
            out,
            "2024-10-10T13:55:{s:02}.{i:06}+02:00 web{b} sshd[{i}]: Failed password for invalid user u{a} from 203.0.{b}.{a} port 5{s:02} ssh2",
            i = i % 1_000_000
        ),
        Kind::Auditd => writeln!(
            out,
            "type=SYSCALL msg=audit(1604996384.965:{i}): arch=c000003e syscall=59 success=yes exit=0 a0=558e25052c70 a1=558e251641a0 a2=558e25160800 a3=1b6 items=2 ppid=29002 pid={a} auid=1000 uid=1000 gid=1000 tty=pts0 ses=104 comm=\"dd\" exe=\"/bin/dd\" key=(null)"
        ),
        Kind::Cef => writeln!(
            out,
            "CEF:0|Vendor|Product|1.0|{a}|Blocked|5|src=203.0.{b}.{a} dst=192.0.2.1 spt=5{s:02} dpt=443 act=blocked request=https://www.example.org/{i}"
        ),
        Kind::Pairs => writeln!(
            out,
            "date=2024-10-10 time=13:55:{s:02} devid=\"FGT60E\" type=\"traffic\" subtype=\"forward\" eventtime=1728561300000000000 srcip=203.0.{b}.{a} srcport=5{s:02} dstip=192.0.2.1 dstport=443 action=\"deny\" policyid={a} service=\"HTTPS\""
        ),
        Kind::Squid => writeln!(
            out,
            "1728561300.{a:03} {s} 203.0.{b}.{a} TCP_MISS/200 4{a} GET http://www.example.org/item/{i}?x={b} - HIER_DIRECT/198.51.100.9 text/html"
        ),
        Kind::Postgres => writeln!(
            out,
            "2024-10-10 13:55:{s:02}.{a:03} UTC [{i}] app@shop LOG:  statement: SELECT * FROM item WHERE id = {i} AND shop = {b}"
        ),
        _ => writeln!(out, "{i},2024-10-10T13:55:{s:02}Z,203.0.{b}.{a},\"GET, {a}\",/shop/item/{i},200"),
    };
}

/// CPU seconds of this process so far (user and system, in hundredths), from Linux's `/proc`.
fn cpu() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn main() {
    let lines: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let mut fields = FieldsBuilder::new();
    let mut catalogue = Catalogue::default();
    for (name, text) in [
        ("appliances", include_str!("../../../../knowledge/fields/appliances.toml")),
        ("applications", include_str!("../../../../knowledge/fields/applications.toml")),
        ("linux", include_str!("../../../../knowledge/fields/linux.toml")),
    ] {
        catalogue.add(name, text, &mut fields).unwrap();
    }
    // What the public rules for web servers read.
    let mut wanted = palisade_model::FieldSet::new();
    for name in [
        "cs-method",
        "cs-uri-stem",
        "sc-status",
        "cs-user-agent",
        "cs-referer",
        "cs-username",
        "cs-host",
        "message",
    ] {
        wanted.insert(fields.intern(name).unwrap());
    }
    let fields = fields.close();
    let set =
        Dialects::parse("dialects", include_str!("../../../../knowledge/fields/dialects.toml")).unwrap();
    let dialects = set.close(&fields).unwrap();
    let mut projection = Projection::new(&catalogue);
    for (id, shape) in catalogue.shapes() {
        let mut all = wanted.clone();
        shape.derive.iter().for_each(|d| all.insert(d.field));
        projection.want(id, &all);
        projection.want_text(id);
    }
    let (catalogue, projection, dialects) = (&catalogue, &projection, &dialects);
    let context = Context { fields: &fields, catalogue, projection, dialects, zone: None, as_of: None };
    let origin = Origin::file("speed");
    println!("{:<10} {:>12} {:>10} {:>12}", "kind", "lines/CPU s", "MB/CPU s", "rows");
    for kind in [
        Kind::Access,
        Kind::W3c,
        Kind::Syslog,
        Kind::Auditd,
        Kind::Cef,
        Kind::Pairs,
        Kind::Squid,
        Kind::Postgres,
        Kind::Table,
    ] {
        let mut text = match kind {
            Kind::W3c => "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n".to_owned(),
            Kind::Table => "id,time,client,what,path,status\n".to_owned(),
            _ => String::new(),
        };
        (0..lines).for_each(|i| line(kind, i, &mut text));
        let mut scratch = Scratch::default();
        let (mut rows, mut problems) = (0, 0);
        let (start, before) = (Instant::now(), cpu());
        split(Format::Lines(kind), &origin, &mut text.as_bytes(), &mut |piece| {
            let said = read(piece, context, SourceId(0), &origin, &mut scratch, &mut |batch| {
                rows += batch.len();
                batch.into_buffers()
            });
            problems += said.len();
            ControlFlow::Continue(())
        });
        let wall = start.elapsed().as_secs_f64();
        let seconds = cpu().zip(before).map_or(wall, |(after, before)| (after - before).max(0.01));
        let (rate, bytes) = (lines as f64 / seconds, text.len() as f64 / seconds / 1e6);
        println!("{:<10} {rate:>12.0} {bytes:>10.0} {rows:>12} ({problems} problems)", format!("{kind:?}"));
    }
}

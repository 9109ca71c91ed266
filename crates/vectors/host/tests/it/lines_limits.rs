//! Hostile text: long lines, bad bytes, cut ends, a million rows alike, any bytes at all.

use std::io::Read;
use std::ops::ControlFlow;

use palisade_host::lines::{Kind, MAX_LINE_BYTES, fuzz, fuzz_kind, fuzz_mapping, fuzz_one};
use palisade_host::{Format, Scratch, read, split};
use palisade_model::{Batch, Buffers, Origin, SourceId};

use crate::lines::Shipped;

const ACCESS: &str = "203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] \"GET /a?b=c HTTP/1.0\" 200 2326\n";

/// A line of each kind, whole in itself, with what must stand before it.
const SAMPLES: [(Kind, &str, &str); 14] = [
    (Kind::Access, "", ACCESS),
    (
        Kind::W3c,
        "#Fields: date time c-ip cs-uri-stem sc-status\n",
        "2024-03-01 10:00:00 203.0.113.6 /x 500\n",
    ),
    (Kind::ErrorLog, "", "[Wed Oct 11 14:32:52 2000] [error] [client 198.51.100.1] client denied\n"),
    (Kind::Syslog, "", "<34>1 2003-10-11T22:14:15Z host su 7 - - 'su root' failed\n"),
    (Kind::Auditd, "", "type=USER_LOGIN msg=audit(1700000000.123:88): pid=812 res=failed\n"),
    (Kind::Journal, "", "__REALTIME_TIMESTAMP=1700000000123456\nMESSAGE=x\n\n"),
    (Kind::Cef, "", "CEF:0|V|P|1|7|Blocked|5|src=203.0.113.2 act=blocked\n"),
    (Kind::Pairs, "", "src=203.0.113.2 dst=192.0.2.1 action=deny\n"),
    (Kind::Squid, "", "1286536308.779 180 192.0.2.224 TCP_MISS/200 411 GET http://a.example/ - DIRECT/1 -\n"),
    (Kind::Postgres, "", "2023-10-01 12:00:00.123 UTC [1234] LOG:  statement: SELECT 1\n"),
    (Kind::PostgresCsv, "", "2023-10-01 12:00:00 UTC,a,b,1,,s,1,x,t,v,0,LOG,00000,m,,,,,,,,,app\n"),
    (Kind::MysqlGeneral, "", "2023-10-01T12:00:00.123456Z\t    8 Query\tselect 1\n"),
    (Kind::Table, "a,b,c\n", "1,2,3\n"),
    (
        Kind::MysqlAudit,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AUDIT>\n",
        "<AUDIT_RECORD NAME=\"Query\" USER=\"root\" SQLTEXT=\"SELECT 1\"/>\n",
    ),
];

#[test]
fn every_kind_has_a_sample() {
    for kind in Kind::ALL {
        assert!(SAMPLES.iter().any(|(k, ..)| *k == kind), "{kind:?}");
    }
}

#[test]
fn every_sample_is_recognised_as_what_it_is() {
    let house = Shipped::new();
    for (kind, head, line) in SAMPLES {
        let text = format!("{head}{}", line.repeat(3));
        assert_eq!(palisade_host::sniff(text.as_bytes()), Some(Format::Lines(kind)), "{text}");
        let seen = house.read(text.as_bytes());
        assert_eq!(
            (seen.rows.len(), kind),
            (if kind == Kind::Auditd { 1 } else { 3 }, kind),
            "{}",
            seen.said()
        );
        // UTF-16, as some exporters write it, gives the same.
        if kind != Kind::Journal {
            let wide: Vec<u8> =
                [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
            let again = house.read(&wide);
            let fields = |s: &crate::lines::Seen| s.rows.iter().map(|r| r.fields.clone()).collect::<Vec<_>>();
            assert_eq!(fields(&again), fields(&seen), "{kind:?}");
        }
    }
}

/// Rows and problems of a stream, without keeping them.
fn count(kind: Kind, stream: &mut dyn Read) -> (usize, Vec<String>) {
    let mut house = Shipped::with(&["c-ip"], None, false);
    house.zone = Some(jiff::tz::TimeZone::UTC);
    let origin = Origin::file("big");
    let mut scratch = Scratch::default();
    let mut rows = 0;
    let mut said = Vec::new();
    let mut largest = 0;
    let problems = split(Format::Lines(kind), &origin, stream, &mut |piece| {
        largest = largest.max(piece.data.len());
        let more = read(piece, house.context(), SourceId(0), &origin, &mut scratch, &mut |batch| {
            rows += batch.len();
            batch.into_buffers()
        });
        said.extend(more);
        ControlFlow::Continue(())
    });
    assert!(largest <= 2 * MAX_LINE_BYTES, "a piece of {largest} bytes");
    let said = problems
        .iter()
        .chain(&said)
        .map(|p| format!("{} x{} at {:?}: {}", p.code.name(), p.count, p.offset, p.message));
    (rows, said.collect())
}

#[test]
fn a_line_of_ten_megabytes_costs_itself() {
    for (kind, head, line) in SAMPLES {
        if matches!(kind, Kind::Auditd | Kind::Journal) {
            continue;
        }
        let long = format!("{}\n", "x".repeat(10 << 20));
        let text = format!("{head}{line}{long}{line}{long}");
        let (rows, said) = count(kind, &mut text.as_bytes());
        // What goes on over lines has taken the long one's beginning.
        assert!(rows >= 1, "{kind:?}: {said:?}");
        assert!(said.iter().any(|s| s.starts_with("limit x")), "{kind:?}: {said:?}");
        if matches!(kind, Kind::Access | Kind::W3c | Kind::Syslog | Kind::Cef | Kind::Squid | Kind::Table) {
            assert_eq!(rows, 2, "{kind:?}: {said:?}");
        }
    }
}

#[test]
fn ten_megabytes_of_open_quotes_are_rows_and_one_problem() {
    let many = (10 << 20) / "a,\"b\",\"c\n".len();
    let text = format!("a,b,c\n{}{}", "1,2,3\n".repeat(64), "a,\"b\",\"c\n".repeat(many));
    let (rows, said) = count(Kind::Table, &mut text.as_bytes());
    assert_eq!(rows, 64 + many);
    assert!(said.iter().all(|s| s.contains("a quote does not close")) && said.len() <= 2, "{said:?}");
    // What goes on over lines for ever is cut, too, whichever place of the buffer its last line ends at.
    let text = format!("{}{}", SAMPLES[9].2, "\tand so on\n".repeat(1 << 20));
    let (_, said) = count(Kind::Postgres, &mut text.as_bytes());
    assert!(said.iter().any(|s| s.contains("goes on over more than 4 MiB")), "{said:?}");
    assert!(!said.iter().any(|s| s.contains("its first line was left out")), "{said:?}");
}

#[test]
fn bad_bytes_and_cut_ends() {
    let house = Shipped::new();
    for (kind, head, line) in SAMPLES {
        let line = line.as_bytes();
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\0\xff\xfe\0garbage\xc3\x28\n");
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(&line[..line.len() / 2]);
        let seen = house.read_as(Format::Lines(kind), &bytes);
        assert!(!seen.rows.is_empty(), "{kind:?}: {}", seen.said());
        if kind != Kind::Auditd && kind != Kind::Journal {
            assert!(seen.said().contains("encoding"), "{kind:?}: {}", seen.said());
        }
        // Any cut is read without a panic, and nothing is lost in silence.
        for at in 0..bytes.len() {
            house.read_as(Format::Lines(kind), &bytes[..at]);
        }
    }
}

/// A head and then a line over and over.
struct Repeat<'a> {
    head: &'a [u8],
    line: &'a [u8],
    left: usize,
    at: usize,
}

impl Read for Repeat<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if !self.head.is_empty() {
            let n = self.head.len().min(out.len());
            out[..n].copy_from_slice(&self.head[..n]);
            self.head = &self.head[n..];
            return Ok(n);
        }
        let mut done = 0;
        while self.left > 0 && done < out.len() {
            let n = (self.line.len() - self.at).min(out.len() - done);
            out[done..done + n].copy_from_slice(&self.line[self.at..self.at + n]);
            self.at += n;
            done += n;
            if self.at == self.line.len() {
                (self.at, self.left) = (0, self.left - 1);
            }
        }
        Ok(done)
    }
}

#[test]
fn a_million_rows_of_one_value() {
    for (kind, head, line) in SAMPLES {
        let many = 1_000_000;
        let mut stream = Repeat { head: head.as_bytes(), line: line.as_bytes(), left: many, at: 0 };
        let (rows, said) = count(kind, &mut stream);
        if kind == Kind::Auditd {
            // One serial for all: an event that never ends is closed when it is large.
            assert!(rows >= many / 20_000 && rows < many, "{rows}");
        } else {
            assert_eq!((rows, said.len()), (many, 0), "{kind:?}: {said:?}");
        }
    }
}

#[test]
fn pieces_cut_anywhere_give_the_same_rows() {
    let house = Shipped::new();
    for (kind, head, line) in SAMPLES {
        let mut text = head.to_owned();
        // A table's header comes off the first piece, so that its second is read before there is enough to cut.
        while text.len() < 4 << 20 {
            text.push_str(line);
        }
        let whole = house.read_as(Format::Lines(kind), text.as_bytes());
        if kind != Kind::Auditd {
            assert!(whole.pieces >= 3, "{kind:?}");
        }
        let width = if kind == Kind::Journal { 3 } else { 1 };
        for (i, row) in whole.rows.iter().enumerate().filter(|_| kind != Kind::Auditd) {
            let first = 1 + head.lines().count();
            assert_eq!(row.record, (first + i * width) as u64, "{kind:?}");
            assert_eq!(row.offset, (head.len() + i * line.len()) as u64, "{kind:?}");
            assert_eq!(row.fields, whole.rows[0].fields, "{kind:?}");
        }
    }
}

#[test]
fn only_what_is_asked_for_becomes_cells() {
    let mut house = Shipped::with(&["sc-status"], None, false);
    house.projection = palisade_model::Projection::new(&house.catalogue);
    let status = house.fields.id("sc-status").unwrap();
    let mut set = palisade_model::FieldSet::new();
    set.insert(status);
    let shape = house.catalogue.shape(house.catalogue.stream("webserver.access").unwrap(), 0);
    house.projection.want(shape, &set);
    let origin = Origin::file("x");
    let mut names = Vec::new();
    let format = Format::Lines(Kind::Squid);
    split(format, &origin, &mut SAMPLES[8].2.as_bytes(), &mut |piece| {
        read(piece, house.context(), SourceId(0), &origin, &mut Scratch::default(), &mut |batch| {
            batch.every(0, &mut |f, _| names.push(house.fields.name(f).to_owned()));
            Buffers::default()
        });
        ControlFlow::Continue(())
    });
    // Nobody asks for a proxy's fields but its own shape, for people.
    names.sort();
    assert_eq!(names, ["c-ip", "cs-host", "cs-method", "cs-uri", "sc-status"]);
}

/// xorshift64*, as the other fuzz tests use it.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

#[test]
fn any_bytes_at_all() {
    let mut seeds: Vec<(Kind, Vec<u8>)> = SAMPLES
        .iter()
        .map(|(kind, head, line)| (*kind, format!("{head}{}", line.repeat(3)).into_bytes()))
        .collect();
    seeds.push((
        Kind::Journal,
        b"__REALTIME_TIMESTAMP=1700000000123456\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=message repeated 2 times: [ Failed password for invalid user x from 1.2.3.4 port 5 ssh2]\n\n".to_vec(),
    ));
    seeds.push((Kind::Table, b"a,b,c\n1,\"2\"\"\",\"3\\\"x\"\n4,\"5\n6\",7\n".to_vec()));
    let mapping: &[u8] = b"stream = \"proxy\"\njson = [\"Raw\"]\n[columns]\ntime = [\"a\", \"b\"]\n\"c-ip\" = \"b\"\n\0a,b,Raw\n1,2,\"{\"\"x\"\":1}\"\n";
    seeds.push((
        Kind::MysqlAudit,
        b"<AUDIT><AUDIT_RECORD A=\"b\" C=\"&lt;\"/><AUDIT_RECORD><X>y</X></AUDIT_RECORD>".to_vec(),
    ));
    seeds.push((Kind::Syslog, b"Oct 11 22:14:15 h kernel: IN=a SRC=1 DST=2\nOct 11 22:14:15 h app: {\"a\":[{\"b\":1}]}\n<1>1 - - - - - [a b=\"\\]\"] x\n".to_vec()));
    seeds.push((Kind::Auditd, b"type=EXECVE msg=audit(1.0:1): argc=2 a0=\"x\" a1[0]=41 a1[1]=42\ntype=SOCKADDR msg=audit(1.0:1): saddr=0A0000500000000000000000000000000000000000000000\n".to_vec()));
    const BITS: [&[u8]; 18] = [
        b"\"",
        b"\\",
        b"[",
        b"]",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xff",
        b"=",
        b"|",
        b"\t",
        b"<",
        b">",
        b"audit(",
        b"#Fields: ",
        b"a0=",
        "\u{2028}é".as_bytes(),
        b" ",
    ];
    // Another number for a longer search: PALISADE_FUZZ_LINES.
    let rounds = std::env::var("PALISADE_FUZZ_LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let mut random = Random(0x5EED);
    for (kind, seed) in &seeds {
        for _ in 0..rounds / seeds.len() {
            let mut bytes = seed.clone();
            for _ in 0..=random.below(6) {
                let at = random.below(bytes.len() + 1);
                match random.below(5) {
                    0 if at < bytes.len() => bytes[at] = random.next() as u8,
                    1 => bytes.truncate(at),
                    2 => {
                        let bit = BITS[random.below(BITS.len())];
                        bytes.splice(at..at, bit.iter().copied());
                    }
                    3 if at < bytes.len() => {
                        let end = (at + random.below(20)).min(bytes.len());
                        bytes.drain(at..end);
                    }
                    _ => {
                        let end = (at + random.below(40)).min(bytes.len());
                        let part = bytes[at..end].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
            }
            fuzz_kind(*kind, &bytes);
        }
        fuzz(seed);
        fuzz_one(seed);
    }
    fuzz_mapping(&[]);
    for _ in 0..rounds / seeds.len() {
        let mut bytes = mapping.to_vec();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = random.next() as u8,
                1 => {
                    let bit = BITS[random.below(BITS.len())];
                    bytes.splice(at..at, bit.iter().copied());
                }
                _ => {
                    let end = (at + random.below(10)).min(bytes.len() - 1).max(at);
                    bytes.drain(at..end);
                }
            }
        }
        fuzz_mapping(&bytes);
    }
}

//! Hostile input: whatever it is, reading ends within limits and says what was left out.

use std::io::Read;
use std::ops::ControlFlow;

use palisade_host::json::{MAX_RECORD_BYTES, PIECE_BYTES, fuzz};
use palisade_host::{Format, Scratch, split};
use palisade_model::{Batch, MAX_ROWS, Origin, ProblemCode};

use crate::json::{House, pieces};

#[test]
fn a_line_of_100_mb_is_left_out_without_being_held() {
    let head = b"{\"a\":1}\n{\"a\":\"".as_slice();
    let mut stream = head.chain(std::io::repeat(b'x').take(100 << 20)).chain(b"\"}\n{\"a\":3}\n".as_slice());
    let mut rows = Vec::new();
    let house = House::new(&["a"], false);
    let mut scratch = Scratch::default();
    let problems = split(Format::Json, &Origin::file("t"), &mut stream, &mut |piece| {
        assert!(piece.data.len() <= MAX_RECORD_BYTES + 2 * PIECE_BYTES);
        for batch in house.read_piece(piece, &mut scratch).0 {
            rows.extend((0..batch.len()).map(|r| (batch.header(r).record, batch.header(r).offset)));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(rows, [(1, 0), (3, 17 + (100 << 20))]);
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, problems[0].offset), (ProblemCode::Limit, Some(8)));
}

#[test]
fn a_first_line_or_an_element_too_long() {
    for (open, close) in [("", "\n"), ("[", ","), ("{\"Records\":[", ",")] {
        let mut text = format!("{open}{{\"a\":\"{}\"}}{close}", "x".repeat(40 << 20)).into_bytes();
        text.extend_from_slice(b"{\"a\":2}");
        let (batches, problems) = House::new(&["a"], false).read(&text);
        let rows: usize = batches.iter().map(Batch::len).sum();
        assert_eq!(rows, 1, "{open}");
        assert_eq!(batches.last().unwrap().header(0).record, 2, "{open}");
        assert_eq!(batches.last().unwrap().header(0).offset, text.len() as u64 - 7, "{open}");
        assert!(problems.iter().any(|p| p.code == ProblemCode::Limit), "{open}");
    }
}

#[test]
fn a_million_fresh_keys_cost_nothing_that_stays() {
    let mut text = String::new();
    for i in 0..1_000_000 {
        text.push_str(&format!("{{\"k{i}\":1}}\n"));
    }
    let (batches, problems) = House::new(&["a"], true).read(text.as_bytes());
    assert_eq!(batches.iter().map(Batch::len).sum::<usize>(), 1_000_000);
    assert!(batches.iter().all(|b| b.len() <= MAX_ROWS));
    assert!(problems.is_empty());
}

#[test]
fn a_million_elements_on_one_line() {
    let text =
        format!("{{\"Records\":[{}{{\"a\":\"same\"}}]}}\n{{\"a\":1}}\n", "{\"a\":\"same\"},".repeat(999_999));
    let (batches, problems) = House::new(&["a"], true).read(text.as_bytes());
    assert_eq!(batches.iter().map(Batch::len).sum::<usize>(), 1_000_001, "{problems:?}");
}

#[test]
fn depth_bombs() {
    let house = House::new(&["a", "a.b"], true);
    for bomb in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 18), "[{\"a\":".repeat(1 << 18)] {
        house.read(bomb.as_bytes());
        house.read(format!("{{\"a\":{bomb}").as_bytes());
    }
    let deep = format!("{{\"a\":{}1{}}}\n", "[".repeat(5_000), "]".repeat(5_000));
    let (batches, problems) = house.read(deep.repeat(2).as_bytes());
    assert_eq!(batches[0].len(), 2);
    assert_eq!((problems[0].code, problems[0].count), (ProblemCode::Limit, 2));
}

/// A record of Log Analytics whose `EventData` is `inner` as text.
fn with_event_data(inner: &str) -> String {
    let inner = serde_json::to_string(inner).unwrap();
    format!(r#"{{"EventSourceName":"s","Channel":"Security","EventID":1,"EventData":{inner}}}"#)
}

#[test]
fn what_a_text_inside_a_record_does_not_give_is_told() {
    let house = House::new(&["A", "Z"], false);
    let data = |body: String| format!("<EventData>{body}</EventData>");
    let values = "<Data Name='B'>1</Data>".repeat(4_096);
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let a = "<Data Name='A'>1</Data>";
    let z = "<Data Name='Z'>1</Data>";
    for (inner, read, problem) in [
        (data(format!("{a}{z}")), "AZ", None),
        (data(format!("{a}<!-- {z}")), "A", Some((ProblemCode::Syntax, "XML inside a record"))),
        (data(format!("<Data Name='A'>&lt x & y&bad;</Data>{z}")), "AZ", None),
        (format!("<EventData>{a}<Data Name='Z'>ab"), "AZ", Some((ProblemCode::Syntax, "ends early"))),
        (data(format!("{a}{}{z}", "<x>".repeat(20))), "A", Some((ProblemCode::Limit, "16 levels"))),
        (data(format!("{a}{values}{z}")), "A", Some((ProblemCode::Limit, "4,096 values"))),
        (r#"{"A":1,"Z":2}"#.into(), "AZ", None),
        (r#"{"A":1,"B":nothing,"Z":2}"#.into(), "A", Some((ProblemCode::Syntax, "JSON inside a record"))),
        (
            format!(r#"{{"A":1,"B":{{"C":{deep}}},"Z":{deep}}}"#),
            "AZ",
            Some((ProblemCode::Limit, "64 levels")),
        ),
        // Text that only looks a little like XML or JSON is text.
        ("a < b <c> d".into(), "", None),
        ("[12:30] started".into(), "", None),
    ] {
        let text = format!("{{\"q\":1}}\n{}", with_event_data(&inner));
        let (batches, problems) = house.read(text.as_bytes());
        let mut got = String::new();
        batches[0].each(1, &mut |f, _| {
            let name = house.fields.name(f);
            if matches!(name, "A" | "Z") && !got.contains(name) {
                got.push_str(name);
            }
        });
        assert_eq!(got, read, "{inner}");
        match problem {
            None => assert!(problems.is_empty(), "{inner}: {problems:?}"),
            Some((code, what)) => {
                assert_eq!(problems.len(), 1, "{inner}: {problems:?}");
                assert_eq!((problems[0].code, problems[0].offset), (code, Some(8)), "{inner}");
                assert!(problems[0].message.contains(what), "{inner}: {}", problems[0].message);
            }
        }
    }
    let pairs = r#"{"Name":"ForwardTo","Value":"x"},"#.repeat(5_000);
    let audit = format!("type=EXECVE audit(1.5:1): {}", "a=1 ".repeat(5_000));
    for text in [
        format!(
            r#"{{"Operation":"o","Workload":"w","UserId":"u","RecordType":1,"Parameters":[{}]}}"#,
            &pairs[..pairs.len() - 1]
        ),
        format!(r#"{{"Facility":"user","SyslogMessage":"{audit}"}}"#),
    ] {
        let (batches, problems) = House::new(&["a", "Parameters.ForwardTo"], false).read(text.as_bytes());
        assert_eq!(batches[0].len(), 1);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].code, problems[0].offset), (ProblemCode::Limit, Some(0)));
    }
}

#[test]
fn pieces_and_their_order_do_not_change_what_is_read() {
    let mut text = String::new();
    for i in 0..30_000 {
        let filler = "y".repeat(i % 300);
        text.push_str(&format!("{{\"a\":\"{i}\\n\",\"k{}\":\"{filler}\",\"EventID\":{i}}}\n", i % 40));
    }
    let house = House::new(&["a", "EventID"], true);
    let (list, _) = pieces(text.as_bytes());
    assert!(list.len() > 3);
    let dump = |reverse: bool, fresh: bool| {
        let (mut list, _) = pieces(text.as_bytes());
        if reverse {
            list.reverse();
        }
        let mut scratch = Scratch::default();
        let mut rows = std::collections::BTreeMap::new();
        for piece in list {
            if fresh {
                scratch = Scratch::default();
            }
            for b in house.read_piece(piece, &mut scratch).0 {
                for r in 0..b.len() {
                    let mut cells = Vec::new();
                    b.each(r, &mut |f, v| cells.push(format!("{f:?}{v:?}")));
                    rows.insert((b.header(r).record, b.header(r).offset), (cells, b.text(r).text.to_owned()));
                }
            }
        }
        rows
    };
    let straight = dump(false, false);
    assert_eq!(straight.len(), 30_000);
    assert!(straight == dump(true, false) && straight == dump(false, true));
    // One piece made of all of them.
    let all = palisade_host::Piece {
        format: Format::Json,
        data: text.clone().into_bytes(),
        offset: 0,
        first_record: 1,
        damaged: false,
        preface: Default::default(),
    };
    let whole = house.read_piece(all, &mut Scratch::default()).0;
    assert_eq!(whole.iter().map(Batch::len).sum::<usize>(), 30_000);
    for b in &whole {
        for r in 0..b.len() {
            let key = (b.header(r).record, b.header(r).offset);
            assert_eq!(straight[&key].1, b.text(r).text);
        }
    }
}

#[test]
fn mutations_do_not_panic() {
    let seeds: [&str; 7] = [
        r#"{"Channel":"Security","EventID":"4688","EventData":{"Image":"a\\b","x y":[1,null,{"z":true}]},"EventTime":"2020-01-01 00:00:00"}"#,
        r#"{"Channel":"a","Message":"<Event><System><EventID>1</EventID></System><EventData><Data Name=\"Image\">&amp;</Data></EventData></Event>"}"#,
        r#"{"Channel":"a","AuditData":"{\"Image\":\"\\u0041\"}","Parameters":[{"Name":"a","Value":1}]}"#,
        r#"{"Channel":"a","Message":"type=EXECVE msg=audit(1.2:3): a0=\"x\" a1=4142"}"#,
        "{\"Records\":[{\"a\":{\"b\":{\"c\":1}}},{\"Image\":1}]}\n{\"Records\":[]}\n",
        "[\n {\"Image\": \"x\"},\n {\"Hashes\": \"MD5=1,SHA1=2\"}\n]\n",
        "\u{FEFF}{\"a\":\"ü😀\\ud83d\\ude00\"}\r\n<13>x {\"a\":1}\n",
    ];
    // xorshift64*: the same mutations in every run.
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    };
    const MARKS: &[u8] = b"{}[]\",:\\\n<>&=\0\xff \xFE";
    for round in 0..20_000usize {
        let mut data = seeds[round % seeds.len()].as_bytes().to_vec();
        for _ in 0..1 + next() % 6 {
            let at = next() as usize % data.len();
            match next() % 4 {
                0 => data[at] = MARKS[next() as usize % MARKS.len()],
                1 => data.truncate(at.max(1)),
                2 => data.insert(at, MARKS[next() as usize % MARKS.len()]),
                _ => {
                    let part = data[at..(at + 20).min(data.len())].to_vec();
                    let to = next() as usize % data.len();
                    data.splice(to..to, part);
                }
            }
        }
        fuzz(&data);
    }
}

//! Reading twice, reading what grew, and going on where a run was cut short.

use std::io::{Cursor, Read, Write};

use super::{Lab, ONE, line, lines, records};
use crate::data;

#[test]
fn the_same_again_adds_nothing_and_a_tail_its_lines() {
    let lab = Lab::new();
    // Lines that truly repeat are rows of their own.
    let mut text = lines(0..500) + &line(7, "ls").repeat(50);
    lab.put("a.json", text.as_bytes());
    lab.keep(&ONE);
    let first = lab.keys();
    assert_eq!(first.len(), 550);
    lab.keep(&ONE);
    lab.keep_with(&ONE, "other rules", false, usize::MAX);
    lab.keep_with(&ONE, "r", true, usize::MAX);
    assert_eq!(lab.keys(), first);
    lab.put("copy.json", text.as_bytes());
    lab.keep(&ONE);
    assert_eq!(lab.keys(), first, "the same bytes under another path");
    for step in 1..4 {
        text += &lines(500 + step * 10..510 + step * 10);
        text += &line(7, "ls");
        lab.put("a.json", text.as_bytes());
        lab.keep(&ONE);
        assert_eq!(lab.keys().len(), 550 + step * 11);
    }
    let grown = lab.keys();
    lab.keep_with(&ONE, "r", true, usize::MAX);
    assert_eq!(lab.keys(), grown);
    // The same rows as of the last state alone.
    let whole = Lab::new();
    whole.put("a.json", text.as_bytes());
    whole.keep(&ONE);
    assert_eq!(records(&grown), records(&whole.keys()));
    assert_eq!(lab.left_over(), 0);
}

#[test]
fn an_event_log_that_grew_adds_its_new_records() {
    let Some(samples) = data("host/evtx-attack-samples.tar.zst") else { return };
    let plain = zstd::decode_all(std::fs::File::open(samples).unwrap()).unwrap();
    let used = |bytes: &[u8]| {
        let chunks = bytes.get(4096..).unwrap_or_default().chunks_exact(65536);
        chunks.take_while(|c| c.starts_with(b"ElfChnk\0")).count()
    };
    let mut archive = tar::Archive::new(plain.as_slice());
    let bytes = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut bytes = Vec::new();
            entry.unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        })
        .max_by_key(|b| used(b))
        .unwrap();
    let chunks = used(&bytes);
    assert!(chunks >= 3, "{chunks}");
    let cut = |n: usize| {
        let mut cut = bytes[..4096 + n * 65536].to_vec();
        cut[16..24].copy_from_slice(&(n as u64 - 1).to_le_bytes());
        cut[42..44].copy_from_slice(&(n as u16).to_le_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&cut[..120]);
        cut[124..128].copy_from_slice(&crc.sum().to_le_bytes());
        cut
    };
    let lab = Lab::new();
    let mut counts = Vec::new();
    for n in [1, chunks / 2 + 1, chunks] {
        lab.put("Security.evtx", &cut(n));
        lab.keep(&ONE);
        let alone = Lab::new();
        alone.put("Security.evtx", &cut(n));
        alone.keep(&ONE);
        assert_eq!(records(&lab.keys()), records(&alone.keys()), "{n} of {chunks} chunks");
        counts.push(lab.keys().len());
    }
    assert!(counts.is_sorted() && counts[0] < counts[2], "{counts:?}");
}

#[test]
fn a_run_cut_short_goes_on_where_it_was() {
    let text = lines(0..6_000);
    let whole = Lab::new();
    whole.put("a.json", text.as_bytes());
    whole.put("b.json", lines(7_000..7_100).as_bytes());
    whole.keep(&ONE);
    assert_eq!(whole.keys().len(), 6_100);
    for stop in [1, 2_500, 4_000, 5_999, 6_050] {
        let lab = Lab::new();
        lab.put("a.json", text.as_bytes());
        lab.put("b.json", lines(7_000..7_100).as_bytes());
        let (_, ended) = lab.keep_with(&ONE, "r", false, stop);
        assert_eq!(ended, None);
        assert!(lab.keys().len() <= 6_100);
        // Cut short once more.
        lab.keep_with(&ONE, "r", false, stop.saturating_sub(900).max(1));
        lab.keep(&ONE);
        assert_eq!(lab.keys(), whole.keys(), "stopped at finding {stop}");
        assert_eq!(lab.findings(), whole.findings(), "stopped at finding {stop}");
        assert_eq!(lab.left_over(), 0);
    }
}

#[test]
fn a_run_cut_short_in_a_log_that_grew_doubles_nothing() {
    let (old, new) = (lines(0..5_000), lines(0..7_000));
    let whole = Lab::new();
    whole.put("a.json", new.as_bytes());
    whole.keep(&ONE);
    for stop in [1, 2_500, 4_500, 6_500] {
        let lab = Lab::new();
        lab.put("a.json", old.as_bytes());
        lab.keep(&ONE);
        lab.put("a.json", new.as_bytes());
        assert_eq!(lab.keep_with(&ONE, "r", false, stop).1, None);
        lab.keep(&ONE);
        assert_eq!(records(&lab.keys()), records(&whole.keys()), "stopped at finding {stop}");
    }
    // A first reading that was cut short, and then the log grew.
    let lab = Lab::new();
    lab.put("a.json", old.as_bytes());
    lab.keep_with(&ONE, "r", false, 4_000);
    lab.put("a.json", new.as_bytes());
    lab.keep(&ONE);
    assert_eq!(records(&lab.keys()), records(&whole.keys()));
}

#[test]
fn a_log_that_could_be_read_in_part_adds_the_rest_later() {
    let gz = |text: &str| {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(text.as_bytes()).unwrap();
        e.finish().unwrap()
    };
    let text = lines(0..3_000);
    let whole = gz(&text);
    let lab = Lab::new();
    lab.put("a.json.gz", &whole[..whole.len() / 2]);
    let (said, _) = lab.keep(&ONE);
    assert!(!said.problems.is_empty());
    let part = lab.keys().len();
    assert!(part > 0 && part < 3_000, "{part}");
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), part);
    lab.put("a.json.gz", &whole);
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), 3_000);
}

#[test]
fn a_copy_of_a_log_in_an_archive_that_grew_is_kept() {
    let zip = |members: &[&str]| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(lines(0..20).as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let lab = Lab::new();
    lab.put("box.zip", &zip(&["a.json"]));
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), 20);
    lab.put("box.zip", &zip(&["a.json", "b.json"]));
    lab.keep(&ONE);
    assert_eq!(lab.keys().len(), 40, "each place of a record can be cited");
    lab.keep_with(&ONE, "r", true, usize::MAX);
    assert_eq!(lab.keys().len(), 40);
}

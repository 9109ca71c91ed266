//! Seeded damage to containers, and what is no container at all.

use palisade_files::{fuzz, sniff};

use crate::{As, Case, gz, noise, tarball, zipped, zst};

/// Seeded damage to small archives: nothing panics, nothing grows, every error is marked.
#[test]
fn seeded() {
    let inner = zipped(&[("a", b"alpha"), ("b", &[5; 300])], zip::CompressionMethod::Deflated);
    let tar = tarball(&[("in.zip", &inner), ("x", b"y"), ("log.gz", &gz(b"line\n"))]);
    let seeds = [
        inner.clone(),
        tar.clone(),
        gz(&tar),
        zst(&tar),
        zipped(&[("t.tar", &tar)], zip::CompressionMethod::Zstd),
    ];
    let mut runs = 0;
    for (s, seed) in seeds.iter().enumerate() {
        for round in 0..400u64 {
            let mut bytes = seed.clone();
            let dice = noise(round * 7 + s as u64, 64);
            for d in dice.chunks_exact(4).take(usize::from(dice[0] % 6) + 1) {
                let at = (usize::from(d[0]) << 8 | usize::from(d[1])) % bytes.len();
                match d[2] % 4 {
                    0 => bytes[at] = d[3],
                    1 => bytes[at] ^= 1 << (d[3] % 8),
                    2 => drop(bytes.drain(at..(at + usize::from(d[3] % 16)).min(bytes.len()))),
                    _ => bytes[at] = 0xff,
                }
                if bytes.is_empty() {
                    bytes.push(0);
                }
            }
            fuzz(&bytes);
            if sniff(&bytes).is_some() {
                Case { way: As::Stream, ..Case::new("m.tar", &bytes) }.run();
                runs += 1;
            }
        }
    }
    assert!(runs > 1_000);
}

#[test]
fn nothing_and_noise() {
    for len in 0..600 {
        fuzz(&noise(len as u64, len));
        fuzz(&vec![0; len]);
    }
    assert_eq!(sniff(b""), None);
    assert_eq!(sniff(b"hello"), None);
    assert_eq!(sniff(&[0; 512]), None);
}

//! Seeded mutations: no panic, no endless loop, whatever the bytes.

use palisade_host::evtx::fuzz;

use crate::evtx::logs;
use crate::evtx_damage::Random;

/// Mutations in an ordinary run; `PALISADE_FUZZ_EVTX` sets another number.
const MUTATIONS: u64 = 10_000;
/// Bytes of a log that are used: enough for two chunks.
const HEAD: usize = 4_096 + 2 * 65_536;

#[test]
fn mutated_logs_do_no_harm() {
    let logs: Vec<Vec<u8>> = logs().into_values().map(|b| b[..b.len().min(HEAD)].to_vec()).collect();
    if logs.is_empty() {
        return;
    }
    let count = std::env::var("PALISADE_FUZZ_EVTX").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTATIONS);
    for seed in 0..count {
        let mut random = Random(seed);
        let mut log = logs[random.below(logs.len())].clone();
        for _ in 0..1 + random.below(12) {
            let at = random.below(log.len());
            // Most of a small log is unused: aim at the records half of the time.
            let at = if random.below(2) == 0 { at.min(4_096 + random.below(9_000)) } else { at };
            let len = (1 + random.below(64)).min(log.len() - at);
            match random.below(6) {
                0 => log.truncate(at.max(1)),
                1 => log[at] ^= 1 << random.below(8),
                2 => log[at..at + len].fill(0),
                3 => log[at..at + len].fill(0xff),
                4 => {
                    let from = random.below(log.len() - len);
                    log.copy_within(from..from + len, at);
                }
                _ => log[at] = random.next() as u8,
            }
        }
        fuzz(&log);
    }
}

#[test]
fn hand_made_trouble_does_no_harm() {
    for bytes in [&b""[..], b"ElfFile\0", b"ElfChnk\0", &[0x2a; 5_000], &[0xff; 70_000], b"\x2a\x2a\0\0"] {
        fuzz(bytes);
        let chunk = [b"ElfChnk\0", bytes].concat();
        fuzz(&chunk);
    }
}

//! The lake's own text: what stands in `_rest` is read back whatever somebody made of it.

use palisade_store::lake::fuzz_rest;

/// Objects as the packer writes them.
const WRITTEN: [&str; 4] = [
    r#"{"a":"b","c":[1,-2.5e9,"x",null,{},true,false]}"#,
    r#"{"q\"uote":"line\nbreak \u0000 \\ \t","":"","_time":"1999"}"#,
    r#"{"long":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","ä":"ü€😀"}"#,
    r#"{"n":9223372036854775808,"m":0.10,"z":null}"#,
];

#[test]
fn a_rest_that_somebody_changed_is_walked_to_an_end() {
    // splitmix64: the same numbers on every machine.
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize
    };
    let said: Vec<usize> = WRITTEN.iter().map(|w| fuzz_rest(w.as_bytes())).collect();
    assert_eq!(said[0], 1 + 1 + 6 + 1, "{said:?}");
    assert!(said.iter().all(|n| *n > 0), "{said:?}");
    let signs = br#"{}[]",:\\u0n-"#;
    let mut walked = 0;
    for round in 0..200_000 {
        let mut bytes = WRITTEN[round % WRITTEN.len()].as_bytes().to_vec();
        for _ in 0..next() % 4 {
            let at = next() % bytes.len().max(1);
            match next() % 4 {
                0 if !bytes.is_empty() => bytes[at] = signs[next() % signs.len()],
                1 => bytes.insert(at.min(bytes.len()), signs[next() % signs.len()]),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        walked += usize::from(fuzz_rest(&bytes) > 0);
    }
    assert!(walked > 50_000, "{walked}");
}

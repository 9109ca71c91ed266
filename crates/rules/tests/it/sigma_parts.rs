//! The small parts that reference and engine share: folding, numbers, times, networks.

use palisade_rules::sigma::decimal::Decimal;
use palisade_rules::sigma::fold::{fold, fold_into};
use palisade_rules::sigma::ir::{Cidr, TimePart};
use palisade_rules::sigma::time::TimeParts;

#[test]
fn folding() {
    for (text, folded) in
        [("", ""), ("abc", "abc"), ("ABC", "abc"), ("Äß", "äß"), ("İ", "i\u{307}"), ("ΑΣ", "ας")]
    {
        // A final sigma stays what it is char by char: folding must not depend on where text is cut.
        let folded = folded.replace('ς', "σ");
        assert_eq!(fold(text), folded);
        let mut out = String::from("X");
        fold_into(text, &mut out);
        assert_eq!(out, format!("X{folded}"));
    }
}

#[test]
fn numbers_have_one_form_and_an_order() {
    let ordered = [
        "-1e400",
        "-99999999999999999999999999999999999999",
        "-10",
        "-9.5",
        "-0.001",
        "0",
        "1e-400",
        "0.05",
        "0.49",
        "0.5",
        "1",
        "1.01",
        "9",
        "10",
        "9007199254740992",
        "9007199254740993",
        "99999999999999999999999999999999999998",
        "99999999999999999999999999999999999999",
        "1e38",
        "1e400",
    ];
    let numbers: Vec<Decimal> = ordered.iter().map(|text| Decimal::parse(text).unwrap()).collect();
    for (i, left) in numbers.iter().enumerate() {
        for (j, right) in numbers.iter().enumerate() {
            assert_eq!(left.cmp(right), i.cmp(&j), "{} {}", ordered[i], ordered[j]);
        }
    }
    for (one, other) in [
        ("1", "1.0"),
        ("100", "1e2"),
        ("0", "-0.00"),
        ("+5", "05"),
        (".5", "5e-1"),
        ("1200", "1.2E+3"),
        (" 7\t", "7."),
    ] {
        assert_eq!(Decimal::parse(one), Decimal::parse(other), "{one} {other}");
    }
    for value in [0, 1, -1, 1_000, i64::MIN, i64::MAX] {
        assert_eq!(Decimal::parse(&value.to_string()), Some(Decimal::from(value)));
    }
    for text in [
        "",
        " ",
        ".",
        "-",
        "e5",
        "1e",
        "1e+",
        "1e401",
        "0x10",
        "1_000",
        "1,5",
        "inf",
        "NaN",
        "--1",
        "1.2.3",
        "123456789012345678901234567890123456789",
        "１",
    ] {
        assert_eq!(Decimal::parse(text), None, "{text}");
    }
    let long = format!("1{}", "0".repeat(100));
    assert_eq!(Decimal::parse(&long), Decimal::parse("1e100"));
    assert_eq!(Decimal::parse(&format!("0.{}1", "0".repeat(100))), Decimal::parse("1e-101"));
}

#[test]
fn times() {
    for text in [
        "2026-08-05",
        "2026-08-05T07:09",
        "2026-08-05 07:09:10",
        "2026-08-05T07:09:10.1234567Z",
        "2026/08/05 07:09:60,5 +0200",
        "2026-08-05t07:09:10-05:30",
        "2026-08-05T07:09:10+02",
        "2026-08-05 07:09 UTC",
    ] {
        let time = TimeParts::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((time.part(TimePart::Year), time.part(TimePart::Week)), (2026, 32), "{text}");
    }
    for text in [
        "",
        "2026",
        "2026-13-01",
        "2026-02-29",
        "2026-08/05",
        "2026-08-05T",
        "2026-08-05T24:00",
        "2026-08-05T07:60",
        "2026-08-05T07:09:61",
        "2026-08-05T07:09:10.",
        "2026-08-05T07:09 CEST",
        "2026-08-05T07:09+2",
        "05.08.2026",
        "1754377750",
        "２026-08-05",
        "2026-08-05Té7:09",
    ] {
        assert!(TimeParts::parse(text).is_none(), "{text}");
    }
}

#[test]
fn networks() {
    let cidr = |address: &str, prefix| Cidr::new(address.parse().unwrap(), prefix);
    assert_eq!(cidr("10.1.2.3", 8), cidr("10.0.0.0", 8));
    assert_eq!(cidr("10.1.2.3", 8).unwrap().to_string(), "10.0.0.0/8");
    assert_eq!(cidr("10.1.2.3", 33), None);
    assert_eq!(cidr("::", 129), None);
    assert!(cidr("::", 0).unwrap().contains_text("2001:db8::1"));
    assert!(cidr("::ffff:0:0", 96).unwrap().contains_text("::ffff:1.2.3.4"));
    assert!(!cidr("10.0.0.0", 8).unwrap().contains_text("010.0.0.1"));
}

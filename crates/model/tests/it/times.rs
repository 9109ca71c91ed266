//! Time: what is shown can be read back, and an independent calendar agrees.

use palisade_model::{Time, TimeError};

use crate::Random;

/// 1601-01-01 to 1970-01-01 in FILETIME units.
const FILETIME_1970: u64 = 116_444_736_000_000_000;

#[test]
fn texts() {
    for (text, want) in [
        ("2026-11-23T04:05:06.000007Z", Ok("2026-11-23T04:05:06.000007Z")),
        ("2026-11-23T04:05Z", Ok("2026-11-23T04:05:00.000000Z")),
        ("2026-11-23 04:05:06,5 UTC", Ok("2026-11-23T04:05:06.500000Z")),
        ("2026-11-23t04:05:06.123456789z", Ok("2026-11-23T04:05:06.123456Z")),
        ("  2026-11-23T04:05:06+0530\n", Ok("2026-11-22T22:35:06.000000Z")),
        ("2026-11-23T04:05:06-18:00", Ok("2026-11-23T22:05:06.000000Z")),
        ("2026-11-23T04:05:06+02", Ok("2026-11-23T02:05:06.000000Z")),
        // A leap second is the second before it.
        ("2016-12-31T23:59:60Z", Ok("2016-12-31T23:59:59.000000Z")),
        ("2024-02-29T00:00:00Z", Ok("2024-02-29T00:00:00.000000Z")),
        ("2000-02-29T00:00:00Z", Ok("2000-02-29T00:00:00.000000Z")),
        ("1900-02-29T00:00:00Z", Err(TimeError::Form)),
        ("2026-02-29T00:00:00Z", Err(TimeError::Form)),
        ("2026-04-31T00:00:00Z", Err(TimeError::Form)),
        ("2026-00-01T00:00:00Z", Err(TimeError::Form)),
        ("2026-01-00T00:00:00Z", Err(TimeError::Form)),
        ("2026-13-01T00:00:00Z", Err(TimeError::Form)),
        ("2026-01-01T24:00:00Z", Err(TimeError::Form)),
        ("2026-01-01T00:60:00Z", Err(TimeError::Form)),
        ("1969-12-31T23:59:59.999999Z", Ok("1969-12-31T23:59:59.999999Z")),
        ("0000-01-01T00:00:00Z", Ok("0000-01-01T00:00:00.000000Z")),
        ("9999-12-31T23:59:59.999999Z", Ok("9999-12-31T23:59:59.999999Z")),
        // The zone may carry a moment out of the years that can be written.
        ("0000-01-01T00:00:00+00:01", Err(TimeError::Form)),
        ("9999-12-31T23:59:59-00:01", Err(TimeError::Form)),
        ("2026-11-23T04:05:06", Err(TimeError::NoZone)),
        ("2026-11-23T04:05:06.Z", Err(TimeError::Form)),
        ("2026-11-23T04:05:06 Europe/Kyiv", Err(TimeError::Form)),
        ("2026-11-23T04:05:06+19:00", Err(TimeError::Form)),
        ("2026-11-23T04:05:06+1:00", Err(TimeError::Form)),
        ("2026-11-23T04:05:06+", Err(TimeError::Form)),
        ("20261123T040506Z", Err(TimeError::Form)),
        ("２０２６-11-23T04:05:06Z", Err(TimeError::Form)),
        ("", Err(TimeError::Form)),
    ] {
        let got = Time::parse(text).map(|t| t.to_string());
        assert_eq!(got.as_deref().map_err(|e| *e), want, "{text}");
    }
}

#[test]
fn filetimes() {
    for (ft, want) in [
        (0, Some("1601-01-01T00:00:00.000000Z")),
        (9, Some("1601-01-01T00:00:00.000000Z")),
        (FILETIME_1970 - 10, Some("1969-12-31T23:59:59.999999Z")),
        (FILETIME_1970, Some("1970-01-01T00:00:00.000000Z")),
        (131_805_947_390_000_000, Some("2018-09-05T04:18:59.000000Z")),
        (2_650_467_743_999_999_999, Some("9999-12-31T23:59:59.999999Z")),
        // Later moments fit a FILETIME and no text of ours.
        (2_650_467_744_000_000_000, None),
        (i64::MAX as u64, None),
        (u64::MAX, None),
    ] {
        assert_eq!(Time::from_filetime(ft).map(|t| t.to_string()).as_deref(), want, "{ft}");
    }
}

#[test]
fn the_ends() {
    for end in [Time::MIN, Time::MAX] {
        assert_eq!(Time::parse(&end.to_string()), Ok(end));
        assert_eq!(Time::from_unix_micros(end.0), Some(end));
    }
    assert_eq!(Time::from_unix_micros(Time::MIN.0 - 1), None);
    assert_eq!(Time::from_unix_micros(Time::MAX.0 + 1), None);
    assert_eq!(Time::from_unix_seconds(i64::MAX), Time::MAX);
    assert_eq!(Time::from_unix_seconds(i64::MIN), Time::MIN);
    assert_eq!(Time::from_unix_seconds(-1).to_string(), "1969-12-31T23:59:59.000000Z");
    // Not made by a constructor, and still no panic.
    for beyond in [i64::MIN, i64::MAX] {
        assert!(!Time(beyond).to_string().is_empty());
    }
}

#[test]
fn what_is_shown_can_be_read_back_and_sorts_as_text() {
    let mut random = Random(1);
    let span = Time::MAX.0.abs_diff(Time::MIN.0);
    let mut times: Vec<Time> =
        (0..20_000).map(|_| Time(Time::MIN.0 + (random.number() % (span + 1)) as i64)).collect();
    times.sort();
    let texts: Vec<String> = times.iter().map(Time::to_string).collect();
    for (time, text) in times.iter().zip(&texts) {
        assert_eq!(Time::parse(text), Ok(*time));
        let json = serde_json::to_string(time).unwrap();
        assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), *time);
    }
    assert!(texts.is_sorted());
}

#[test]
fn another_calendar_agrees() {
    let mut random = Random(2);
    // Somewhat less than a day at each end: the other calendar stops there.
    let (from, to) = (Time::MIN.0, Time::MAX.0 - 86_400_000_000 * 2);
    for _ in 0..20_000 {
        let time = Time(from + (random.number() % to.abs_diff(from)) as i64);
        let other = jiff::Timestamp::from_microsecond(time.0).unwrap();
        assert_eq!(time.to_string(), format!("{other:.6}"), "{}", time.0);
    }
}

#[test]
fn any_text_is_read_or_refused() {
    let mut random = Random(3);
    let parts = [
        "2026", "-11", "-31", "T", " ", "04", ":05", ":60", ".", ",", "9", "Z", "+", "-", "18", "é", "0000",
        "-02",
    ];
    for _ in 0..50_000 {
        let text = random.text(&parts, 12);
        if let Ok((time, _)) = Time::parse_parts(&text) {
            assert!((Time::MIN..=Time::MAX).contains(&time), "{text}");
        }
    }
}

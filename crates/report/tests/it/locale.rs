//! Dates, numbers, zones.

use jiff::tz::TimeZone;
use palisade_model::Time;
use palisade_report::{Locale, zone_name};

fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

#[test]
fn numbers_and_dates() {
    let at = Time::parse("2026-03-04T05:06:07Z").unwrap();
    for (locale, number, decimal, date) in [
        (Locale::En, "1,234,567", "-1,234.5", "2026-03-04"),
        (Locale::De, "1.234.567", "-1.234,5", "04.03.2026"),
        (Locale::Fr, "1 234 567", "-1 234,5", "04/03/2026"),
        (Locale::Ko, "1,234,567", "-1,234.5", "2026. 03. 04."),
        (Locale::Ja, "1,234,567", "-1,234.5", "2026/03/04"),
        (Locale::Uk, "1 234 567", "-1 234,5", "04.03.2026"),
    ] {
        assert_eq!(plain(&locale.number(1_234_567)), number);
        assert_eq!(plain(&locale.decimal(-1234.5, 1)).replace('−', "-"), decimal);
        assert_eq!(plain(&locale.date(at, &TimeZone::UTC)), date);
        assert_eq!(plain(&locale.moment(at, &TimeZone::UTC)), format!("{date} 05:06:07"));
        assert_eq!(Locale::parse(&format!("{}-XX", locale.name())), Some(locale));
    }
    assert_eq!(Locale::parse("xx"), None);
    assert_eq!(Locale::parse("de_AT.UTF-8"), Some(Locale::De));
}

#[test]
fn what_is_no_number() {
    for v in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Locale::En.decimal(v, 2), "–");
        assert_eq!(Locale::De.percent(v), "–");
    }
    assert_eq!(plain(&Locale::En.percent(0.9999)), "> 99 %");
    assert_eq!(plain(&Locale::En.percent(0.001)), "< 1 %");
    assert_eq!(plain(&Locale::En.percent(1.0)), "100 %");
    assert_eq!(Locale::En.decimal(-0.001, 1), "0.0");
    assert_eq!(plain(&Locale::De.bytes(1_234_567)), "1,2 MB");
    assert_eq!(plain(&Locale::En.bytes(u64::MAX)), "18,446,744.1 TB");
}

#[test]
fn zones() {
    let kyiv = TimeZone::get("Europe/Kyiv").unwrap();
    let (winter, summer) =
        (Time::parse("2026-11-23T22:30:00Z").unwrap(), Time::parse("2026-07-01T22:30:00Z").unwrap());
    assert_eq!(zone_name(&kyiv, winter), "Europe/Kyiv (UTC+02:00)");
    assert_eq!(zone_name(&kyiv, summer), "Europe/Kyiv (UTC+03:00)");
    assert_eq!(zone_name(&TimeZone::UTC, winter), "UTC");
    assert_eq!(Locale::En.moment(winter, &kyiv), "2026-11-24 00:30:00");
    // The ends of time are shown, in UTC where a zone cannot reach.
    assert_eq!(Locale::En.date(Time::MAX, &kyiv), "9999-12-31");
    assert_eq!(Locale::En.date(Time::MIN, &TimeZone::UTC), "0000-01-01");
    let page = palisade_report::html(
        &super::sample::rich(),
        &palisade_report::Options { zone: kyiv, ..palisade_report::Options::new() },
    );
    assert!(page.contains("Times: Europe/Kyiv (UTC+02:00)"));
    assert!(page.contains("<time datetime=\"2026-03-03T08:12:44.000000Z\">2026-03-03 10:12:44</time>"));
}

//! When things happen: the span of an exercise, working hours and weekends, and the moments of planted steps.
//!
//! All of it is integer arithmetic on UTC seconds. It never looks at a clock: every exercise ends on the date its
//! scenario names, and reaches back as many days as are asked for.

use palisade_model::Time;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// From when to when an exercise goes: whole days in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// First second, seconds since 1970.
    pub start: i64,
    /// How many days.
    pub days: u32,
}

impl Span {
    /// The days before `end` (seconds since 1970, a midnight).
    pub fn before(end: i64, days: u32) -> Span {
        Span { start: end - i64::from(days) * DAY, days }
    }

    /// First second after it.
    pub fn end(self) -> i64 {
        self.start + i64::from(self.days) * DAY
    }

    /// The moment `permille` of the way, at about this hour of that day where the span is long enough for days to
    /// have an hour of their own, and on a working day where it is long enough for weeks.
    pub fn moment(self, permille: u32, hour: u8) -> i64 {
        let length = self.end() - self.start;
        let plain = self.start + length * i64::from(permille) / 1_000;
        if self.days < 14 {
            return plain;
        }
        let mut day = plain.div_euclid(DAY);
        // Saturday and Sunday move to the Friday before, or to the Monday after at the very start.
        let back = match weekday(day) {
            5 => 1,
            6 => 2,
            _ => 0,
        };
        day = if (day - back) * DAY >= self.start { day - back } else { day + 3 - back };
        day * DAY + i64::from(hour) * 3_600
    }
}

/// Day of the week of a day since 1970: 0 is Monday.
pub(crate) fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// How much happens at which hour.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rhythm {
    /// People at their desks.
    Office,
    /// People who also work late.
    Late,
    /// Machines that serve people: by day more than by night.
    Service,
    /// Machines that serve machines.
    Steady,
}

/// Shares of the hours of a working day in UTC; people here live one or two hours east of it.
const OFFICE: [u64; 24] = [0, 0, 0, 0, 1, 6, 30, 70, 85, 90, 80, 50, 70, 85, 80, 60, 25, 8, 4, 3, 2, 1, 0, 0];
const LATE: [u64; 24] =
    [4, 2, 1, 0, 0, 2, 10, 30, 60, 80, 85, 60, 65, 85, 90, 85, 70, 45, 35, 40, 38, 30, 20, 10];
const SERVICE: [u64; 24] =
    [20, 45, 30, 20, 18, 22, 40, 65, 80, 85, 80, 70, 75, 80, 78, 70, 45, 32, 28, 26, 24, 22, 22, 20];

impl Rhythm {
    /// Share of an hour of a day.
    fn weight(self, hour: usize, weekend: bool) -> u64 {
        let (hours, rest) = match self {
            Rhythm::Office => (&OFFICE, 8),
            Rhythm::Late => (&LATE, 25),
            Rhythm::Service => (&SERVICE, 55),
            Rhythm::Steady => return 50,
        };
        let share = hours.get(hour).copied().unwrap_or_default();
        // In hundredths, so that a weekend keeps its small hours.
        share * if weekend { rest } else { 100 } / 100
    }

    /// Shares out `total` records over the hours of a span: calls with the hour's first second and its count, in
    /// order of time, exactly `total` in sum.
    pub fn hours<E>(
        self,
        span: Span,
        total: u64,
        mut each: impl FnMut(i64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let hours = || {
            (0..i64::from(span.days) * 24).map(move |h| {
                let second = span.start + h * 3_600;
                let weekend = weekday(second.div_euclid(DAY)) >= 5;
                (second, self.weight(second.rem_euclid(DAY) as usize / 3_600, weekend))
            })
        };
        let mut sum: u128 = hours().map(|(_, w)| u128::from(w)).sum();
        // A span that is one Sunday has no office hours: then every hour counts alike.
        let flat = sum == 0;
        if flat {
            sum = u128::from(span.days) * 24;
        }
        let (mut passed, mut given) = (0u128, 0u64);
        for (second, weight) in hours() {
            passed += if flat { 1 } else { u128::from(weight) };
            let until = (u128::from(total) * passed / sum.max(1)) as u64;
            each(second, until - given)?;
            given = until;
        }
        Ok(())
    }
}

/// `2026-10-12T07:42:11.123Z`
pub(crate) fn millis(time: Time) -> String {
    let (y, mo, d, h, mi, s, us) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:03}Z", us / 1_000)
}

/// `2026-10-12T07:42:11Z`
pub(crate) fn seconds(time: Time) -> String {
    let (y, mo, d, h, mi, s, _) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}

/// `2026-10-12 07:42:11.123`, as Sysmon writes it.
pub(crate) fn spaced(time: Time) -> String {
    let (y, mo, d, h, mi, s, us) = time.civil();
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02}.{:03}", us / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-12, a Monday.
    const MONDAY: i64 = 1_791_763_200;

    #[test]
    fn days_of_the_week() {
        assert_eq!(weekday(MONDAY / DAY), 0);
        assert_eq!(weekday(0), 3, "1970-01-01 was a Thursday");
    }

    #[test]
    fn every_record_gets_an_hour() {
        for (rhythm, days, total) in [
            (Rhythm::Office, 30, 10_000),
            (Rhythm::Office, 1, 7),
            (Rhythm::Service, 730, 3),
            (Rhythm::Steady, 2, 0),
            (Rhythm::Late, 14, 99_999),
        ] {
            let span = Span::before(MONDAY, days);
            let (mut sum, mut last) = (0, i64::MIN);
            let told: Result<(), ()> = rhythm.hours(span, total, |second, count| {
                assert!(second > last && second >= span.start && second + 3_600 <= span.end());
                (sum, last) = (sum + count, second);
                Ok(())
            });
            assert!(told.is_ok());
            assert_eq!(sum, total, "{rhythm:?} {days}");
        }
    }

    #[test]
    fn moments_stay_in_the_span_and_on_working_days() {
        for days in [1, 2, 13, 14, 30, 365, 730] {
            let span = Span::before(MONDAY, days);
            for permille in 0..=970 {
                let at = span.moment(permille, 9);
                assert!(at >= span.start && at < span.end(), "{days} {permille}");
                assert!(days < 14 || weekday(at.div_euclid(DAY)) < 5, "{days} {permille}");
            }
        }
    }
}

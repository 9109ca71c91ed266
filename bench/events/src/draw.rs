//! Chance and time: the same seed gives the same bytes on every machine.

/// A small fast generator (wyrand). Statistical quality is enough for made-up logs; it is no cryptography.
pub struct Draw(u64);

impl Draw {
    /// A stream of its own for every pair: files can be made alone and in any order.
    pub fn new(seed: u64, stream: u64) -> Draw {
        Draw(mix(seed ^ mix(stream.wrapping_add(0x9E37_79B9_7F4A_7C15))))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xA076_1D64_78BD_642F);
        let wide = u128::from(self.0) * u128::from(self.0 ^ 0xE703_7ED1_A0B4_28DB);
        (wide >> 64) as u64 ^ wide as u64
    }

    /// 0 ≤ result < `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.index(list.len())]
    }

    /// `true` once in `n` times on average.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A bijection on 64 bits (splitmix64's finaliser): different numbers stay different.
pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Ranks with a heavy tail: the chance of a rank falls as 1/rank. Of 200,000 addresses the
/// first takes 6 % of all draws, the last 100,000 together as much.
pub struct Heavy {
    bounds: Vec<u32>,
}

const STEPS: usize = 4096;

impl Heavy {
    pub fn new(len: usize) -> Heavy {
        let top = (len + 1) as f64;
        let bounds = (0..=STEPS).map(|k| top.powf(k as f64 / STEPS as f64) as u32 - 1).collect();
        Heavy { bounds }
    }

    pub fn rank(&self, draw: &mut Draw) -> usize {
        let word = draw.next();
        let step = (word >> 52) as usize;
        let (low, high) = (self.bounds[step], self.bounds[step + 1]);
        let within = (u64::from(high - low) * ((word >> 20) & 0xFFFF_FFFF)) >> 32;
        low as usize + within as usize
    }
}

/// Office hours on weekdays, a quiet night, a quieter weekend.
const BY_HOUR: [f64; 24] =
    [2., 2., 2., 2., 2., 3., 5., 8., 12., 14., 14., 13., 12., 13., 14., 13., 11., 8., 6., 5., 4., 3., 3., 2.];
const WEEKEND: f64 = 0.35;
const HOUR_US: f64 = 3_600e6;

/// Where an event of the whole falls in time.
pub struct Calendar {
    first_day: i64,
    /// Share of all events before the hour.
    before: Vec<f64>,
    dates: Vec<[u8; 10]>,
}

impl Calendar {
    pub fn new(first_day: i64, days: u32) -> Calendar {
        let mut before = vec![0.0];
        for hour in 0..i64::from(days) * 24 {
            // 1970-01-01 was a Thursday: days 2 and 3 of each week are the weekend.
            let weekend = matches!((first_day + hour / 24).rem_euclid(7), 2 | 3);
            let weight = BY_HOUR[(hour % 24) as usize] * if weekend { WEEKEND } else { 1.0 };
            before.push(before[hour as usize] + weight);
        }
        let total = before[before.len() - 1];
        before.iter_mut().for_each(|b| *b /= total);
        // An event may be up to ten minutes late, so the day before is needed too.
        let dates = (-1..=i64::from(days)).map(|d| date_text(first_day + d)).collect();
        Calendar { first_day, before, dates }
    }

    /// Microseconds since the first day, for a place between 0 and 1.
    pub fn at(&self, place: f64) -> i64 {
        let hour = self.before.partition_point(|b| *b <= place).clamp(1, self.before.len() - 1) - 1;
        let (low, high) = (self.before[hour], self.before[hour + 1]);
        ((hour as f64 + (place - low) / (high - low)) * HOUR_US) as i64
    }

    /// `2025-01-31` and `23:59:59.123456` of a moment given in microseconds since the first day.
    pub fn stamp(&self, us: i64) -> Stamp {
        const DAY_US: i64 = 86_400_000_000;
        let day = us.div_euclid(DAY_US);
        let rest = us.rem_euclid(DAY_US);
        let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
        let mut clock = *b"00:00:00.000000";
        two(&mut clock[0..2], seconds / 3600);
        two(&mut clock[3..5], seconds / 60 % 60);
        two(&mut clock[6..8], seconds % 60);
        two(&mut clock[9..11], micros / 10_000);
        two(&mut clock[11..13], micros / 100 % 100);
        two(&mut clock[13..15], micros % 100);
        let day = (day + 1).clamp(0, self.dates.len() as i64 - 1) as usize;
        Stamp { date: self.dates[day], clock, unix_us: self.first_day * DAY_US + us }
    }
}

/// A moment as text.
#[derive(Clone, Copy)]
pub struct Stamp {
    pub date: [u8; 10],
    clock: [u8; 15],
    pub unix_us: i64,
}

impl Stamp {
    pub fn seconds(&self) -> &[u8] {
        &self.clock[..8]
    }

    pub fn millis(&self) -> &[u8] {
        &self.clock[..12]
    }

    pub fn micros(&self) -> &[u8] {
        &self.clock
    }
}

fn two(to: &mut [u8], value: i64) {
    to[0] = b'0' + (value / 10) as u8;
    to[1] = b'0' + (value % 10) as u8;
}

/// Days since 1970-01-01 of a civil date, and back (Howard Hinnant's formulas).
pub fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_text(number: i64) -> [u8; 10] {
    let z = number + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let part = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * part + 2) / 5 + 1, (part + 2) % 12 + 1);
    let year = years + era * 400 + i64::from(month <= 2);
    let mut text = *b"0000-00-00";
    two(&mut text[0..2], year / 100);
    two(&mut text[2..4], year % 100);
    two(&mut text[5..7], month);
    two(&mut text[8..10], day);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_there_and_back() {
        for (date, number) in
            [("1970-01-01", 0), ("2000-02-29", 11_016), ("2024-12-31", 20_088), ("2025-03-01", 20_148)]
        {
            assert_eq!(std::str::from_utf8(&date_text(number)), Ok(date));
            let part = |range: std::ops::Range<usize>| date[range].parse().unwrap();
            assert_eq!(day_number(part(0..4), part(5..7), part(8..10)), number);
        }
    }

    #[test]
    fn the_heavy_tail_reaches_its_end() {
        let heavy = Heavy::new(1000);
        let mut draw = Draw::new(1, 2);
        let ranks: Vec<usize> = (0..200_000).map(|_| heavy.rank(&mut draw)).collect();
        assert_eq!(ranks.iter().max(), Some(&999));
        let first = ranks.iter().filter(|r| **r == 0).count();
        assert!((10_000..30_000).contains(&first), "{first}");
    }

    #[test]
    fn more_at_noon_than_at_night() {
        let calendar = Calendar::new(day_number(2025, 1, 1), 7);
        let count = |hour: i64| {
            let of = |i: i32| calendar.at(f64::from(i) / 100_000.0) / 3_600_000_000 % 24 == hour;
            (0..100_000).filter(|i| of(*i)).count()
        };
        assert!(count(10) > 4 * count(3));
        assert!(calendar.at(0.0) >= 0 && calendar.at(1.0) <= 7 * 86_400_000_000);
    }
}

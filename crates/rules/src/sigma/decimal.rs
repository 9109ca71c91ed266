//! Exact decimal numbers, so that `lt`, `lte`, `gt` and `gte` never round.
//!
//! Event ids, byte counts and identifiers exceed the 53 bits an `f64` keeps. A [`Decimal`] has one
//! representation per value, hence `Eq` and `Hash` mean what they should and equal predicates of
//! different rules are recognised as one.

use std::cmp::Ordering;
use std::fmt;

/// Most significant digits a number may have. Longer ones are not numbers to us: `10^38` is the
/// largest power of ten that a `u128` holds, and comparing needs that head-room.
pub const DIGITS_MAX: u32 = 38;

/// Largest magnitude of a written exponent (`1e400` is not a number to us).
pub const EXPONENT_MAX: i32 = 400;

/// An exact decimal number: `mantissa × 10^exponent`, without trailing zeros in the mantissa.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    mantissa: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads `[+-]digits[.digits][e[+-]digits]`, surrounding blanks allowed. Anything else (hex,
    /// `inf`, an empty string, more than [`DIGITS_MAX`] significant digits) is not a number.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, written_exponent) = match rest.find(['e', 'E']) {
            Some(at) => (rest.get(..at)?, parse_exponent(rest.get(at + 1..)?)?),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut mantissa: u128 = 0;
        let mut digits = 0;
        // Zeros are held back until a digit follows, so that `1000…` and `0.5000…` cost nothing.
        let mut pending_zeros = 0_u32;
        let mut exponent: i32 = i32::try_from(whole.len()).ok()?;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            if byte == b'0' {
                if mantissa == 0 {
                    exponent -= 1;
                } else {
                    pending_zeros = pending_zeros.checked_add(1)?;
                }
                continue;
            }
            digits = pending_zeros.saturating_add(1).saturating_add(digits);
            if digits > DIGITS_MAX {
                return None;
            }
            mantissa = mantissa.checked_mul(10_u128.checked_pow(pending_zeros.checked_add(1)?)?)?;
            mantissa = mantissa.checked_add(u128::from(byte - b'0'))?;
            pending_zeros = 0;
        }
        if mantissa == 0 {
            return Some(Self { negative: false, mantissa: 0, exponent: 0 });
        }
        // `exponent` counts the digits before the point, leading zeros taken off (so it may be
        // negative); less the digits in the mantissa it is the exponent of the mantissa's last digit.
        let exponent = exponent.checked_sub(i32::try_from(digits).ok()?)?.checked_add(written_exponent)?;
        Some(Self { negative, mantissa, exponent })
    }

    /// The position of the first digit: 3 for 123, 0 for 0.5, -1 for 0.05.
    fn magnitude(&self) -> i32 {
        let digits = self.mantissa.checked_ilog10().map_or(0, |log| log + 1);
        self.exponent.saturating_add(i32::try_from(digits).unwrap_or(i32::MAX))
    }

    /// The mantissa brought to exactly [`DIGITS_MAX`] digits, for comparing equal magnitudes.
    fn aligned(&self) -> u128 {
        let digits = self.mantissa.checked_ilog10().map_or(0, |log| log + 1);
        let factor = 10_u128.checked_pow(DIGITS_MAX.saturating_sub(digits)).unwrap_or(1);
        self.mantissa.saturating_mul(factor)
    }

    fn cmp_magnitude(&self, other: &Self) -> Ordering {
        match (self.mantissa == 0, other.mantissa == 0) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => {
                self.magnitude().cmp(&other.magnitude()).then_with(|| self.aligned().cmp(&other.aligned()))
            }
        }
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i32 = text.parse().ok()?;
    (value.abs() <= EXPONENT_MAX).then_some(value)
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        let mut mantissa = u128::from(value.unsigned_abs());
        let mut exponent = 0;
        while mantissa != 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            exponent += 1;
        }
        Self { negative: value < 0, mantissa, exponent }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        if self.exponent == 0 {
            write!(f, "{sign}{}", self.mantissa)
        } else {
            write!(f, "{sign}{}e{}", self.mantissa, self.exponent)
        }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

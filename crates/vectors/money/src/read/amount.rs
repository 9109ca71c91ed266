//! Amounts and times as texts. Whole numbers all the way; never a float.

use palisade_model::Time;

use crate::ledger::{Amount, MAX_DECIMALS};

/// Why a text is no amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum AmountError {
    /// Not a number.
    #[error("an amount that is no number: the record is left out")]
    Syntax,
    /// Below zero.
    #[error("a negative amount: the record is left out")]
    Negative,
    /// Beyond what can be held.
    #[error("an amount beyond 128 bits: the record is left out")]
    TooLarge,
    /// More digits after the point than its unit has.
    #[error("an amount finer than the smallest unit: the record is left out")]
    TooFine,
}

/// Longest text looked at: 39 digits, thousands separators, zeros.
const MAX_TEXT: usize = 128;

/// A whole number of the smallest unit.
pub(super) fn whole(text: &str) -> Result<u128, AmountError> {
    let t = text.trim();
    if let Some(rest) = t.strip_prefix('-') {
        let zero = !rest.is_empty() && rest.bytes().all(|b| b == b'0');
        return if zero { Ok(0) } else { Err(AmountError::Negative) };
    }
    if t.is_empty() || !t.bytes().all(|b| b.is_ascii_digit()) {
        return match decimal(t) {
            Ok(d) => units(d, 0),
            Err(e) => Err(e),
        };
    }
    t.parse().map_err(|_| AmountError::TooLarge)
}

/// A number with an optional point, thousands commas and exponent: digits, and how many of them stand after the point, without
/// zeros at the end.
pub(super) fn decimal(text: &str) -> Result<(u128, u8), AmountError> {
    let t = text.trim();
    if t.len() > MAX_TEXT {
        return Err(AmountError::TooLarge);
    }
    let (t, negative) = t.strip_prefix('-').map_or((t.strip_prefix('+').unwrap_or(t), false), |t| (t, true));
    let (number, exponent) = match t.split_once(['e', 'E']) {
        Some((n, e)) => (n, e.parse::<i32>().map_err(|_| AmountError::Syntax)?),
        None => (t, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |b: u8| b.is_ascii_digit();
    let grouped = whole.split(',').skip(1).all(|g| g.len() == 3);
    let shaped = whole.bytes().all(|b| digits(b) || b == b',') && grouped && fraction.bytes().all(digits);
    if !shaped || !whole.bytes().chain(fraction.bytes()).any(digits) {
        return Err(AmountError::Syntax);
    }
    let fraction = fraction.trim_end_matches('0');
    let mut mantissa = 0u128;
    for b in whole.bytes().chain(fraction.bytes()).filter(|b| digits(*b)) {
        mantissa = mantissa
            .checked_mul(10)
            .and_then(|m| m.checked_add(u128::from(b - b'0')))
            .ok_or(AmountError::TooLarge)?;
    }
    if mantissa == 0 {
        return Ok((0, 0));
    }
    if negative {
        return Err(AmountError::Negative);
    }
    // The texts are short, the exponent is any number.
    let mut scale = (fraction.len() as i64).saturating_sub(i64::from(exponent));
    while scale > 0 && mantissa.is_multiple_of(10) {
        mantissa /= 10;
        scale -= 1;
    }
    if scale < 0 {
        let more = u32::try_from(-scale).ok().and_then(|s| 10u128.checked_pow(s));
        mantissa = more.and_then(|m| mantissa.checked_mul(m)).ok_or(AmountError::TooLarge)?;
        scale = 0;
    }
    let scale = u8::try_from(scale).ok().filter(|s| *s <= MAX_DECIMALS).ok_or(AmountError::TooFine)?;
    Ok((mantissa, scale))
}

/// A number with a point, in units of 10^-`decimals`.
pub(super) fn units((mantissa, scale): (u128, u8), decimals: u8) -> Result<u128, AmountError> {
    let more = decimals.checked_sub(scale).ok_or(AmountError::TooFine)?;
    let factor = 10u128.checked_pow(u32::from(more)).ok_or(AmountError::TooLarge)?;
    mantissa.checked_mul(factor).ok_or(AmountError::TooLarge)
}

/// A number with a point whose unit is not known yet.
pub(super) fn unsettled(text: &str) -> Result<Amount, AmountError> {
    decimal(text).map(|(mantissa, scale)| Amount::Decimal { mantissa, scale })
}

/// Time as exports write it: seconds, milliseconds or microseconds since 1970, or a date and time, UTC where it names no zone
/// (all of these exporters write UTC).
pub(super) fn time(text: &str) -> Option<Time> {
    let t = text.trim();
    if !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()) {
        let n: i64 = t.parse().ok()?;
        return match n {
            0..100_000_000_000 => Time::from_unix_micros(n.checked_mul(1_000_000)?),
            100_000_000_000..100_000_000_000_000 => Time::from_unix_micros(n.checked_mul(1_000)?),
            _ => Time::from_unix_micros(n),
        };
    }
    Time::parse_parts(t).ok().map(|(time, _)| time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        use AmountError::*;
        for (text, want) in [
            ("0", Ok((0, 0))),
            ("-0.00", Ok((0, 0))),
            ("1,234,567.8900", Ok((123_456_789, 2))),
            ("12,34", Err(Syntax)),
            (".5", Ok((5, 1))),
            ("5.", Ok((5, 0))),
            ("1e3", Ok((1_000, 0))),
            ("1.5E-7", Ok((15, 8))),
            ("100e-2", Ok((1, 0))),
            ("1e40", Err(TooLarge)),
            ("1e-40", Err(TooFine)),
            ("1e999999999999", Err(Syntax)),
            ("340282366920938463463374607431768211455", Ok((u128::MAX, 0))),
            ("340282366920938463463374607431768211456", Err(TooLarge)),
            ("-1", Err(Negative)),
            ("", Err(Syntax)),
            (".", Err(Syntax)),
            ("NaN", Err(Syntax)),
            ("0x10", Err(Syntax)),
            ("１", Err(Syntax)),
        ] {
            assert_eq!(decimal(text), want, "{text}");
        }
        assert_eq!(units((15, 1), 8), Ok(150_000_000));
        assert_eq!(units((15, 9), 8), Err(TooFine));
        assert_eq!(whole("42.928"), Err(TooFine));
        assert_eq!(whole("-3"), Err(Negative));
        assert_eq!(whole("1.0"), Ok(1));
        assert_eq!(time("1438269988").unwrap().to_string(), "2015-07-30T15:26:28.000000Z");
        assert_eq!(time("1438269988000"), time("2015-07-30 15:26:28 UTC"));
        assert_eq!(time("99999999999999999999"), None);
    }
}

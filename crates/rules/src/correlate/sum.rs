//! The exact sum of doubles, from which terms can be taken away again.
//!
//! A window slides: what entered it leaves it. A compensated sum forgets small terms beside a large one and does not get
//! them back when the large one leaves, and its result depends on the order of terms. Here the sum is kept as a number
//! of fixed point that reaches over all exponents of a double (U. Kulisch's long accumulator), so adding and taking away are
//! exact; only reading rounds, once.

/// Bits of one digit.
const DIGIT: u32 = 32;

/// Digits: 2,098 bits from the smallest subnormal (2^-1074) to the largest double (2^1024), and room for carries.
const DIGITS: usize = 69;

/// Terms after which carries must be moved on, long before a digit's 63 bits are full.
const LAZY: u32 = 1 << 29;

/// A sum.
#[derive(Clone, Debug)]
pub(super) struct ExactSum {
    digits: [i64; DIGITS],
    pending: u32,
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum { digits: [0; DIGITS], pending: 0 }
    }
}

impl ExactSum {
    /// Adds a finite number; others are ignored.
    pub(super) fn add(&mut self, x: f64) {
        self.term(x, x.is_sign_negative());
    }

    /// Takes a number away that was added.
    pub(super) fn take(&mut self, x: f64) {
        self.term(x, !x.is_sign_negative());
    }

    fn term(&mut self, x: f64, negative: bool) {
        if !x.is_finite() || x == 0.0 {
            return;
        }
        let bits = x.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as u32;
        let fraction = bits & ((1 << 52) - 1);
        // Value = mantissa × 2^(shift - 1074).
        let (mantissa, shift) =
            if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
        let first = (shift / DIGIT) as usize;
        let wide = u128::from(mantissa) << (shift % DIGIT);
        for i in 0..3 {
            let digit = (wide >> (DIGIT * i)) as u32;
            if let Some(to) = self.digits.get_mut(first + i as usize) {
                *to += if negative { -i64::from(digit) } else { i64::from(digit) };
            }
        }
        self.pending += 1;
        if self.pending >= LAZY {
            self.carry();
        }
    }

    /// Brings every digit but the last into 0..2^32.
    fn carry(&mut self) {
        let mut carry = 0;
        let last = DIGITS - 1;
        for digit in &mut self.digits[..last] {
            let sum = *digit + carry;
            *digit = sum & 0xffff_ffff;
            carry = sum >> DIGIT;
        }
        self.digits[last] += carry;
        self.pending = 0;
    }

    /// The sum, rounded once to the nearest double (ties to even); infinite beyond the largest.
    pub(super) fn value(&mut self) -> f64 {
        self.carry();
        let negative = self.digits[DIGITS - 1] < 0;
        let mut digits = self.digits;
        if negative {
            // The digits are a two's complement: negate.
            let mut carry = 1;
            for digit in &mut digits[..DIGITS - 1] {
                let sum = (!*digit & 0xffff_ffff) + carry;
                *digit = sum & 0xffff_ffff;
                carry = sum >> DIGIT;
            }
            digits[DIGITS - 1] = !digits[DIGITS - 1] + carry;
        }
        let Some(top) = digits.iter().rposition(|d| *d != 0) else { return 0.0 };
        // The topmost four digits hold more than 53 bits; what lies below only decides ties.
        let low = top.saturating_sub(3);
        let mut wide: u128 = 0;
        for digit in digits[low..=top].iter().rev() {
            wide = wide << DIGIT | (*digit as u64 as u128 & 0xffff_ffff);
        }
        if digits[..low].iter().any(|d| *d != 0) {
            wide |= 1;
        }
        let magnitude = scaled(wide, low as i32 * DIGIT as i32 - 1074);
        if negative { -magnitude } else { magnitude }
    }
}

/// `wide × 2^exponent`, rounded once.
fn scaled(wide: u128, exponent: i32) -> f64 {
    let bits = 128 - wide.leading_zeros() as i32;
    // Place of the last bit that a double of this size keeps.
    let last = (bits + exponent - 53).max(-1074);
    let drop = last - exponent;
    let mut kept = wide;
    if drop > 0 {
        let drop = drop.min(127) as u32;
        let rest = wide & ((1 << drop) - 1);
        let half = 1_u128 << (drop - 1);
        kept = wide >> drop;
        if rest > half || (rest == half && kept & 1 == 1) {
            kept += 1;
        }
    }
    let mut out = kept as f64;
    let mut left = if drop > 0 { last } else { exponent };
    // Powers of two in steps a double can hold; each step is exact, as the result has at most 53 bits.
    while left > 0 {
        let step = left.min(1_000);
        out *= 2_f64.powi(step);
        left -= step;
    }
    while left < 0 {
        let step = (-left).min(1_000);
        out /= 2_f64.powi(step);
        left += step;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::ExactSum;

    fn sum(terms: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        terms.iter().for_each(|t| sum.add(*t));
        sum.value()
    }

    #[test]
    fn sums_round_once() {
        let tiny = f64::from_bits(1);
        for (terms, want) in [
            (&[][..], 0.0),
            (&[0.1, 0.2], 0.30000000000000004),
            (&[1e300, 1.0, -1e300], 1.0),
            (&[1e308, 1e308], f64::INFINITY),
            (&[1e308, 1e308, -1e308], 1e308),
            (&[-1e308, -1e308], f64::NEG_INFINITY),
            (&[tiny, tiny], 2.0 * tiny),
            (&[tiny, -tiny], 0.0),
            (&[f64::MAX, tiny], f64::MAX),
            (&[f64::MAX], f64::MAX),
            (&[f64::MIN_POSITIVE, -tiny], f64::from_bits(f64::MIN_POSITIVE.to_bits() - 1)),
            (&[9007199254740992.0, 1.0], 9007199254740992.0),
            (&[9007199254740992.0, 1.0, tiny], 9007199254740994.0),
            (&[9007199254740992.0, 3.0], 9007199254740996.0),
            (&[-3.5, 1.25], -2.25),
            (&[f64::NAN, f64::INFINITY, 2.0], 2.0),
        ] {
            assert_eq!(sum(terms), want, "{terms:?}");
        }
    }

    #[test]
    fn what_left_leaves_no_trace() {
        let mut sum = ExactSum::default();
        let terms: Vec<f64> =
            (0..500).map(|i| (f64::from(i) * 0.37 - 60.0) * 10_f64.powi(i % 600 - 300)).collect();
        terms.iter().for_each(|t| sum.add(*t));
        terms.iter().rev().skip(1).for_each(|t| sum.take(*t));
        assert_eq!(sum.value(), terms[499]);
        // A million equal terms are their product.
        let mut many = ExactSum::default();
        (0..1_000_000).for_each(|_| many.add(0.1));
        let exact = 0.1_f64 * 1e6;
        assert!((many.value() - exact).abs() <= exact * f64::EPSILON);
    }
}

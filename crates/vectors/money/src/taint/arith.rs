//! Exact arithmetic of shares: `floor(t * v / b)` with the full product, in 64 or 128 bits.
//!
//! Satoshi fit 64 bits, wei do not; an engine starts with 64-bit cells and changes to 128-bit ones
//! when a sum first needs it. Products are 128 and 256 bits wide, so nothing is ever rounded twice.
//! Never floats, never a panic: callers keep `t <= b` and `v <= b`, which bounds every result.

use std::fmt::Debug;

/// A cell's number: `u64` or `u128`.
pub(crate) trait Word: Copy + Ord + Default + Debug {
    /// Nothing.
    const ZERO: Self;
    /// Sum, if it fits.
    fn plus(self, other: Self) -> Option<Self>;
    /// Difference; zero where the caller's bound does not hold.
    fn minus(self, other: Self) -> Self;
    /// `floor(self * v / b)` for `self <= b`, `v <= b`; zero for `b = 0`.
    fn share(self, v: Self, b: Self) -> Self;
    /// From a wide number, if it fits.
    fn narrow(wide: u128) -> Option<Self>;
    /// As a wide number.
    fn wide(self) -> u128;
    /// The low bits: a thing to read a cell for, so that it stands in the cache when it is needed.
    fn low(self) -> u64;
}

impl Word for u64 {
    const ZERO: u64 = 0;

    #[inline(always)]
    fn plus(self, other: u64) -> Option<u64> {
        self.checked_add(other)
    }

    #[inline(always)]
    fn minus(self, other: u64) -> u64 {
        self.saturating_sub(other)
    }

    #[inline(always)]
    fn share(self, v: u64, b: u64) -> u64 {
        // Wholly tainted, and wholly moved, are the frequent cases and need no division.
        if self == b {
            return v;
        }
        if v == b {
            return self;
        }
        if b == 0 {
            return 0;
        }
        let product = u128::from(self) * u128::from(v);
        match u64::try_from(product) {
            Ok(p) => p / b,
            Err(_) => (product / u128::from(b)) as u64,
        }
    }

    #[inline(always)]
    fn narrow(wide: u128) -> Option<u64> {
        u64::try_from(wide).ok()
    }

    #[inline(always)]
    fn wide(self) -> u128 {
        u128::from(self)
    }

    #[inline(always)]
    fn low(self) -> u64 {
        self
    }
}

impl Word for u128 {
    const ZERO: u128 = 0;

    #[inline(always)]
    fn plus(self, other: u128) -> Option<u128> {
        self.checked_add(other)
    }

    #[inline(always)]
    fn minus(self, other: u128) -> u128 {
        self.saturating_sub(other)
    }

    #[inline]
    fn share(self, v: u128, b: u128) -> u128 {
        if self == b {
            return v;
        }
        if v == b {
            return self;
        }
        // `self` and `v` are at most `b`: one test bounds all three.
        match u64::try_from(b) {
            Ok(b) => u128::from((self as u64).share(v as u64, b)),
            Err(_) => match self.checked_mul(v) {
                Some(p) => p / b,
                None => mul_div(self, v, b),
            },
        }
    }

    #[inline(always)]
    fn narrow(wide: u128) -> Option<u128> {
        Some(wide)
    }

    #[inline(always)]
    fn wide(self) -> u128 {
        self
    }

    #[inline(always)]
    fn low(self) -> u64 {
        self as u64
    }
}

/// `floor(a * b / d)` with a 256-bit product; `u128::MAX` where the quotient does not fit, zero for `d = 0`.
///
/// Knuth, The Art of Computer Programming 4.3.1, algorithm D with two digits of 64 bits.
pub fn mul_div(a: u128, b: u128, d: u128) -> u128 {
    if d == 0 {
        return 0;
    }
    let (hi, lo) = mul_wide(a, b);
    if hi == 0 {
        return lo / d;
    }
    if hi >= d {
        return u128::MAX;
    }
    // Here `d > hi >= 1`; normalised so that the estimate of each digit is at most two too great.
    let shift = d.leading_zeros();
    let d = d << shift;
    let (hi, lo) = if shift == 0 { (hi, lo) } else { ((hi << shift) | (lo >> (128 - shift)), lo << shift) };
    let (q1, rem) = digit(hi, lo >> 64, d);
    let (q0, _) = digit(rem, lo & LOW, d);
    (q1 << 64) | q0
}

const LOW: u128 = u64::MAX as u128;

/// High and low half of a product.
fn mul_wide(a: u128, b: u128) -> (u128, u128) {
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (low, mid, cross) = (a0 * b0, a1 * b0, a0 * b1);
    // At most three numbers below 2^64: no overflow.
    let carry = (low >> 64) + (mid & LOW) + (cross & LOW);
    let lo = (carry << 64) | (low & LOW);
    let hi = a1 * b1 + (mid >> 64) + (cross >> 64) + (carry >> 64);
    (hi, lo)
}

/// One digit of `(hi * 2^64 + next) / d` and the remainder, for `hi < d` and `d` normalised.
fn digit(hi: u128, next: u128, d: u128) -> (u128, u128) {
    let (d1, d0) = (d >> 64, d & LOW);
    let mut q = hi / d1;
    let mut r = hi % d1;
    while q > LOW || q * d0 > ((r << 64) | next) {
        q -= 1;
        r += d1;
        if r > LOW {
            break;
        }
    }
    // The true remainder is below `d`, so arithmetic modulo 2^128 gives it.
    let rem = (hi << 64 | next).wrapping_sub(q.wrapping_mul(d));
    (q, rem)
}

/// Splits `part` of `whole` over amounts `(key, amount)` that sum up to `whole`, by cumulative rounding in their
/// order: each gets what its running sum's share has grown by, so the shares sum up to `part` exactly and none
/// is more than its amount.
pub(crate) fn split<K: Copy>(amounts: &[(K, u128)], part: u128, whole: u128, out: &mut Vec<(K, u128)>) {
    out.clear();
    let (mut sum, mut given) = (0u128, 0u128);
    for &(key, amount) in amounts {
        sum = sum.saturating_add(amount);
        // Unlike elsewhere, `part` may exceed `whole`: a swap expresses amounts anew.
        let until = mul_div(sum, part, whole);
        if until > given {
            out.push((key, until - given));
            given = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long division, bit by bit.
    fn slow(a: u128, b: u128, d: u128) -> u128 {
        let (mut hi, mut lo) = mul_wide(a, b);
        let mut rem = 0u128;
        let mut q = 0u128;
        for _ in 0..256 {
            let top = rem >> 127;
            rem = (rem << 1) | (hi >> 127);
            hi = (hi << 1) | (lo >> 127);
            lo <<= 1;
            q <<= 1;
            if top == 1 || rem >= d {
                rem = rem.wrapping_sub(d);
                q |= 1;
            }
        }
        q
    }

    #[test]
    fn shares_equal_long_division() {
        let mut x = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        };
        for i in 0..200_000 {
            let wide = |n: &mut dyn FnMut() -> u64| (u128::from(n()) << 64) | u128::from(n());
            let d = (wide(&mut next) >> (i % 128)).max(1);
            let a = wide(&mut next) % d;
            let b = wide(&mut next) % d;
            let want = slow(a, b, d);
            assert_eq!(mul_div(a, b, d), want, "{a} * {b} / {d}");
            assert_eq!(a.share(b, d), want);
            if let (Ok(a), Ok(b), Ok(d)) = (u64::try_from(a), u64::try_from(b), u64::try_from(d)) {
                assert_eq!(u128::from(a.share(b, d)), want);
            }
        }
        assert_eq!(mul_div(u128::MAX, u128::MAX, u128::MAX), u128::MAX);
        assert_eq!(mul_div(u128::MAX, u128::MAX - 1, u128::MAX), u128::MAX - 1);
        assert_eq!(mul_div(3, u128::MAX, 2), u128::MAX);
        assert_eq!(mul_div(1, 1, 0), 0);
        // Products are what they are.
        assert_eq!(mul_wide(u128::MAX, u128::MAX), (u128::MAX - 1, 1));
    }
}

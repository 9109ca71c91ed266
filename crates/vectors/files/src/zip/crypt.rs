//! The old PKWARE encryption (APPNOTE 6.1), to open what a known password opens.
//!
//! It protects nothing; malware and samples travel in it with the password in the mail beside.

use std::io::{self, Read};

/// Length of the encryption header in front of the data.
pub(crate) const HEADER: usize = 12;

/// The three keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys(u32, u32, u32);

/// CRC-32 steps on single bytes (polynomial EDB88320).
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut c = i as u32;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 };
            bit += 1;
        }
        table[i] = c;
        i += 1;
    }
    table
}

const TABLE: [u32; 256] = table();

fn step(crc: u32, byte: u8) -> u32 {
    TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8)
}

impl Keys {
    pub(crate) fn new(password: &[u8]) -> Keys {
        let mut keys = Keys(0x1234_5678, 0x2345_6789, 0x3456_7890);
        password.iter().for_each(|b| keys.update(*b));
        keys
    }

    fn update(&mut self, plain: u8) {
        self.0 = step(self.0, plain);
        self.1 = self.1.wrapping_add(self.0 & 0xff).wrapping_mul(134_775_813).wrapping_add(1);
        self.2 = step(self.2, self.1.to_be_bytes()[0]);
    }

    fn open(&mut self, byte: u8) -> u8 {
        let t = (self.2 | 2) & 0xffff;
        let plain = byte ^ (t.wrapping_mul(t ^ 1) >> 8) as u8;
        self.update(plain);
        plain
    }

    /// The check byte: the last of the decrypted header.
    pub(crate) fn opens(mut self, sealed: &[u8; HEADER]) -> u8 {
        sealed.iter().fold(0, |_, b| self.open(*b))
    }
}

/// Decrypts a member; the header is taken off first.
pub(crate) struct Unsealed<R> {
    inner: R,
    keys: Keys,
    header_left: usize,
}

impl<R: Read> Unsealed<R> {
    pub(crate) fn new(inner: R, keys: Keys) -> Unsealed<R> {
        Unsealed { inner, keys, header_left: HEADER }
    }
}

impl<R: Read> Read for Unsealed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.header_left > 0 {
            let mut byte = [0];
            if self.inner.read(&mut byte)? == 0 {
                return Ok(0);
            }
            self.keys.open(byte[0]);
            self.header_left -= 1;
        }
        let n = self.inner.read(buf)?;
        for b in buf.get_mut(..n).unwrap_or_default() {
            *b = self.keys.open(*b);
        }
        Ok(n)
    }
}

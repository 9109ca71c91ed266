//! How far the walker may run ahead of the ordered end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// A fixed number of tokens. Whoever closes them ends the waiting for good.
pub(crate) struct Tokens {
    free: Mutex<usize>,
    freed: Condvar,
    closed: AtomicBool,
}

impl Tokens {
    pub(crate) fn new(n: usize) -> Tokens {
        Tokens { free: Mutex::new(n), freed: Condvar::new(), closed: AtomicBool::new(false) }
    }

    /// Waits for a token; `false` once closed.
    pub(crate) fn take(&self) -> bool {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 && !self.is_closed() {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free = free.saturating_sub(1);
        !self.is_closed()
    }

    pub(crate) fn give(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
    }

    /// Ends the run: the walker breaks at its next item.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        // Taken so that a waiter is either before its check or in `wait`, never between them.
        drop(self.free.lock().unwrap_or_else(PoisonError::into_inner));
        self.freed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Closes the tokens when a thread unwinds, so that a defect ends the run instead of hanging it.
pub(crate) struct CloseOnPanic<'t>(pub(crate) &'t Tokens);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseOnPanic, Tokens};

    #[test]
    fn a_panic_ends_the_waiting() {
        let tokens = Tokens::new(1);
        assert!(tokens.take());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| tokens.take());
            let defect = scope.spawn(|| {
                let _guard = CloseOnPanic(&tokens);
                panic!("a defect");
            });
            assert!(defect.join().is_err());
            assert!(!waiter.join().unwrap());
        });
    }
}

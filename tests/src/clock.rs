//! A clock that a test sets.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use strongroom_archiver::store::file::Clock;

/// 2026-11-21T08:00:00.000Z.
pub const START_MS: i64 = 1_795_248_000_000;

/// The machine's time, which a program under test reads too.
#[expect(clippy::disallowed_methods, reason = "what is run asks the machine")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Stands still, unless it was told to move on by a little whenever it is read.
#[derive(Clone, Debug)]
pub struct TestClock {
    ms: Arc<AtomicI64>,
    tick_ms: i64,
}

impl Default for TestClock {
    fn default() -> Self {
        Self::at(START_MS, 0)
    }
}

impl TestClock {
    /// Begins at a time, in milliseconds since 1970; `tick_ms` is added by every reading.
    pub fn at(ms: i64, tick_ms: i64) -> Self {
        Self { ms: Arc::new(AtomicI64::new(ms)), tick_ms }
    }

    /// The same clock, with another pace.
    #[must_use]
    pub fn paced(&self, tick_ms: i64) -> Self {
        Self { ms: Arc::clone(&self.ms), tick_ms }
    }

    /// The time, which this does not move on.
    pub fn ms(&self) -> i64 {
        self.ms.load(Ordering::SeqCst)
    }

    /// What every reading adds.
    pub fn tick_ms(&self) -> i64 {
        self.tick_ms
    }

    /// Lets time pass.
    pub fn pass(&self, ms: i64) {
        self.ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// As stores want it.
    pub fn closure(&self) -> Clock {
        let clock = self.clone();
        Box::new(move || {
            let ms = clock.ms.fetch_add(clock.tick_ms, Ordering::SeqCst);
            Timestamp::from_millisecond(ms).unwrap()
        })
    }
}

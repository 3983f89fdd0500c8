//! The same work on many things, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A thread ended without a result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a worker thread died: please report this as a bug")]
pub struct Died;

/// Calls `work` with every item, `threads` at a time, and returns the first error after all threads ended.
pub(crate) fn each<T, E, F>(threads: usize, items: &[T], work: F) -> Result<(), E>
where
    T: Sync,
    E: From<Died> + Send,
    F: Fn(&T) -> Result<(), E> + Sync,
{
    let next = AtomicUsize::new(0);
    let worker = || -> Result<(), E> {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item)?;
        }
        Ok(())
    };
    let threads = threads.min(items.len());
    if threads <= 1 {
        return worker();
    }
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let results: Vec<_> = handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|_| Err(Died.into())))
            .collect();
        results.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn every_item_has_its_turn_whatever_the_number_of_threads() {
        let items: Vec<u64> = (0..100).collect();
        for threads in [0, 1, 3, 200] {
            let sum = AtomicU64::new(0);
            let add = |item: &u64| {
                sum.fetch_add(*item, Ordering::Relaxed);
                Ok::<(), Died>(())
            };
            each(threads, &items, add).unwrap();
            assert_eq!(sum.into_inner(), 4_950);
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let failed = each(2, &[1, 2, 3], |item| if *item == 2 { Err(Died) } else { Ok(()) });
        assert_eq!(failed, Err(Died));
    }
}

//! The same work on many things, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::VerifyError;

/// Calls `work` with every item, `threads` at a time, and returns the first error after all threads ended.
pub(super) fn each<T, F>(threads: usize, items: &[T], work: F) -> Result<(), VerifyError>
where
    T: Sync,
    F: Fn(&T) -> Result<(), VerifyError> + Sync,
{
    let next = AtomicUsize::new(0);
    let worker = || -> Result<(), VerifyError> {
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
            .map(|handle| handle.join().unwrap_or(Err(VerifyError::Worker)))
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
                Ok(())
            };
            each(threads, &items, add).unwrap();
            assert_eq!(sum.into_inner(), 4_950);
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let failed =
            each(2, &[1, 2, 3], |item| if *item == 2 { Err(VerifyError::NoKeys) } else { Ok(()) });
        assert!(matches!(failed, Err(VerifyError::NoKeys)));
    }
}

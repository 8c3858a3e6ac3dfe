use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The bytes of decoded rows that may wait to be encoded, over all exports together.
///
/// It counts bytes, not batches, so that wide rows take no more memory than narrow ones.
#[derive(Debug)]
pub struct ByteBudget {
    capacity: usize,
    used: Mutex<usize>,
    freed: Condvar,
}

impl ByteBudget {
    /// Makes a budget of so many bytes.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, used: Mutex::new(0), freed: Condvar::new() })
    }

    /// Waits until the bytes are free. More than the whole budget is given once nothing else is out: a batch of one
    /// huge row has to pass as well.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Permit {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used > 0 && *used + bytes > self.capacity {
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        Permit(Arc::new(Taken { budget: Arc::clone(self), bytes }))
    }
}

/// Bytes taken from a [`ByteBudget`], given back when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Permit(#[expect(dead_code, reason = "it is held for its drop")] Arc<Taken>);

#[derive(Debug)]
struct Taken {
    budget: Arc<ByteBudget>,
    bytes: usize,
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.budget.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn what_is_out_never_exceeds_the_budget() {
        let budget = ByteBudget::new(100);
        let (out, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for worker in 0..4 {
                let (budget, out, most) = (&budget, &out, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = 1 + (worker * 31 + round * 17) % 60;
                        let permit = budget.take(bytes);
                        most.fetch_max(out.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                        out.fetch_sub(bytes, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
    }

    #[test]
    fn a_giant_passes_alone() {
        let budget = ByteBudget::new(10);
        drop(budget.take(1_000));
        drop(budget.take(10));
    }
}

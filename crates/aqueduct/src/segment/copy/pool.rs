//! Buffers that are used again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers kept for later; more than this are given back to the system.
const KEPT: usize = 4;
/// A larger buffer is not kept: one huge segment must not hold its memory for ever.
const LARGEST: usize = 16 << 20;

/// Buffers that segments were read into or written to. A buffer comes back when the last piece of it is dropped.
///
/// Fresh memory of this size comes from the system page by page, each cleared first, which takes longer than filling it.
#[derive(Debug)]
pub(super) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { free: Mutex::default() })
    }

    /// A buffer of at least this many bytes, whatever they hold.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Buffer {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough, else the largest there is.
        let fits = |(_, buffer): &(usize, &Vec<u8>)| buffer.len() >= bytes;
        let smallest = free.iter().enumerate().filter(fits).min_by_key(|(_, buffer)| buffer.len());
        let best = smallest.or_else(|| free.iter().enumerate().max_by_key(|(_, buffer)| buffer.len()));
        let mut buffer = match best.map(|(position, _)| position) {
            Some(position) => free.swap_remove(position),
            None => Vec::new(),
        };
        drop(free);
        if buffer.len() < bytes {
            // Without the old contents: growing would copy them.
            buffer.clear();
            if buffer.capacity() < bytes {
                buffer = Vec::new();
            }
            // The next segment may be a little larger.
            buffer.resize(bytes + bytes / 8, 0);
        }
        Buffer { buffer, used: bytes, pool: Arc::clone(self) }
    }

    /// An empty buffer with room for at least this many bytes, to append to; [`Pool::share`] takes it back.
    pub(super) fn take_empty(&self, bytes: usize) -> Vec<u8> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let largest = free.iter().enumerate().max_by_key(|(_, buffer)| buffer.capacity());
        let mut buffer = match largest.map(|(position, _)| position) {
            Some(position) => free.swap_remove(position),
            None => Vec::new(),
        };
        drop(free);
        buffer.clear();
        if buffer.capacity() < bytes {
            buffer = Vec::with_capacity(bytes + bytes / 8);
        }
        buffer
    }

    /// Shares all that was written into a buffer.
    pub(super) fn share(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        let used = buffer.len();
        Buffer { buffer, used, pool: Arc::clone(self) }.freeze(used)
    }

    /// Gives back to the system what is not in use.
    pub(super) fn clear(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn give(&self, buffer: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() <= LARGEST && free.len() < KEPT {
            free.push(buffer);
        }
    }
}

/// A buffer of a pool, to which it goes back.
#[derive(Debug)]
pub(super) struct Buffer {
    buffer: Vec<u8>,
    used: usize,
    pool: Arc<Pool>,
}

impl Buffer {
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.used).unwrap_or_default()
    }

    /// Shares the first `used` bytes.
    pub(super) fn freeze(mut self, used: usize) -> Bytes {
        self.used = used.min(self.buffer.len());
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.used).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_pool_keeps_only_what_is_in_use() {
        let pool = Pool::new();
        let (first, second) = (pool.take(1000), pool.take(1000));
        drop(first);
        pool.clear();
        assert_eq!(pool.free.lock().unwrap().len(), 0);
        drop(second);
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }

    #[test]
    fn buffers_come_back_and_are_bounded() {
        let pool = Pool::new();
        let first = pool.take(1000);
        let at = first.as_ref().as_ptr();
        let bytes = first.freeze(10);
        let slice = bytes.slice(2..4);
        drop(bytes);
        assert_ne!(pool.take(500).as_ref().as_ptr(), at, "a piece of it is still in use");
        drop(slice);
        assert_eq!(pool.free.lock().unwrap().len(), 2);
        assert_eq!(pool.take(900).as_ref().as_ptr(), at, "the one that is large enough");
        let many: Vec<_> = (0..20).map(|_| pool.take(1)).collect();
        drop(many);
        let mut empty = pool.take_empty(2000);
        assert!(empty.is_empty() && empty.capacity() >= 2000);
        empty.extend_from_slice(b"written");
        let (at, shared) = (empty.as_ptr(), pool.share(empty));
        assert_eq!(&shared[..], b"written");
        drop(shared);
        let again = pool.take_empty(10);
        assert_eq!(again.as_ptr(), at);
        assert!(pool.free.lock().unwrap().len() <= KEPT);
        drop(pool.take(LARGEST + 1));
        assert!(pool.free.lock().unwrap().iter().all(|buffer| buffer.len() <= LARGEST));
    }
}

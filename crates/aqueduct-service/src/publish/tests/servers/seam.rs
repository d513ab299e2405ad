//! What every S3 server of the tests is, and the names it goes by.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

pub(super) const KEY: &str = "key";
pub(super) const SECRET: &str = "secret";
pub(super) const BUCKET: &str = "videos";

pub(super) type Done<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// An S3 server that can be stopped and started again with what it holds. It has one bucket.
pub(super) trait Server: Send {
    fn port(&self) -> u16;
    fn start(&mut self) -> Done<'_>;
    #[allow(dead_code, reason = "not every test binary stops it")]
    fn stop(&mut self) -> Done<'_>;
}

/// Ports of the loopback interface that nothing listened on a moment ago. They lie below those that the system gives to
/// outgoing connections, so that none of these takes one before its server does; each process begins elsewhere.
pub(super) fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let next = || {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        10_000 + (std::process::id().wrapping_mul(97).wrapping_add(tried) % 20_000) as u16
    };
    [(); COUNT].map(|()| std::iter::repeat_with(next).take(20_000).find(is_free).unwrap())
}

//! How the C library keeps the memory that encoders give back, and in what pages the kernel gives it.

/// Makes the C library return large blocks at once, instead of keeping them for later, and keep all others in one place.
///
/// For a program that encodes and does little else: every segment opens fresh encoders, whose blocks differ in size by
/// rung. glibc, which raises the size from which it returns blocks as they are freed, then keeps holes between those in
/// use: a fifth of the memory of a transcode. It also gives each thread an arena of its own, and what one thread takes
/// another gives back: coded pictures leave holes in all of them. Process-wide, so the library never does it by itself.
/// Does nothing with other C libraries. Call it before anything large is allocated.
pub fn return_memory_early() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets numbers of the allocator, which takes its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Has the kernel give this process memory in small pages alone.
///
/// x264 asks for huge pages (2 MB) where it may have them, and each comes whole: also what a picture's tables leave unused, some
/// percent of the memory of a transcode. Process-wide and for child processes too, so the library never does it by
/// itself. Does nothing elsewhere than on Linux.
pub fn use_small_pages() {
    #[cfg(target_os = "linux")]
    {
        const NONE: libc::c_ulong = 0;
        // SAFETY: sets a flag of this process; what the call has no use for has to be zero.
        unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, NONE + 1, NONE, NONE, NONE) };
    }
}

/// Blocks from this size on are mapped by themselves: rows and tables stay below, planes and pictures lie above.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 128 << 10;

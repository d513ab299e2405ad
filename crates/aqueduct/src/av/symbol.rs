//! What a library has and FFmpeg does not pass on.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;

/// A function or variable by its name, in whichever library of this process has it.
pub(super) fn symbol(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the name is a terminated string.
    NonNull::new(unsafe { dlsym(ANY, name.as_ptr()) })
}

// SAFETY: POSIX has it with this signature.
unsafe extern "C" {
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// RTLD_DEFAULT: wherever the process finds symbols.
#[cfg(not(target_vendor = "apple"))]
const ANY: *mut c_void = std::ptr::null_mut();
#[cfg(target_vendor = "apple")]
const ANY: *mut c_void = -2isize as *mut c_void;

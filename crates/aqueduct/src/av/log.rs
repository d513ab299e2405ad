//! libav's log goes to `tracing`, never to stderr.

use std::ffi::{CStr, c_char, c_int, c_void};

use ffmpeg_next::ffi;

#[cfg(target_arch = "x86_64")]
type Arguments = *mut ffi::__va_list_tag;
#[cfg(not(target_arch = "x86_64"))]
type Arguments = ffi::va_list;

/// Sends every line that libav logs to `tracing`, under the target `libav`.
pub(super) fn install() {
    // SAFETY: the callback has the signature that libav asks for and may be called from any thread.
    unsafe { ffi::av_log_set_callback(Some(callback)) };
}

unsafe extern "C" fn callback(
    context: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: Arguments,
) {
    if level > ffi::AV_LOG_VERBOSE || !tracing::enabled!(target: "libav", tracing::Level::DEBUG) {
        return;
    }
    let mut line = [0 as c_char; 1024];
    let mut print_prefix: c_int = 1;
    // SAFETY: context, format and arguments come from libav for this very call; the line buffer has the length
    // that is passed and is terminated by the callee.
    let text = unsafe {
        ffi::av_log_format_line2(
            context,
            level,
            format,
            arguments,
            line.as_mut_ptr(),
            line.len() as c_int,
            &mut print_prefix,
        );
        CStr::from_ptr(line.as_ptr()).to_string_lossy()
    };
    let text = text.trim_end();
    match level {
        ..=ffi::AV_LOG_ERROR => tracing::info!(target: "libav", "{text}"),
        _ => tracing::debug!(target: "libav", "{text}"),
    }
}

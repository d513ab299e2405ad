//! libav's log goes to `tracing`, never to stderr; and to who listens for what a decoder complains of.

use std::cell::RefCell;
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

thread_local! {
    /// Of who listens on this thread: the first error that was logged.
    static HEARD: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// What libav calls an error and hurts no picture: one that was to be forgotten is not there, as behind a cut; supplemental
/// information that stands before the parameter sets, or is not what it should be.
const HARMLESS: [&str; 3] = ["mmco: unref short failure", "buffering period", "SEI"];

/// What `work` returns, and the first error that libav logged meanwhile on this thread.
pub(super) fn listen<T>(work: impl FnOnce() -> T) -> (T, Option<String>) {
    HEARD.with(|heard| *heard.borrow_mut() = Some(None));
    let result = work();
    (result, HEARD.with(|heard| heard.borrow_mut().take()).flatten())
}

/// Keeps a line for who listens. Which object of libav it was, and where that lies in memory, is left out.
fn hear(line: &str) {
    let mut said = line;
    while let Some((_, rest)) = said.strip_prefix('[').and_then(|said| said.split_once("] ")) {
        said = rest;
    }
    if said.is_empty() || HARMLESS.iter().any(|words| said.contains(words)) {
        return;
    }
    // At the end of a thread there is nobody left to listen.
    let _ = HEARD.try_with(|heard| {
        if let Ok(mut heard) = heard.try_borrow_mut() {
            *heard = Some(Some(said.to_owned()));
        }
    });
}

unsafe extern "C" fn callback(
    context: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: Arguments,
) {
    let is_heard = level <= ffi::AV_LOG_ERROR
        && HEARD
            .try_with(|heard| heard.try_borrow().is_ok_and(|heard| *heard == Some(None)))
            .unwrap_or(false);
    let is_logged = level <= ffi::AV_LOG_VERBOSE && tracing::enabled!(target: "libav", tracing::Level::DEBUG);
    if !is_heard && !is_logged {
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
    if is_heard {
        hear(text);
    }
    if !is_logged {
        return;
    }
    match level {
        ..=ffi::AV_LOG_ERROR => tracing::info!(target: "libav", "{text}"),
        _ => tracing::debug!(target: "libav", "{text}"),
    }
}

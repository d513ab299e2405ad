//! What our object keys look like, for prefixes whose plan is gone or cannot be read.

use aqueduct::plan::{MULTIVARIANT_KEY, PLAN_KEY};

/// Key of the verdict; it belongs to the presentation it stands beside.
pub(crate) const CHECK_KEY: &str = "check.json";

/// The folders below a destination that hold renditions.
pub(crate) const FOLDERS: [&str; 3] = ["audio", "text", "video"];

/// Whether Aqueduct could have written an object under `key`. Nothing else is ever deleted.
pub(crate) fn is_ours(key: &str) -> bool {
    match key.split('/').collect::<Vec<_>>()[..] {
        [name] => matches!(name, PLAN_KEY | MULTIVARIANT_KEY | CHECK_KEY),
        [_, _, name] => is_folder(parent(key)) && (is_playlist_name(name) || is_media_name(name)),
        _ => false,
    }
}

/// Whether `key` is a folder on the way to our keys: `video`, or `video/720p`.
pub(crate) fn is_folder(key: &str) -> bool {
    match key.split('/').collect::<Vec<_>>()[..] {
        [folder] => FOLDERS.contains(&folder),
        [folder, rendition] => FOLDERS.contains(&folder) && !rendition.is_empty(),
        _ => false,
    }
}

/// Whether `key` is a media playlist.
pub(crate) fn is_playlist(key: &str) -> bool {
    key.rsplit_once('/').is_some_and(|(_, name)| is_playlist_name(name))
}

fn parent(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn is_playlist_name(name: &str) -> bool {
    matches!(name, "index.m3u8" | "iframes.m3u8")
}

fn is_media_name(name: &str) -> bool {
    if matches!(name, "init.mp4" | "media.ts" | "media.mp4") {
        return true;
    }
    let Some((number, extension)) = name.split_once('.') else { return false };
    number.len() >= 5
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(extension, "ts" | "m4s" | "aac" | "vtt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_keys_and_no_others() {
        for key in [
            "plan.json",
            "master.m3u8",
            "check.json",
            "video/720p/index.m3u8",
            "video/720p/iframes.m3u8",
            "video/hevc-1080p/init.mp4",
            "video/720p/media.ts",
            "audio/en/media.mp4",
            "video/720p/00000.ts",
            "audio/main/123456.m4s",
            "text/en/00001.vtt",
        ] {
            assert!(is_ours(key), "{key}");
        }
        for key in [
            "",
            "/",
            "index.m3u8",
            "00000.ts",
            "video/00000.ts",
            "video/720p/0.ts",
            "video/720p/holiday.ts",
            "video//00000.ts",
            "video/720p/sub/00000.ts",
            "videos/720p/00000.ts",
            "video/720p/00000.mp4",
            "plan.json.bak",
            "media.mp4",
            "video/720p/media.m4s",
            "a/plan.json",
            "video/720p/plan.json",
        ] {
            assert!(!is_ours(key), "{key}");
        }
    }
}

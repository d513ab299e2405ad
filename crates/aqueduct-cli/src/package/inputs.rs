//! The inputs of a presentation that is copied: files of pictures, files of sound, and their names.

use std::path::{Path, PathBuf};

use aqueduct::plan::Role;

use crate::exit::Failure;
use crate::input::{self, Input};
use crate::job::CopyJob;

/// All inputs in the plan's order, with what each is for.
pub(super) fn open(job: &CopyJob) -> Result<(Vec<Input>, Vec<Role>), Failure> {
    let mut wanted: Vec<(PathBuf, Role)> = job.inputs.iter().map(|path| (path.clone(), Role::Main)).collect();
    for text in &job.audio {
        let (path, language) = sound(text)?;
        wanted.push((path, Role::Sound { language }));
    }
    let mut inputs: Vec<Input> = Vec::with_capacity(wanted.len());
    let mut roles: Vec<Role> = Vec::with_capacity(wanted.len());
    for (number, (path, role)) in wanted.into_iter().enumerate() {
        let input = input::open_mp4(&path, &role, number, &job.access)?;
        input.must_be_readable()?;
        // By its bytes: a copy under another name is the same film.
        let same = inputs.iter().zip(&roles).find(|(other, other_role)| {
            other.index.identity == input.index.identity && is_main(other_role) == is_main(&role)
        });
        if let Some((other, _)) = same {
            return Err(given_twice(other, &input));
        }
        inputs.push(input);
        roles.push(role);
    }
    Ok((inputs, roles))
}

/// All files and objects that are read, and those of their indexes.
pub(super) fn used(job: &CopyJob) -> Result<Vec<PathBuf>, Failure> {
    let sounds = job.audio.iter().map(|text| Ok(sound(text)?.0)).collect::<Result<Vec<_>, Failure>>()?;
    Ok([&job.inputs, &sounds, &job.access.indexes].into_iter().flatten().cloned().collect())
}

pub(super) fn is_main(role: &Role) -> bool {
    *role == Role::Main
}

fn given_twice(one: &Input, other: &Input) -> Failure {
    let message = if one.path == other.path {
        format!("{} is given twice", one.name())
    } else {
        format!("{} and {} hold the same bytes", one.name(), other.name())
    };
    Failure::usage(message).hint("give each rung and each sound once")
}

/// `FILE`, `FILE:LANG`. A file with a colon in its name is itself where it exists; nobody asks a store for that.
fn sound(text: &Path) -> Result<(PathBuf, Option<String>), Failure> {
    let whole = || Ok((text.to_owned(), None));
    let Some((file, language)) = text.to_str().and_then(|text| text.rsplit_once(':')) else { return whole() };
    if file.is_empty() || text.exists() {
        return whole();
    }
    if is_language(language) {
        return Ok((file.into(), Some(language.to_owned())));
    }
    if Path::new(file).exists() {
        let message = format!("`{language}` is no language of {file}");
        return Err(Failure::usage(message).hint("give a tag such as en, deu or pt-BR, or leave it out"));
    }
    whole()
}

/// Whether `text` is built like a language tag (RFC 5646 §2.1): `en`, `deu`, `pt-BR`, `zh-Hant-TW`.
fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let is_alphanumeric = |tag: &str| tag.chars().all(|letter| letter.is_ascii_alphanumeric());
    let is_primary = |tag: &str| matches!(tag.len(), 2..=8) && tag.chars().all(|c| c.is_ascii_alphabetic());
    subtags.next().is_some_and(is_primary)
        && subtags.all(|tag| matches!(tag.len(), 1..=8) && is_alphanumeric(tag))
}

/// `message`, in which the core counts inputs from 1, with the name of each behind its number.
pub(super) fn named(message: &str, inputs: &[Input]) -> String {
    let names: Vec<String> = inputs.iter().map(Input::name).collect();
    with_names(message, &names)
}

fn with_names(message: &str, names: &[String]) -> String {
    const WORD: &str = "input ";
    let mut parts = message.split(WORD);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        text.push_str(WORD);
        text.push_str(number);
        let name = number.parse().ok().and_then(|number: usize| names.get(number.checked_sub(1)?));
        if let Some(name) = name {
            text.push_str(&format!(" ({name})"));
        }
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_stands_behind_the_last_colon() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, b"x").unwrap();
            path
        };
        let with = |path: &Path, language: &str| PathBuf::from(format!("{}:{language}", path.display()));
        let plain = file("plain.m4a");
        let colon = file("scene 3: rain.m4a");
        let like = file("plain.m4a:de");
        assert_eq!(sound(&plain).unwrap(), (plain.clone(), None));
        assert_eq!(sound(&with(&plain, "en")).unwrap(), (plain.clone(), Some("en".to_owned())));
        assert_eq!(sound(&with(&plain, "zh-Hant-TW")).unwrap().1.as_deref(), Some("zh-Hant-TW"));
        assert_eq!(sound(&colon).unwrap(), (colon.clone(), None));
        let object = PathBuf::from("s3://bucket/sound.m4a");
        assert_eq!(sound(&object).unwrap(), (object.clone(), None));
        assert_eq!(sound(&with(&object, "de")).unwrap(), (object, Some("de".to_owned())));
        assert_eq!(sound(&with(&colon, "fr")).unwrap(), (colon, Some("fr".to_owned())));
        assert_eq!(sound(&with(&plain, "de")).unwrap(), (like, None), "a file that exists wins");
        for wrong in ["", "e", "english language", "12", "en_US", "en\"", "en-"] {
            assert!(sound(&with(&plain, wrong)).is_err(), "{wrong}");
        }
        let missing = folder.path().join("missing.m4a");
        assert_eq!(sound(&with(&missing, "en")).unwrap().0, missing, "the file is what is missing");
        assert_eq!(sound(&with(&missing, "e!")).unwrap().1, None);
    }

    #[test]
    fn numbers_get_names() {
        let names = ["a.mp4".to_owned(), "b.mp4".to_owned()];
        assert_eq!(with_names("input 2: no key frame", &names), "input 2 (b.mp4): no key frame");
        assert_eq!(
            with_names("input 2 has none where input 1, at 3 s", &names),
            "input 2 (b.mp4) has none where input 1 (a.mp4), at 3 s"
        );
        for same in
            ["", "there is no input", "input 0", "input 3", "input x", "input 99999999999999999999999"]
        {
            assert_eq!(with_names(same, &names), same);
        }
    }
}

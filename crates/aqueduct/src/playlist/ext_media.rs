//! EXT-X-MEDIA, RFC 8216bis §4.4.6.1: sounds that are renditions of their own.

use std::fmt;

use crate::media::{Codec, UNDETERMINED};
use crate::plan::{CopiedMedia, Decisions, Rates, Rendition, RenditionId};

/// The sounds that a variant may be played with.
pub(super) struct Group<'a> {
    pub(super) id: String,
    /// The codings of its sounds, each once.
    pub(super) codecs: Vec<&'a str>,
    pub(super) renditions: Vec<Rendition<'a>>,
}

impl<'a> Group<'a> {
    /// The groups of a plan. All groups of a presentation must have the same members (§4.4.6.1.1), and a player may play a
    /// variant when it knows all codings of its group: so there is one group for each coding where each has all the
    /// languages, else one group of all sounds.
    pub(super) fn of(plan: &'a Decisions) -> Vec<Self> {
        let sounds = plan.renditions().into_iter().filter(|it| !it.has_video());
        let sounds: Vec<_> = sounds.filter_map(|it| Some((it, coding(&it)?))).collect();
        let mut groups: Vec<Self> = Vec::new();
        for (rendition, (coding, codec)) in &sounds {
            match groups.iter_mut().find(|group| group.codecs == [*codec]) {
                Some(group) => group.renditions.push(*rendition),
                None => {
                    let same = groups.iter().filter(|group| group.id.starts_with(coding)).count();
                    let number = if same == 0 { String::new() } else { format!("-{}", same + 1) };
                    groups.push(Self {
                        id: format!("{coding}{number}"),
                        codecs: vec![*codec],
                        renditions: vec![*rendition],
                    });
                }
            }
        }
        let members = |group: &Self| group.renditions.iter().map(label).collect::<Vec<_>>();
        if groups.windows(2).any(|pair| members(&pair[0]) != members(&pair[1])) {
            let codecs = groups.iter().flat_map(|group| &group.codecs).copied().collect();
            let renditions = sounds.into_iter().map(|(rendition, _)| rendition).collect();
            groups = vec![Self { id: "audio".to_owned(), codecs, renditions }];
        }
        groups
    }

    /// The highest rates of any of its sounds: a variant is played with one of them.
    pub(super) fn rates(&self, of: impl Fn(RenditionId) -> Option<Rates>) -> Rates {
        let none = Rates { peak: 0, average: 0 };
        self.renditions.iter().filter_map(|rendition| of(rendition.id)).fold(none, |most, rates| Rates {
            peak: most.peak.max(rates.peak),
            average: most.average.max(rates.average),
        })
    }

    /// The tags of its sounds.
    pub(super) fn tags(&self, plan: &Decisions) -> Vec<ExtMedia<'_>> {
        let tag = |(number, rendition): (usize, &Rendition<'a>)| {
            let channels = match (rendition.copied_audio.map(|copy| &copy.media), rendition.audio) {
                (Some(CopiedMedia::Audio { channels, .. }), _) => *channels,
                (_, Some(audio)) => audio.encoding.channels,
                _ => 0,
            };
            let language = rendition.language().unwrap_or(UNDETERMINED);
            let uri = plan.playlist_key(rendition.id)?;
            let same = |other: &&Rendition<'a>| label(other) == label(rendition);
            let earlier = self.renditions.iter().take(number).filter(same).count();
            let name = match earlier {
                0 => label(rendition).to_owned(),
                _ => format!("{} {}", label(rendition), earlier + 1),
            };
            Some(ExtMedia { group: &self.id, name, language, channels, default: number == 0, uri })
        };
        self.renditions.iter().enumerate().filter_map(tag).collect()
    }
}

/// How its sound is coded, as a word and as CODECS has it.
fn coding<'a>(rendition: &Rendition<'a>) -> Option<(String, &'a str)> {
    let copied = rendition.copied_audio.map(|copy| (copy.codec.to_string(), copy.codec_string.as_str()));
    copied.or_else(|| rendition.audio.map(|audio| (Codec::Aac.to_string(), audio.codec.as_str())))
}

fn label<'a>(rendition: &Rendition<'a>) -> &'a str {
    match (rendition.copied_audio.map(|copy| &copy.media), rendition.audio) {
        (Some(CopiedMedia::Audio { label, .. }), _) => label,
        (_, audio) => audio.map_or("", |audio| audio.label.as_str()),
    }
}

/// One tag.
pub(super) struct ExtMedia<'a> {
    group: &'a str,
    /// Unique in its group (§4.4.6.1.1).
    name: String,
    /// A tag of RFC 5646: `und` where nobody knows the language (its §4.1; Apple HLS Authoring 8.10 asks for one).
    language: &'a str,
    /// 0 where the number is not known.
    channels: u8,
    default: bool,
    uri: String,
}

impl fmt::Display for ExtMedia<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{}\",NAME=\"{}\"", self.group, self.name)?;
        write!(f, ",LANGUAGE=\"{}\"", self.language)?;
        let default = if self.default { "YES" } else { "NO" };
        write!(f, ",DEFAULT={default},AUTOSELECT=YES")?;
        if self.channels > 0 {
            write!(f, ",CHANNELS=\"{}\"", self.channels)?;
        }
        write!(f, ",URI=\"{}\"", self.uri)
    }
}

//! Names in archives that are not UTF-8, as zip programs on Windows write them.

use std::path::Path;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, IBM866, KOI8_R, SHIFT_JIS, WINDOWS_1251,
};

/// Encodings that a guess is believed in. Others are left to the format's own rule, code page 437 (APPNOTE 6.3.10,
/// appendix D), which Western names mostly follow.
const BELIEVED: [&Encoding; 9] = [
    SHIFT_JIS,
    GBK,
    GB18030,
    BIG5,
    EUC_JP,
    EUC_KR,
    IBM866,
    KOI8_R,
    WINDOWS_1251,
];

/// What the names of an archive are read as.
#[derive(Debug)]
pub(super) struct LegacyNames {
    /// How many are not UTF-8.
    count: usize,
    /// What all of them are text in; else code page 437.
    encoding: Option<&'static Encoding>,
}

impl LegacyNames {
    /// Of an archive whose names are all UTF-8.
    pub fn none() -> Self {
        Self {
            count: 0,
            encoding: None,
        }
    }

    /// Guesses from all names that are not UTF-8.
    pub fn guess(names: &[Vec<u8>]) -> Self {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(&names.join(&b'\n'), true);
        let guessed = detector.guess(None, Utf8Detection::Deny);
        let is_all = |encoding: &&'static Encoding| {
            let mut names = names.iter();
            names.all(|name| {
                encoding
                    .decode_without_bom_handling_and_without_replacement(name)
                    .is_some()
            })
        };
        let reads_well = |encoding: &&'static Encoding| {
            let texts = names.iter().filter_map(|name| {
                encoding.decode_without_bom_handling_and_without_replacement(name)
            });
            has_words(texts)
        };
        Self {
            count: names.len(),
            encoding: Some(guessed)
                .filter(|guessed| BELIEVED.contains(guessed))
                .filter(is_all)
                .filter(reads_well),
        }
    }

    /// A name in the encoding that was guessed; none where it is left to the format's rule.
    pub fn decode(&self, name: &[u8]) -> Option<String> {
        let text = self
            .encoding?
            .decode_without_bom_handling_and_without_replacement(name)?;
        Some(text.into_owned())
    }

    /// What the user should know.
    pub fn note(&self, archive: &Path) -> Option<String> {
        let names = match self.count {
            0 => return None,
            1 => "1 name".to_owned(),
            count => format!("{count} names"),
        };
        let encoding = self.encoding.map_or("code page 437", Encoding::name);
        Some(format!(
            "{names} in {} are not UTF-8 and were read as {encoding}, by a guess",
            archive.display()
        ))
    }
}

/// Whether most letters beyond ASCII stand beside others of their kind, as in words of these languages: a Western
/// accent that was taken for one of them stands alone among ASCII letters.
fn has_words<'a>(texts: impl Iterator<Item = std::borrow::Cow<'a, str>>) -> bool {
    let (mut together, mut alone) = (0, 0);
    for text in texts {
        let foreign: Vec<bool> = text.chars().map(|letter| !letter.is_ascii()).collect();
        for (place, _) in foreign.iter().enumerate().filter(|(_, foreign)| **foreign) {
            let beside = |place: Option<usize>| place.and_then(|place| foreign.get(place));
            match beside(place.checked_sub(1)) == Some(&true)
                || beside(Some(place + 1)) == Some(&true)
            {
                true => together += 1,
                false => alone += 1,
            }
        }
    }
    together > alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_wrote_in_other_encodings_came_out_garbled() {
        for (encoding, names) in [
            (SHIFT_JIS, ["正常/胸部レントゲン.png", "肺炎/胸部正面.png"]),
            (GBK, ["正常/胸片一号.png", "肺炎/胸部正位片.png"]),
            (EUC_KR, ["정상/흉부.png", "폐렴/흉부 사진.png"]),
            (IBM866, ["норма/снимок.png", "пневмония/грудная клетка.png"]),
        ] {
            let raw: Vec<Vec<u8>> = names
                .iter()
                .map(|name| encoding.encode(name).0.into_owned())
                .collect();
            let found = LegacyNames::guess(&raw);
            let decoded: Vec<Option<String>> = raw.iter().map(|name| found.decode(name)).collect();
            assert_eq!(
                decoded,
                names.map(|name| Some(name.to_owned())),
                "{}",
                encoding.name()
            );
            let note = found.note(Path::new("a.zip")).unwrap();
            assert!(note.contains("2 names in a.zip"), "{note}");
        }
        // As DOS and the format have it: é is 0x82.
        let western = LegacyNames::guess(&[b"normal/\x82l\x8Ave.png".to_vec()]);
        assert_eq!(western.decode(b"\x82l\x8Ave.png"), None);
        let umlauts = [&b"Entz\x81ndung/a.png"[..], b"Gr\x81n/b.png"].map(<[u8]>::to_vec);
        assert_eq!(LegacyNames::guess(&umlauts).decode(&umlauts[0]), None);
        assert_eq!(LegacyNames::none().note(Path::new("a.zip")), None);
    }
}

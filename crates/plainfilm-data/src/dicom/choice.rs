//! Which films are frontal films of a chest, by what their files say.

use plainfilm_film::radiograph::dicom::DicomFacts;

/// Kinds of devices that take radiographs (PS3.3 C.7.3.1.1.1), and those that a scanned or exported film is given.
const MODALITIES: [&str; 6] = ["CR", "DX", "RG", "DR", "OT", "SC"];

/// Why a film is not a frontal one of a chest that is meant to be looked at. Nothing that was typed by hand is
/// repeated in the reason.
pub(super) fn frontal_chest(facts: &DicomFacts) -> Result<(), String> {
    match facts.modality.as_deref() {
        Some(modality) if !MODALITIES.contains(&modality) => {
            return Err(format!(
                "expected a radiograph, found modality {}",
                code(modality)
            ));
        }
        _ => {}
    }
    if facts.presentation_intent.as_deref() == Some("FOR PROCESSING") {
        return Err("expected a film for presentation, found one for processing".to_owned());
    }
    let is_chest = |text: &str| {
        let text = text.to_lowercase();
        ["chest", "thorax", "lung"]
            .iter()
            .any(|word| text.contains(word))
    };
    match facts.body_part.as_deref() {
        Some(part) if !is_chest(part) => {
            return Err(format!("expected a chest, found body part {}", code(part)));
        }
        None if !facts.descriptions.iter().any(|text| is_chest(text)) => {
            return Err("its body part is not known".to_owned());
        }
        _ => {}
    }
    match facts.view_position.as_deref() {
        Some("PA" | "AP") => Ok(()),
        Some(view) => Err(format!("expected view PA or AP, found {}", code(view))),
        None => Err("its view is not known".to_owned()),
    }
}

/// A code string as it is, and free text, which may say anything, not at all.
fn code(text: &str) -> &str {
    let is_code = text.len() <= 16
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    if is_code { text } else { "something else" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frontal_films_of_chests_are_taken() {
        let facts = |modality: &str, part: &str, view: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let mut facts = DicomFacts::default();
            facts.modality = some(modality);
            facts.body_part = some(part);
            facts.view_position = some(view);
            facts
        };
        let cases = [
            (facts("DX", "CHEST", "PA"), None),
            (facts("", "THORAX", "AP"), None),
            (facts("CT", "CHEST", "AP"), Some("modality CT")),
            (facts("DX", "HAND", "PA"), Some("body part HAND")),
            (facts("DX", "", "PA"), Some("body part is not known")),
            (facts("CR", "CHEST", "LL"), Some("found LL")),
            (facts("CR", "CHEST", ""), Some("view is not known")),
            (facts("CR", "Sample^Person", "PA"), Some("something else")),
        ];
        for (facts, expected) in cases {
            match (frontal_chest(&facts), expected) {
                (Ok(()), None) => {}
                (Err(reason), Some(part)) => assert!(reason.contains(part), "{reason}"),
                (found, expected) => panic!("{found:?}, expected {expected:?}"),
            }
        }
    }
}

//! What a DICOM file says about the film and the person on it.

use std::fmt;

use super::super::{Limits, RadiographError};
use super::Fault;
use super::elements::DataSet;
use super::file::File;

/// What the tags of a film say; `None` where they say nothing that can be understood.
///
/// It holds what can identify a person. [`fmt::Debug`] leaves that out, so that a log never gets it.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct DicomFacts {
    /// (0008,0016), the kind of object: an identifier such as `1.2.840.10008.5.1.4.1.1.1` for CR.
    pub sop_class: Option<String>,
    /// (0008,0060), such as `CR`, `DX`, `OT`.
    pub modality: Option<String>,
    /// (0018,5101), such as `PA`, `AP`, `LL`; from View Code Sequence (0054,0220) where it is empty.
    pub view_position: Option<String>,
    /// (0020,0062) or (0020,0060): `R`, `L`, `U` or `B`.
    pub laterality: Option<String>,
    /// (0018,0015), such as `CHEST`.
    pub body_part: Option<String>,
    /// (0008,1030) and (0008,103E), which name the body part where [`Self::body_part`] does not. Free text.
    pub descriptions: Vec<String>,
    /// (0010,1010) in years, or from the dates of birth and study.
    pub age: Option<f64>,
    /// (0010,0040): `F`, `M` or `O`.
    pub sex: Option<String>,
    /// (0010,0020). Identifies a person.
    pub patient_id: Option<String>,
    /// (0008,0020) as `YYYYMMDD`. Helps to identify a person.
    pub study_date: Option<String>,
    /// (0008,0070).
    pub manufacturer: Option<String>,
    /// (0008,1090).
    pub model: Option<String>,
    /// (0018,1020).
    pub software: Option<String>,
    /// (0018,0060), in kilovolts.
    pub tube_voltage: Option<f64>,
    /// (0018,1153), in microampere seconds, or (0018,1152), in milliampere seconds, a thousand times that.
    pub exposure: Option<f64>,
    /// (0018,1411), how exposed the detector was.
    pub exposure_index: Option<f64>,
    /// (0028,0301): whether text is drawn into the pixels, which may name a person.
    pub burned_in_annotation: Option<bool>,
    /// (0028,0004), such as `MONOCHROME2`.
    pub photometric: Option<String>,
    /// (0002,0010): an identifier.
    pub transfer_syntax: Option<String>,
    /// (0008,0068): `FOR PRESENTATION`, or `FOR PROCESSING` for a film that no viewer shows as it is.
    pub presentation_intent: Option<String>,
}

impl fmt::Debug for DicomFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DicomFacts")
            .field("sop_class", &self.sop_class)
            .field("modality", &self.modality)
            .field("view_position", &self.view_position)
            .field("laterality", &self.laterality)
            .field("body_part", &self.body_part)
            .field("manufacturer", &self.manufacturer)
            .field("model", &self.model)
            .field("burned_in_annotation", &self.burned_in_annotation)
            .field("photometric", &self.photometric)
            .field("transfer_syntax", &self.transfer_syntax)
            .field("presentation_intent", &self.presentation_intent)
            .finish_non_exhaustive()
    }
}

impl DicomFacts {
    /// Reads the tags of a file; `bytes` is the whole of it, `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`RadiographError`] where it is no DICOM file, is larger than the limits allow, or is cut off before its
    /// pixels.
    pub fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<Self, RadiographError> {
        limits.check_file(name, bytes.len() as u64)?;
        let fault = |fault: Fault| fault.of(name);
        let file = File::open(bytes, limits).map_err(fault)?;
        let (data, _) =
            DataSet::read(&file.bytes, file.start, file.syntax.encoding).map_err(fault)?;
        Ok(Self::of(&data, file.uid))
    }

    pub(super) fn of(data: &DataSet<'_>, transfer_syntax: Option<String>) -> Self {
        let views = data.items(0x0054_0220);
        let view = views.first().and_then(|view| view.text(0x0008_0104));
        let study_date = data.text(0x0008_0020);
        Self {
            sop_class: data.text(0x0008_0016),
            modality: data.code(0x0008_0060),
            view_position: data.code(0x0018_5101).or_else(|| view_of(&view?)),
            laterality: data.code(0x0020_0062).or_else(|| data.code(0x0020_0060)),
            body_part: data.code(0x0018_0015),
            descriptions: [0x0008_1030, 0x0008_103e, 0x0018_1030]
                .into_iter()
                .filter_map(|tag| data.text(tag))
                .collect(),
            age: data
                .text(0x0010_1010)
                .and_then(|age| years(&age))
                .or_else(|| between(&data.text(0x0010_0030)?, study_date.as_deref()?)),
            sex: data.code(0x0010_0040),
            patient_id: data.text(0x0010_0020),
            study_date,
            manufacturer: data.text(0x0008_0070),
            model: data.text(0x0008_1090),
            software: data.text(0x0018_1020),
            tube_voltage: data.number(0x0018_0060),
            exposure: data
                .number(0x0018_1153)
                .or_else(|| Some(data.number(0x0018_1152)? * 1000.0)),
            exposure_index: data.number(0x0018_1411),
            burned_in_annotation: match data.code(0x0028_0301).as_deref() {
                Some("YES") => Some(true),
                Some("NO") => Some(false),
                _ => None,
            },
            photometric: data.code(0x0028_0004),
            transfer_syntax,
            presentation_intent: data.code(0x0008_0068),
        }
    }
}

/// The view position of a view code's meaning (PS3.16, CID 4010).
fn view_of(meaning: &str) -> Option<String> {
    let meaning = meaning.to_lowercase();
    let view = match meaning.as_str() {
        _ if meaning.contains("postero-anterior") => "PA",
        _ if meaning.contains("antero-posterior") => "AP",
        "left lateral" => "LL",
        "right lateral" => "RL",
        _ => return None,
    };
    Some(view.to_owned())
}

/// An age string (PS3.5, 6.2: AS) in years: `045Y`, `018M`, `003W`, `010D`; a bare number means years.
fn years(age: &str) -> Option<f64> {
    let unit = age.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: f64 = age[..age.len() - unit.len()].parse().ok()?;
    let in_years = match unit {
        "" | "Y" | "y" => number,
        "M" | "m" => number / 12.0,
        "W" | "w" => number * 7.0 / 365.25,
        "D" | "d" => number / 365.25,
        _ => return None,
    };
    (in_years <= 130.0).then_some(in_years)
}

/// Whole years from one date (`YYYYMMDD`) to another.
fn between(birth: &str, study: &str) -> Option<f64> {
    let date = |text: &str| -> Option<i32> {
        (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    let years = (date(study)? - date(birth)?).div_euclid(10_000);
    (0..=130).contains(&years).then_some(years.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_years() {
        let cases = [
            ("045Y", Some(45.0)),
            ("018M", Some(1.5)),
            ("45", Some(45.0)),
            ("999Y", None),
            ("Y", None),
            ("old", None),
        ];
        for (age, expected) in cases {
            assert_eq!(years(age), expected, "{age}");
        }
        assert_eq!(between("19800615", "20240614"), Some(43.0));
        assert_eq!(between("19800615", "20240615"), Some(44.0));
        assert_eq!(between("1980", "20240615"), None);
    }
}

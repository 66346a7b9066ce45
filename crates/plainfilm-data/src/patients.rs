//! Who the patients are: from the manifest, else from file names, else near-duplicate groups stand
//! in for them.

use regex::Regex;

use super::listing::Listed;
use super::{DatasetError, PatientOrigin, near_duplicates};
use plainfilm_film::radiograph::Limits;

/// ChestX-ray14's file names: eight digits of patient, three of follow-up.
const NIH_PATTERN: &str = r"^(\d{8})_\d{3}";

/// Gives every film a patient and says where most of them came from.
///
/// In this order: the manifest's `patient_id`; `pattern`, a regular expression with one capture
/// group, tried on the file name and then on the whole path; without a `pattern`, ChestX-ray14's
/// file names where most of the films that are still without a patient have them; else the group
/// of films that look the same (see [`near_duplicates`]), which takes the patient of a film in it
/// that has one.
pub(super) fn assign(
    films: &[Listed],
    pattern: Option<&str>,
    read: &(dyn Fn(&Listed) -> Option<Vec<u8>> + Sync),
    limits: &Limits,
) -> Result<(Vec<String>, PatientOrigin), DatasetError> {
    let mut patients: Vec<Option<String>> =
        films.iter().map(|film| film.patient_id.clone()).collect();
    let from_manifest = patients.iter().flatten().count();
    let missing = films.len() - from_manifest;
    if missing > 0 {
        let named = match pattern {
            Some(pattern) => by_pattern(films, &patients, pattern)?,
            None => by_nih_names(films, &patients),
        };
        for (patient, name) in patients.iter_mut().zip(named) {
            if patient.is_none() {
                *patient = name;
            }
        }
    }
    let from_names = patients.iter().flatten().count() - from_manifest;
    let from_pictures = films.len() - from_manifest - from_names;
    if from_pictures > 0 {
        fill_by_pictures(films, &mut patients, read, limits);
    }
    // The most common origin speaks for the data set; the weaker one when two are equal.
    let origin = [
        (from_manifest, PatientOrigin::Manifest),
        (from_names, PatientOrigin::Pattern),
        (from_pictures, PatientOrigin::NearDuplicates),
    ]
    .into_iter()
    .max_by_key(|(count, _)| *count)
    .map_or(PatientOrigin::Manifest, |(_, origin)| origin);
    let patients = patients
        .into_iter()
        .map(|patient| patient.expect("the near-duplicate groups cover every film"))
        .collect();
    Ok((patients, origin))
}

fn by_pattern(
    films: &[Listed],
    patients: &[Option<String>],
    pattern: &str,
) -> Result<Vec<Option<String>>, DatasetError> {
    let refuse = |reason: String| DatasetError::PatientPattern {
        pattern: pattern.to_owned(),
        reason,
    };
    let expression = Regex::new(pattern).map_err(|error| refuse(error.to_string()))?;
    // The whole match counts as a group too.
    let groups = expression.captures_len() - 1;
    if groups != 1 {
        return Err(refuse(format!(
            "expected one capture group, found {groups}\nhint: put the patient's part in parentheses, as in `^(\\d+)_`"
        )));
    }
    let named: Vec<Option<String>> = films
        .iter()
        .map(|film| {
            captured(&expression, file_name(&film.path))
                .or_else(|| captured(&expression, &film.path))
        })
        .collect();
    if named.iter().all(Option::is_none) {
        let example = films
            .iter()
            .zip(patients)
            .find(|(_, patient)| patient.is_none())
            .map_or("", |(film, _)| file_name(&film.path));
        return Err(refuse(format!(
            "expected it to match file names, found none that it does, such as `{example}`"
        )));
    }
    Ok(named)
}

fn by_nih_names(films: &[Listed], patients: &[Option<String>]) -> Vec<Option<String>> {
    let expression = Regex::new(NIH_PATTERN).expect("a constant, compiled in the tests");
    let named: Vec<Option<String>> = films
        .iter()
        .zip(patients)
        .map(|(film, patient)| match patient {
            Some(_) => None,
            None => captured(&expression, file_name(&film.path)),
        })
        .collect();
    let missing = patients.iter().filter(|patient| patient.is_none()).count();
    if named.iter().flatten().count() * 2 > missing {
        named
    } else {
        vec![None; films.len()]
    }
}

fn captured(expression: &Regex, text: &str) -> Option<String> {
    let group = expression.captures(text)?.get(1)?.as_str();
    (!group.is_empty()).then(|| group.to_owned())
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Films without a patient take the one of a film that looks the same, else their group's number.
fn fill_by_pictures(
    films: &[Listed],
    patients: &mut [Option<String>],
    read: &(dyn Fn(&Listed) -> Option<Vec<u8>> + Sync),
    limits: &Limits,
) {
    let groups = near_duplicates::groups(films, read, limits);
    let mut named: Vec<Option<String>> = vec![None; films.len()];
    for (group, patient) in groups.iter().zip(patients.iter()) {
        if named[*group].is_none() {
            named[*group].clone_from(patient);
        }
    }
    for (group, patient) in groups.iter().zip(patients.iter_mut()) {
        if patient.is_none() {
            let name = named[*group].get_or_insert_with(|| format!("group-{group:05}"));
            *patient = Some(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Location;

    fn film(path: &str, patient: Option<&str>) -> Listed {
        Listed {
            patient_id: patient.map(str::to_owned),
            ..Listed::new(path.into(), Location::File(path.into()), "label".into())
        }
    }

    fn assigned(
        films: &[Listed],
        pattern: Option<&str>,
    ) -> Result<(Vec<String>, PatientOrigin), DatasetError> {
        // Every film has its path as its bytes: none of them is a picture, all differ.
        let read = |film: &Listed| Some(film.path.clone().into_bytes());
        assign(films, pattern, &read, &Limits::default())
    }

    #[test]
    fn the_manifest_comes_first() {
        let films = [
            film("a/00000001_000.png", Some("p")),
            film("a/2.png", Some("q")),
        ];
        let (patients, origin) = assigned(&films, None).unwrap();
        assert_eq!(patients, ["p", "q"]);
        assert_eq!(origin, PatientOrigin::Manifest);
    }

    #[test]
    fn nih_names_count_only_where_most_films_have_them() {
        let films = [
            film("a/00000001_000.png", None),
            film("b/00000001_001.png", None),
            film("b/x.png", None),
        ];
        let (patients, origin) = assigned(&films, None).unwrap();
        assert_eq!(patients, ["00000001", "00000001", "group-00002"]);
        assert_eq!(origin, PatientOrigin::Pattern);

        let films = [
            film("a/00000001_000.png", None),
            film("a/x.png", None),
            film("a/y.png", None),
        ];
        let (patients, origin) = assigned(&films, None).unwrap();
        assert_eq!(patients, ["group-00000", "group-00001", "group-00002"]);
        assert_eq!(origin, PatientOrigin::NearDuplicates);
    }

    #[test]
    fn a_pattern_is_tried_on_the_name_and_then_on_the_path() {
        let films = [film("a/pat7/1.png", None), film("a/pat8-2.png", None)];
        let (patients, origin) = assigned(&films, Some(r"pat(\d+)")).unwrap();
        assert_eq!(patients, ["7", "8"]);
        assert_eq!(origin, PatientOrigin::Pattern);
    }

    #[test]
    fn patterns_that_cannot_work_are_errors() {
        let films = [film("a/x.png", None)];
        let cases = [
            ("(", "unclosed group"),
            (r"x", "found 0"),
            (r"(x)(y)", "found 2"),
            (r"(\d+)", "such as `x.png`"),
        ];
        for (pattern, expected) in cases {
            let error = assigned(&films, Some(pattern)).unwrap_err().to_string();
            assert!(error.contains(expected), "{pattern}: {error}");
        }
    }

    #[test]
    fn copies_of_a_film_take_its_patient() {
        let films = [
            film("a/x.png", Some("p")),
            film("a/y.png", Some("q")),
            film("a/z.png", None),
        ];
        let read = |film: &Listed| Some(vec![u8::from(film.path == "a/y.png")]);
        let (patients, origin) = assign(&films, None, &read, &Limits::default()).unwrap();
        assert_eq!(patients, ["p", "q", "p"]);
        assert_eq!(origin, PatientOrigin::Manifest);
    }
}

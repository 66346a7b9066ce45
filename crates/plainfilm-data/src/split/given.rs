//! The split that a data set comes with.

use super::{Films, SplitMethod, SplitOptions, check_fractions};
use crate::{Dataset, DatasetError, Part};

/// Every film in its folder's part. Where no folder is for validation, patients of the training part
/// are drawn for it.
pub(super) fn parts(
    dataset: &Dataset,
    films: &Films,
    options: &SplitOptions,
) -> Result<Vec<Part>, DatasetError> {
    let given = |film: &crate::Film| film.part;
    let without: Vec<&crate::Film> = dataset
        .films
        .iter()
        .filter(|film| film.part.is_none())
        .collect();
    if let Some(first) = without.first() {
        return Err(DatasetError::SplitSettings(format!(
            "expected every film in a folder `train`, `val` or `test`, or so named by a manifest's column \
             `split`; found {} of {} that are not, such as {}",
            without.len(),
            dataset.films.len(),
            first.path
        )));
    }
    let mut parts: Vec<Part> = dataset.films.iter().filter_map(given).collect();
    for (part, name) in [(Part::Train, "training"), (Part::Test, "test")] {
        if !parts.contains(&part) {
            return Err(DatasetError::SplitSettings(format!(
                "expected films for {name} among those that the folders divide, found none"
            )));
        }
    }
    if !parts.contains(&Part::Validation) {
        check_fractions(&options.fractions)?;
        let [train, validation, _] = options.fractions;
        let training: Vec<usize> = (0..parts.len())
            .filter(|&film| parts[film] == Part::Train)
            .collect();
        let kept = train + validation;
        let shares = [train / kept, validation / kept];
        let unit = films.validation_unit(&SplitMethod::Grouped);
        let dealt = films.deal(
            &unit,
            &training,
            &shares,
            options.seed,
            "split validation",
            0,
        )?;
        for (film, part) in training.into_iter().zip(dealt) {
            parts[film] = [Part::Train, Part::Validation][part];
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use crate::{Dataset, DatasetOptions, Part, Split, SplitMethod, SplitOptions};

    fn opened(folders: &[&str]) -> Dataset {
        let folder = tempfile::tempdir().unwrap();
        for part in folders {
            for label in ["NORMAL", "PNEUMONIA"] {
                let at = folder.path().join(part).join(label);
                std::fs::create_dir_all(&at).unwrap();
                for film in 0..10 {
                    std::fs::write(at.join(format!("{part}-{label}{film}_1.png")), "film").unwrap();
                }
            }
        }
        let options = DatasetOptions {
            patient_pattern: Some("^(.*)_1".into()),
            ..DatasetOptions::default()
        };
        Dataset::open(folder.path(), &options).unwrap()
    }

    fn split(dataset: &Dataset) -> Result<Split, crate::DatasetError> {
        let options = SplitOptions {
            method: SplitMethod::Folders,
            ..SplitOptions::default()
        };
        Split::make(dataset, &options)
    }

    #[test]
    fn folders_are_kept_and_validation_is_drawn_where_there_is_none() {
        let dataset = opened(&["train", "val", "test"]);
        assert_eq!(dataset.labels, ["NORMAL", "PNEUMONIA"]);
        assert!(
            dataset.notes[0].contains("20 train, 20 validation, 20 test"),
            "{:?}",
            dataset.notes
        );
        let made = split(&dataset).unwrap();
        for (film, part) in dataset.films.iter().zip(&made.parts) {
            assert!(film.path.starts_with(&part.name()[..3]), "{}", film.path);
        }
        assert!(
            made.label_text()
                .starts_with("as the data set's own folders divide it")
        );

        let made = split(&opened(&["train", "test"])).unwrap();
        let counts =
            [Part::Train, Part::Validation, Part::Test].map(|part| made.indices(part).len());
        assert_eq!((counts[0] + counts[1], counts[2]), (20, 20));
        assert!(counts[1] >= 2, "{counts:?}");
    }

    #[test]
    fn folders_that_divide_nothing_are_an_error() {
        for (folders, expected) in [
            (
                &["a", "b"][..],
                "found 40 of 40 that are not, such as a/NORMAL",
            ),
            (&["train", "val"], "expected films for test"),
        ] {
            let error = split(&opened(folders)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

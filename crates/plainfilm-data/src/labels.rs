//! Which labels there are, which of them were asked for, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use super::DatasetError;
use plainfilm_film::spelling::edits;

/// The labels of the data set, in the order of the network's outputs: those asked for in their
/// order, else all that are known, which are those that have a film, sorted by name.
pub(super) fn choose(
    known: &BTreeSet<&str>,
    asked: Option<&[String]>,
) -> Result<Vec<String>, DatasetError> {
    let names = || known.iter().map(|name| (*name).to_owned()).collect();
    let Some(asked) = asked else {
        return Ok(names());
    };
    for (index, label) in asked.iter().enumerate() {
        if !known.contains(label.as_str()) {
            return Err(DatasetError::UnknownLabel {
                asked: label.clone(),
                suggestion: nearest(label, known),
                known: names(),
            });
        }
        if asked[..index].contains(label) {
            return Err(DatasetError::RepeatedLabel(label.clone()));
        }
    }
    if asked.is_empty() {
        return Err(DatasetError::UnknownLabel {
            asked: String::new(),
            suggestion: None,
            known: names(),
        });
    }
    Ok(asked.to_vec())
}

/// The place of a label among others.
///
/// # Errors
///
/// [`DatasetError::UnknownLabel`], with the label that is spelt most like it.
pub fn place_of_label(asked: &str, labels: &[String]) -> Result<usize, DatasetError> {
    let place = labels.iter().position(|label| label == asked);
    place.ok_or_else(|| DatasetError::UnknownLabel {
        asked: asked.to_owned(),
        suggestion: nearest(asked, &labels.iter().map(String::as_str).collect()),
        known: labels.to_vec(),
    })
}

/// Refuses new names of labels that the data do not have, and those that the model does not have: films would
/// go by another label than was meant, or be set aside. `is_target` says what the model may have beside its labels.
pub(super) fn check_renames(
    renames: &BTreeMap<String, String>,
    own: &[String],
    labels: &[String],
    is_target: impl Fn(&str) -> bool,
) -> Result<(), DatasetError> {
    for (from, to) in renames {
        place_of_label(from, own)?;
        if !labels.contains(to) && !is_target(to) {
            return Err(DatasetError::UnknownTarget {
                asked: to.clone(),
                suggestion: nearest(to, &labels.iter().map(String::as_str).collect()),
                known: labels.to_vec(),
            });
        }
    }
    Ok(())
}

/// The known label that needs the fewest edits to become `asked`, case and punctuation aside, if
/// those are at most a third of its length or one begins the other.
fn nearest(asked: &str, known: &BTreeSet<&str>) -> Option<String> {
    let plain = |text: &str| -> String {
        text.to_lowercase()
            .chars()
            .filter(|character| character.is_alphanumeric())
            .collect()
    };
    let asked = plain(asked);
    known
        .iter()
        .map(|label| {
            let label_plain = plain(label);
            let letters = |text: &str| text.chars().count();
            let begins = letters(&asked) >= 3
                && (label_plain.starts_with(&asked) || asked.starts_with(&label_plain));
            let edits = edits(&asked, &label_plain);
            let near = begins || edits * 3 <= letters(&label_plain).max(letters(&asked));
            (near, edits, label)
        })
        .filter(|(near, ..)| *near)
        .min_by_key(|(_, edits, _)| *edits)
        .map(|(.., label)| (*label).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_labels_are_sorted_and_asked_ones_keep_their_order() {
        let known = BTreeSet::from(["b", "a", "c"]);
        assert_eq!(choose(&known, None).unwrap(), ["a", "b", "c"]);
        let asked = ["c".to_owned(), "a".to_owned()];
        assert_eq!(choose(&known, Some(&asked)).unwrap(), asked);
    }

    #[test]
    fn an_unknown_label_is_an_error_with_the_nearest_known_one() {
        let known = BTreeSet::from(["Covid-19", "No_findings", "Pneumonia"]);
        let cases = [
            ("covid19", Some("Covid-19")),
            ("Covid", Some("Covid-19")),
            ("no findings", Some("No_findings")),
            ("Pneumona", Some("Pneumonia")),
            ("fracture", None),
            ("", None),
        ];
        for (asked, expected) in cases {
            match choose(&known, Some(&[asked.to_owned()])) {
                Err(DatasetError::UnknownLabel {
                    suggestion, known, ..
                }) => {
                    assert_eq!(suggestion.as_deref(), expected, "{asked}");
                    assert_eq!(known.len(), 3);
                }
                other => panic!("{asked}: {other:?}"),
            }
        }
    }

    #[test]
    fn new_names_must_be_of_known_labels() {
        let [own, labels] = [["covid", "normal"], ["Covid-19", "No_findings"]]
            .map(|names| names.map(str::to_owned));
        for (from, to, expected) in [
            ("covid", "Covid-19", None),
            ("normal", "healthy", None),
            ("covd", "Covid-19", Some("did you mean `covid`?")),
            ("covid", "Covid19", Some("did you mean `Covid-19`?")),
            ("covid", "x", Some("the model has no label `x`")),
        ] {
            let renames = BTreeMap::from([(from.to_owned(), to.to_owned())]);
            let found = check_renames(&renames, &own, &labels, |name| name == "healthy");
            let text = found.err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(text, None, "{from}={to}"),
                Some(part) => assert!(text.unwrap().contains(part), "{from}={to}"),
            }
        }
    }

    #[test]
    fn a_repeated_label_is_an_error() {
        let asked = ["a".to_owned(), "a".to_owned()];
        assert!(matches!(
            choose(&BTreeSet::from(["a"]), Some(&asked)),
            Err(DatasetError::RepeatedLabel(label)) if label == "a"
        ));
    }
}

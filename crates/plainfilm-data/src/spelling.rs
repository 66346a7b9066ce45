//! One label in several spellings: other case, stray spaces, an accent composed or not, `1` and `1.0`.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::findings::SEPARATOR;
use super::listing::Listing;

/// What spellings of one label have in common.
pub(super) fn key(label: &str) -> String {
    tidy(label).to_lowercase()
}

/// A label with one space where it has some, and accents composed.
fn composed(label: &str) -> String {
    let composed: String = label.nfc().collect();
    let words: Vec<&str> = composed.split_whitespace().collect();
    words.join(" ")
}

/// A label without what nobody sees.
fn tidy(label: &str) -> String {
    let text = composed(label);
    // A column of whole numbers with gaps, as pandas writes it.
    match text.split_once('.') {
        Some((whole, zeros))
            if !whole.is_empty()
                && !zeros.is_empty()
                && whole.bytes().all(|byte| byte.is_ascii_digit())
                && zeros.bytes().all(|byte| byte == b'0') =>
        {
            whole.to_owned()
        }
        _ => text,
    }
}

/// Gives every label one spelling: the one in `wanted`, else the one that most films have, and says
/// so. Spellings that were asked for side by side stay apart.
pub(super) fn unify(listing: &mut Listing, wanted: Option<&[String]>) {
    let several = listing.several;
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for film in &listing.films {
        let cells = [Some(&film.label), film.unknown.as_ref()];
        for name in cells
            .into_iter()
            .flatten()
            .flat_map(|cell| names(cell, several))
        {
            let spellings = counts.entry(key(name)).or_default();
            *spellings.entry(name.to_owned()).or_default() += 1;
        }
    }
    let mut chosen: BTreeMap<String, String> = BTreeMap::new();
    for (key_of_all, spellings) in &counts {
        let asked: Vec<&String> = wanted
            .unwrap_or_default()
            .iter()
            .filter(|label| key(label) == *key_of_all)
            .collect();
        let spelling = match asked.as_slice() {
            [] => {
                let most = spellings.iter().rev().max_by_key(|(_, count)| **count);
                let only = spellings.len() == 1;
                most.map(|(name, _)| if only { composed(name) } else { tidy(name) })
                    .unwrap_or_default()
            }
            [one] => (*one).clone(),
            _ => continue,
        };
        if spellings.len() > 1 {
            let shown: Vec<String> = spellings
                .iter()
                .map(|(name, count)| format!("`{}` ({count})", name.escape_debug()))
                .collect();
            listing.notes.push(format!(
                "{} are read as one label, `{spelling}`",
                shown.join(", ")
            ));
        }
        chosen.insert(key_of_all.clone(), spelling);
    }
    let rename = |cell: &str| -> String {
        let renamed: Vec<&str> = names(cell, several)
            .into_iter()
            .map(|name| chosen.get(&key(name)).map_or(name, String::as_str))
            .collect();
        renamed.join(&SEPARATOR.to_string())
    };
    for film in &mut listing.films {
        film.label = rename(&film.label);
        film.unknown = film.unknown.as_deref().map(rename);
    }
    for rejected in &mut listing.rejected {
        rejected.label = rejected.label.as_deref().map(rename);
    }
}

fn names(cell: &str, several: bool) -> Vec<&str> {
    match several {
        true => cell.split(SEPARATOR).collect(),
        false => vec![cell],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Location;
    use crate::listing::Listed;

    fn unified(labels: &[&str], several: bool, wanted: Option<&[String]>) -> (Vec<String>, usize) {
        let film =
            |label: &&str| Listed::new("a".into(), Location::File("a".into()), (*label).to_owned());
        let mut listing = Listing {
            films: labels.iter().map(film).collect(),
            several,
            ..Listing::default()
        };
        unify(&mut listing, wanted);
        let labels = listing.films.into_iter().map(|film| film.label);
        (labels.collect(), listing.notes.len())
    }

    #[test]
    fn spellings_of_one_label_were_labels_of_their_own() {
        let cases: [(&[&str], bool, &[&str], usize); 7] = [
            (
                &["Covid", "COVID", "Covid"],
                false,
                &["Covid", "Covid", "Covid"],
                1,
            ),
            (&["x ", "x", "x"], false, &["x", "x", "x"], 1),
            (&["e\u{301}", "\u{e9}"], false, &["\u{e9}", "\u{e9}"], 1),
            (&["1", "1.0", "0.0", "0"], false, &["1", "1", "0", "0"], 2),
            (&["1.5", "1"], false, &["1.5", "1"], 0),
            (&["a|b", "B|A", "a|b"], true, &["a|b", "b|a", "a|b"], 2),
            (&["a", "b"], false, &["a", "b"], 0),
        ];
        for (labels, several, expected, notes) in cases {
            let (found, said) = unified(labels, several, None);
            assert_eq!(found, expected, "{labels:?}");
            assert_eq!(said, notes, "{labels:?}");
        }
    }

    #[test]
    fn what_was_asked_for_keeps_its_spelling() {
        let ask =
            |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.into()).collect() };
        let labels = ["covid", "covid", "COVID"];
        let (found, _) = unified(&labels, false, Some(&ask(&["COVID"])));
        assert_eq!(found, ["COVID"; 3]);
        let (found, notes) = unified(&labels, false, Some(&ask(&["COVID", "covid"])));
        assert_eq!((found, notes), (ask(&labels), 0));
    }
}

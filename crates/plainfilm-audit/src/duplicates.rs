//! `exact_duplicates` and `near_duplicates`: films that are in the set twice, and where that does harm.

use super::check::{Check, CheckId, Detail, FilmPair, Remedy, Status};
use super::learner::Subjects;
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_film::copies::{Likeness, Pair};

/// Pairs that are listed.
const LISTED: usize = 200;
/// Harmful pairs of near-duplicates, as a share of the films, above which the check warns: films of two healthy
/// chests may look the same by chance, and under labels dealt at random half of such pairs would have
/// different ones. Exact copies are no chance.
const NEAR_WARNS: f64 = 0.02;
/// The same share above which it fails.
const NEAR_FAILS: f64 = 0.05;

/// Judges pairs of exact copies (`Likeness::Exact`) or of near-duplicates.
///
/// A pair does harm when its films have different labels (one of them is wrong), or when one trains and
/// the other tests. A pair of two patients would do so in another split: exact copies then warn, films that look
/// the same are only told.
pub(super) fn check(
    likeness: Likeness,
    pairs: &[Pair],
    dataset: &Dataset,
    everyone: &Subjects,
    splits: &[Split],
) -> Check {
    let (id, what) = match likeness {
        Likeness::Exact => (CheckId::ExactDuplicates, "have the same pixels"),
        Likeness::Near => (CheckId::NearDuplicates, "look the same"),
    };
    let films = dataset.films.len();
    let of_films = |share: f64| (share * films as f64).floor();
    let (warns_above, fails_above) = match likeness {
        Likeness::Exact => (0.0, 0.0),
        Likeness::Near => (of_films(NEAR_WARNS), of_films(NEAR_FAILS)),
    };
    let mut check = Check::new(id).against(warns_above, fails_above);
    let mut found: Vec<(Crossing, &Pair)> = pairs
        .iter()
        .filter(|pair| pair.likeness == likeness)
        .map(|pair| (Crossing::of(pair, everyone, splits), pair))
        .collect();
    let count =
        |of: &dyn Fn(&Crossing) -> bool| found.iter().filter(|(crossing, _)| of(crossing)).count();
    let (labels, parts) = (count(&|c| c.labels), count(&|c| c.parts));
    let patients = count(&|c| c.patients);
    let harmful = count(&|c| c.labels || c.parts);
    let all = found.len();
    for (name, number) in [
        ("pairs in all", all),
        ("pairs with different labels", labels),
        ("pairs in training and test", parts),
        ("pairs of different patients", patients),
    ] {
        check
            .details
            .push(Detail::number(name, "pairs", number as f64));
    }
    // What passes is told all the same.
    let status = match harmful as f64 {
        harmful if harmful > fails_above => Status::Fail,
        harmful if harmful > warns_above => Status::Warn,
        _ if likeness == Likeness::Exact && patients > 0 => Status::Warn,
        _ => Status::Pass,
    };
    let explanation = match (all, status) {
        (0, _) => format!("no two of the {films} films {what}"),
        (_, Status::Pass) if harmful == 0 && patients == 0 => format!(
            "{} among the {films} films {what}, of one patient{}",
            counted(all),
            match splits {
                [] => " and under one label",
                _ => ", under one label and in one part",
            }
        ),
        _ => format!(
            "{} among the {films} films {what}: with different labels {labels}, in training and test \
             {parts}, of different patients {patients}",
            counted(all)
        ),
    };
    if status != Status::Pass {
        check.headline = Some(match (labels, parts) {
            (0, 0) => {
                format!(
                    "films that {what} are filed under different patients ({})",
                    counted(patients)
                )
            }
            (0, _) => {
                format!(
                    "films that {what} are in training and test ({})",
                    counted(parts)
                )
            }
            _ => format!(
                "films that {what} have different labels ({})",
                counted(labels)
            ),
        });
        check.remedies.push(Remedy::advice(
            "keep one film of each pair that audit.json lists",
            "a film that is there twice is learned by heart and then tested",
        ));
    }
    // What does harm first.
    found.sort_by_key(|(c, pair)| (!c.labels, !c.parts, !c.patients, pair.first, pair.second));
    check.pairs = found
        .iter()
        .take(LISTED)
        .map(|(crossing, pair)| crossing.describe(pair, dataset))
        .collect();
    check.found(status, harmful as f64, explanation)
}

/// `1 pair`, `2 pairs`.
fn counted(pairs: usize) -> String {
    format!("{pairs} pair{}", if pairs == 1 { "" } else { "s" })
}

/// What a pair's films do not share.
struct Crossing {
    labels: bool,
    patients: bool,
    parts: bool,
}

impl Crossing {
    fn of(pair: &Pair, everyone: &Subjects, splits: &[Split]) -> Self {
        let (a, b) = (pair.first, pair.second);
        Self {
            labels: everyone.labels[a] != everyone.labels[b],
            patients: everyone.patients[a] != everyone.patients[b],
            parts: splits.iter().any(|split| {
                let parts = [split.parts[a], split.parts[b]];
                parts.contains(&Part::Train) && parts.contains(&Part::Test)
            }),
        }
    }

    fn describe(&self, pair: &Pair, dataset: &Dataset) -> FilmPair {
        let (first, second) = (&dataset.films[pair.first], &dataset.films[pair.second]);
        let crosses = [
            (self.labels, "different labels"),
            (self.parts, "training and test"),
            (self.patients, "different patients"),
        ];
        FilmPair {
            first: first.path.clone(),
            first_label: dataset.labels[first.label].clone(),
            second: second.path.clone(),
            second_label: dataset.labels[second.label].clone(),
            crosses: crosses
                .into_iter()
                .filter(|(does, _)| *does)
                .map(|(_, name)| name.to_owned())
                .collect(),
            mirrored: pair.mirrored,
        }
    }
}

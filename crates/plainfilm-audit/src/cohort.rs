//! `cohort_balance`: whether patients of different labels differ in age, sex or the way they were
//! X-rayed.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Check, CheckId, Detail, Remedy, Status};
use super::learner::Subjects;
use super::settings::{DIFFERENCE_FAILS, DIFFERENCE_WARNS};
use plainfilm_data::{Dataset, Film};
use plainfilm_figures::{
    Interval, odds_ratio, standardised_difference, standardised_difference_of_shares,
};

/// Years below which a patient is a child.
pub(super) const ADULT: f64 = 18.0;
/// Patients that a group needs before it is compared.
const FEW: usize = 5;

/// One difference between a label and all others.
struct Difference {
    /// Such as `age` or `view AP`.
    what: String,
    label: usize,
    size: Interval,
    /// The two sides in words, such as `60 years against 45`.
    sides: String,
    /// For shares.
    odds: Option<Interval>,
}

/// Judges age, sex, view and the share of children, each label against all others.
pub(super) fn check(dataset: &Dataset, everyone: &Subjects) -> Check {
    let mut check = Check::new(CheckId::CohortBalance).against(DIFFERENCE_WARNS, DIFFERENCE_FAILS);
    let age = |film: &Film| film.age.filter(|age| age.is_finite()).map(f64::from);
    let mut found: Vec<Difference> = Vec::new();
    let mut missing = Vec::new();
    let ages = per_patient(dataset, everyone, age);
    match is_known(&ages) {
        false => missing.push("age"),
        true => {
            found.extend(differences_of_means("age", "years", &ages));
            let children = per_patient(dataset, everyone, |film| {
                age(film).map(|age| f64::from(u8::from(age < ADULT)))
            });
            found.extend(differences_of_shares("children", &children));
        }
    }
    for (what, of) in [
        (
            "sex",
            (|film| film.sex.as_deref().map(first_letter)) as fn(&Film) -> Option<String>,
        ),
        ("view", |film| film.view.as_deref().map(projection)),
    ] {
        let values: BTreeSet<String> = dataset.films.iter().filter_map(of).collect();
        let mut any = false;
        // Of two values one says it all.
        let told = if values.len() == 2 { 1 } else { values.len() };
        for value in values.iter().take(told) {
            let shares = per_patient(dataset, everyone, |film| {
                of(film).map(|found| f64::from(u8::from(found == *value)))
            });
            any |= is_known(&shares);
            if values.len() > 1 {
                found.extend(differences_of_shares(&format!("{what} {value}"), &shares));
            }
        }
        if !any {
            missing.push(what);
        }
    }
    if missing.len() == 3 {
        return check.cannot(
            "nothing says age, sex or view: give a manifest with these columns".to_owned(),
        );
    }
    let not_given = match missing.as_slice() {
        [] => String::new(),
        names => format!("; not given: {}", names.join(", ")),
    };
    found.sort_by(|a, b| {
        b.size
            .low
            .total_cmp(&a.size.low)
            .then(b.size.value.total_cmp(&a.size.value))
    });
    for difference in &found {
        let name = name(difference, dataset);
        check
            .details
            .push(Detail::of(&name, CheckId::CohortBalance.measure(), &difference.size).counted());
        check.details.extend(
            difference
                .odds
                .as_ref()
                .map(|odds| Detail::of(&name, "odds ratio", odds)),
        );
    }
    let Some(worst) = found.first() else {
        return check.found(
            Status::Pass,
            0.0,
            format!("what is known of the patients does not differ between labels{not_given}"),
        );
    };
    let status = match worst.size.low {
        low if low > DIFFERENCE_FAILS => Status::Fail,
        low if low > DIFFERENCE_WARNS => Status::Warn,
        _ => Status::Pass,
    };
    let explanation = format!(
        "the largest difference is {}: {}, {:.2} standard deviations ({:.2} to {:.2}){not_given}",
        name(worst, dataset),
        worst.sides,
        worst.size.value,
        worst.size.low,
        worst.size.high
    );
    if status != Status::Pass {
        check.headline = Some(format!(
            "the labels differ in {} ({})",
            name(worst, dataset),
            worst.sides
        ));
        check.remedies.push(Remedy::advice(
            &format!(
                "compare within groups of like {}, or choose films so that labels are alike in it",
                worst.what
            ),
            "a network that learns it is right for the wrong reason",
        ));
    }
    let worst = worst.size.clone();
    check
        .found(status, worst.value, explanation)
        .with_ends(&worst)
}

fn name(difference: &Difference, dataset: &Dataset) -> String {
    format!(
        "{} ({} against {})",
        difference.what,
        dataset.labels[difference.label],
        match dataset.labels.len() {
            2 => dataset.labels[1 - difference.label].as_str(),
            _ => "the others",
        }
    )
}

/// For each label, the mean of each patient's known values.
fn per_patient(
    dataset: &Dataset,
    everyone: &Subjects,
    value: impl Fn(&Film) -> Option<f64>,
) -> Vec<Vec<f64>> {
    let mut sums: Vec<BTreeMap<usize, (f64, f64)>> = vec![BTreeMap::new(); everyone.classes];
    for (index, film) in dataset.films.iter().enumerate() {
        if let Some(value) = value(film) {
            let sum = sums[film.label]
                .entry(everyone.patients[index])
                .or_default();
            sum.0 += value;
            sum.1 += 1.0;
        }
    }
    sums.into_iter()
        .map(|patients| {
            patients
                .into_values()
                .map(|(sum, count)| sum / count)
                .collect()
        })
        .collect()
}

/// Whether two labels have enough patients of whom something is known.
fn is_known(values: &[Vec<f64>]) -> bool {
    values.iter().filter(|values| values.len() >= FEW).count() >= 2
}

/// One label's values and those of all others; of two labels only the first is looked at.
fn against_others(values: &[Vec<f64>]) -> impl Iterator<Item = (usize, &[f64], Vec<f64>)> {
    let labels = if values.len() == 2 { 1 } else { values.len() };
    (0..labels)
        .map(|label| {
            let others = values
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != label)
                .flat_map(|(_, values)| values.iter().copied())
                .collect();
            (label, values[label].as_slice(), others)
        })
        .filter(|(_, own, others): &(_, _, Vec<f64>)| own.len() >= FEW && others.len() >= FEW)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn differences_of_means(what: &str, unit: &str, values: &[Vec<f64>]) -> Vec<Difference> {
    against_others(values)
        .filter_map(|(label, own, others)| {
            Some(Difference {
                what: what.to_owned(),
                label,
                size: standardised_difference(own, &others)?,
                sides: format!(
                    "{:.0} against {:.0} {unit} on average",
                    mean(own),
                    mean(&others)
                ),
                odds: None,
            })
        })
        .collect()
}

fn differences_of_shares(what: &str, values: &[Vec<f64>]) -> Vec<Difference> {
    against_others(values)
        .filter_map(|(label, own, others)| {
            let (x, y): (f64, f64) = (own.iter().sum(), others.iter().sum());
            let (n, m) = (own.len() as f64, others.len() as f64);
            Some(Difference {
                what: what.to_owned(),
                label,
                size: standardised_difference_of_shares((x, own.len()), (y, others.len()))?,
                sides: format!(
                    "{} against {}",
                    super::judge::percent(x / n),
                    super::judge::percent(y / m)
                ),
                odds: Some(odds_ratio([[x, n - x], [y, m - y]])),
            })
        })
        .collect()
}

/// `M`, `F` or another first letter.
pub(super) fn first_letter(sex: &str) -> String {
    sex.trim()
        .chars()
        .take(1)
        .flat_map(char::to_uppercase)
        .collect()
}

/// `PA`, `AP` (also lying), `LATERAL` or another first word.
pub(super) fn projection(view: &str) -> String {
    view.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_manifests_are_read_alike() {
        assert_eq!([first_letter("male"), first_letter(" F ")], ["M", "F"]);
        assert_eq!([projection("AP Supine"), projection("pa")], ["AP", "PA"]);
    }

    #[test]
    fn shares_are_compared_by_patient() {
        let values = [vec![1.0; 30], [vec![1.0; 10], vec![0.0; 20]].concat()];
        let found = &differences_of_shares("view AP", &values)[0];
        assert_eq!(found.sides, "100 % against 33 %");
        assert!(found.size.value > 1.0 && found.odds.as_ref().unwrap().value > 10.0);
        assert!(differences_of_shares("x", &[vec![1.0; 3], vec![0.0; 30]]).is_empty());
    }
}

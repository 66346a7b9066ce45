//! Whether a network does worse for some: figures by sex, age, view and source.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::delong::mean_auroc_interval;
use super::intervals::Z;
use super::{
    Estimate, Interval, ScoredFilm, against_the_rest, figure_name, holm, mean_of_shares,
    patient_indices, ranked_labels, wilson_by_patient,
};

/// Groups of an attribute that are looked at, those with the most films first; the others are counted together.
const MOST_GROUPS: usize = 12;
/// A gap is called real when it would arise by luck less often than this, all comparisons taken together.
const LEVEL: f64 = 0.05;
/// With fewer patients on either side, nothing is compared.
const FEWEST_PATIENTS: usize = 10;

/// The films of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subgroup {
    /// `sex`, `age`, `view` or `source`.
    pub attribute: String,
    /// The group, such as `F` or `40 to 59`; `not stated` for films that do not say.
    pub group: String,
    /// Films.
    pub n: usize,
    /// Patients.
    pub patients: usize,
    /// Films with the positive label.
    pub positives: usize,
    /// Names as in `metrics.json`, with intervals.
    pub figures: Vec<(String, Estimate)>,
}

/// Figures by group, and which gaps are real.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subgroups {
    /// By attribute, and within it by number of films.
    pub groups: Vec<Subgroup>,
    /// One sentence for each gap that luck does not explain.
    pub gaps: Vec<String>,
}

/// Figures of every group of films that differ in sex, age, view or source, and the gaps between a group and all
/// others that are real: the interval of the difference (Newcombe 1998, from the intervals of both sides) excludes
/// 0 at 5 % after Holm's correction over all comparisons. Attributes that all films share are left out.
pub fn subgroups(labels: &[String], positive: usize, scored: &[ScoredFilm]) -> Subgroups {
    let mut found = Subgroups::default();
    let mut comparisons: Vec<(f64, String)> = Vec::new();
    for (attribute, of) in ATTRIBUTES {
        let values: Vec<Option<String>> = scored.iter().map(of).collect();
        let mut names: Vec<(usize, String)> = Vec::new();
        for value in values.iter().flatten() {
            match names.iter_mut().find(|(_, name)| name == value) {
                Some(known) => known.0 += 1,
                None => names.push((1, value.clone())),
            }
        }
        if names.is_empty() || (names.len() == 1 && values.iter().all(Option::is_some)) {
            continue;
        }
        names.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        names.truncate(MOST_GROUPS);
        let is_shown = |value: &Option<String>| {
            value
                .as_ref()
                .and_then(|value| names.iter().position(|(_, name)| name == value))
        };
        let group_of: Vec<Option<usize>> = values.iter().map(is_shown).collect();
        for index in 0..names.len() {
            let side = |inside: bool| -> Vec<ScoredFilm> {
                scored
                    .iter()
                    .zip(&group_of)
                    .zip(&values)
                    .filter(|((_, group), value)| {
                        value.is_some() && (**group == Some(index)) == inside
                    })
                    .map(|((film, _), _)| film.clone())
                    .collect()
            };
            let (own, others) = (side(true), side(false));
            let name = names[index].1.clone();
            let subgroup = describe(labels, positive, attribute, name, &own);
            let rest = describe(
                labels,
                positive,
                attribute,
                "the others".to_owned(),
                &others,
            );
            // Of two groups each is all others of the other: one comparison says it.
            if index == 0 || names.len() > 2 {
                comparisons.extend(gaps(labels, positive, &subgroup, &rest));
            }
            found.groups.push(subgroup);
        }
        let unknown: Vec<ScoredFilm> = scored
            .iter()
            .zip(&values)
            .filter(|(_, value)| value.is_none())
            .map(|(film, _)| film.clone())
            .collect();
        if !unknown.is_empty() {
            let name = "not stated".to_owned();
            found
                .groups
                .push(describe(labels, positive, attribute, name, &unknown));
        }
    }
    let p_values: Vec<f64> = comparisons.iter().map(|(p, _)| *p).collect();
    found.gaps = holm(&p_values)
        .into_iter()
        .zip(comparisons)
        .filter(|(adjusted, _)| *adjusted < LEVEL)
        .map(|(adjusted, (_, sentence))| {
            format!("{sentence} (p = {adjusted:.2}, corrected)").replace("p = 0.00", "p < 0.01")
        })
        .collect();
    found
}

type Of = fn(&ScoredFilm) -> Option<String>;
const ATTRIBUTES: [(&str, Of); 4] = [
    ("sex", |film| film.sex.clone()),
    ("age", |film| film.age.map(age_band)),
    ("view", |film| film.view.clone()),
    ("source", |film| film.source.clone()),
];

fn age_band(years: f32) -> String {
    match years {
        years if years < 18.0 => "under 18",
        years if years < 40.0 => "18 to 39",
        years if years < 60.0 => "40 to 59",
        years if years < 80.0 => "60 to 79",
        _ => "80 and over",
    }
    .to_owned()
}

fn describe(
    labels: &[String],
    positive: usize,
    attribute: &str,
    group: String,
    films: &[ScoredFilm],
) -> Subgroup {
    let (patients, count) = patient_indices(films);
    let share = |keep: &dyn Fn(&ScoredFilm) -> bool| -> Option<Interval> {
        let counted: Vec<(usize, bool)> = films
            .iter()
            .zip(&patients)
            .filter(|(film, _)| keep(film))
            .map(|(film, &patient)| (patient, film.is_correct()))
            .collect();
        wilson_by_patient(&counted)
    };
    let truths: Vec<usize> = films.iter().map(|film| film.truth).collect();
    let area = mean_auroc_interval(
        ranked_labels(labels.len(), positive),
        &truths,
        |label| against_the_rest(films, label).1,
        &patients,
    );
    let mut figures = vec![("accuracy", Estimate::or_undefined(share(&|_| true)))];
    if labels.len() == 2 {
        figures.push((
            "sensitivity",
            Estimate::or_undefined(share(&|film| film.truth == positive)),
        ));
        figures.push((
            "specificity",
            Estimate::or_undefined(share(&|film| film.truth != positive)),
        ));
    } else {
        let present: Vec<Interval> = (0..labels.len())
            .filter_map(|label| share(&|film| film.truth == label))
            .collect();
        figures.push((
            "balanced_accuracy",
            Estimate::or_undefined(mean_of_shares(&present)),
        ));
    }
    figures.push(("auroc", area));
    Subgroup {
        attribute: attribute.to_owned(),
        group,
        n: films.len(),
        patients: count,
        positives: truths.iter().filter(|&&truth| truth == positive).count(),
        figures: figures
            .into_iter()
            .map(|(name, figure)| (name.to_owned(), figure))
            .collect(),
    }
}

/// The comparisons of a group with the others: p-value and sentence.
fn gaps(labels: &[String], positive: usize, own: &Subgroup, rest: &Subgroup) -> Vec<(f64, String)> {
    if own.patients < FEWEST_PATIENTS || rest.patients < FEWEST_PATIENTS {
        return Vec::new();
    }
    own.figures
        .iter()
        .zip(&rest.figures)
        .filter_map(|((name, a), (_, b))| {
            let p_value = difference_p_value(a, b)?;
            let what = match name.as_str() {
                "sensitivity" => format!("sensitivity of “{}”", labels[positive]),
                other => figure_name(other),
            };
            Some((
                p_value,
                format!(
                    "{} {}: {what} {} ({}) against {} ({}) of the others",
                    own.attribute,
                    own.group,
                    a.percent(1),
                    a.percent_ends(1),
                    b.percent(1),
                    b.percent_ends(1),
                ),
            ))
        })
        .collect()
}

/// Two-sided, from the ends of both intervals that face each other (square-and-add).
fn difference_p_value(a: &Estimate, b: &Estimate) -> Option<f64> {
    let ((low_a, high_a), (low_b, high_b)) = (a.ends()?, b.ends()?);
    let (a, b) = (a.value()?, b.value()?);
    let reach = if a > b {
        ((a - low_a).powi(2) + (high_b - b).powi(2)).sqrt()
    } else {
        ((high_a - a).powi(2) + (b - low_b).powi(2)).sqrt()
    };
    (reach > 0.0).then(|| 2.0 * Normal::standard().sf(Z * (a - b).abs() / reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn films(women_right: usize) -> Vec<ScoredFilm> {
        (0..400)
            .map(|index| {
                let woman = index % 2 == 0;
                let truth = usize::from(index % 4 >= 2);
                let right = if woman {
                    index / 4 % 100 < women_right
                } else {
                    index / 4 % 100 < 95
                };
                let sure = 0.6 + 0.3 * (index as f64 * 0.618).fract();
                let own = if right { sure } else { 1.0 - sure };
                let first = if truth == 0 { own } else { 1.0 - own };
                ScoredFilm {
                    sex: Some(if woman { "F" } else { "M" }.to_owned()),
                    age: (index % 5 != 0).then_some(20.0 + (index % 70) as f32),
                    view: Some("PA".to_owned()),
                    ..ScoredFilm::alone(index.to_string(), truth, vec![first, 1.0 - first])
                }
            })
            .collect()
    }

    #[test]
    fn a_planted_gap_is_found_and_luck_is_not() {
        let labels = ["finding", "none"].map(str::to_owned);
        let worse = subgroups(&labels, 0, &films(70));
        assert!(
            worse
                .gaps
                .iter()
                .any(|gap| gap.starts_with("sex F: accuracy 70.0 %"))
                && !worse.gaps.iter().any(|gap| gap.starts_with("sex M")),
            "{:?}",
            worse.gaps
        );
        let same = subgroups(&labels, 0, &films(95));
        assert_eq!(same.gaps, [] as [String; 0]);
        // All films share the view, and none has a source.
        let attributes: Vec<&str> = same.groups.iter().map(|g| g.attribute.as_str()).collect();
        assert!(!attributes.contains(&"view") && !attributes.contains(&"source"));
        let women = same.groups.iter().find(|group| group.group == "F").unwrap();
        assert_eq!((women.n, women.patients, women.positives), (200, 200, 100));
        let sum: usize = same
            .groups
            .iter()
            .filter(|g| g.attribute == "age")
            .map(|g| g.n)
            .sum();
        assert_eq!(sum, 400, "those that do not say are a group too");
    }

    #[test]
    fn p_values_are_those_of_a_two_sample_test() {
        let share = |hits: usize| Estimate::from(crate::wilson(hits, 400).unwrap());
        // Two shares of 400: z = 0.1 / sqrt(2 * 0.25 / 400) to first order.
        let found = difference_p_value(&share(220), &share(180)).unwrap();
        assert!((found - 0.0047).abs() < 0.0005, "{found}");
        assert_eq!(difference_p_value(&share(200), &share(200)), Some(1.0));
    }
}

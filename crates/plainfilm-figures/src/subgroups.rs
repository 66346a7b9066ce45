//! Whether a network does worse for some: figures by sex, age, view and source.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::delong::mean_auroc_interval;
use super::intervals::Z;
use super::{
    Estimate, Interval, ScoredFilm, against_the_rest, counted, figure_name, holm, mean_of_shares,
    patient_indices, ranked_labels, wilson_by_patient,
};

/// Groups of an attribute that are looked at, those with the most films first; the others are counted together.
const MOST_GROUPS: usize = 12;
/// A gap is called real when it would arise by luck less often than this, all comparisons taken together.
const LEVEL: f64 = 0.05;
/// How often a gap of the size that is called detectable would be found.
const POWER: f64 = 0.8;
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

/// How small a gap between a group and the others could have been found, as a difference of sensitivities or
/// specificities (of balanced accuracies with more than two labels).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detectable {
    /// Where the films say most.
    pub least: f64,
    /// Where they say least.
    pub most: f64,
    /// The group of which they say least, such as `age under 18`.
    pub group: String,
}

/// Figures by group, and which gaps are real.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subgroups {
    /// Films that were looked at.
    #[serde(default)]
    pub films: usize,
    /// Groups that are left out, and why: one sentence each.
    #[serde(default)]
    pub skipped: Vec<String>,
    /// Differences that would be called real in 4 of 5 cases; none where no group could be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable: Option<Detectable>,
    /// By attribute, and within it by number of films.
    pub groups: Vec<Subgroup>,
    /// One sentence for each gap that luck does not explain.
    pub gaps: Vec<String>,
}

impl Subgroups {
    /// What was found, in words: gaps, or that none was and how large one may be nevertheless. Every page and document
    /// says this. None where films do not differ in any attribute.
    pub fn sentence(&self) -> Option<String> {
        if self.groups.is_empty() && self.skipped.is_empty() {
            return None;
        }
        if !self.gaps.is_empty() {
            return Some(format!("{}.", self.gaps.join("; ")));
        }
        let Some(detectable) = &self.detectable else {
            return Some(
                "No group could be compared with the others: too few patients, or films of one label alone.".to_owned(),
            );
        };
        let points = |share: f64| format!("{:.0} percentage points", (100.0 * share).min(100.0));
        let (least, most) = (points(detectable.least), points(detectable.most));
        let widest = if least == most {
            String::new()
        } else {
            format!(
                ", and in the group that they say least of ({}) none below about {most}",
                detectable.group
            )
        };
        Some(format!(
            "No gap was found, which does not mean that there is none: with {} a gap below about {least} could \
             not have been found in any group{widest}.",
            counted(self.films, "film")
        ))
    }

    /// The groups of these attributes alone, with their gaps.
    #[must_use]
    pub fn only(&self, attributes: &[&str]) -> Self {
        let begins = |text: &String| {
            let name = text.split(' ').next().unwrap_or_default();
            attributes.contains(&name)
        };
        let groups = self.groups.iter();
        Self {
            groups: groups
                .filter(|group| attributes.contains(&group.attribute.as_str()))
                .cloned()
                .collect(),
            skipped: self
                .skipped
                .iter()
                .filter(|text| begins(text))
                .cloned()
                .collect(),
            gaps: self
                .gaps
                .iter()
                .filter(|text| begins(text))
                .cloned()
                .collect(),
            ..self.clone()
        }
    }
}

/// Figures of every group of films that differ in sex, age, view or source, and the gaps between a group and all
/// others that are real: the interval of the difference (Newcombe 1998, from the intervals of both sides) excludes
/// 0 at 5 % after Holm's correction over all comparisons. Attributes that all films share are left out.
///
/// A group with films of one label alone is skipped, and is no part of the others either: its accuracy is a sensitivity
/// or a specificity. Accuracy itself is never compared, as it changes with the mix of labels.
pub fn subgroups(labels: &[String], positive: usize, scored: &[ScoredFilm]) -> Subgroups {
    let mut found = Subgroups {
        films: scored.len(),
        ..Subgroups::default()
    };
    let mut comparisons: Vec<Compared> = Vec::new();
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
        names.retain(|(_, name)| {
            let own = films_of(scored, &values, Some(name));
            let skipped = one_label(labels, attribute, name, &own);
            let keeps = skipped.is_none();
            found.skipped.extend(skipped);
            keeps
        });
        names.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let counted_together = names.split_off(names.len().min(MOST_GROUPS));
        let kept: Vec<Vec<ScoredFilm>> = names
            .iter()
            .map(|(_, name)| films_of(scored, &values, Some(name)))
            .collect();
        let beyond: Vec<ScoredFilm> = counted_together
            .iter()
            .flat_map(|(_, name)| films_of(scored, &values, Some(name)))
            .collect();
        for index in 0..names.len() {
            let own = &kept[index];
            let others: Vec<ScoredFilm> = kept
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
                .flat_map(|(_, films)| films)
                .chain(&beyond)
                .cloned()
                .collect();
            let name = names[index].1.clone();
            let subgroup = describe(labels, positive, attribute, name, own);
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
        let unknown = films_of(scored, &values, None);
        if !unknown.is_empty() {
            let name = "not stated";
            match one_label(labels, attribute, name, &unknown) {
                Some(skipped) => found.skipped.push(skipped),
                None => {
                    let name = name.to_owned();
                    let group = describe(labels, positive, attribute, name, &unknown);
                    found.groups.push(group);
                }
            }
        }
    }
    found.detectable = detectable(&comparisons);
    let p_values: Vec<f64> = comparisons
        .iter()
        .map(|compared| compared.p_value)
        .collect();
    found.gaps = holm(&p_values)
        .into_iter()
        .zip(comparisons)
        .filter(|(adjusted, _)| *adjusted < LEVEL)
        .map(|(adjusted, compared)| {
            format!("{} (p = {adjusted:.2}, corrected)", compared.sentence)
                .replace("p = 0.00", "p < 0.01")
        })
        .collect();
    found
}

/// A group beside the others.
struct Compared {
    /// As a reader knows it.
    group: String,
    p_value: f64,
    sentence: String,
    /// Half the width of the interval of the difference; none of a figure that is no share.
    reach: Option<f64>,
}

/// The films of a group, or those that do not say.
fn films_of(
    scored: &[ScoredFilm],
    values: &[Option<String>],
    name: Option<&str>,
) -> Vec<ScoredFilm> {
    scored
        .iter()
        .zip(values)
        .filter(|(_, value)| value.as_deref() == name)
        .map(|(film, _)| film.clone())
        .collect()
}

/// Why a group is left out whose films have one label alone.
fn one_label(
    labels: &[String],
    attribute: &str,
    name: &str,
    films: &[ScoredFilm],
) -> Option<String> {
    let truth = films.first()?.truth;
    if films.iter().any(|film| film.truth != truth) {
        return None;
    }
    let count = films.len();
    let which = match count {
        1 => "its one film is".to_owned(),
        _ => format!("all its {count} films are"),
    };
    Some(format!(
        "{attribute} {name} is left out: {which} “{}”, and sensitivity cannot be set against specificity",
        labels[truth]
    ))
}

/// See [`Detectable`]: the difference whose interval, at the level of Holm's first step, excludes 0 in 4 of 5 cases.
fn detectable(comparisons: &[Compared]) -> Option<Detectable> {
    if comparisons.is_empty() {
        return None;
    }
    let normal = Normal::standard();
    let level = LEVEL / comparisons.len() as f64;
    let factor = (normal.inverse_cdf(1.0 - level / 2.0) + normal.inverse_cdf(POWER)) / Z;
    let gaps = || {
        let shares = comparisons.iter();
        shares.filter_map(|compared| Some((factor * compared.reach?, &compared.group)))
    };
    let least = gaps().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let most = gaps().max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(Detectable {
        least: least.0,
        most: most.0,
        group: most.1.clone(),
    })
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
    let mut figures = Vec::new();
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
        // A mean over fewer labels is another figure.
        let all = (present.len() == labels.len()).then_some(present);
        figures.push((
            "balanced_accuracy",
            Estimate::or_undefined(all.and_then(|all| mean_of_shares(&all))),
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

/// The comparisons of a group with the others.
fn gaps(labels: &[String], positive: usize, own: &Subgroup, rest: &Subgroup) -> Vec<Compared> {
    if own.patients < FEWEST_PATIENTS || rest.patients < FEWEST_PATIENTS {
        return Vec::new();
    }
    own.figures
        .iter()
        .zip(&rest.figures)
        .filter_map(|((name, a), (_, b))| {
            let reach = reach(a, b)?;
            let gap = (a.value()? - b.value()?).abs();
            let what = match name.as_str() {
                "sensitivity" | "specificity" => format!("{name} of “{}”", labels[positive]),
                other => figure_name(other),
            };
            let text = |figure: &Estimate| match name.as_str() {
                "auroc" => figure.number_with_ends(3),
                _ => figure.percent_with_ends(1, 1),
            };
            Some(Compared {
                group: format!("{} {}", own.attribute, own.group),
                p_value: 2.0 * Normal::standard().sf(Z * gap / reach),
                sentence: format!(
                    "{} {}: {what} {} against {} of the others",
                    own.attribute,
                    own.group,
                    text(a),
                    text(b),
                ),
                reach: (name != "auroc").then_some(reach),
            })
        })
        .collect()
}

/// How far the difference may be from what was found, in the direction of no difference: from the ends of both intervals
/// that face each other (square-and-add).
fn reach(a: &Estimate, b: &Estimate) -> Option<f64> {
    let ((low_a, high_a), (low_b, high_b)) = (a.ends()?, b.ends()?);
    let (a, b) = (a.value()?, b.value()?);
    let reach = if a > b {
        ((a - low_a).powi(2) + (high_b - b).powi(2)).sqrt()
    } else {
        ((high_a - a).powi(2) + (b - low_b).powi(2)).sqrt()
    };
    (reach > 0.0).then_some(reach)
}

#[cfg(test)]
mod tests;

//! `columns_together`: whether columns of the manifest tell the label together that do not tell it alone.
//!
//! Where AP films of one hospital and PA films of the other have the label, neither hospital nor view tells
//! it, and a network that sees both learns the pair.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Check, CheckId, Detail, Remedy, Status};
use super::cohort::{ADULT, first_letter, projection};
use super::learner::Subjects;
use super::settings::{V_FAILS, V_WARNS};
use plainfilm_data::{Dataset, Film};
use plainfilm_figures::{Interval, cramers_v};

/// A column by name, and its value for a film.
type Column = (&'static str, fn(&Film) -> Option<String>);

const COLUMNS: [Column; 4] = [
    ("source", |film| film.source.clone()),
    ("view", |film| film.view.as_deref().map(projection)),
    ("sex", |film| film.sex.as_deref().map(first_letter)),
    ("child or adult", |film| {
        let age = film.age.filter(|age| age.is_finite())?;
        Some(
            if f64::from(age) < ADULT {
                "child"
            } else {
                "adult"
            }
            .to_owned(),
        )
    }),
];

/// Columns that go together with the label.
struct Set {
    names: Vec<&'static str>,
    /// Cramér's V of their combinations and the label.
    v: Interval,
    /// The combination that differs most: its values, the label that has more of it, and patients with that
    /// label and in all.
    told: (String, usize, usize, usize),
}

/// Judges pairs and triples of columns by Cramér's V of their combinations and the label.
pub(super) fn check(dataset: &Dataset, everyone: &Subjects) -> Check {
    let mut check = Check::new(CheckId::ColumnsTogether).against(V_WARNS, V_FAILS);
    let known: Vec<&Column> = COLUMNS
        .iter()
        .filter(|(_, of)| {
            let values: BTreeSet<String> = dataset.films.iter().filter_map(of).collect();
            values.len() > 1
        })
        .collect();
    if known.len() < 2 {
        return check.cannot(
            "needs a manifest with two of the columns source, view, sex and age that differ between films".to_owned(),
        );
    }
    let mut found: Vec<Set> = (1_u32..1 << known.len())
        .filter(|chosen| (2..=3).contains(&chosen.count_ones()))
        .filter_map(|chosen| {
            let columns: Vec<&Column> = (0..known.len())
                .filter(|column| chosen >> column & 1 == 1)
                .map(|column| known[column])
                .collect();
            together(dataset, everyone, &columns)
        })
        .collect();
    // The fewest columns that tell as much.
    found.sort_by(|a, b| {
        b.v.low
            .total_cmp(&a.v.low)
            .then(a.names.len().cmp(&b.names.len()))
    });
    let Some(worst) = found.first() else {
        return check.cannot("needs two labels".to_owned());
    };
    for set in &found {
        check
            .details
            .push(Detail::of(&set.names.join(" and "), "Cramér's V", &set.v).counted());
    }
    let status = match worst.v.low {
        low if low > V_FAILS => Status::Fail,
        low if low > V_WARNS => Status::Warn,
        _ => Status::Pass,
    };
    let names = worst.names.join(" and ");
    let (values, label, with, all) = &worst.told;
    let explanation = format!(
        "{names} go together with the label with Cramér's V {:.2} ({:.2} to {:.2}); of {all} patients with {values}, \
         {with} are {}",
        worst.v.value, worst.v.low, worst.v.high, dataset.labels[*label]
    );
    if status != Status::Pass {
        check.headline = Some(format!(
            "{names} together tell the label (Cramér's V {:.2})",
            worst.v.value
        ));
        check.remedies.push(Remedy::advice(
            &format!("choose films so that every combination of {names} has every label"),
            "a network that sees the combination need not look at the lungs",
        ));
    }
    let v = worst.v.clone();
    check.found(status, v.value, explanation).with_ends(&v)
}

/// How the combinations of some columns go together with the label; a patient counts once for each label
/// and combination.
fn together(dataset: &Dataset, everyone: &Subjects, columns: &[&Column]) -> Option<Set> {
    let mut units: BTreeSet<(Vec<String>, usize, usize)> = BTreeSet::new();
    for (index, film) in dataset.films.iter().enumerate() {
        let values: Option<Vec<String>> = columns.iter().map(|(_, of)| of(film)).collect();
        if let Some(values) = values {
            units.insert((values, everyone.labels[index], everyone.patients[index]));
        }
    }
    let mut counts: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    for (values, label, _) in units {
        counts
            .entry(values)
            .or_insert_with(|| vec![0; everyone.classes])[label] += 1;
    }
    let rows: Vec<Vec<usize>> = counts.values().cloned().collect();
    let v = cramers_v(&rows)?;
    let all: usize = rows.iter().flatten().sum();
    let told = counts
        .iter()
        .flat_map(|(values, counts)| {
            let patients: usize = counts.iter().sum();
            (0..counts.len()).map(move |label| (values, label, counts[label], patients))
        })
        .max_by(|a, b| {
            let excess = |&(_, label, with, patients): &(&Vec<String>, usize, usize, usize)| {
                let share = rows.iter().map(|row| row[label]).sum::<usize>() as f64 / all as f64;
                with as f64 - share * patients as f64
            };
            excess(a).total_cmp(&excess(b))
        })
        .map(|(values, label, with, patients)| (values.join(", "), label, with, patients))?;
    Some(Set {
        names: columns.iter().map(|(name, _)| *name).collect(),
        v,
        told,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_data::DatasetOptions;

    #[test]
    fn a_label_that_only_source_and_view_tell_together_is_found() {
        let folder =
            std::env::temp_dir().join(format!("plainfilm-together-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut manifest = "path,label,patient_id,source,view,sex\n".to_owned();
        for film in 0..200 {
            let (source, view) = (film % 2, film / 2 % 2);
            let label = if source == view { "ill" } else { "well" };
            let name = format!("{film}.png");
            image::GrayImage::new(8, 8)
                .save(folder.join(&name))
                .unwrap();
            let sex = ["F", "M"][film / 4 % 2];
            manifest.push_str(&format!(
                "{name},{label},p{film},{},{},{sex}\n",
                ["north", "south"][source],
                ["PA", "AP"][view]
            ));
        }
        std::fs::write(folder.join("manifest.csv"), manifest).unwrap();
        let dataset = Dataset::open(&folder, &DatasetOptions::default()).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let everyone = crate::collect::subjects(&dataset);
        let found = check(&dataset, &everyone);
        assert_eq!(found.status, Status::Fail, "{found:?}");
        assert!(found.value.value().unwrap() > 0.99, "{found:?}");
        assert!(
            found.explanation.starts_with("Source and view go together"),
            "{found:?}"
        );
        let sex = found
            .details
            .iter()
            .find(|detail| detail.name == "source and sex");
        assert!(sex.unwrap().value.value().unwrap() < 0.1, "{found:?}");
    }
}

//! What stands beside each headline figure, in the same size: how far it can be believed.

use super::wording::films;
use super::{Record, ReportInput};
use plainfilm_data::{Part, PatientOrigin};
use plainfilm_figures::{Figure, PartMetrics};

/// A headline figure and its caution.
#[derive(Debug, PartialEq)]
pub(crate) struct Headline {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// Its 95 % interval; empty where none can be claimed.
    pub(crate) interval: String,
    pub(crate) caution: String,
}

/// The headline figures of the test films: accuracy, balanced accuracy, AUROC.
pub(crate) fn headlines(input: &ReportInput) -> Vec<Headline> {
    let Some(metrics) = input.part(Part::Test).filter(|metrics| metrics.n > 0) else {
        return Vec::new();
    };
    vec![
        Headline {
            name: "accuracy",
            value: metrics.accuracy.percent(1),
            interval: metrics.accuracy.percent_ends(1),
            caution: accuracy_caution(metrics),
        },
        Headline {
            name: "balanced accuracy",
            value: metrics.balanced_accuracy.percent(1),
            interval: metrics.balanced_accuracy.percent_ends(1),
            caution: balanced_accuracy_caution(metrics),
        },
        Headline {
            name: "AUROC",
            value: format!("{:.3}", metrics.auroc),
            interval: metrics.auroc.number_ends(3),
            caution: split_caution(input, metrics.auroc.value),
        },
    ]
}

fn points(share: f64) -> String {
    format!("{:.1} points", share * 100.0)
}

fn accuracy_caution(metrics: &PartMetrics) -> String {
    let step = points(1.0 / metrics.n as f64);
    let mut text = format!(
        "{}: one more error changes this by {step}.",
        films(metrics.n)
    );
    let commonest = metrics
        .per_label
        .iter()
        .max_by_key(|(_, label)| label.support);
    if let Some((name, label)) = commonest {
        let share = Figure::ratio(label.support as f64, metrics.n as f64).percent(1);
        text.push_str(&format!(" Always answering “{name}” gives {share}."));
    }
    text
}

fn balanced_accuracy_caution(metrics: &PartMetrics) -> String {
    let present = metrics
        .per_label
        .iter()
        .filter(|(_, label)| label.support > 0);
    let count = present.clone().count();
    match present.min_by_key(|(_, label)| label.support) {
        Some((name, label)) if count > 1 => {
            let step = points(1.0 / (count as f64 * label.support as f64));
            format!(
                "The rarest label, “{name}”, has {}: one more of them missed changes this by {step}.",
                films(label.support as usize)
            )
        }
        _ => "All test films have the same label: nothing is said about the others.".to_owned(),
    }
}

/// One sentence on whether test patients are new to the network: the largest doubt first.
fn split_caution(input: &ReportInput, auroc: Figure) -> String {
    let data = &input.data;
    if auroc.value().is_none() {
        return "Not defined: a label has no test films.".to_owned();
    }
    if data.synthetic {
        return "Synthetic films: this says nothing about real ones.".to_owned();
    }
    if let Record::Evaluation(evaluation) = &input.record {
        return evaluation.seen.clone();
    }
    let stand_in = data.patient_origin == Some(PatientOrigin::NearDuplicates);
    if data.shared_test_films > 0 {
        return format!(
            "Patients shared between training and test: {} of {} test films come from a patient \
             seen in training. New patients will be harder.",
            data.shared_test_films,
            input.scored.len()
        );
    }
    if stand_in {
        return "Patients are not known: groups of near-duplicate films stand in for them, so a \
                patient may still be in both training and test."
            .to_owned();
    }
    if !data.grouped {
        return "Films were split without regard to patients.".to_owned();
    }
    "No test patient was seen in training, but all come from the same data set: another hospital \
     will be harder."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;
    use plainfilm_figures::{ScoredFilm, evaluate};

    /// The notebook's own test set: 62 films, 11 of Covid-19, one missed.
    fn notebook() -> ReportInput {
        let mut input = example();
        input.labels = vec!["Covid-19".into(), "No_findings".into()];
        input.scored = (0..62)
            .map(|index| {
                let truth = usize::from(index >= 11);
                let first = if truth == 0 && index > 0 { 0.9 } else { 0.1 };
                let path = format!("{index}.png");
                ScoredFilm::alone(path, truth, vec![first, 1.0 - first])
            })
            .collect();
        let metrics = evaluate(&input.labels, 0, &input.scored);
        input.metrics = vec![(Part::Test, metrics)];
        input.data.synthetic = false;
        input
    }

    #[test]
    fn each_figure_stands_beside_its_caution() {
        let shown = headlines(&notebook());
        assert_eq!(shown[0].value, "98.4 %");
        // Wilson's interval of 61 in 62.
        assert_eq!(shown[0].interval, "91.4 to 99.7 %");
        assert_eq!(
            shown[0].caution,
            "62 films: one more error changes this by 1.6 points. \
             Always answering “No_findings” gives 82.3 %."
        );
        assert_eq!(shown[1].value, "95.5 %");
        assert_eq!(
            shown[1].caution,
            "The rarest label, “Covid-19”, has 11 films: \
             one more of them missed changes this by 4.5 points."
        );
        assert_eq!(shown[2].value, "0.955");
    }

    #[test]
    fn the_split_is_judged_by_its_largest_doubt() {
        type Change = fn(&mut ReportInput);
        let cases: [(Change, &str); 5] = [
            (|input| input.data.synthetic = true, "Synthetic films"),
            (
                |input| {
                    input.data.grouped = false;
                    input.data.shared_test_films = 31;
                },
                "Patients shared between training and test: 31 of 62 test films",
            ),
            (
                |input| input.data.patient_origin = Some(PatientOrigin::NearDuplicates),
                "Patients are not known",
            ),
            (
                |input| input.data.grouped = false,
                "Films were split without",
            ),
            (|_| {}, "No test patient was seen in training"),
        ];
        for (change, beginning) in cases {
            let mut input = notebook();
            change(&mut input);
            let caution = &headlines(&input)[2].caution;
            assert!(caution.starts_with(beginning), "{caution}");
        }
    }

    #[test]
    fn no_test_films_make_no_headline() {
        let mut input = notebook();
        input.metrics.clear();
        assert_eq!(headlines(&input), []);
    }
}

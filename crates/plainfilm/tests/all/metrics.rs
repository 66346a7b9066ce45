//! Figures of merit against scikit-learn (`reference/metrics`).

use plainfilm::evaluate::Presence;
use plainfilm::evaluate::{
    Calibration, CalibrationMethod, Estimate, FindingsFilm, PointFigures, ScoredFilm,
    ThresholdRule, auroc_difference, auroc_interval, average_findings, bca, brier_parts,
    choose_threshold, classification_report, evaluate, holm, mcnemar, precision_recall_curve,
    roc_curve,
};
use serde_json::Value;

use crate::support::reference_output;

const TOLERANCE: f64 = 1e-9;

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("an array of numbers")
        .iter()
        .map(|number| number.as_f64().expect("a number"))
        .collect()
}

fn assert_close(found: Option<f64>, expected: Option<f64>, what: &str) {
    match (found, expected) {
        (None, None) => {}
        (Some(found), Some(expected)) if (found - expected).abs() <= TOLERANCE => {}
        _ => panic!("{what}: expected {expected:?}, found {found:?}"),
    }
}

fn assert_points(found: &[f64], expected: &Value, what: &str) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{what}: number of points");
    for (found, expected) in found.iter().zip(&expected) {
        assert_close(Some(*found), Some(*expected), what);
    }
}

fn for_each_case(check: impl Fn(&str, &Value, &[String], usize, &[ScoredFilm])) {
    let file = reference_output("metrics").join("expected.json");
    let text = std::fs::read_to_string(file).expect("the reference output is committed");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the reference output is JSON");
    assert_eq!(cases.len(), 14);
    for case in &cases {
        let labels: Vec<String> = serde_json::from_value(case["labels"].clone()).unwrap();
        let positive = case["positive"].as_u64().unwrap() as usize;
        let truth: Vec<usize> = serde_json::from_value(case["truth"].clone()).unwrap();
        let scored: Vec<ScoredFilm> = truth
            .iter()
            .zip(case["probabilities"].as_array().unwrap())
            .enumerate()
            .map(|(index, (truth, probabilities))| {
                ScoredFilm::alone(format!("{index}.png"), *truth, numbers(probabilities))
            })
            .collect();
        let name = case["name"].as_str().unwrap();
        check(name, case, &labels, positive, &scored);
    }
}

#[test]
fn every_figure_equals_scikit_learns() {
    for_each_case(|name, case, labels, positive, scored| {
        let metrics = evaluate(labels, positive, scored);
        assert_eq!(metrics.n as u64, case["n"].as_u64().unwrap());
        let figures: [(&str, &Estimate); 11] = [
            ("loss", &metrics.loss),
            ("accuracy", &metrics.accuracy),
            ("balanced_accuracy", &metrics.balanced_accuracy),
            ("auroc", &metrics.auroc),
            ("auprc", &metrics.auprc),
            ("brier", &metrics.brier),
            ("ece", &metrics.ece),
            ("kappa", &metrics.kappa),
            ("mcc", &metrics.mcc),
            ("macro_f1", &metrics.macro_f1),
            ("weighted_f1", &metrics.weighted_f1),
        ];
        for (key, figure) in figures {
            assert_close(
                figure.value(),
                case[key].as_f64(),
                &format!("{name}: {key}"),
            );
        }
        let top_2 = metrics.top_2_accuracy.as_ref().and_then(Estimate::value);
        assert_close(
            top_2,
            case["top_2_accuracy"].as_f64(),
            &format!("{name}: top 2"),
        );
        for (key, figure) in [
            ("micro_auroc", &metrics.micro_auroc),
            ("weighted_auroc", &metrics.weighted_auroc),
        ] {
            let found = figure.as_ref().and_then(Estimate::value);
            assert_close(found, case[key].as_f64(), &format!("{name}: {key}"));
        }
        assert_eq!(
            serde_json::to_value(&metrics.confusion_matrix).unwrap(),
            case["confusion_matrix"],
            "{name}"
        );
        for (index, (label, found)) in metrics.per_label.iter().enumerate() {
            let expected = &case["per_label"][index];
            assert_eq!(label, &labels[index]);
            for (key, figure) in [
                ("sensitivity", &found.sensitivity),
                ("specificity", &found.specificity),
                ("precision", &found.precision),
                ("f1", &found.f1),
                ("auroc", &found.auroc),
                ("auprc", &found.auprc),
            ] {
                let what = format!("{name}: {key} of {label}");
                assert_close(figure.value(), expected[key].as_f64(), &what);
            }
            assert_eq!(found.support, expected["support"].as_u64().unwrap());
        }
    });
}

#[test]
fn the_classification_report_equals_scikit_learns() {
    for_each_case(|name, case, labels, positive, scored| {
        let found = classification_report(&evaluate(labels, positive, scored));
        let expected = case["classification_report"].as_str().unwrap();
        assert_eq!(found, expected, "{name}:\n{found}\n{expected}");
    });
}

#[test]
fn the_curves_have_scikit_learns_points() {
    for_each_case(|name, case, _, positive, scored| {
        let (truth, scores): (Vec<bool>, Vec<f64>) = scored
            .iter()
            .map(|film| (film.truth == positive, film.probabilities[positive]))
            .unzip();
        let expected = &case["roc"];
        match roc_curve(&truth, &scores) {
            Some(curve) => {
                let what = format!("{name}: ROC");
                assert_points(&curve.false_positive_rate, &expected[0], &what);
                assert_points(&curve.true_positive_rate, &expected[1], &what);
                assert_eq!(curve.thresholds[0], f64::INFINITY);
                assert_points(&curve.thresholds[1..], &expected[2], &what);
            }
            None => assert!(expected.is_null(), "{name}: ROC"),
        }
        let expected = &case["precision_recall"];
        match precision_recall_curve(&truth, &scores) {
            Some(curve) => {
                let what = format!("{name}: precision-recall");
                assert_points(&curve.precision, &expected[0], &what);
                assert_points(&curve.recall, &expected[1], &what);
                assert_points(&curve.thresholds, &expected[2], &what);
            }
            None => assert!(expected.is_null(), "{name}: precision-recall"),
        }
    });
}

#[test]
fn bootstrap_intervals_equal_scipys_from_the_same_draws() {
    let cases = intervals("bca");
    assert!(cases.len() >= 3);
    for case in &cases {
        let (draws, left_out) = (numbers(&case["draws"]), numbers(&case["left_out"]));
        let value = case["value"].as_f64().unwrap();
        let (low, high) = bca(value, draws, &left_out).unwrap();
        let expected = numbers(&case["expected"]);
        let name = case["name"].as_str().unwrap();
        assert_close(Some(low), Some(expected[0]), name);
        assert_close(Some(high), Some(expected[1]), name);
    }
}

#[test]
fn paired_areas_equal_an_independent_delong() {
    let cases = intervals("paired");
    assert!(cases.len() >= 3);
    for case in &cases {
        let truth: Vec<bool> = serde_json::from_value(case["positive"].clone()).unwrap();
        let films: Vec<usize> = (0..truth.len()).collect();
        let (first, second) = (numbers(&case["first"]), numbers(&case["second"]));
        let found = auroc_difference(&truth, &first, &second, &films).unwrap();
        let expected = numbers(&case["expected"]);
        assert_close(Some(found.interval.value), Some(expected[0]), "difference");
        assert_close(Some(found.error), Some(expected[1]), "standard error");
        assert_close(Some(found.p_value), Some(expected[2]), "p-value");
    }
}

/// R's pROC on the same rankings, to 1e-6 of each figure.
#[test]
fn delongs_intervals_and_test_equal_procs() {
    let file = reference_output("metrics").join("proc.json");
    let text = std::fs::read_to_string(file).expect("the reference output is committed");
    let all: Value = serde_json::from_str(&text).expect("the reference output is JSON");
    let expected = all["cases"].as_array().expect("a list of cases");
    let cases = intervals("paired");
    assert_eq!((cases.len(), expected.len()), (4, 4));
    for (case, expected) in cases.iter().zip(expected) {
        let truth: Vec<bool> = serde_json::from_value(case["positive"].clone()).unwrap();
        let films: Vec<usize> = (0..truth.len()).collect();
        let scores = [numbers(&case["first"]), numbers(&case["second"])];
        for (ranking, scores) in scores.iter().enumerate() {
            let found = auroc_interval(&truth, scores, &films).unwrap();
            let found = [found.value, found.low, found.high];
            for (found, name) in found.into_iter().zip(["areas", "low", "high"]) {
                let expected = numbers(&expected[name])[ranking];
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{name}: {found}, pROC {expected}"
                );
            }
        }
        let found = auroc_difference(&truth, &scores[0], &scores[1], &films).unwrap();
        let z = found.interval.value / found.error;
        for (found, name) in [(z, "z"), (found.p_value, "p_value")] {
            let expected = expected[name].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-6,
                "{name}: {found}, pROC {expected}"
            );
        }
    }
}

#[test]
fn averages_over_findings_equal_scikit_learns() {
    let file = reference_output("metrics").join("findings.json");
    let text = std::fs::read_to_string(file).expect("the reference output is committed");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the reference output is JSON");
    assert_eq!(cases.len(), 5);
    for (index, case) in cases.iter().enumerate() {
        let rows = case["presence"].as_array().unwrap();
        let films: Vec<FindingsFilm> = rows
            .iter()
            .zip(case["probabilities"].as_array().unwrap())
            .enumerate()
            .map(|(film, (presence, probabilities))| {
                let probabilities = numbers(probabilities);
                let presence = numbers(presence).into_iter().map(|code| match code {
                    1.0 => Presence::Present,
                    0.0 => Presence::Absent,
                    _ => Presence::Unknown,
                });
                FindingsFilm {
                    path: film.to_string(),
                    patient: film.to_string(),
                    presence: presence.collect(),
                    called: probabilities.iter().map(|&p| p >= 0.5).collect(),
                    probabilities,
                }
            })
            .collect();
        let found = serde_json::to_value(average_findings(&films)).unwrap();
        for (name, expected) in case["expected"].as_object().unwrap() {
            let found = found[name]["value"].as_f64();
            assert_close(found, expected.as_f64(), &format!("case {index}, {name}"));
        }
    }
}

/// Cases of `intervals.json`.
fn intervals(name: &str) -> Vec<Value> {
    let file = reference_output("metrics").join("intervals.json");
    let text = std::fs::read_to_string(file).expect("the reference output is committed");
    let all: Value = serde_json::from_str(&text).expect("the reference output is JSON");
    all[name].as_array().expect("a list of cases").clone()
}

#[test]
fn mcnemars_test_and_holms_correction_equal_statsmodels() {
    for case in intervals("mcnemar") {
        let [first, second]: [u64; 2] = serde_json::from_value(case["counts"].clone()).unwrap();
        let (p_value, method) = mcnemar(first, second);
        assert_eq!(method == "exact", case["exact"].as_bool().unwrap());
        assert_close(
            Some(p_value),
            case["p_value"].as_f64(),
            &format!("{first}, {second}"),
        );
    }
    for case in intervals("holm") {
        let adjusted = holm(&numbers(&case["p_values"]));
        assert_points(&adjusted, &case["adjusted"], "Holm");
    }
}

#[test]
fn calibration_thresholds_and_brier_parts_equal_scipys_and_scikit_learns() {
    let file = reference_output("metrics").join("operation.json");
    let text = std::fs::read_to_string(file).expect("the reference output is committed");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the reference output is JSON");
    assert_eq!(cases.len(), 5);
    for (index, case) in cases.iter().enumerate() {
        let films: Vec<ScoredFilm> = case["truth"]
            .as_array()
            .unwrap()
            .iter()
            .zip(case["probabilities"].as_array().unwrap())
            .enumerate()
            .map(|(film, (truth, probabilities))| {
                let truth = truth.as_u64().unwrap() as usize;
                ScoredFilm::alone(film.to_string(), truth, numbers(probabilities))
            })
            .collect();
        let count = films[0].probabilities.len();
        let labels: Vec<String> = (0..count).map(|label| label.to_string()).collect();
        let fit = |method| {
            let fitted = Calibration::fit(method, &labels, 0, &films);
            assert_eq!(fitted.method, method, "case {index}: {}", fitted.chosen);
            fitted
        };
        let temperature = fit(CalibrationMethod::Temperature);
        // SciPy's search by values stops when the loss no longer changes.
        let expected = case["slope"].as_f64().unwrap();
        assert!(
            (temperature.slope / expected - 1.0).abs() < 1e-6,
            "case {index}: slope {} instead of {expected}",
            temperature.slope
        );
        let ranked = if count == 2 { 0..1 } else { 0..count };
        let parts = brier_parts(&films, ranked).unwrap();
        let found = [
            parts.score,
            parts.miscalibration,
            parts.discrimination,
            parts.uncertainty,
        ]
        .map(|part| part.value().unwrap());
        assert_points(
            &found,
            &case["brier"],
            &format!("case {index}: Brier score"),
        );
        if count > 2 {
            continue;
        }
        let platt = fit(CalibrationMethod::Platt);
        let expected = &case["platt"];
        assert_close(Some(platt.slope), expected["slope"].as_f64(), "slope");
        assert_close(
            Some(platt.intercept),
            expected["intercept"].as_f64(),
            "intercept",
        );
        // scikit-learn's own fit stops earlier.
        for (found, own) in [platt.slope, platt.intercept]
            .iter()
            .zip(numbers(&expected["scikit_learn"]))
        {
            assert!((found - own).abs() < 1e-3, "{found} instead of {own}");
        }
        let (truth, scores): (Vec<bool>, Vec<f64>) = films
            .iter()
            .map(|film| (film.truth == 0, film.probabilities[0]))
            .unzip();
        let threshold = choose_threshold(ThresholdRule::Youden, &truth, &scores, None).unwrap();
        let chosen = PointFigures::of(&films, 0, threshold, 0.5);
        let sum = chosen.sensitivity.value().unwrap() + chosen.specificity.value().unwrap();
        assert_close(Some(sum), case["youden"].as_f64(), "Youden");
        for point in case["points"].as_array().unwrap() {
            let [threshold, prevalence] =
                ["threshold", "prevalence"].map(|key| point[key].as_f64().unwrap());
            let found = PointFigures::of(&films, 0, threshold, prevalence);
            let found = [found.sensitivity, found.specificity, found.ppv, found.npv]
                .map(|figure| figure.value().unwrap());
            assert_points(&found, &point["expected"], "predictive values");
        }
    }
}

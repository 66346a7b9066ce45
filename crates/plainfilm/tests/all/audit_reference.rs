//! The audit's statistics and its pixel learner against others' (`reference/audit`).

use plainfilm::audit::learner::{Subjects, Table, kernel};
use plainfilm::evaluate::{
    Interval, auroc_interval, cramers_v, odds_ratio, standardised_difference, wilson,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::reference_output;

const TOLERANCE: f64 = 1e-9;

fn expected() -> Value {
    let file = reference_output("audit").join("expected.json");
    let text = std::fs::read_to_string(file).expect("the reference output is committed");
    serde_json::from_str(&text).expect("the reference output is JSON")
}

fn field<T: DeserializeOwned>(case: &Value, name: &str) -> T {
    serde_json::from_value(case[name].clone()).expect("the script writes this field")
}

/// Value within [`TOLERANCE`], ends within `ends`.
fn assert_interval(found: &Interval, case: &Value, ends: f64) {
    let [value, low, high]: [f64; 3] = field(case, "expected");
    for (what, found, expected, tolerance) in [
        ("value", found.value, value, TOLERANCE),
        ("low", found.low, low, ends),
        ("high", found.high, high, ends),
    ] {
        assert!(
            (found - expected).abs() <= tolerance * expected.abs().max(1.0),
            "{what}: expected {expected}, found {found}"
        );
    }
}

#[test]
fn intervals_and_effect_sizes_equal_the_reference() {
    let expected = expected();
    let cases = |name: &str| expected[name].as_array().expect("cases").clone();
    for case in cases("auroc") {
        let (positive, scores): (Vec<bool>, Vec<f64>) =
            (field(&case, "positive"), field(&case, "scores"));
        let clusters: Vec<usize> = field(&case, "clusters");
        let found = auroc_interval(&positive, &scores, &clusters).unwrap();
        assert_interval(&found, &case, TOLERANCE);
    }
    for case in cases("wilson") {
        let [successes, total]: [usize; 2] = field(&case, "counts");
        assert_interval(&wilson(successes, total).unwrap(), &case, TOLERANCE);
    }
    for case in cases("cramers_v") {
        let table: Vec<Vec<usize>> = field(&case, "table");
        // The ends are those of an approximation.
        assert_interval(&cramers_v(&table).unwrap(), &case, 0.01);
    }
    for case in cases("difference") {
        let (a, b): (Vec<f64>, Vec<f64>) = (field(&case, "a"), field(&case, "b"));
        assert_interval(&standardised_difference(&a, &b).unwrap(), &case, TOLERANCE);
    }
    for case in cases("odds_ratio") {
        assert_interval(&odds_ratio(field(&case, "table")), &case, TOLERANCE);
    }
}

#[test]
fn kernel_ridge_regression_equals_scikit_learns() {
    let case = &expected()["kernel_ridge"];
    let rows: Vec<Vec<f32>> = field(case, "rows");
    let labels: Vec<usize> = field(case, "labels");
    let fitted: Vec<usize> = field(case, "fitted");
    let held: Vec<usize> = (0..rows.len())
        .filter(|row| !fitted.contains(row))
        .collect();
    let subjects = Subjects {
        patients: (0..labels.len()).collect(),
        labels,
        classes: 2,
    };
    let found = kernel::scores(&Table::from_rows(&rows), &subjects, &fitted, &held);
    let expected: Vec<Vec<f64>> = field(case, "expected");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!(
            (found - expected).abs() < 1e-5,
            "expected {expected}, found {found}"
        );
    }
}

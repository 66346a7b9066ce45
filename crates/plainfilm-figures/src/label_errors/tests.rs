use rand::RngExt;

use super::*;

/// Films with a log odds of label 1 around -`skill` or +`skill` by their true label, the probability that belongs to
/// it, and the true label: of equal shares of both.
fn films(count: usize, skill: f64, seed: u64) -> (Vec<usize>, Vec<Vec<f64>>) {
    let mut random = seed::generator(seed, "films", &[]);
    (0..count)
        .map(|film| {
            let truth = film % 2;
            // The sum of twelve uniform numbers is nearly normal, with a variance of 1.
            let normal: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let centre = if truth == 1 { skill } else { -skill };
            // Two normal distributions `2 skill` apart have these log odds.
            let odds = 2.0 * skill * (centre + normal);
            let p = 1.0 / (1.0 + (-odds).exp());
            (truth, vec![1.0 - p, p])
        })
        .unzip()
}

/// With a share of labels turned over, and which.
fn turned(truth: &[usize], share: f64) -> (Vec<usize>, Vec<bool>) {
    let mut random = seed::generator(7, "turned", &[]);
    truth
        .iter()
        .map(|&label| {
            let is_turned = random.random::<f64>() < share;
            (if is_turned { 1 - label } else { label }, is_turned)
        })
        .unzip()
}

fn each_alone(count: usize) -> Vec<usize> {
    (0..count).collect()
}

#[test]
fn planted_errors_of_a_good_model_are_found_and_counted() {
    let (truth, probabilities) = films(800, 2.5, 1);
    let (given, is_wrong) = turned(&truth, 0.05);
    let found = label_errors(&given, &probabilities, &each_alone(800)).unwrap();
    let planted = is_wrong.iter().filter(|is| **is).count();
    let (low, high) = found.share.ends().unwrap();
    let share = planted as f64 / 800.0;
    assert!(low < share && share < high, "{share}: {:?}", found.share);
    assert!(found.beyond_uncertainty(), "{found:?}");
    let right = found.suspects[..30]
        .iter()
        .filter(|suspect| is_wrong[suspect.film])
        .count();
    assert!(right >= 29, "{right} of 30");
    let margins: Vec<f64> = found.suspects.iter().map(|s| -s.margin()).collect();
    assert!(margins.is_sorted());
}

#[test]
fn right_labels_look_wrong_to_a_weak_model_as_its_uncertainty_explains() {
    // The weaker the model, the more it claims; one with an AUROC of 0.98 claims next to nothing.
    for (skill, claimed) in [(0.4, 0.2..0.5), (0.8, 0.08..0.3), (1.5, 0.0..0.03)] {
        let (given, probabilities) = films(1000, skill, 2);
        let found = label_errors(&given, &probabilities, &each_alone(1000)).unwrap();
        let share = found.share.value().unwrap();
        assert!(claimed.contains(&share), "skill {skill}: {share}");
        assert!(!found.beyond_uncertainty(), "skill {skill}: {found:?}");
    }
}

#[test]
fn random_labels_against_a_good_model_are_half_wrong() {
    let (truth, probabilities) = films(1000, 2.5, 3);
    let (given, _) = turned(&truth, 0.5);
    let found = label_errors(&given, &probabilities, &each_alone(1000)).unwrap();
    assert!(
        (found.share.value().unwrap() - 0.5).abs() < 0.05,
        "{found:?}"
    );
    assert!(found.beyond_uncertainty());
}

#[test]
fn what_is_no_label_or_probability_is_refused() {
    let half = || vec![0.5, 0.5];
    type Case<'a> = (&'a [usize], Vec<Vec<f64>>, usize, &'a str);
    let cases: [Case<'_>; 6] = [
        (
            &[0, 1],
            vec![half()],
            2,
            "expected 2 rows of probabilities, one for each label, found 1",
        ),
        (
            &[0, 1],
            vec![half(), half()],
            3,
            "expected 2 patients, one for each label, found 3",
        ),
        (
            &[0, 0],
            vec![half(), half()],
            2,
            "expected films of two labels or more, found 1 label",
        ),
        (
            &[0, 2],
            vec![half(), half()],
            2,
            "film 1: expected a label below 2, found 2",
        ),
        (
            &[0, 1],
            vec![half(), vec![0.5, 0.6]],
            2,
            "film 1: expected 2 probabilities that sum to 1, found [0.5, 0.6]",
        ),
        (
            &[],
            vec![],
            0,
            "expected films of two labels or more, found 0 labels",
        ),
    ];
    for (given, probabilities, patients, message) in cases {
        let error = label_errors(given, &probabilities, &each_alone(patients)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

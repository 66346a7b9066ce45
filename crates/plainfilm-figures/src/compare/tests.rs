use super::*;

fn network(name: &str, labels: [&str; 2], shift: usize) -> Predictions {
    let films = (0..80)
        .map(|index| {
            let truth = index % 2;
            let noise = (index * 37 % 41) as f64 / 41.0;
            let wrong = index % 7 < shift;
            let own = if wrong { 0.2 } else { 0.55 } + 0.2 * noise;
            let mut probabilities = vec![1.0 - own; 2];
            probabilities[truth] = own;
            ScoredFilm::alone(format!("{index}.png"), truth, probabilities)
        })
        .collect();
    Predictions {
        name: name.into(),
        labels: labels.map(str::to_owned).into(),
        films,
    }
}

#[test]
fn the_better_network_is_found_and_order_does_not_matter() {
    let labels = ["opacity", "clear"];
    let (good, bad) = (network("good", labels, 1), network("bad", labels, 3));
    let found = compare(&[good.clone(), bad.clone()], None).unwrap();
    let turned = compare(&[bad, good], None).unwrap();
    let (pair, back) = (&found.pairs[0], &turned.pairs[0]);
    assert_eq!((pair.mcnemar.only_first, pair.mcnemar.only_second), (24, 0));
    assert_eq!(
        (pair.mcnemar.method, back.mcnemar.only_second),
        ("exact", 24)
    );
    assert!(pair.mcnemar.test.p_value.value().unwrap() < 1e-5);
    assert!(pair.auroc_test.p_value.value().unwrap() < 0.01);
    for (one, other) in pair.figures.iter().zip(&back.figures) {
        let (a, b) = (&one.difference, &other.difference);
        assert!(
            (a.value().unwrap() + b.value().unwrap()).abs() < 1e-12,
            "{}",
            one.name
        );
        let ((low, high), (back_low, back_high)) = (a.ends().unwrap(), b.ends().unwrap());
        // Interpolated percentiles turn over but for the last draw.
        assert!(
            (low + back_high).abs() < 0.02 && (high + back_low).abs() < 0.02,
            "{a:?} {b:?}"
        );
    }
    let accuracy = &pair.figures[0];
    assert_eq!(accuracy.name, "accuracy");
    assert!((accuracy.difference.value().unwrap() - 24.0 / 80.0).abs() < 1e-12);
    assert!(accuracy.difference.ends().unwrap().0 > 0.0);
}

#[test]
fn a_network_equals_itself() {
    let labels = ["opacity", "clear"];
    let found = compare(&[network("a", labels, 2), network("b", labels, 2)], None).unwrap();
    let pair = &found.pairs[0];
    assert_eq!(pair.mcnemar.test.p_value.value(), Some(1.0));
    assert_eq!(pair.auroc_test.p_value.value(), Some(1.0));
    for figure in &pair.figures {
        assert_eq!(figure.difference.value(), Some(0.0), "{}", figure.name);
    }
}

#[test]
fn equally_good_networks_are_told_apart_in_one_of_twenty_cases() {
    use rand::RngExt;
    let labels = ["opacity", "clear"];
    // 60 patients with one to three films each; half of what makes a film hard is the patient's and half of that is
    // the same for both networks.
    let drawn = |run: u64| -> [Predictions; 2] {
        let mut random = plainfilm_seed::generator(5, "equally good", &[run]);
        let mut both = ["a", "b"].map(|name| network(name, labels, 0));
        both.iter_mut().for_each(|one| one.films.clear());
        for patient in 0..60 {
            let shared: f64 = random.random_range(-0.3..0.3);
            let own: [f64; 2] = [0, 1].map(|_| random.random_range(-0.3..0.3));
            for film in 0..1 + patient % 3 {
                for (network, own) in both.iter_mut().zip(own) {
                    let noise: f64 = random.random_range(-0.4..0.4);
                    let p = (0.7 + (shared + own + noise) / 2.0).clamp(0.01, 0.99);
                    let truth = patient % 2;
                    let first = if truth == 0 { p } else { 1.0 - p };
                    network.films.push(ScoredFilm {
                        patient: patient.to_string(),
                        ..ScoredFilm::alone(
                            format!("{patient}/{film}"),
                            truth,
                            vec![first, 1.0 - first],
                        )
                    });
                }
            }
        }
        both
    };
    let runs = 300;
    let mut excluded = std::collections::BTreeMap::<&str, usize>::new();
    for run in 0..runs {
        for figure in &compare(&drawn(run), None).unwrap().pairs[0].figures {
            let excludes = figure
                .difference
                .ends()
                .is_some_and(|(low, high)| low > 0.0 || high < 0.0);
            *excluded.entry(figure.name).or_default() += usize::from(excludes);
        }
    }
    for (name, count) in &excluded {
        let share = *count as f64 / runs as f64;
        // Average precision is close to 1 here, and its interval wider than need be.
        let least = if *name == "auprc" { 0.0 } else { 0.015 };
        assert!(
            (least..=0.08).contains(&share),
            "{name}: {share} of {excluded:?}"
        );
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let labels = ["opacity", "clear"];
    let good = network("good", labels, 1);
    let mut other_labels = network("other", ["opacity", "fracture"], 1);
    let refused = compare(&[good.clone(), other_labels.clone()], None).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("other: expected the labels of good")
    );
    other_labels = network("other", labels, 1);
    other_labels.films[4].truth = 1;
    let refused = compare(&[good.clone(), other_labels.clone()], None).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("4.png: expected the true label opacity")
    );
    for film in &mut other_labels.films {
        film.path.insert_str(0, "elsewhere/");
    }
    let refused = compare(&[good.clone(), other_labels], None).unwrap_err();
    assert!(matches!(refused, CompareError::NoSharedFilm { .. }));
    assert!(matches!(
        compare(&[good], None),
        Err(CompareError::TooFew(1))
    ));
}

#[test]
fn only_shared_films_are_compared_whatever_the_order_of_labels() {
    let mut turned = network("turned", ["opacity", "clear"], 1);
    turned.labels.reverse();
    for film in &mut turned.films {
        film.truth = 1 - film.truth;
        film.probabilities.reverse();
    }
    turned.films.truncate(60);
    turned.films.reverse();
    let found = compare(&[network("whole", ["opacity", "clear"], 1), turned], None).unwrap();
    assert_eq!((found.films, found.patients), (60, 60));
    assert_eq!(
        found.left_out,
        [("whole".to_owned(), 20), ("turned".to_owned(), 0)]
    );
    assert!(
        found.pairs[0]
            .figures
            .iter()
            .all(|f| f.difference.value() == Some(0.0))
    );
}

#[test]
fn three_networks_are_corrected_for() {
    let labels = ["opacity", "clear"];
    let networks = [1, 2, 3].map(|shift| network(&shift.to_string(), labels, shift));
    let found = compare(&networks, None).unwrap();
    assert_eq!(found.pairs.len(), 3);
    for pair in &found.pairs {
        let test = &pair.mcnemar.test;
        assert!(test.adjusted.value() >= test.p_value.value());
    }
}

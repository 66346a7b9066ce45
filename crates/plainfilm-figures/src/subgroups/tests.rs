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
            .any(|gap| gap.starts_with("sex F: sensitivity of “finding” 70.0 % ("))
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
    let found = reach(&share(220), &share(180)).unwrap();
    let p_value = 2.0 * Normal::standard().sf(Z * 0.1 / found);
    assert!((p_value - 0.0047).abs() < 0.0005, "{p_value}");
}

#[test]
fn a_source_that_is_the_label_is_skipped_and_said_to_be() {
    let labels = ["finding", "none"].map(str::to_owned);
    // `nih` has films without the finding alone and is right about nearly all; half of `other` has it.
    let mut scored = films(80);
    for (index, film) in scored.iter_mut().enumerate() {
        film.sex = None;
        film.age = None;
        let of = match (film.truth, index % 8) {
            (1, 2 | 3) => "nih",
            _ if index % 3 == 0 => "a",
            _ => "b",
        };
        film.source = Some(of.to_owned());
    }
    let found = subgroups(&labels, 0, &scored);
    assert_eq!(
        found.skipped,
        [
            "source nih is left out: all its 100 films are “none”, and sensitivity cannot be set against specificity"
        ]
    );
    let names: Vec<&str> = found
        .groups
        .iter()
        .map(|group| group.group.as_str())
        .collect();
    assert_eq!(names, ["b", "a"]);
    for group in &found.groups {
        let figures: Vec<&str> = group
            .figures
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(figures, ["sensitivity", "specificity", "auroc"]);
    }
    assert_eq!(found.groups.iter().map(|group| group.n).sum::<usize>(), 300);
    // Every source is a label: nothing is left to compare, and that is not "no gap".
    for film in &mut scored {
        film.source = Some(labels[film.truth].clone());
    }
    let found = subgroups(&labels, 0, &scored);
    assert_eq!((found.groups.len(), found.skipped.len()), (0, 2));
    assert!(
        found
            .sentence()
            .unwrap()
            .starts_with("No group could be compared")
    );
}

#[test]
fn no_gap_is_said_with_what_could_have_been_found() {
    let labels = ["finding", "none"].map(str::to_owned);
    let found = subgroups(&labels, 0, &films(95));
    let detectable = found.detectable.as_ref().unwrap();
    assert!(0.0 < detectable.least && detectable.least < detectable.most);
    let sentence = found.sentence().unwrap();
    let begin = format!(
        "No gap was found, which does not mean that there is none: with 400 films a gap below about {:.0} percentage points",
        100.0 * detectable.least
    );
    assert!(sentence.starts_with(&begin), "{sentence}");
    assert!(sentence.contains(&detectable.group), "{sentence}");
    assert_eq!(subgroups(&labels, 0, &[]).sentence(), None);
    assert_eq!(found.only(&["source"]).sentence(), None);
    assert_eq!(found.only(&["sex"]).groups.len(), 2);
    let gap = subgroups(&labels, 0, &films(70));
    assert!(
        gap.only(&["sex"])
            .sentence()
            .unwrap()
            .starts_with("sex F: ")
    );
}

#[test]
fn a_detectable_gap_is_found_in_four_of_five_cases() {
    // One comparison of two groups of 200 with 100 films of each label; gaps of the size that is said.
    let labels = ["finding", "none"].map(str::to_owned);
    let drawn = |run: u64, gap: f64| -> Vec<ScoredFilm> {
        use rand::RngExt;
        let mut random = plainfilm_seed::generator(3, "groups", &[run]);
        (0..400)
            .map(|index| {
                let woman = index % 2 == 0;
                let truth = usize::from(index % 4 >= 2);
                let right = 0.8 - if woman && truth == 0 { gap } else { 0.0 };
                let own = if random.random::<f64>() < right {
                    0.9
                } else {
                    0.1
                };
                let first = if truth == 0 { own } else { 1.0 - own };
                ScoredFilm {
                    sex: Some(if woman { "F" } else { "M" }.to_owned()),
                    ..ScoredFilm::alone(index.to_string(), truth, vec![first, 1.0 - first])
                }
            })
            .collect()
    };
    let size = subgroups(&labels, 0, &drawn(0, 0.0))
        .detectable
        .unwrap()
        .most;
    let runs = 200;
    let found = (1..=runs)
        .filter(|&run| {
            let gaps = subgroups(&labels, 0, &drawn(run, size)).gaps;
            gaps.iter()
                .any(|gap| gap.contains("sensitivity of “finding”"))
        })
        .count();
    let share = found as f64 / runs as f64;
    assert!((0.65..=0.95).contains(&share), "{share} at {size}");
}

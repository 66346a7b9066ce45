//! Dealing whole groups (patients) to parts so that every part gets its share of every label.
//!
//! Groups are taken from the largest to the smallest, equally large ones in the order given (a
//! seeded shuffle), and each goes to the part where it lowers
//! `sum over labels of (have - want)^2 / want` most: Pearson's chi-squared distance from the wanted
//! counts, to which a label adds by its share whatever its size. Last, a part without any group of a
//! label is given the smallest one that another part can spare.

/// A label with too few groups to be in every part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lacking {
    pub label: usize,
    pub groups: usize,
    pub parts: usize,
}

/// A part for each group. `counts[group][label]` are films; `order` names every group once;
/// `fractions` are the parts' shares, and a part with share 0 gets nothing.
pub(super) fn deal(
    counts: &[Vec<usize>],
    mut order: Vec<usize>,
    fractions: &[f64],
) -> Result<Vec<usize>, Lacking> {
    let parts: Vec<usize> = (0..fractions.len())
        .filter(|part| fractions[*part] > 0.0)
        .collect();
    let labels = counts.first().map_or(0, Vec::len);
    let totals: Vec<usize> = (0..labels)
        .map(|label| counts.iter().map(|group| group[label]).sum())
        .collect();
    for label in 0..labels {
        let groups = counts.iter().filter(|group| group[label] > 0).count();
        if groups > 0 && groups < parts.len() {
            return Err(Lacking {
                label,
                groups,
                parts: parts.len(),
            });
        }
    }

    order.sort_by_key(|group| std::cmp::Reverse(counts[*group].iter().sum::<usize>()));
    let mut have = vec![vec![0.0f64; labels]; fractions.len()];
    let mut part_of = vec![0; counts.len()];
    for group in order.iter().copied() {
        let added_distance = |part: usize| -> f64 {
            (0..labels)
                .filter(|label| totals[*label] > 0)
                .map(|label| {
                    let want = totals[label] as f64 * fractions[part];
                    let more = counts[group][label] as f64;
                    more * (2.0 * (have[part][label] - want) + more) / want
                })
                .sum()
        };
        let best = parts
            .iter()
            .copied()
            .min_by(|a, b| added_distance(*a).total_cmp(&added_distance(*b)))
            .expect("the callers check that some part has a share");
        part_of[group] = best;
        for label in 0..labels {
            have[best][label] += counts[group][label] as f64;
        }
    }
    fill_gaps(counts, &order, &parts, &totals, &mut part_of)?;
    Ok(part_of)
}

/// Moves groups until every part has one of every label.
fn fill_gaps(
    counts: &[Vec<usize>],
    order: &[usize],
    parts: &[usize],
    totals: &[usize],
    part_of: &mut [usize],
) -> Result<(), Lacking> {
    let labels = totals.len();
    // Groups of each label in each part.
    let holding = |part_of: &[usize], part: usize, label: usize| {
        (0..counts.len())
            .filter(|group| part_of[*group] == part && counts[*group][label] > 0)
            .count()
    };
    // A move fills one gap and makes none, so this many rounds are enough.
    for _ in 0..=labels * parts.len() {
        let gap = parts
            .iter()
            .flat_map(|part| (0..labels).map(move |label| (*part, label)))
            .find(|(part, label)| totals[*label] > 0 && holding(part_of, *part, *label) == 0);
        let Some((part, label)) = gap else {
            return Ok(());
        };
        // `order` goes from large to small: the last that can be spared is the smallest.
        let spare = order.iter().rev().copied().find(|group| {
            counts[*group][label] > 0
                && (0..labels).all(|label| {
                    counts[*group][label] == 0 || holding(part_of, part_of[*group], label) > 1
                })
        });
        match spare {
            Some(group) => part_of[group] = part,
            None => {
                return Err(Lacking {
                    label,
                    groups: counts.iter().filter(|group| group[label] > 0).count(),
                    parts: parts.len(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singletons_are_dealt_exactly() {
        let counts: Vec<Vec<usize>> = (0..100)
            .map(|group| if group < 40 { vec![1, 0] } else { vec![0, 1] })
            .collect();
        let dealt = deal(&counts, (0..100).collect(), &[0.8, 0.1, 0.1]).unwrap();
        let count = |part: usize, label: usize| {
            (0..100)
                .filter(|group| dealt[*group] == part && counts[*group][label] == 1)
                .count()
        };
        assert_eq!([count(0, 0), count(1, 0), count(2, 0)], [32, 4, 4]);
        assert_eq!([count(0, 1), count(1, 1), count(2, 1)], [48, 6, 6]);
    }

    #[test]
    fn a_part_without_share_gets_nothing() {
        let counts = vec![vec![1]; 10];
        let dealt = deal(&counts, (0..10).collect(), &[0.8, 0.0, 0.2]).unwrap();
        assert!(!dealt.contains(&1));
        assert_eq!(dealt.iter().filter(|part| **part == 2).count(), 2);
    }

    #[test]
    fn a_rare_label_reaches_every_part() {
        // Three patients of the rare label, one of them with many films.
        let mut counts = vec![vec![1, 0]; 97];
        counts.extend([vec![0, 20], vec![0, 1], vec![0, 1]]);
        let dealt = deal(&counts, (0..100).collect(), &[0.8, 0.1, 0.1]).unwrap();
        let mut rare: Vec<usize> = dealt[97..].to_vec();
        rare.sort_unstable();
        assert_eq!(rare, [0, 1, 2]);
    }

    #[test]
    fn too_few_groups_of_a_label_are_named() {
        let counts = vec![vec![1, 0], vec![1, 0], vec![1, 0], vec![0, 1], vec![0, 1]];
        assert_eq!(
            deal(&counts, (0..5).collect(), &[0.8, 0.1, 0.1]),
            Err(Lacking {
                label: 1,
                groups: 2,
                parts: 3
            })
        );
    }
}

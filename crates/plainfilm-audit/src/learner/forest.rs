//! A random forest (Breiman, Machine Learning 2001): many shallow trees, each grown on a bootstrap
//! sample of the films and choosing among a few random columns at every split. A tree's answer is the
//! share of each label in its leaf; the forest's is their mean.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{FOLDS, OutOfFold, Subjects, Table};
use plainfilm_seed as seed;

/// How a forest is grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForestSettings {
    /// Trees.
    pub trees: usize,
    /// Splits between the root and a leaf, at most.
    pub depth: usize,
    /// Films in a leaf, at least.
    pub leaf: usize,
}

impl Default for ForestSettings {
    /// 100 trees of depth 8 with at least 3 films a leaf.
    fn default() -> Self {
        Self {
            trees: 100,
            depth: 8,
            leaf: 3,
        }
    }
}

/// Scores every film by a forest grown on the other folds. None when a label has too few patients.
pub fn cross_validate(
    table: &Table,
    subjects: &Subjects,
    settings: &ForestSettings,
    seed: u64,
) -> Option<OutOfFold> {
    let folds = subjects.folds(seed)?;
    let mut scores = vec![Vec::new(); table.rows()];
    for fold in 0..FOLDS {
        let (held, grown): (Vec<usize>, Vec<usize>) =
            (0..table.rows()).partition(|&row| folds[row] == fold);
        let trees: Vec<Tree> = (0..settings.trees)
            .into_par_iter()
            .map(|tree| {
                let mut draws = seed::generator(seed, "audit forest", &[fold as u64, tree as u64]);
                Tree::grow(table, subjects, &grown, settings, &mut draws)
            })
            .collect();
        let held_scores: Vec<Vec<f64>> = held
            .par_iter()
            .map(|&row| {
                let mut sum = vec![0.0; subjects.classes];
                for tree in &trees {
                    for (sum, share) in sum.iter_mut().zip(tree.leaf_of(table.row(row))) {
                        *sum += share;
                    }
                }
                sum.iter().map(|sum| sum / trees.len() as f64).collect()
            })
            .collect();
        for (row, score) in held.into_iter().zip(held_scores) {
            scores[row] = score;
        }
    }
    Some(OutOfFold { scores })
}

enum Node {
    /// Rows with at most `threshold` in `column` go to `low`, others to `high`.
    Split {
        column: usize,
        threshold: f32,
        low: usize,
        high: usize,
    },
    /// The share of each label.
    Leaf(Vec<f64>),
}

struct Tree(Vec<Node>);

struct Growing<'a> {
    table: &'a Table,
    subjects: &'a Subjects,
    settings: &'a ForestSettings,
    /// How often a film of each label counts, so that every label weighs the same.
    weights: Vec<f64>,
    nodes: Vec<Node>,
}

impl Tree {
    fn grow(
        table: &Table,
        subjects: &Subjects,
        rows: &[usize],
        settings: &ForestSettings,
        draws: &mut ChaCha8Rng,
    ) -> Self {
        let sample: Vec<usize> = (0..rows.len())
            .map(|_| rows[draws.random_range(0..rows.len())])
            .collect();
        let mut counts = vec![0.0_f64; subjects.classes];
        for &row in &sample {
            counts[subjects.labels[row]] += 1.0;
        }
        let mut growing = Growing {
            table,
            subjects,
            settings,
            weights: counts.iter().map(|count| 1.0 / count.max(1.0)).collect(),
            nodes: Vec::new(),
        };
        growing.node(sample, settings.depth, draws);
        Self(growing.nodes)
    }

    fn leaf_of(&self, row: &[f32]) -> &[f64] {
        let mut at = 0;
        loop {
            match &self.0[at] {
                Node::Leaf(shares) => return shares,
                Node::Split {
                    column,
                    threshold,
                    low,
                    high,
                } => {
                    at = if row[*column] <= *threshold {
                        *low
                    } else {
                        *high
                    }
                }
            }
        }
    }
}

impl Growing<'_> {
    /// Grows the node that holds `rows` and everything below it; returns its index.
    fn node(&mut self, rows: Vec<usize>, depth: usize, draws: &mut ChaCha8Rng) -> usize {
        let totals = self.totals(&rows);
        let index = self.nodes.len();
        let sum: f64 = totals.iter().sum();
        self.nodes.push(Node::Leaf(
            totals
                .iter()
                .map(|total| total / sum.max(f64::MIN_POSITIVE))
                .collect(),
        ));
        let is_pure = totals.iter().filter(|&&total| total > 0.0).count() < 2;
        if depth == 0 || is_pure || rows.len() < 2 * self.settings.leaf {
            return index;
        }
        let Some((column, threshold)) = self.best_split(&rows, &totals, draws) else {
            return index;
        };
        let (low, high): (Vec<usize>, Vec<usize>) = rows
            .into_iter()
            .partition(|&row| self.table.row(row)[column] <= threshold);
        let low = self.node(low, depth - 1, draws);
        let high = self.node(high, depth - 1, draws);
        self.nodes[index] = Node::Split {
            column,
            threshold,
            low,
            high,
        };
        index
    }

    fn totals(&self, rows: &[usize]) -> Vec<f64> {
        let mut totals = vec![0.0; self.subjects.classes];
        for &row in rows {
            let label = self.subjects.labels[row];
            totals[label] += self.weights[label];
        }
        totals
    }

    /// The split with the lowest Gini impurity among a few random columns, as scikit-learn's
    /// `max_features="sqrt"`: columns that cannot split do not count.
    fn best_split(
        &self,
        rows: &[usize],
        totals: &[f64],
        draws: &mut ChaCha8Rng,
    ) -> Option<(usize, f32)> {
        let wanted = (self.table.columns() as f64).sqrt().ceil() as usize;
        let mut columns: Vec<usize> = (0..self.table.columns()).collect();
        let mut tried = 0;
        let mut best: Option<(f64, usize, f32)> = None;
        let mut sorted: Vec<(f32, usize)> = Vec::with_capacity(rows.len());
        while tried < wanted && !columns.is_empty() {
            let column = columns.swap_remove(draws.random_range(0..columns.len()));
            sorted.clear();
            sorted.extend(
                rows.iter()
                    .map(|&row| (self.table.row(row)[column], self.subjects.labels[row])),
            );
            sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            if sorted[0].0 == sorted[sorted.len() - 1].0 {
                continue;
            }
            tried += 1;
            if let Some((purity, threshold)) = self.best_threshold(&sorted, totals)
                && best.is_none_or(|(found, ..)| purity > found)
            {
                best = Some((purity, column, threshold));
            }
        }
        best.map(|(_, column, threshold)| (column, threshold))
    }

    /// The threshold with the greatest sum of squared label weights over side weights, which is the
    /// lowest Gini impurity.
    fn best_threshold(&self, sorted: &[(f32, usize)], totals: &[f64]) -> Option<(f64, f32)> {
        let mut low = vec![0.0; totals.len()];
        let mut best: Option<(f64, f32)> = None;
        for cut in 1..sorted.len() {
            let (value, label) = sorted[cut - 1];
            low[label] += self.weights[label];
            let next = sorted[cut].0;
            let leaf = self.settings.leaf;
            if value == next || cut < leaf || sorted.len() - cut < leaf {
                continue;
            }
            let side = |weights: &mut dyn Iterator<Item = f64>| {
                let (squares, sum) = weights.fold((0.0, 0.0), |(squares, sum), weight| {
                    (squares + weight * weight, sum + weight)
                });
                if sum > 0.0 { squares / sum } else { 0.0 }
            };
            let purity = side(&mut low.iter().copied())
                + side(&mut totals.iter().zip(&low).map(|(total, low)| total - low));
            if best.is_none_or(|(found, _)| purity > found) {
                // Halfway, unless rounding would put the upper value on the lower side.
                let middle = value + (next - value) / 2.0;
                best = Some((purity, if middle < next { middle } else { value }));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::subjects;
    use super::*;

    fn area(rows: &[Vec<f32>], labels: &[usize]) -> f64 {
        let subjects = subjects(labels, 2);
        let found = cross_validate(
            &Table::from_rows(rows),
            &subjects,
            &ForestSettings::default(),
            7,
        );
        found.unwrap().separation(&subjects).unwrap().auroc.value
    }

    /// A random number in 0..1.
    fn noise(row: usize, column: usize) -> f32 {
        plainfilm_seed::generator(1, "test", &[row as u64, column as u64]).random_range(0.0..1.0)
    }

    #[test]
    fn a_rule_on_one_column_is_found_and_noise_is_not() {
        let labels: Vec<usize> = (0..200).map(|row| row % 2).collect();
        let with = |fact: &dyn Fn(usize) -> f32| -> Vec<Vec<f32>> {
            (0..200)
                .map(|row| vec![noise(row, 0), fact(row), noise(row, 1), noise(row, 2)])
                .collect()
        };
        // Square films have one label: equality with one value, which no line separates.
        let square = with(&|row| match (row % 2, row % 4) {
            (0, _) => 1.0,
            (_, 1) => 0.8,
            _ => 1.3,
        });
        assert!(area(&square, &labels) > 0.99);
        let half = with(&|row| {
            if noise(row, 9) < 0.5 {
                1.0
            } else {
                (row % 2) as f32
            }
        });
        let found = area(&half, &labels);
        assert!((0.6..0.9).contains(&found), "{found}");
        let nothing = area(&with(&|row| noise(row, 3)), &labels);
        // Scores of five forests are pooled, which puts noise a little below one half.
        assert!((0.3..0.6).contains(&nothing), "{nothing}");
    }

    #[test]
    fn columns_that_never_change_say_nothing() {
        let labels: Vec<usize> = (0..60).map(|row| row % 2).collect();
        assert_eq!(area(&vec![vec![3.0, 4.0]; 60], &labels), 0.5);
    }

    #[test]
    fn the_seed_alone_decides() {
        let labels: Vec<usize> = (0..60).map(|row| row % 2).collect();
        let rows: Vec<Vec<f32>> = (0..60)
            .map(|row| vec![noise(row, 0), noise(row, 1)])
            .collect();
        let (table, subjects) = (Table::from_rows(&rows), subjects(&labels, 1));
        let run = |seed| cross_validate(&table, &subjects, &ForestSettings::default(), seed);
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}

//! The mean of many maps: what is in the same place on every film stands out, such as a marker in a corner.

use super::{Evidence, Explained};
use plainfilm_film::radiograph::Plane;

/// Mean film and mean evidence of the films that were explained for one label.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanEvidence {
    /// The label that the evidence is for.
    pub label: String,
    /// Columns and rows, in pixels of what the network is shown.
    pub size: usize,
    /// How many films there are.
    pub films: usize,
    film: Vec<f64>,
    map: Vec<f64>,
}

impl MeanEvidence {
    /// Of no films yet.
    pub fn new(label: &str, size: usize) -> Self {
        Self {
            label: label.to_owned(),
            size,
            films: 0,
            film: vec![0.0; size * size],
            map: vec![0.0; size * size],
        }
    }

    /// One for each label.
    pub fn of_labels(labels: &[String], size: usize) -> Vec<Self> {
        labels.iter().map(|label| Self::new(label, size)).collect()
    }

    /// Adds a film to the mean of the label that it was explained for; `map` is one of its maps.
    pub fn add_to(means: &mut [Self], plane: &Plane, explained: &Explained, map: &Evidence) {
        means[explained.label].add(plane, map);
    }

    /// Adds a film. What speaks for the label counts, as a share of all that does on the film, so that films
    /// count alike.
    ///
    /// # Panics
    ///
    /// When the film is of another size.
    pub fn add(&mut self, plane: &Plane, evidence: &Evidence) {
        assert_eq!(plane.size, self.size, "all films go through one network");
        let values = evidence.square(self.size);
        let sum: f64 = values.iter().map(|&value| f64::from(value.max(0.0))).sum();
        self.films += 1;
        for (mean, &value) in self.film.iter_mut().zip(&plane.values) {
            *mean += f64::from(value);
        }
        if sum > 0.0 {
            for (mean, &value) in self.map.iter_mut().zip(&values) {
                *mean += f64::from(value.max(0.0)) / sum;
            }
        }
    }

    /// The mean film, grey values 0 to 1; black of none.
    pub fn film(&self) -> Vec<f32> {
        self.mean(&self.film)
    }

    /// The mean map; it adds up to 1 where every film has evidence.
    pub fn map(&self) -> Vec<f32> {
        self.mean(&self.map)
    }

    /// Where the mean map is greatest, as fractions of the square; none without evidence.
    pub fn peak(&self) -> Option<(f64, f64)> {
        let best = (0..self.map.len()).max_by(|&a, &b| self.map[a].total_cmp(&self.map[b]))?;
        let place = |pixel: usize| (pixel as f64 + 0.5) / self.size as f64;
        (self.map[best] > 0.0).then(|| (place(best % self.size), place(best / self.size)))
    }

    fn mean(&self, sums: &[f64]) -> Vec<f32> {
        let count = self.films.max(1) as f64;
        sums.iter().map(|sum| (sum / count) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Grid;

    #[test]
    fn every_film_counts_alike() {
        let mut mean = MeanEvidence::new("x", 2);
        let plane = Plane {
            size: 2,
            values: vec![0.5; 4],
        };
        for values in [
            vec![0.0, 100.0, 0.0, 100.0],
            vec![0.0, 0.0, 0.0, 0.01],
            vec![-3.0, 0.0, 0.0, 0.0],
        ] {
            let evidence = Evidence {
                grid: Grid::pixels(2),
                values,
            };
            mean.add(&plane, &evidence);
        }
        assert_eq!(mean.films, 3);
        assert_eq!(mean.film(), [0.5; 4]);
        let map = mean.map();
        assert!((map[1] - 0.5 / 3.0).abs() < 1e-6 && (map[3] - 0.5).abs() < 1e-6);
        assert_eq!(mean.peak(), Some((0.75, 0.75)));
        assert_eq!(MeanEvidence::new("x", 2).peak(), None);
    }
}

//! Preprocessed films as what a graph reads.

use burn::tensor::Device;

use crate::graph::{Graph, InputKind, Ranges};
use plainfilm_film::radiograph::{Plane, Preprocessing};

/// Films that pass through a graph at once: the maps of VGG16 take 100 MB a film.
const AT_ONCE: usize = 4;

impl Graph {
    /// What the graph reads for a plane: `[channels, size, size]`.
    #[must_use]
    pub fn input_of(&self, plane: &Plane, preprocessing: &Preprocessing) -> Vec<f32> {
        match self.input {
            InputKind::Unit => plane.values.repeat(preprocessing.channels),
            InputKind::Scaled => {
                let mut tensor = vec![0.0; preprocessing.tensor_len()];
                preprocessing.write_tensor(plane, &mut tensor);
                tensor
            }
        }
    }

    /// The ranges of all values over these films; `progress` is told how many are done.
    #[must_use]
    pub fn ranges(
        &self,
        planes: &[Plane],
        preprocessing: &Preprocessing,
        device: &Device,
        progress: &dyn Fn(usize),
    ) -> Ranges {
        let mut ranges = Ranges::none(self);
        let mut done = 0;
        for some in planes.chunks(AT_ONCE) {
            let films = some
                .iter()
                .flat_map(|plane| self.input_of(plane, preprocessing));
            // What matters is what the films did on the way.
            let _ = self.run(films.collect(), Some(&mut ranges), device);
            done += some.len();
            progress(done);
        }
        ranges
    }
}

/// A plane of waves, other ones for every number: what a file can be tried with where no film is at hand. The
/// formula is in `check.py` as well.
#[must_use]
pub fn waves(size: usize, number: usize) -> Plane {
    let value = |place: usize| {
        let (row, column) = ((place / size) as f32, (place % size) as f32);
        let (slow, fast) = (0.03 + 0.02 * number as f32, 0.4 + 0.1 * number as f32);
        0.5 + 0.3 * (slow * row + 0.05 * column).sin() + 0.15 * (fast * column).cos()
    };
    Plane {
        size,
        values: (0..size * size).map(value).collect(),
    }
}

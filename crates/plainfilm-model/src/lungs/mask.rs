//! Where the lungs are on a film, and the box around them.

use super::SIZE;
use plainfilm_film::radiograph::LungBox;

/// Lungs on a film: the probability of each cell of a 128x128 grid laid over the whole film, whatever
/// the film's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// `128 * 128` probabilities, row by row.
    pub values: Vec<f32>,
}

/// Smallest share of a film that two lungs cover on any chest film; less is taken for a miss.
const LEAST_SHARE: f32 = 0.04;

/// A second field smaller than this share of the first is not the other lung.
const LEAST_SECOND: f32 = 0.15;

impl Mask {
    /// Columns and rows of the grid.
    pub const SIZE: usize = SIZE;

    /// Probability at a place given as fractions of the film's width and height.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let cell = |place: f32| ((place * SIZE as f32) as usize).min(SIZE - 1);
        self.values[cell(y) * SIZE + cell(x)]
    }

    /// Share of the film that is lung.
    pub fn share(&self) -> f32 {
        self.values.iter().filter(|&&value| value > 0.5).count() as f32 / self.values.len() as f32
    }

    /// The box around the lungs: the two largest fields above one half. Where only one lung is found, for
    /// the other may be white, the box is widened to its mirror image about the film's middle.
    /// `None` where less than 4 % of the film is lung: then no lung was found.
    pub fn lung_box(&self) -> Option<LungBox> {
        let fields = self.fields();
        let all: usize = fields.iter().map(|field| field.cells).sum();
        if (all as f32) < LEAST_SHARE * self.values.len() as f32 {
            return None;
        }
        let first = fields.first()?;
        let second = fields
            .get(1)
            .filter(|field| field.cells as f32 >= LEAST_SECOND * first.cells as f32);
        let mut found = *first;
        if let Some(second) = second {
            found.left = found.left.min(second.left);
            found.right = found.right.max(second.right);
            found.top = found.top.min(second.top);
            found.bottom = found.bottom.max(second.bottom);
        }
        let at = |cell: usize| cell as f32 / SIZE as f32;
        let (mut left, mut right) = (at(found.left), at(found.right + 1));
        if second.is_none() && right - left < 0.45 {
            (left, right) = (left.min(1.0 - right), right.max(1.0 - left));
        }
        Some(LungBox {
            left,
            top: at(found.top),
            right,
            bottom: at(found.bottom + 1),
        })
    }

    /// Connected fields (by edges) above one half, the largest first.
    fn fields(&self) -> Vec<Field> {
        let mut seen: Vec<bool> = self.values.iter().map(|&value| value <= 0.5).collect();
        let mut fields = vec![];
        for start in 0..seen.len() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let (x, y) = (start % SIZE, start / SIZE);
            let mut field = Field {
                cells: 0,
                left: x,
                right: x,
                top: y,
                bottom: y,
            };
            let mut waiting = vec![start];
            while let Some(cell) = waiting.pop() {
                let (x, y) = (cell % SIZE, cell / SIZE);
                field.cells += 1;
                field.left = field.left.min(x);
                field.right = field.right.max(x);
                field.bottom = field.bottom.max(y);
                field.top = field.top.min(y);
                let beside = [
                    (x > 0, cell.wrapping_sub(1)),
                    (x + 1 < SIZE, cell + 1),
                    (y > 0, cell.wrapping_sub(SIZE)),
                    (y + 1 < SIZE, cell + SIZE),
                ];
                for (_, next) in beside.into_iter().filter(|(inside, _)| *inside) {
                    if !std::mem::replace(&mut seen[next], true) {
                        waiting.push(next);
                    }
                }
            }
            fields.push(field);
        }
        fields.sort_by_key(|field| std::cmp::Reverse(field.cells));
        fields
    }
}

#[derive(Debug, Clone, Copy)]
struct Field {
    cells: usize,
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(boxes: &[[usize; 4]]) -> Mask {
        let mut values = vec![0.1; SIZE * SIZE];
        for &[left, top, right, bottom] in boxes {
            for y in top..bottom {
                values[y * SIZE + left..y * SIZE + right].fill(0.9);
            }
        }
        Mask { values }
    }

    #[test]
    fn boxes_by_hand() {
        let eighth = |cells: f32| cells / 128.0;
        type Case = (&'static str, Vec<[usize; 4]>, Option<[f32; 4]>);
        let cases: [Case; 5] = [
            ("nothing", vec![], None),
            ("a speck", vec![[10, 10, 20, 20]], None),
            (
                "two lungs",
                vec![[20, 30, 50, 90], [70, 28, 100, 88]],
                Some([20.0, 28.0, 100.0, 90.0]),
            ),
            (
                "two lungs and a speck",
                vec![[20, 30, 50, 90], [70, 28, 100, 88], [120, 120, 126, 126]],
                Some([20.0, 28.0, 100.0, 90.0]),
            ),
            (
                "one lung",
                vec![[20, 30, 50, 90]],
                Some([20.0, 30.0, 108.0, 90.0]),
            ),
        ];
        for (what, boxes, expected) in cases {
            let found = mask(&boxes)
                .lung_box()
                .map(|found| [found.left, found.top, found.right, found.bottom]);
            assert_eq!(found, expected.map(|sides| sides.map(eighth)), "{what}");
        }
    }

    #[test]
    fn share_and_places() {
        let mask = mask(&[[0, 0, 64, 64]]);
        assert_eq!(mask.share(), 0.25);
        assert!(mask.at(0.1, 0.1) > 0.5 && mask.at(0.9, 0.1) < 0.5 && mask.at(1.0, 1.0) < 0.5);
    }
}

//! What scanners, programs and compression leave in the finest detail of a film's border.
//!
//! Blur, sharpening, resizing, noise, JPEG and coarse grey levels change how neighbouring pixels differ, at
//! one scale more than at the next. The numbers are of the kind that forensics tells cameras and edits apart by:
//! Laplacian and Haar wavelets (Farid and Lyu 2003), blocks of JPEG (Fan and de Queiroz 2003), correlation of
//! neighbours after resizing (Popescu and Farid 2005), gaps of the histogram (Stamm and Liu 2010).

use super::plane::Levels;

/// Numbers of a film.
pub(super) const NUMBERS: usize = 26;
/// Grey levels below which two pixels count as equal.
const EQUAL: f32 = 1e-3;
/// Added before a logarithm is taken, so that a flat border has one.
const FLOOR: f64 = 0.01;
/// Pixels along each side of a block of JPEG.
const BLOCK: usize = 8;
/// Pixels at each edge that are not centres, as their neighbourhood would leave the film.
const MARGIN: usize = 4;

/// Sums over the pixels of a border.
#[derive(Default)]
struct Differences {
    count: f64,
    absolute: f64,
    squares: f64,
    fourth: f64,
    equal: f64,
}

impl Differences {
    fn add(&mut self, difference: f32) {
        let size = f64::from(difference.abs());
        self.count += 1.0;
        self.absolute += size;
        self.squares += size * size;
        self.fourth += (size * size) * (size * size);
        self.equal += f64::from(u8::from(difference.abs() < EQUAL));
    }

    fn mean(&self) -> f64 {
        self.absolute / self.count.max(1.0)
    }

    fn share_equal(&self) -> f64 {
        self.equal / self.count.max(1.0)
    }
}

/// The numbers of a film's border; all zero for a film too small to have one.
pub(super) fn numbers(levels: &Levels) -> [f32; NUMBERS] {
    let mut laplacian = Differences::default();
    let mut along = Differences::default();
    let mut down = Differences::default();
    let mut diagonal = Differences::default();
    let mut coarse = [(); 3].map(|()| Differences::default());
    let mut coarser = [(); 3].map(|()| Differences::default());
    // Steps across the edges of blocks and elsewhere.
    let mut blocks = [(); 4].map(|()| Differences::default());
    let mut neighbours = [0.0_f64; 3];
    let mut histogram = [0_u32; 256];
    for y in MARGIN..levels.height.saturating_sub(MARGIN) {
        let rows: [&[f32]; 2 * MARGIN + 1] =
            std::array::from_fn(|offset| levels.row(y + offset - MARGIN));
        let at = |x: usize, down: usize| rows[MARGIN + down][x];
        let laplace = |x: usize, row: usize| {
            4.0 * rows[row][x]
                - rows[row][x - 1]
                - rows[row][x + 1]
                - rows[row - 1][x]
                - rows[row + 1][x]
        };
        for x in levels.border(y, MARGIN).into_iter().flatten() {
            let here = rows[MARGIN][x];
            let fine = laplace(x, MARGIN);
            laplacian.add(fine);
            let steps = [at(x + 1, 0) - here, at(x, 1) - here];
            along.add(steps[0]);
            down.add(steps[1]);
            diagonal.add(here - at(x + 1, 0) - at(x, 1) + at(x + 1, 1));
            for (sums, side) in [(&mut coarse, 1), (&mut coarser, 2)] {
                let block = |across: usize, below: usize| {
                    let mut sum = 0.0;
                    for row in below * side..(below + 1) * side {
                        for column in across * side..(across + 1) * side {
                            sum += at(x + column, row);
                        }
                    }
                    sum / (side * side) as f32
                };
                // The next level of the wavelet is made of means of two by two pixels.
                let (a, b, c, d) = (block(0, 0), block(1, 0), block(0, 1), block(1, 1));
                sums[0].add(a + c - b - d);
                sums[1].add(a + b - c - d);
                sums[2].add(a - b - c + d);
            }
            blocks[usize::from(x % BLOCK == BLOCK - 1)].add(steps[0]);
            blocks[2 + usize::from(y % BLOCK == BLOCK - 1)].add(steps[1]);
            for (sum, other) in neighbours.iter_mut().zip([
                laplace(x + 1, MARGIN),
                laplace(x, MARGIN + 1),
                laplace(x + 2, MARGIN),
            ]) {
                *sum += f64::from(fine) * f64::from(other);
            }
            histogram[(here + 0.5).clamp(0.0, 255.0) as usize] += 1;
        }
    }
    if laplacian.count == 0.0 {
        return [0.0; NUMBERS];
    }
    let log = |value: f64| (value + FLOOR).ln();
    let variance = laplacian.squares / laplacian.count;
    let [low_along, low_down, low_diagonal] = &coarser;
    let numbers = [
        log(laplacian.mean()),
        log(variance.sqrt()),
        log(laplacian.fourth / laplacian.count / (variance * variance).max(FLOOR)),
        laplacian.share_equal(),
        log(along.mean()),
        log(down.mean()),
        along.share_equal(),
        down.share_equal(),
        log(diagonal.mean()),
        diagonal.share_equal(),
        log(coarse[0].mean()),
        log(coarse[1].mean()),
        log(low_along.mean()),
        log(low_down.mean()),
        log(low_diagonal.mean()),
        log(blocks[1].mean()) - log(blocks[0].mean()),
        log(blocks[3].mean()) - log(blocks[2].mean()),
        blocks[1].share_equal() - blocks[0].share_equal(),
        blocks[3].share_equal() - blocks[2].share_equal(),
        neighbours[0] / laplacian.squares.max(FLOOR),
        neighbours[1] / laplacian.squares.max(FLOOR),
        neighbours[2] / laplacian.squares.max(FLOOR),
        share(&histogram, |level| level % 2 == 1),
        share(&histogram, |level| level % 4 == 0),
        share(&histogram, |level| level == 0 || level == 255),
        log(gaps(&histogram)),
    ];
    numbers.map(|number| number as f32)
}

fn share(histogram: &[u32; 256], holds: impl Fn(usize) -> bool) -> f64 {
    let sum = |wanted: &dyn Fn(usize) -> bool| -> f64 {
        (0..256)
            .filter(|&level| wanted(level))
            .map(|level| f64::from(histogram[level]))
            .sum()
    };
    sum(&holds) / sum(&|_| true).max(1.0)
}

/// How much the histogram jumps from level to level, as a part of the pixels: a curve put over the greys leaves
/// gaps and peaks. Black and white themselves are left out.
fn gaps(histogram: &[u32; 256]) -> f64 {
    let jumps: f64 = (2..254)
        .map(|level| {
            let around = f64::from(histogram[level - 1]) + f64::from(histogram[level + 1]);
            (f64::from(histogram[level]) - around / 2.0).abs()
        })
        .sum();
    let pixels: f64 = histogram[1..255]
        .iter()
        .map(|&count| f64::from(count))
        .sum();
    jumps / pixels.max(1.0)
}

//! Class activation maps: the maps of one layer put together to one.
//!
//! `maps` and `gradients` hold `channels * cells` values of one film, channel by channel; the result has
//! one value a cell, none below 0, for these methods show only what speaks for a label.

/// Turns of the power iteration before a near-tie of components is taken as it is.
const MOST_TURNS: usize = 3000;
/// Change of direction in one turn that ends it.
const SETTLED: f64 = 1e-10;

/// Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391).
pub(crate) fn grad_cam(maps: &[f32], gradients: &[f32], cells: usize) -> Vec<f32> {
    weighted(maps, cells, |channel| {
        let gradients = &gradients[channel * cells..][..cells];
        gradients.iter().map(|&g| f64::from(g)).sum::<f64>() / cells as f64
    })
}

/// Grad-CAM++ (Chattopadhay et al. 2018, arXiv:1710.11063), equation 19, for the exponential of the
/// score, of which the factor that all cells share is left out.
pub(crate) fn grad_cam_plus_plus(maps: &[f32], gradients: &[f32], cells: usize) -> Vec<f32> {
    // Keeps the quotient finite where a gradient is almost 0, as in `pytorch-grad-cam`.
    const LEAST: f64 = 1e-6;
    weighted(maps, cells, |channel| {
        let range = channel * cells..(channel + 1) * cells;
        let sum: f64 = maps[range.clone()].iter().map(|&a| f64::from(a)).sum();
        gradients[range]
            .iter()
            .map(|&gradient| f64::from(gradient))
            .filter(|&gradient| gradient > 0.0)
            .map(|gradient| {
                let square = gradient * gradient;
                square / (2.0 * square + sum * square * gradient + LEAST) * gradient
            })
            .sum()
    })
}

/// HiResCAM (Draelos and Carin 2020, arXiv:2011.08891).
pub(crate) fn hi_res_cam(maps: &[f32], gradients: &[f32], cells: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; cells];
    for (maps, gradients) in maps.chunks_exact(cells).zip(gradients.chunks_exact(cells)) {
        for ((sum, &map), &gradient) in sums.iter_mut().zip(maps).zip(gradients) {
            *sum += f64::from(map) * f64::from(gradient);
        }
    }
    rectified(&sums)
}

/// Eigen-CAM (Muhammad and Yeasin 2020, arXiv:2008.00299): the first principal component of the cells,
/// each of which is a point with one coordinate a channel.
///
/// A component has no sign. Here its farther end is what is shown (Chung and Ying 2025, Applied
/// Sciences 15:7562, equation 13); which end that is says nothing about a label.
pub(crate) fn eigen_cam(maps: &[f32], cells: usize) -> Vec<f32> {
    let centred: Vec<f64> = maps
        .chunks_exact(cells)
        .flat_map(|map| {
            let mean = map.iter().map(|&a| f64::from(a)).sum::<f64>() / cells as f64;
            map.iter().map(move |&a| f64::from(a) - mean)
        })
        .collect();
    // Power iteration on X Xᵀ, which has one row a cell. It starts from the channel that varies most, which
    // the component is hardly ever at right angles to.
    let spread = |map: &[f64]| map.iter().map(|a| a * a).sum::<f64>();
    let Some(start) = centred
        .chunks_exact(cells)
        .max_by(|a, b| spread(a).total_cmp(&spread(b)))
    else {
        return vec![0.0; cells];
    };
    let mut direction = start.to_vec();
    let mut length = normalise(&mut direction);
    for _ in 0..MOST_TURNS {
        if length == 0.0 {
            return vec![0.0; cells];
        }
        let mut next = vec![0.0; cells];
        for map in centred.chunks_exact(cells) {
            let along: f64 = map.iter().zip(&direction).map(|(a, d)| a * d).sum();
            for (next, a) in next.iter_mut().zip(map) {
                *next += along * a;
            }
        }
        length = normalise(&mut next);
        let turned: f64 = next
            .iter()
            .zip(&direction)
            .map(|(a, b)| (a - b).powi(2))
            .sum();
        direction = next;
        if turned < SETTLED * SETTLED {
            break;
        }
    }
    // The eigenvalue is the square of the singular value, by which the points lie along the component.
    let (low, high) = direction
        .iter()
        .fold((0.0_f64, 0.0_f64), |(low, high), &d| {
            (low.min(d), high.max(d))
        });
    let scale = if -low > high {
        -length.sqrt()
    } else {
        length.sqrt()
    };
    let projected: Vec<f64> = direction.iter().map(|d| d * scale).collect();
    rectified(&projected)
}

/// Divides by the length, which is returned; a vector of length 0 stays as it is.
fn normalise(vector: &mut [f64]) -> f64 {
    let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length > 0.0 {
        for value in vector {
            *value /= length;
        }
    }
    length
}

/// The weighted sum of the channels, without what is below 0.
fn weighted(maps: &[f32], cells: usize, weight: impl Fn(usize) -> f64) -> Vec<f32> {
    let mut sums = vec![0.0_f64; cells];
    for (channel, map) in maps.chunks_exact(cells).enumerate() {
        let weight = weight(channel);
        for (sum, &a) in sums.iter_mut().zip(map) {
            *sum += weight * f64::from(a);
        }
    }
    rectified(&sums)
}

fn rectified(sums: &[f64]) -> Vec<f32> {
    sums.iter().map(|&sum| sum.max(0.0) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Two channels of 2x2 cells.
    const MAPS: [f32; 8] = [1.0, 2.0, 0.0, 1.0, 0.0, 4.0, 2.0, 2.0];
    const GRADIENTS: [f32; 8] = [1.0, 1.0, 0.0, 2.0, -1.0, 0.0, -1.0, 0.0];

    #[test]
    fn gradient_weighted_maps_by_hand() {
        // Mean gradients 1 and -0.5.
        assert_eq!(grad_cam(&MAPS, &GRADIENTS, 4), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(hi_res_cam(&MAPS, &GRADIENTS, 4), [1.0, 2.0, 0.0, 2.0]);
        // The first channel sums to 4: weights 1/(2+4) twice and 4/(8+4*8) * 2; the second has no
        // gradient above 0.
        let weight = 2.0 / 6.0 + 8.0 / 40.0;
        let found = grad_cam_plus_plus(&MAPS, &GRADIENTS, 4);
        for (found, map) in found.iter().zip(MAPS) {
            assert!((f64::from(*found) - weight * f64::from(map)).abs() < 1e-5);
        }
    }

    #[test]
    fn the_first_component_of_a_rank_one_map_is_the_map() {
        let shape = [0.0, 0.0, 0.0, 8.0];
        let maps: Vec<f32> = [1.0, 0.5, 2.0]
            .iter()
            .flat_map(|weight| shape.map(|value: f32| weight * value))
            .collect();
        let found = eigen_cam(&maps, 4);
        // Centred: -2 -2 -2 6, along a direction of length sqrt(1 + 0.25 + 4).
        let expected = [0.0, 0.0, 0.0, 6.0 * 5.25_f32.sqrt()];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        // The other sign of the maps shows the same place.
        let negative: Vec<f32> = maps.iter().map(|value| -value).collect();
        assert_eq!(eigen_cam(&negative, 4), found);
        assert_eq!(eigen_cam(&[3.0; 8], 4), [0.0; 4]);
    }
}

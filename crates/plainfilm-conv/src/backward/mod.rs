//! The gradients of a convolution with respect to its weight and its input.
//!
//! Both read the output's gradient film by film. The weight's gradient is a sum over films and
//! pixels: where maps are large, over a fixed number of parts of the batch, added in order at the
//! end; where they are small or the weight is large, cut by input channel, so that no partial
//! copies are needed. Neither depends on the number of threads.

mod input;
mod weight;

use rayon::prelude::*;

use crate::bf16;
use crate::buffer::{Buffer, Scratch, with_scratch};
use crate::forward::Convolution;
use crate::geometry::Shape;
use crate::half;
use crate::kernel::elementwise;
use crate::output_gradient::OutputGradient;
use crate::winograd;
use input::InputGradient;
use weight::WeightGradient;

/// Which gradients are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub input: bool,
    pub weight: bool,
}

/// The gradients that were wanted, in the layout of what they belong to.
#[derive(Default)]
pub(crate) struct Gradients {
    pub input: Option<Buffer>,
    pub weight: Option<Buffer>,
}

/// The gradients of `convolve(input, weight)`, given the gradient of its output.
pub(crate) fn backward(
    input: &[f32],
    weight: &[f32],
    gradient: OutputGradient<'_>,
    shape: &Shape,
    wanted: Wanted,
) -> Gradients {
    let back = wanted.input.then(|| Convolution::transposed(weight, shape));
    let back = back.flatten();
    let in_half = bf16::applies(shape);
    let by_tiles = wanted.weight && (in_half || winograd::weight_gradient_pays(shape));
    if back.is_none() && !by_tiles {
        return by_film(input, weight, gradient, shape, wanted);
    }
    if back.is_none() && in_half && !wanted.input {
        return Gradients {
            input: None,
            weight: Some(half::weight_gradient(input, gradient, shape)),
        };
    }
    // Tiles are transformed for the whole batch.
    let rebuilt;
    let gradient = match gradient {
        OutputGradient::Given(values) => values,
        OutputGradient::Rebuilt(write) => {
            let mut values = Buffer::take(shape.films * shape.output_film());
            values
                .par_chunks_mut(shape.output_film())
                .enumerate()
                .for_each(|(film, out)| write(film, out));
            rebuilt = values;
            &rebuilt
        }
    };
    let others = Wanted {
        input: wanted.input && back.is_none(),
        weight: wanted.weight && !by_tiles,
    };
    let mut found = by_film(
        input,
        weight,
        OutputGradient::Given(gradient),
        shape,
        others,
    );
    if let Some(back) = &back {
        let mut out = Buffer::take(shape.films * shape.input_film());
        back.write_to(gradient, None, &mut out);
        found.input = Some(out);
    }
    if by_tiles {
        found.weight = Some(if in_half {
            half::weight_gradient(input, OutputGradient::Given(gradient), shape)
        } else {
            winograd::weight_gradient(input, gradient, shape)
        });
    }
    found
}

/// The gradients that are wanted by the direct kernels, film by film.
fn by_film(
    input: &[f32],
    weight: &[f32],
    gradient: OutputGradient<'_>,
    shape: &Shape,
    wanted: Wanted,
) -> Gradients {
    if !wanted.input && !wanted.weight {
        return Gradients::default();
    }
    let to_input = wanted.input.then(|| InputGradient::new(weight, shape));
    let mut input_gradient = wanted
        .input
        .then(|| Buffer::take(shape.films * shape.input_film()));
    // One place a film for the input's gradient, where it is wanted.
    let targets: Vec<Option<&mut [f32]>> = match &mut input_gradient {
        Some(values) => values.chunks_mut(shape.input_film()).map(Some).collect(),
        None => (0..shape.films).map(|_| None).collect(),
    };
    let film =
        |film: usize, target: Option<&mut [f32]>, scratch: &mut Scratch, place: Place<'_>| {
            let Scratch {
                source,
                tile,
                map,
                placed,
                ..
            } = scratch;
            let gradient = gradient.film(film, shape.output_film(), map);
            if let (Some(target), Some(route)) = (target, &to_input) {
                route.film(gradient, target, source, tile);
            }
            place(gradient, source, placed);
        };

    let weight_gradient = if !wanted.weight {
        targets
            .into_par_iter()
            .enumerate()
            .for_each(|(at, target)| {
                with_scratch(|scratch| film(at, target, scratch, &mut |_, _, _| ()));
            });
        None
    } else if WeightGradient::in_parts(shape) {
        let sum = WeightGradient::by_part(shape);
        Some(sum.over_parts(targets, |at, target, scratch, out| {
            film(at, target, scratch, &mut |gradient, source, placed| {
                let input = &input[at * shape.input_film()..][..shape.input_film()];
                sum.add_film(input, gradient, source, placed, out);
            });
        }))
    } else {
        let sum = WeightGradient::by_channel(shape);
        let mut placed = Buffer::take(shape.films * sum.placed_film());
        placed
            .par_chunks_mut(sum.placed_film())
            .zip(targets)
            .enumerate()
            .for_each(|(at, (out, target))| {
                with_scratch(|scratch| {
                    film(at, target, scratch, &mut |gradient, _, _| {
                        sum.place_all(gradient, out);
                    });
                });
            });
        Some(sum.over_channels(input, &placed))
    };
    Gradients {
        input: input_gradient,
        weight: weight_gradient,
    }
}

/// What is done with a film's output gradient besides the input's: gradient, and working memory.
type Place<'a> = &'a mut dyn FnMut(&[f32], &mut Vec<f32>, &mut Vec<f32>);

/// The gradient of the bias: the output's gradient summed over films and pixels, per channel.
pub(crate) fn bias_gradient(gradient: &[f32], shape: &Shape) -> Vec<f32> {
    let channels = shape.channels_out();
    let sums: Vec<f64> = gradient
        .par_chunks(shape.output_plane())
        .map(|plane| f64::from(elementwise::sum(plane)))
        .collect();
    (0..channels)
        .map(|channel| sums.iter().skip(channel).step_by(channels).sum::<f64>() as f32)
        .collect()
}

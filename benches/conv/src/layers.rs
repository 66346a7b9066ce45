//! Each layer of a network alone, beside the least time that this machine needs for it.

use burn::tensor::{Device, Tensor};
use plainfilm::model::{
    Architecture, MapLayerSummary, Network, NetworkSettings, map_layers, summary,
};
use serde::Serialize;

use crate::args::Args;
use crate::machine::Machine;
use crate::round::{Round, medians, timed};
use crate::steps;

/// A layer, or all together. Times are milliseconds for the batch.
#[derive(Serialize)]
struct Row {
    name: String,
    kind: String,
    input: Vec<usize>,
    output: Vec<usize>,
    /// Multiplications and additions for the batch, in billions.
    gigaflops: f64,
    /// Bytes for the batch that have to be read and written at least, in millions.
    megabytes: f64,
    floor_ms: f64,
    ms: f64,
}

/// A network's layers at one batch size.
#[derive(Serialize)]
pub struct Table {
    network: Architecture,
    batch: usize,
    training: bool,
    layers: Vec<Row>,
    /// The whole network's pass; in training with loss and optimiser.
    whole_ms: f64,
}

/// Times every layer of a network, in rounds that take all layers in turn; a round gives each layer an equal
/// share of the seconds asked for, and at least one pass.
pub fn measure(
    network: Architecture,
    batch: usize,
    training: bool,
    args: &Args,
    machine: &Machine,
) -> Result<Table, String> {
    let device = match training {
        true => Device::flex().autodiff(),
        false => Device::flex(),
    };
    let described = |error: plainfilm::model::ModelError| error.to_string();
    let settings = steps::settings(network);
    let layers = map_layers(&settings).map_err(described)?;
    let computed = Network::new(&settings, 0, &device).map_err(described)?;
    let mut inputs = vec![steps::random_films(batch, &device)];
    for index in 0..layers.len() {
        let maps = computed.maps_through(inputs[index].clone(), index..index + 1);
        inputs.push(maps.detach());
    }
    let pass = |index: usize| {
        let input = inputs[index].clone();
        // Nobody asks for the gradient of films.
        let input = if training && index > 0 {
            input.require_grad()
        } else {
            input
        };
        if index == layers.len() {
            end(computed.forward_from(input, index), training);
        } else {
            end(computed.maps_through(input, index..index + 1), training);
        }
    };
    let mut whole: Box<dyn FnMut()> = if training {
        Box::new(steps::train_step(network, batch, &device).map_err(described)?)
    } else {
        Box::new(steps::forward(network, batch, &device).map_err(described)?)
    };

    let share = args.seconds / (layers.len() + 1) as f64;
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); layers.len() + 1];
    let mut whole_rounds = Vec::new();
    // The first round warms caches and the allocator.
    for round in 0..=args.rounds {
        let counts = round > 0;
        let (share, seconds) = if counts {
            (share, args.seconds)
        } else {
            (0.0, 0.0)
        };
        for (index, rounds) in rounds.iter_mut().enumerate() {
            // The pass before the timed ones finds nothing of this layer in the caches.
            pass(index);
            let found = timed(batch, share, || pass(index), || Ok(()))?;
            rounds.extend(counts.then_some(found));
        }
        let found = timed(batch, seconds, &mut whole, || Ok(()))?;
        whole_rounds.extend(counts.then_some(found));
    }

    let milliseconds = |rounds: &[Round]| 1000.0 * batch as f64 / medians(rounds).films_per_second;
    let head = head(&settings, layers.last()).map_err(described)?;
    let rows =
        layers
            .iter()
            .chain([&head])
            .zip(&rounds)
            .enumerate()
            .map(|(index, (layer, rounds))| {
                let (flops, bytes) = least(layer, batch, training, index == 0);
                Row {
                    name: layer.name.clone(),
                    kind: layer.kind.clone(),
                    input: layer.input.to_vec(),
                    output: layer.output.to_vec(),
                    gigaflops: flops as f64 / 1e9,
                    megabytes: bytes as f64 / 1e6,
                    floor_ms: 1000.0 * machine.floor(flops, bytes),
                    ms: milliseconds(rounds),
                }
            });
    Ok(Table {
        network,
        batch,
        training,
        layers: rows.collect(),
        whole_ms: milliseconds(&whole_rounds),
    })
}

/// Lets go of a pass's result, after the backward pass in training: from ones, which costs writing them.
fn end<const D: usize>(result: Tensor<D>, training: bool) {
    if training {
        std::hint::black_box(result.backward());
    } else {
        std::hint::black_box(result);
    }
}

/// Everything after the maps, as one layer.
fn head(
    settings: &NetworkSettings,
    last: Option<&MapLayerSummary>,
) -> Result<MapLayerSummary, plainfilm::model::ModelError> {
    let summary = summary(settings)?;
    let linear = || summary.layers.iter().filter(|row| row.kind == "Linear");
    Ok(MapLayerSummary {
        name: "linear layers".to_owned(),
        kind: "Linear".to_owned(),
        input: last.map_or([0; 3], |layer| layer.output),
        output: [settings.classes, 1, 1],
        weights: linear().map(|row| row.parameters).sum(),
        flops: linear().map(|row| row.flops).sum(),
    })
}

/// Multiplications and additions, and bytes read and written at least, for a batch. A layer reads its input
/// and its weights and writes its output once. Backward it reads the gradient of its output, reads input
/// and weights again where it has any, writes the gradients of the weights, and those of its input unless
/// it is the first layer; both gradients take as many multiplications as the forward pass.
fn least(layer: &MapLayerSummary, batch: usize, training: bool, first: bool) -> (u64, usize) {
    let input = batch * layer.input.iter().product::<usize>();
    let output = batch * layer.output.iter().product::<usize>();
    let weights = layer.weights;
    let flops = layer.flops * batch as u64;
    let forward = input + output + weights;
    let (values, passes) = if !training {
        (forward, 1)
    } else {
        let for_weights = if weights > 0 { input + weights } else { 0 };
        let for_input = if first { 0 } else { input + weights };
        let passes = if first { 2 } else { 3 };
        (forward + output + for_weights + for_input, passes)
    };
    (flops * passes, values * size_of::<f32>())
}

impl Table {
    /// As a table for people, in Markdown.
    pub fn lines(&self) -> Vec<String> {
        let what = match self.training {
            true => "training step",
            false => "forward",
        };
        let mut lines = vec![
            format!("{}, {what}, batch {}", self.network.name(), self.batch),
            String::new(),
            line(
                &[
                    "layer", "what", "in", "out", "GFLOP", "MB", "floor ms", "ms", "share",
                ]
                .map(str::to_owned),
            ),
            format!(
                "|{}|",
                [
                    "---", "---", "---", "---", "--:", "--:", "--:", "--:", "--:"
                ]
                .join("|")
            ),
        ];
        lines.extend(self.layers.iter().map(|row| {
            line(&[
                row.name.clone(),
                row.kind.clone(),
                shape(&row.input),
                shape(&row.output),
                format!("{:.2}", row.gigaflops),
                format!("{:.1}", row.megabytes),
                format!("{:.3}", row.floor_ms),
                format!("{:.3}", row.ms),
                share(row.floor_ms, row.ms),
            ])
        }));
        let sum = |of: fn(&Row) -> f64| self.layers.iter().map(of).sum::<f64>();
        let (floor, ms) = (sum(|row| row.floor_ms), sum(|row| row.ms));
        let total = |name: &str, cells: [String; 5]| {
            let [gigaflops, megabytes, floor, ms, share] = cells;
            let empty = String::new;
            line(&[
                name.to_owned(),
                empty(),
                empty(),
                empty(),
                gigaflops,
                megabytes,
                floor,
                ms,
                share,
            ])
        };
        lines.push(total(
            "all layers",
            [
                format!("{:.2}", sum(|row| row.gigaflops)),
                format!("{:.1}", sum(|row| row.megabytes)),
                format!("{floor:.2}"),
                format!("{ms:.2}"),
                share(floor, ms),
            ],
        ));
        let only = |ms: f64| {
            let empty = String::new;
            [empty(), empty(), empty(), format!("{ms:.2}"), empty()]
        };
        let mut whole = only(self.whole_ms);
        whole[4] = share(floor, self.whole_ms);
        lines.push(total("whole network", whole));
        lines.push(total("rest", only(self.whole_ms - ms)));
        lines
    }
}

fn line(cells: &[String; 9]) -> String {
    let [
        name,
        kind,
        input,
        output,
        gigaflops,
        megabytes,
        floor,
        ms,
        share,
    ] = cells;
    format!(
        "| {name:<22} | {kind:<26} | {input:>11} | {output:>11} | {gigaflops:>6} | {megabytes:>6} | {floor:>8} | {ms:>8} | {share:>5} |"
    )
}

/// `64x56x56`.
fn shape(sizes: &[usize]) -> String {
    sizes
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join("x")
}

fn share(floor: f64, took: f64) -> String {
    format!("{:.0} %", 100.0 * floor / took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_moves_once_forward_and_its_gradient_once_back() {
        let layer = |weights, flops| MapLayerSummary {
            name: String::new(),
            kind: String::new(),
            input: [2, 3, 3],
            output: [4, 3, 3],
            weights,
            flops,
        };
        // Two films: 36 values in, 72 out.
        for (weights, flops, training, first, expected) in [
            (10, 5, false, false, (10, 36 + 72 + 10)),
            (10, 5, false, true, (10, 36 + 72 + 10)),
            (10, 5, true, false, (30, 118 + 72 + 46 + 46)),
            (10, 5, true, true, (20, 118 + 72 + 46)),
            (0, 0, true, false, (0, 108 + 72 + 36)),
        ] {
            let (flops, bytes) = least(&layer(weights, flops), 2, training, first);
            assert_eq!((flops, bytes / 4), expected, "{weights} {training} {first}");
        }
    }
}

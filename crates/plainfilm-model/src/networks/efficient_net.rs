//! What EfficientNet-B0 and EfficientNet-Lite0 share: the sizes (Tan and Le 2019, table 1).

use super::error::ModelError;
use super::layer_plan::ConvPlan;
use super::plan::Planner;

/// A row of the paper's table 1, stages 2 to 8, which are called `stage1` to `stage7` here.
pub(crate) struct Stage {
    /// Channels inside a block, in units of the channels that enter it.
    expansion: usize,
    kernel: usize,
    /// Of the first block; the others have 1.
    stride: usize,
    outputs: usize,
    blocks: usize,
}

/// The rows, with the strides where the authors' code has them.
const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 16, 1),
    stage(6, 3, 2, 24, 2),
    stage(6, 5, 2, 40, 2),
    stage(6, 3, 2, 80, 3),
    stage(6, 5, 1, 112, 3),
    stage(6, 5, 2, 192, 4),
    stage(6, 3, 1, 320, 1),
];

const fn stage(
    expansion: usize,
    kernel: usize,
    stride: usize,
    outputs: usize,
    blocks: usize,
) -> Stage {
    Stage {
        expansion,
        kernel,
        stride,
        outputs,
        blocks,
    }
}

/// Channels of the first convolution.
pub(crate) const FIRST: usize = 32;
/// Channels of the last convolution.
pub(crate) const LAST: usize = 1280;
/// Share of the averaged values dropped in training.
pub(crate) const DROPOUT: f64 = 0.2;

/// One inverted residual: a 1x1 convolution to more channels (where `hidden` is more than `inputs`),
/// a depthwise convolution, and a 1x1 convolution to few channels without activation.
pub(crate) struct Block {
    /// Which stage, from 1.
    pub stage: usize,
    /// Which block of the stage, from 0.
    pub index: usize,
    /// Which block of the network, from 0.
    pub number: usize,
    pub inputs: usize,
    pub hidden: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    /// Side of the map that enters.
    pub side: usize,
}

/// Lays the stages out between first and last convolution. `convolutions` gives a block's name and
/// its convolutions; where shapes allow, their output is added to their input.
pub(crate) fn blocks(
    planner: &mut Planner,
    convolutions: impl Fn(&Block) -> (String, Vec<ConvPlan>),
) -> Result<(), ModelError> {
    let mut numbers = 0..;
    for (stage, row) in (1..).zip(&STAGES) {
        planner.stage(format!("stage{stage}"));
        for (index, number) in (0..row.blocks).zip(&mut numbers) {
            let inputs = planner.width();
            let block = Block {
                stage,
                index,
                number,
                inputs,
                hidden: inputs * row.expansion,
                outputs: row.outputs,
                kernel: row.kernel,
                stride: if index == 0 { row.stride } else { 1 },
                side: planner.side(),
            };
            let (name, body) = convolutions(&block);
            planner.push_inverted(name, body, block.stride == 1 && inputs == block.outputs)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};

    #[test]
    fn the_maps_are_those_of_the_paper() {
        for architecture in [
            Architecture::EfficientNetB0,
            Architecture::EfficientNetLite0,
        ] {
            let plan = NetworkSettings::published(architecture, 2)
                .plan()
                .expect("published settings");
            let ends: Vec<&[usize]> = plan
                .stages
                .iter()
                .skip(1)
                .map(|stage| plan.features[stage.first_layer].input.as_slice())
                .collect();
            assert_eq!(
                ends,
                [
                    [32, 112, 112],
                    [16, 112, 112],
                    [24, 56, 56],
                    [40, 28, 28],
                    [80, 14, 14],
                    [112, 14, 14],
                    [192, 7, 7],
                    [320, 7, 7],
                ],
                "{architecture}"
            );
            let last = plan.features.last().expect("has layers");
            assert_eq!(last.output, [1280, 7, 7]);
        }
    }
}

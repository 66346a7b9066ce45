//! Whether a head comes along with weights, and in which order: each of its outputs is of a label.

use super::options::ImportOptions;
use crate::networks::{NamedTensor, Plan};

/// What becomes of a head whose shapes fit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeadUse {
    /// Whether it comes along.
    pub comes_along: bool,
    /// Which output there is each output here, where the order is another.
    pub order: Option<Vec<usize>>,
    /// Why, where it is not the file's head as it was, of the same labels.
    pub note: Option<String>,
}

impl HeadUse {
    /// For a head of the labels `there`, or of labels that the file does not tell where there are none.
    pub(super) fn of(options: &ImportOptions, there: &[String]) -> Self {
        let here = options.labels.as_slice();
        let as_it_is = |note| Self {
            comes_along: true,
            order: None,
            note,
        };
        let fresh = |note| Self {
            comes_along: false,
            order: None,
            note: Some(note),
        };
        if here.is_empty() || here == there {
            return as_it_is(None);
        }
        if let Some(order) = order(here, there) {
            return Self {
                comes_along: true,
                order: Some(order),
                note: Some(format!(
                    "its outputs turned from {} to {}",
                    there.join(", "),
                    here.join(", ")
                )),
            };
        }
        let here = here.join(", ");
        match (there, options.keep_head) {
            ([], false) => fresh(format!(
                "the file does not say which labels its outputs are of; --keep-head keeps its head, \
                 for {here} in this order"
            )),
            ([], true) => as_it_is(Some(format!(
                "the file does not say which labels its outputs are of: taken to be {here} in this \
                 order, as --keep-head asks"
            ))),
            (there, false) => fresh(format!("the file's is of {}, not {here}", there.join(", "))),
            (there, true) => as_it_is(Some(format!(
                "of {}, taken to be {here} in this order, as --keep-head asks",
                there.join(", ")
            ))),
        }
    }
}

/// The place there of each label here; none where the labels are not the same.
fn order(here: &[String], there: &[String]) -> Option<Vec<usize>> {
    if here.len() != there.len() {
        return None;
    }
    here.iter()
        .map(|label| there.iter().position(|other| other == label))
        .collect()
}

/// Puts the outputs of the network's last layer in another order: output `i` becomes what `order[i]` was.
pub(super) fn reorder(tensors: &mut [NamedTensor], plan: &Plan, order: &[usize]) {
    let last = plan.head.iter().rev();
    let Some(layer) = last
        .map(|placed| placed.layer.tensors())
        .find(|tensors| !tensors.is_empty())
    else {
        return;
    };
    for tensor in tensors {
        if !layer.iter().any(|plan| plan.name == tensor.name) {
            continue;
        }
        // Outputs are the first axis of weights and biases alike.
        let row = tensor.values.len() / order.len();
        tensor.values = order
            .iter()
            .flat_map(|&output| tensor.values[output * row..][..row].to_vec())
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{Architecture, NetworkSettings};

    fn labels(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn labels_decide_what_becomes_of_a_head() {
        let used = |here: &str, there: &str, keep_head| {
            let options = ImportOptions {
                labels: labels(here),
                keep_head,
                ..ImportOptions::default()
            };
            let used = HeadUse::of(&options, &labels(there));
            (used.comes_along, used.order, used.note.is_some())
        };
        for keep_head in [false, true] {
            assert_eq!(used("a b", "a b", keep_head), (true, None, false));
            assert_eq!(used("", "a b", keep_head), (true, None, false));
            let turned = (true, Some(vec![2, 0, 1]), true);
            assert_eq!(used("c a b", "a b c", keep_head), turned);
            assert_eq!(used("a c", "a b", keep_head), (keep_head, None, true));
            assert_eq!(used("a b", "", keep_head), (keep_head, None, true));
        }
    }

    #[test]
    fn the_last_layer_alone_is_put_in_another_order() {
        let settings = NetworkSettings::published(Architecture::DarkCovidNet, 3);
        let plan = settings.plan().unwrap();
        let before: Vec<NamedTensor> = plan
            .tensors()
            .into_iter()
            .map(|tensor| NamedTensor {
                values: (0..tensor.shape.iter().product::<usize>())
                    .map(|value| value as f32)
                    .collect(),
                name: tensor.name,
                shape: tensor.shape,
            })
            .collect();
        let mut after = before.clone();
        reorder(&mut after, &plan, &[2, 0, 1]);
        let changed: Vec<(&NamedTensor, &NamedTensor)> = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .collect();
        let [(_, weight), (_, bias)] = changed.as_slice() else {
            panic!("a weight and a bias, not {} tensors", changed.len());
        };
        assert_eq!(bias.values, [2.0, 0.0, 1.0]);
        let row = weight.shape[1];
        assert_eq!(weight.values[0], 2.0 * row as f32);
        assert_eq!(weight.values[row], 0.0);
    }
}

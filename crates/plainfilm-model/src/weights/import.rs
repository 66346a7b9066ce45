//! From a file of another library to tensors of ours.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::checksum::{file_name, sha256};
use super::error::{Problem, WeightsError, damaged};
use super::formats::{self, Dialect, Entry, WeightsFile};
use super::head::{HeadUse, reorder};
use super::input::InputScaling;
use super::naming::{self, Layout, Place, Target};
use super::options::ImportOptions;
use super::origin::{own_record, scaling};
use super::public::verify_weights;
use crate::bundle::{WEIGHTS_RECORD_KEY, WeightsRecord};
use crate::networks::{
    ConvPlan, LayerPlan, Misshapen, ModelError, NamedTensor, Network, NetworkSettings, NormPlan,
    Plan, TensorDifferences, load_state_dict, state_dict,
};
use plainfilm_film::files::atomic_write;
use plainfilm_film::radiograph::Scaling;

/// Tensors of a network, without its head where the file's is another.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Under the names of [`state_dict`], in its order.
    pub tensors: Vec<NamedTensor>,
    /// Where they came from.
    pub record: WeightsRecord,
}

/// Reads the weights of a network from a file of any known format; see [`super`].
///
/// The file's names decide which tensor is which, its shapes have to be the network's. The head comes
/// along if all of it fits.
///
/// # Errors
///
/// When the file is none, damaged, or asks for more than tensors; when the library's network computes
/// something else; and [`WeightsError::Tensors`] with every tensor that is missing, unknown, wrongly
/// shaped or not finite.
pub fn import(
    path: &Path,
    settings: &NetworkSettings,
    options: &ImportOptions,
) -> Result<Imported, WeightsError> {
    let plan = settings.plan()?;
    let target = target(settings, &plan, file_name(path));
    let mut file = formats::open(path)?;
    let earlier = own_record(&file.dialect, path)?;
    let library = earlier
        .as_ref()
        .map_or_else(|| file.format.to_owned(), |earlier| earlier.format.clone());
    let mut reader = Reader {
        path,
        library,
        target: &target,
        plan: &plan,
        differences: TensorDifferences::default(),
        changes: vec![],
        left_out: vec![],
    };
    let places = naming::places(&file.dialect, &file.entries, &target).map_err(|reason| {
        WeightsError::Unsupported {
            path: path.to_owned(),
            library: file.format.to_owned(),
            architecture: settings.architecture.name(),
            reason,
        }
    })?;
    let input = InputScaling::read(&mut file, &places).map_err(|problem| problem.at(path))?;
    let labels_there = earlier
        .as_ref()
        .map_or(&[] as &[String], |earlier| earlier.labels.as_slice());
    let mut head_use = HeadUse::of(options, labels_there);
    let chosen = reader.choose(&file.entries, &places, head_use.comes_along)?;
    if !chosen.head_fits && labels_there.is_empty() {
        // Such as ImageNet's thousand: nobody would keep it.
        head_use.note = None;
    }
    let head = target
        .head
        .iter()
        .all(|(name, _)| chosen.tensors.contains_key(name));
    let (scaling, scaling_known_from) = scaling(
        options,
        &file.dialect,
        earlier.as_ref(),
        input.as_ref(),
        settings,
        head,
    );
    let mut tensors = reader.read(file, &chosen, scaling)?;
    if let Some(order) = head_use.order.as_ref().filter(|_| head) {
        reorder(&mut tensors, &plan, order);
    }
    if let Some(change) = input.and_then(|input| input.fold(&mut tensors)) {
        reader.changes.push(change);
    }
    let (name, sha256) = match &earlier {
        Some(earlier) => (earlier.file.clone(), earlier.sha256.clone()),
        None => (file_name(path), sha256(path)?),
    };
    let licence = match &earlier {
        Some(earlier) => earlier.licence.clone(),
        // A name alone proves nothing: the table's licence is the table's file's.
        None => verify_weights(path)?
            .known_and_right()
            .map(|known| known.licence.to_owned()),
    };
    let mut changes = earlier
        .as_ref()
        .map_or_else(Vec::new, |earlier| earlier.changes.clone());
    changes.append(&mut reader.changes);
    let mut left_out = reader.left_out;
    left_out.extend(earlier.iter().flat_map(|earlier| earlier.left_out.clone()));
    Ok(Imported {
        tensors,
        record: WeightsRecord {
            file: name,
            sha256,
            format: reader.library,
            architecture: settings.architecture,
            scaling,
            scaling_known_from,
            head,
            labels: match (head, options.labels.is_empty()) {
                (false, _) => vec![],
                (true, true) => labels_there.to_vec(),
                (true, false) => options.labels.clone(),
            },
            head_note: head_use.note,
            changes,
            left_out,
            licence,
        },
    })
}

impl Imported {
    /// The network with these weights; what the file lacked (its head) stays as it is.
    ///
    /// # Errors
    ///
    /// [`ModelError::Tensors`] when the network is not the one that they were imported for.
    pub fn load_into(self, network: Network) -> Result<Network, ModelError> {
        let mut imported: HashMap<String, NamedTensor> = self
            .tensors
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        let mut tensors: Vec<NamedTensor> = state_dict(&network)
            .into_iter()
            .map(|fresh| imported.remove(&fresh.name).unwrap_or(fresh))
            .collect();
        // What is left belongs to no layer: the check below names it.
        tensors.extend(imported.into_values());
        load_state_dict(network, &tensors)
    }

    /// Writes the tensors as safetensors with their record, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), WeightsError> {
        let file = |source| WeightsError::File {
            path: path.to_owned(),
            source,
        };
        let bytes: Vec<Vec<u8>> = self
            .tensors
            .iter()
            .map(|tensor| {
                tensor
                    .values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect()
            })
            .collect();
        let views = self
            .tensors
            .iter()
            .zip(&bytes)
            .map(|(tensor, bytes)| {
                let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?;
                Ok((tensor.name.as_str(), view))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|error| file(std::io::Error::other(error)))?;
        let record = serde_json::to_string(&self.record)
            .map_err(|error| file(std::io::Error::other(error)))?;
        let metadata = HashMap::from([(WEIGHTS_RECORD_KEY.to_owned(), record)]);
        let bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|error| file(std::io::Error::other(error)))?;
        atomic_write(path, &bytes).map_err(file)
    }
}

fn target<'a>(settings: &'a NetworkSettings, plan: &Plan, file: String) -> Target<'a> {
    let tensors = |layers: &[crate::networks::Placed]| -> Vec<(String, Vec<usize>)> {
        layers
            .iter()
            .flat_map(|placed| placed.layer.tensors())
            .map(|tensor| (tensor.name, tensor.shape))
            .collect()
    };
    let flattened = plan
        .head
        .iter()
        .find(|placed| placed.layer == LayerPlan::Flatten)
        .and_then(|placed| placed.input.as_slice().try_into().ok());
    Target {
        settings,
        file,
        backbone: tensors(&plan.features).into_iter().collect(),
        head: tensors(&plan.head),
        flattened: flattened.unwrap_or([0, 1, 1]),
    }
}

/// What the network adds to each running variance, by its name.
fn epsilons(plan: &Plan) -> HashMap<String, f64> {
    let mut norms: Vec<(&str, f64)> = vec![];
    for placed in plan.layers() {
        let (convolutions, norm): (Vec<&ConvPlan>, Option<&NormPlan>) = match &placed.layer {
            LayerPlan::Conv(conv) => (vec![conv], None),
            LayerPlan::Norm(norm) => (vec![], Some(norm)),
            LayerPlan::Residual(block) => (block.convolutions().collect(), None),
            LayerPlan::Growth(block) => (vec![&block.bottleneck, &block.growth], Some(&block.norm)),
            _ => continue,
        };
        norms.extend(norm.map(|norm| (norm.name.as_str(), norm.constants.epsilon)));
        norms.extend(
            convolutions
                .into_iter()
                .filter_map(|conv| Some((conv.norm.as_deref()?, conv.constants.epsilon))),
        );
    }
    norms
        .into_iter()
        .map(|(norm, epsilon)| (format!("{norm}.running_var"), epsilon))
        .collect()
}

/// Which entry is read for which tensor.
struct Chosen {
    /// By the tensor's name here: the entry's place and how its numbers lie.
    tensors: HashMap<String, (usize, Layout)>,
    /// Biases that are subtracted from a running mean, by its name.
    biases: HashMap<String, usize>,
    /// Whether the file's head has the network's shapes, wanted or not.
    head_fits: bool,
}

/// Chooses and reads the tensors of a file, and keeps account of every other.
struct Reader<'a> {
    path: &'a Path,
    library: String,
    target: &'a Target<'a>,
    plan: &'a Plan,
    differences: TensorDifferences,
    changes: Vec<String>,
    left_out: Vec<String>,
}

impl Reader<'_> {
    /// Which entry holds which tensor of ours: the whole backbone, and the head or nothing of it.
    fn choose(
        &mut self,
        entries: &[Entry],
        places: &[Place],
        head_is_wanted: bool,
    ) -> Result<Chosen, WeightsError> {
        let mut chosen: HashMap<String, (usize, Layout)> = HashMap::new();
        let mut biases: HashMap<String, usize> = HashMap::new();
        let mut head_fits = true;
        for (index, (entry, place)) in entries.iter().zip(places).enumerate() {
            match place {
                Place::Ours(name, layout) => {
                    let head = self.target.head.iter().find(|(head, _)| head == name);
                    let expected = head.map(|(_, shape)| shape);
                    let expected = expected.or_else(|| self.target.backbone.get(name));
                    let found = layout.shape(&entry.shape);
                    if found.as_ref() != expected {
                        if head.is_some() {
                            head_fits = false;
                        } else {
                            self.differences.misshapen.push(Misshapen {
                                name: name.clone(),
                                expected: expected.cloned().unwrap_or_default(),
                                found: found.unwrap_or_else(|| entry.shape.clone()),
                            });
                        }
                    }
                    if chosen.insert(name.clone(), (index, *layout)).is_some() {
                        self.differences.extra.push(entry.name.clone());
                    }
                }
                Place::FoldedBias(mean) => {
                    let expected = self.target.backbone.get(mean);
                    if expected != Some(&entry.shape) {
                        self.differences.misshapen.push(Misshapen {
                            name: entry.name.clone(),
                            expected: expected.cloned().unwrap_or_default(),
                            found: entry.shape.clone(),
                        });
                    }
                    if biases.insert(mean.clone(), index).is_some() {
                        self.differences.extra.push(entry.name.clone());
                    }
                }
                Place::Input(_) => {}
                Place::OtherHead | Place::Bookkeeping => self.left_out.push(entry.name.clone()),
                Place::Unknown => self.differences.extra.push(entry.name.clone()),
            }
        }
        for name in self.target.backbone.keys() {
            if !chosen.contains_key(name) {
                self.differences.missing.push(name.clone());
            }
        }
        let head_is_whole = self
            .target
            .head
            .iter()
            .all(|(name, _)| chosen.contains_key(name));
        let head_fits = head_fits && head_is_whole;
        if !(head_fits && head_is_wanted) {
            for (name, _) in &self.target.head {
                if let Some((index, _)) = chosen.remove(name) {
                    self.left_out.push(entries[index].name.clone());
                }
            }
        }
        self.left_out.sort();
        self.check()?;
        Ok(Chosen {
            tensors: chosen,
            biases,
            head_fits,
        })
    }

    /// Reads what was chosen, in the plan's order.
    fn read(
        &mut self,
        mut file: WeightsFile,
        chosen: &Chosen,
        scaling: Scaling,
    ) -> Result<Vec<NamedTensor>, WeightsError> {
        let epsilons_here = epsilons(self.plan);
        let mut layouts = BTreeSet::new();
        let mut epsilons = BTreeSet::new();
        let mut tensors = vec![];
        for plan in self.plan.tensors() {
            let Some(&(index, layout)) = chosen.tensors.get(&plan.name) else {
                continue;
            };
            let entry = file.entries[index].clone();
            let values = file
                .tensors
                .read(index)
                .map_err(|problem| self.about(problem, &entry))?;
            let mut values = layout.reorder(&entry.shape, values);
            layouts.extend(layout.change());
            if let Dialect::Keras(config) = &file.dialect
                && let Some(layer) = entry.name.strip_suffix("/moving_variance")
            {
                let architecture = self.target.settings.architecture;
                let theirs = config
                    .epsilons
                    .get(layer)
                    .copied()
                    .unwrap_or_else(|| naming::keras::published_epsilon(architecture));
                let ours = epsilons_here[&plan.name];
                let difference = theirs - ours;
                if difference != 0.0 {
                    epsilons.insert(format!(
                        "running variances raised by {difference:.3e}: Keras adds {theirs:e} to \
                         them, this network {ours:e}"
                    ));
                }
                for value in &mut values {
                    *value = (f64::from(*value) + difference) as f32;
                }
            }
            if let Some(&bias) = chosen.biases.get(&plan.name) {
                let entry = file.entries[bias].clone();
                let biases = file
                    .tensors
                    .read(bias)
                    .map_err(|problem| self.about(problem, &entry))?;
                for (mean, bias) in values.iter_mut().zip(biases) {
                    *mean -= bias;
                }
                layouts.insert(
                    "biases of convolutions subtracted from the means of the norms after them",
                );
            }
            if values.iter().any(|value| !value.is_finite()) {
                self.differences.unfit.push(plan.name.clone());
            }
            tensors.push(NamedTensor {
                name: plan.name,
                shape: plan.shape,
                values,
            });
        }
        self.check()?;
        self.changes.extend(layouts.into_iter().map(str::to_owned));
        self.changes.extend(epsilons);
        if scaling == Scaling::Caffe && !matches!(file.dialect, Dialect::Own(_)) {
            self.turn_channels(&mut tensors);
        }
        Ok(tensors)
    }

    /// Weights that expect blue, green, red get their inputs in the order red, green, blue: `Caffe`
    /// scaling gives films in that order here.
    fn turn_channels(&mut self, tensors: &mut [NamedTensor]) {
        let Some(first) = tensors.first_mut() else {
            return;
        };
        let &[outputs, 3, rows, columns] = first.shape.as_slice() else {
            return;
        };
        let area = rows * columns;
        for output in 0..outputs {
            let start = output * 3 * area;
            for place in 0..area {
                first.values.swap(start + place, start + 2 * area + place);
            }
        }
        self.changes.push(format!(
            "{}: input channels turned from blue, green, red to red, green, blue",
            first.name
        ));
    }

    /// A problem with one tensor, under its name there.
    fn about(&self, problem: Problem, entry: &Entry) -> WeightsError {
        match problem {
            Problem::Damaged(reason) if !reason.contains(&entry.name) => {
                damaged(format!("tensor `{}`: {reason}", entry.name)).at(self.path)
            }
            other => other.at(self.path),
        }
    }

    /// Fails with every difference there is so far.
    fn check(&mut self) -> Result<(), WeightsError> {
        if self.differences == TensorDifferences::default() {
            return Ok(());
        }
        let mut differences = std::mem::take(&mut self.differences);
        differences.missing.sort();
        differences.extra.sort();
        differences
            .misshapen
            .sort_by(|left, right| left.name.cmp(&right.name));
        // Nothing at all in common is another mistake than a tensor too few.
        let nothing = differences.missing.len() == self.target.backbone.len();
        Err(WeightsError::Tensors {
            path: self.path.to_owned(),
            library: self.library.clone(),
            architecture: self.target.settings.architecture.name(),
            differences: Box::new(differences),
            hint: if nothing {
                "; hint: no tensor is this network's: is it another architecture's file?"
            } else {
                ""
            },
        })
    }
}

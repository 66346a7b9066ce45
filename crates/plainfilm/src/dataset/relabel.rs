//! Bringing a data set's labels to those of a trained model.

use std::collections::BTreeMap;

use super::{Dataset, DatasetError, SetAside};

impl Dataset {
    /// The same films under a model's labels: names in `renames` are replaced first, then each film
    /// takes the index of its name in `labels`. Films of any other label are set aside.
    ///
    /// # Errors
    ///
    /// When no film is left.
    pub fn with_labels(
        mut self,
        labels: &[String],
        renames: &BTreeMap<String, String>,
    ) -> Result<Self, DatasetError> {
        let own = std::mem::replace(&mut self.labels, labels.to_vec());
        let targets: Vec<Option<usize>> = own
            .iter()
            .map(|name| {
                let name = renames.get(name).unwrap_or(name);
                labels.iter().position(|label| label == name)
            })
            .collect();
        for mut film in std::mem::take(&mut self.films) {
            match targets[film.label] {
                Some(label) => {
                    film.label = label;
                    self.films.push(film);
                }
                None => self.set_aside.push(SetAside {
                    path: film.path,
                    reason: format!(
                        "its label {} is none of the model's ({})",
                        own[film.label],
                        labels.join(", ")
                    ),
                }),
            }
        }
        if self.films.is_empty() {
            return Err(DatasetError::NoSharedLabel {
                data: self.origin,
                expected: labels.to_vec(),
                found: own,
            });
        }
        self.set_aside.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self)
    }
}

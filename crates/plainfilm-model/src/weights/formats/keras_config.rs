//! What a Keras file says about its layers: the model's configuration, a JSON text.

use std::collections::HashMap;

use serde_json::Value;

/// The layers of a Keras model by name, as far as the file tells them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct KerasConfig {
    /// Whether the file holds a configuration; files of weights alone hold none.
    pub known: bool,
    /// Added to the variance, by batch normalisation.
    pub epsilons: HashMap<String, f64>,
    /// Dense layers, in the model's order.
    pub dense: Vec<String>,
    /// What a `Rescaling` layer with a factor for each channel multiplies by, such as the second one of
    /// EfficientNet.
    pub channel_scale: Option<Vec<f64>>,
    /// The version of Keras that wrote it.
    pub version: Option<String>,
    /// Whether maps come channels first.
    pub channels_first: bool,
}

impl KerasConfig {
    /// Reads a configuration; text that is none says nothing about any layer.
    pub fn read(text: &str) -> Self {
        let mut config = Self::default();
        // The parser refuses nesting of more than 128, so the search below ends.
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            config.known = true;
            config.search(&value);
        }
        config
    }

    /// Layers are objects with a class and a configuration, wherever they are nested.
    fn search(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.search(value)),
            Value::Object(map) => {
                let text = |value: Option<&Value>| value?.as_str().map(str::to_owned);
                let inner = map.get("config");
                let name = text(inner.and_then(|inner| inner.get("name")));
                if let (Some(class), Some(name), Some(inner)) =
                    (text(map.get("class_name")), name, inner)
                {
                    self.layer(&class, name, inner);
                }
                map.values().for_each(|value| self.search(value));
            }
            _ => {}
        }
    }

    fn layer(&mut self, class: &str, name: String, config: &Value) {
        if config.get("data_format").and_then(Value::as_str) == Some("channels_first") {
            self.channels_first = true;
        }
        match class {
            "BatchNormalization" => {
                if let Some(epsilon) = config.get("epsilon").and_then(Value::as_f64) {
                    self.epsilons.insert(name, epsilon);
                }
            }
            "Dense" => self.dense.push(name),
            "Rescaling" => {
                if let Some(factors) = config.get("scale").and_then(Value::as_array) {
                    self.channel_scale = factors.iter().map(Value::as_f64).collect();
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_found_however_deep_they_are_nested() {
        let config = KerasConfig::read(
            r#"{"class_name": "Sequential", "config": {"name": "outer", "layers": [
                {"class_name": "Functional", "config": {"name": "vgg16", "layers": [
                    {"class_name": "BatchNormalization", "config": {"name": "bn", "epsilon": 0.001}}
                ]}},
                {"class_name": "Sequential", "config": {"name": "top", "layers": [
                    {"class_name": "Dense", "config": {"name": "dense_4", "units": 64}},
                    {"class_name": "Dense", "config": {"name": "dense_3", "units": 2}}
                ]}}
            ]}}"#,
        );
        assert!(config.known);
        assert_eq!(config.dense, ["dense_4", "dense_3"]);
        assert_eq!(config.epsilons.get("bn"), Some(&0.001));
        assert_eq!(KerasConfig::read("no json"), KerasConfig::default());
        let deep = "[".repeat(100_000);
        assert_eq!(KerasConfig::read(&deep), KerasConfig::default());
    }
}

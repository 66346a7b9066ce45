//! Ready settings for trainings that others have published, and one of ours.
//!
//! A recipe is a part of a `settings.toml`, shipped as readable TOML. What it leaves out, its network
//! chooses; a settings file and arguments win over it.

use serde::Serialize;

use plainfilm_film::spelling::edits;

/// Settings with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recipe {
    /// As `train --recipe` has it.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Who did it first.
    pub source: &'static str,
    /// Whether it makes sense only with weights to start from.
    pub needs_weights: bool,
    /// The settings, as TOML with comments.
    #[serde(rename = "toml")]
    pub text: &'static str,
}

/// All of them, in the order in which they are listed.
const RECIPES: [Recipe; 6] = [
    Recipe {
        name: "default",
        about: "our best for films from elsewhere: EfficientNet-Lite0 on the lungs alone, many simulated scanners",
        source: "ours, for some hundred films",
        needs_weights: true,
        text: include_str!("../recipes/default.toml"),
    },
    Recipe {
        name: "linear-probe",
        about: "EfficientNet-Lite0 as it comes from ImageNet, and a linear head: seconds on a CPU",
        source: "ours, for some hundred films",
        needs_weights: true,
        text: include_str!("../recipes/linear-probe.toml"),
    },
    Recipe {
        name: "notebook",
        about: "VGG16, frozen, with a small head for 100 epochs; the last and the best epoch side by side",
        source: "zekaouinoureddine/Detecting-COVID-19-in-X-ray-Images",
        needs_weights: false,
        text: include_str!("../recipes/notebook.toml"),
    },
    Recipe {
        name: "pyimagesearch",
        about: "the tutorial that the notebook follows: 25 epochs, no validation part",
        source: "Rosebrock 2020, pyimagesearch.com",
        needs_weights: false,
        text: include_str!("../recipes/pyimagesearch.toml"),
    },
    Recipe {
        name: "darkcovidnet",
        about: "DarkCovidNet from scratch for 100 epochs of one cycle",
        source: "Ozturk et al. 2020, muhammedtalo/COVID-19",
        needs_weights: false,
        text: include_str!("../recipes/darkcovidnet.toml"),
    },
    Recipe {
        name: "plants",
        about: "a plain CNN from scratch",
        source: "zekaouinoureddine/Plants_Identification_DL_SI",
        needs_weights: false,
        text: include_str!("../recipes/plants.toml"),
    },
];

/// No recipe has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown recipe {found:?}, expected one of {}\nhint: {nearest}?",
    names()
)]
pub struct UnknownRecipe {
    /// The name as given.
    pub found: String,
    /// The name most like it.
    pub nearest: &'static str,
}

fn names() -> String {
    RECIPES.map(|recipe| recipe.name).join(", ")
}

/// All recipes.
#[must_use]
pub fn recipes() -> &'static [Recipe] {
    &RECIPES
}

impl Recipe {
    /// The recipe of this name.
    ///
    /// # Errors
    ///
    /// [`UnknownRecipe`], with the name most like it.
    pub fn named(name: &str) -> Result<&'static Self, UnknownRecipe> {
        let found = RECIPES.iter().find(|recipe| recipe.name == name);
        found.ok_or_else(|| {
            // A part of a name is nearer to it than any slip of the pen.
            let distances = RECIPES.map(|recipe| {
                let apart = name.is_empty() || !recipe.name.contains(name);
                (apart, edits(name, recipe.name), recipe.name)
            });
            let (_, _, nearest) = distances.into_iter().min().expect("there are recipes");
            UnknownRecipe {
                found: name.to_owned(),
                nearest,
            }
        })
    }

    /// Its settings: a part of those that [`crate::TrainSettings`] has.
    #[must_use]
    pub fn settings(&self) -> toml::Table {
        toml::from_str(self.text).expect("the tests read every recipe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_is_answered_with_the_nearest() {
        for (name, nearest) in [
            ("notebok", "notebook"),
            ("covidnet", "darkcovidnet"),
            ("plant", "plants"),
            ("pyimage", "pyimagesearch"),
        ] {
            assert_eq!(Recipe::named(name).unwrap_err().nearest, nearest, "{name}");
        }
        assert_eq!(Recipe::named("plants").unwrap().name, "plants");
    }
}

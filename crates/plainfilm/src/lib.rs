//! plainfilm trains, evaluates and judges chest X-ray classifiers.
//!
//! Research and teaching only: nothing here is a medical device.
//!
//! Every layer is a crate, and each uses only those above it in this table:
//!
//! | module | what it does | crate |
//! |---|---|---|
//! | [`seed`] | draws at random, each draw by what it is for | `plainfilm-seed` |
//! | [`radiograph`], [`copies`], [`files`] | decodes and preprocesses a film, finds copies, writes files whole | `plainfilm-film` |
//! | [`evaluate`] | turns scores into figures | `plainfilm-figures` |
//! | [`dataset`] | says which films exist and how they are split by patient | `plainfilm-data` |
//! | [`audit`] | says how much of the label can be had without looking at the lungs | `plainfilm-audit` |
//! | [`model`], [`weights`] | holds the networks, and brings other libraries' weights to them | `plainfilm-model` |
//! | [`bundle`], [`device`] | is the one file with all that is needed to use a network, and says where it computes | `plainfilm-model` |
//! | [`lungs`], [`predict`] | finds the lungs on a film; scores films | `plainfilm-model` |
//! | [`likeness`] | says how a film differs from those that a network was trained on | `plainfilm-model` |
//! | [`foreign`] | scores films with models that other programs made | `plainfilm-foreign` |
//! | [`explain`] | shows where a network looked | `plainfilm-explain` |
//! | [`train`], [`recipe`] | fits a network as a recipe or a person says | `plainfilm-train` |
//! | [`report`] | shows a result to people | `plainfilm-report` |
//! | [`workflows`] | joins the layers: a training to its report | here |
//!
//! # Score a film
//!
//! ```
//! use plainfilm::bundle::bundled;
//! use plainfilm::dataset::FilmFiles;
//! use plainfilm::lungs::BundledLungs;
//! use plainfilm::predict::{Predictor, Scorer, score};
//!
//! let predictor = Predictor::new(&bundled()?, &plainfilm::device::parse("cpu")?)?;
//! let films = FilmFiles(vec![Ok("film.png".into())]);
//! score(&films, &predictor, &BundledLungs, &mut |film, result| {
//!     match result {
//!         Ok(probabilities) => println!("{film}: {:?} {probabilities:?}", predictor.labels()),
//!         Err(reason) => println!("{film} is set aside: {reason}"),
//!     }
//!     std::ops::ControlFlow::Continue(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Train, with a report at the end
//!
//! ```no_run
//! use plainfilm::dataset::{Dataset, DatasetOptions};
//! use plainfilm::model::Architecture;
//! use plainfilm::train::{RunFolder, Silent, TrainDefaults, TrainSettings, train};
//!
//! let dataset = Dataset::open("films".as_ref(), &DatasetOptions::default())?;
//! let mut settings = TrainSettings::defaults(TrainDefaults {
//!     data: "films".into(),
//!     model: Architecture::DarkCovidNet,
//!     seed: 42,
//!     threads: 2,
//! });
//! settings.labels.clone_from(&dataset.labels);
//! let folder = RunFolder::at("runs/first".as_ref());
//! let outcome = train(dataset, &settings, &folder, None, &false.into(), &mut Silent)?;
//! println!("{:?}", outcome.metrics.test.map(|test| test.accuracy));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Judge scores, whoever made them
//!
//! ```
//! use plainfilm::evaluate::{ScoredFilm, evaluate};
//!
//! let labels = ["Covid-19", "No findings"].map(str::to_owned);
//! let films: Vec<ScoredFilm> = [(0, 0.9), (0, 0.4), (1, 0.2), (1, 0.1)]
//!     .into_iter()
//!     .enumerate()
//!     .map(|(film, (truth, p))| ScoredFilm::alone(film.to_string(), truth, vec![p, 1.0 - p]))
//!     .collect();
//! let figures = evaluate(&labels, 0, &films);
//! assert_eq!(figures.accuracy.value(), Some(0.75));
//! assert_eq!(figures.auroc.value(), Some(1.0));
//! ```
//!
//! # Ask what tells the label without the lungs
//!
//! ```no_run
//! use plainfilm::audit::{AuditSettings, Networks, audit};
//! use plainfilm::dataset::{Dataset, DatasetOptions};
//! use plainfilm::lungs::BundledLungs;
//!
//! let dataset = Dataset::open("films".as_ref(), &DatasetOptions::default())?;
//! let networks = Networks::lungs_only(&BundledLungs);
//! let (found, set_aside) = audit(&dataset, &AuditSettings::default(), networks, &|_| {})?;
//! println!("{:?}: {} ({} set aside)", found.verdict, found.sentence, set_aside.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod workflows;

pub use plainfilm_audit as audit;
pub use plainfilm_data as dataset;
pub use plainfilm_explain as explain;
pub use plainfilm_figures as evaluate;
pub use plainfilm_film::{NOT_A_MEDICAL_DEVICE, copies, files, radiograph};
pub use plainfilm_foreign as foreign;
pub use plainfilm_model::{bundle, device, likeness, lungs, networks as model, predict, weights};
pub use plainfilm_report as report;
pub use plainfilm_seed as seed;
pub use plainfilm_train::recipe;

/// Training: settings, the loop, what it hands on, and [`train()`](train::train), which ends in a report.
pub mod train {
    pub use crate::workflows::training::train;
    pub use plainfilm_train::*;
}

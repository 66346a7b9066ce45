//! Maps as files and as text: what `explain` and `predict --explain` have in common.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use plainfilm::dataset::FilmSource;
use plainfilm::explain::{
    Explainer, FilmExplanation, FilmToExplain, LungMask, LungShare, MaskOrigin, Method, Target,
    npy, tiff,
};
use plainfilm::files::atomic_write;
use plainfilm::radiograph::without_name;
use plainfilm::radiograph::{Limits, Radiograph, open};
use plainfilm::report::{FilmPicture, ShownMap, film_picture};
use rayon::prelude::*;
use serde::Serialize;

use crate::args::explain::RawArg;

/// Pictures that a mask may be.
const MASK_ENDINGS: [&str; 6] = ["png", "tif", "tiff", "jpg", "jpeg", "bmp"];

/// What became of one map; its JSON is a stable output.
#[derive(Debug, Clone, Serialize)]
pub struct MapRecord {
    pub method: Method,
    /// None where no lungs were found, or nothing speaks for the label.
    pub lungs: Option<LungRecord>,
    /// Greatest value of the map, in the method's own unit.
    pub greatest: f32,
    /// File of the map, in the output folder.
    pub raw: Option<String>,
}

/// [`LungShare`] with its quotient.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LungRecord {
    #[serde(flatten)]
    pub share: LungShare,
    pub gain: f64,
}

/// The files of one film.
#[derive(Debug, Clone, Serialize)]
pub struct FilmMaps {
    /// The label that the evidence is for.
    pub explained_label: String,
    /// Who says where the lungs are; none where they were not found.
    pub lungs_from: Option<MaskOrigin>,
    pub maps: Vec<MapRecord>,
    /// File of the picture, in the output folder.
    pub picture: Option<String>,
}

/// Writes maps and pictures into one folder, each under a name of its own.
pub struct MapWriter<'a> {
    pub explainer: &'a Explainer,
    pub methods: &'a [Method],
    pub folder: &'a Path,
    pub raw: RawArg,
    pub pictures: bool,
    /// Methods that failed their check.
    pub failed: Vec<Method>,
    taken: HashSet<String>,
}

impl<'a> MapWriter<'a> {
    /// Makes the folder.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(
        explainer: &'a Explainer,
        methods: &'a [Method],
        folder: &'a Path,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{}: cannot make this folder", folder.display()))?;
        Ok(Self {
            explainer,
            methods,
            folder,
            raw: RawArg::Npy,
            pictures: true,
            failed: vec![],
            taken: HashSet::new(),
        })
    }

    /// Writes the maps of some films, whose paths say what the files are called.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    fn write(&mut self, films: &[(&str, &FilmExplanation)]) -> anyhow::Result<Vec<FilmMaps>> {
        let named: Vec<(String, &str, &FilmExplanation)> = films
            .iter()
            .map(|(path, looked)| (self.name(path), *path, *looked))
            .collect();
        let writer = &*self;
        named
            .par_iter()
            .map(|(name, path, looked)| writer.write_one(name, path, looked))
            .collect()
    }

    /// Explains films of a source and writes their maps: what was found of each with what was written, or
    /// why there is nothing.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn explain(
        &mut self,
        source: &dyn FilmSource,
        indices: &[usize],
        films: Vec<FilmToExplain>,
        target: Target,
    ) -> anyhow::Result<Vec<Result<(FilmExplanation, FilmMaps), String>>> {
        let explained = self.explainer.explain_films(films, target, self.methods);
        let names: Vec<String> = indices.iter().map(|&index| source.name(index)).collect();
        let to_write: Vec<(&str, &FilmExplanation)> = names
            .iter()
            .zip(&explained)
            .filter_map(|(name, film)| Some((name.as_str(), film.as_ref().ok()?)))
            .collect();
        let mut written = self.write(&to_write)?.into_iter();
        Ok(explained
            .into_iter()
            .map(|film| {
                film.map(|film| {
                    (
                        film,
                        written.next().expect("one for each that was explained"),
                    )
                })
            })
            .collect())
    }

    /// The film's own name, with a number where another film took it first.
    fn name(&mut self, path: &str) -> String {
        let stem = Path::new(path).file_stem().unwrap_or_default();
        let own = stem.to_string_lossy().into_owned();
        let mut name = own.clone();
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{own}-{number}");
            number += 1;
        }
        name
    }

    fn write_one(
        &self,
        name: &str,
        path: &str,
        looked: &FilmExplanation,
    ) -> anyhow::Result<FilmMaps> {
        let labels = &self.explainer.usage().labels;
        let explained = &looked.explained;
        let save = |file: &str, bytes: &[u8]| {
            let path = self.folder.join(file);
            atomic_write(&path, bytes).with_context(|| format!("{}: cannot write", path.display()))
        };
        let mut maps = vec![];
        for ((method, evidence), share) in self
            .methods
            .iter()
            .zip(&explained.evidence)
            .zip(&looked.shares)
        {
            let raw = match self.raw {
                RawArg::None => None,
                RawArg::Npy | RawArg::Tiff => {
                    let on_film = evidence.on_film(&looked.placement);
                    let (ending, bytes) = match self.raw {
                        RawArg::Tiff => (
                            "tif",
                            tiff(&on_film).map_err(|reason| {
                                anyhow::anyhow!("{path}: the map cannot be encoded: {reason}")
                            })?,
                        ),
                        _ => ("npy", npy(&on_film)),
                    };
                    let file = format!("{name}-{method}.{ending}");
                    save(&file, &bytes)?;
                    Some(file)
                }
            };
            maps.push(MapRecord {
                method: *method,
                lungs: share.map(|share| LungRecord {
                    share,
                    gain: share.gain(),
                }),
                greatest: evidence.greatest(),
                raw,
            });
        }
        let picture = if self.pictures {
            let shown: Vec<ShownMap<'_>> = self
                .methods
                .iter()
                .zip(&explained.evidence)
                .zip(&looked.shares)
                .map(|((&method, evidence), &lungs)| ShownMap {
                    method,
                    evidence,
                    lungs,
                    failed: self.failed.contains(&method),
                })
                .collect();
            let bytes = film_picture(&FilmPicture {
                name: &Path::new(path)
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy(),
                film: &looked.film,
                placement: &looked.placement,
                label: &labels[explained.label],
                predicted: &labels[explained.predicted],
                probability: explained.probabilities[explained.predicted],
                maps: &shown,
                lungs: looked.lungs.as_ref(),
            })?;
            let kind = match self.methods {
                [method] => method.name(),
                _ => "methods",
            };
            let file = format!("{name}-{kind}.png");
            save(&file, &bytes)?;
            Some(file)
        } else {
            None
        };
        Ok(FilmMaps {
            explained_label: labels[explained.label].clone(),
            lungs_from: looked.lungs.as_ref().map(|mask| mask.origin),
            maps,
            picture,
        })
    }
}

/// A film from a file, or one line that says why there is none.
pub fn read(path: &Path) -> Result<Radiograph, String> {
    open(path, &Limits::default())
        .map_err(|error| without_name(&error.to_string(), &path.display().to_string()))
}

/// The masks of a folder by the names of their films.
#[derive(Debug, Default)]
pub struct Masks(HashMap<String, PathBuf>);

impl Masks {
    /// Lists the pictures of a folder.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or holds no picture.
    pub fn of_folder(folder: &Path) -> anyhow::Result<Self> {
        let read = || format!("{}: cannot read this folder of masks", folder.display());
        let mut pictures = vec![];
        for entry in std::fs::read_dir(folder).with_context(read)? {
            let path = entry.with_context(read)?.path();
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            if MASK_ENDINGS.contains(&ending.to_lowercase().as_str()) {
                pictures.push(path);
            }
        }
        pictures.sort();
        let mut masks = HashMap::new();
        for path in &pictures {
            if let Some(film) = film_of_mask(&stem(path)) {
                masks.entry(film.to_owned()).or_insert_with(|| path.clone());
            }
        }
        // A name that is a film's own counts more than one that says "mask" beside it.
        masks.extend(pictures.into_iter().map(|path| (stem(&path), path)));
        anyhow::ensure!(
            !masks.is_empty(),
            "{}: expected lung masks named as the films, found no picture",
            folder.display()
        );
        Ok(Self(masks))
    }

    /// A film's mask, where there is one.
    ///
    /// # Errors
    ///
    /// One line when the mask is there and cannot be used.
    pub fn of(&self, film: &Path) -> Result<Option<LungMask>, String> {
        let Some(file) = self.0.get(&stem(film)) else {
            return Ok(None);
        };
        let named = |reason: &str| format!("its lung mask {}: {reason}", file.display());
        let picture = read(file).map_err(|reason| named(&reason))?;
        let mask = LungMask::given(&picture);
        mask.map(Some).map_err(|reason| named(&reason))
    }

    /// Whether a film has one.
    pub fn has(&self, film: &Path) -> bool {
        self.0.contains_key(&stem(film))
    }
}

/// The name of the film that a mask of this name is of, where the name says that it is a mask: `a_mask`, `a-lung-mask`,
/// `mask_a`.
fn film_of_mask(name: &str) -> Option<&str> {
    const SEPARATORS: [char; 4] = ['_', '-', '.', ' '];
    let lower = name.to_lowercase();
    // Other letters may have other lengths in lower case.
    if lower.len() != name.len() {
        return None;
    }
    let after = [
        "lungmask",
        "lung_mask",
        "lung-mask",
        "lungs_mask",
        "mask",
        "masks",
    ];
    let end = after.iter().find_map(|word| lower.strip_suffix(word));
    let film = match (end, lower.strip_prefix("mask")) {
        (Some(before), _) if before.ends_with(SEPARATORS) => &name[..before.len()],
        (_, Some(rest)) if rest.starts_with(SEPARATORS) => &name[name.len() - rest.len()..],
        _ => return None,
    };
    let film = film.trim_matches(SEPARATORS);
    (!film.is_empty()).then_some(film)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// How much of a map is on the lungs, for a table: `61 % of 38 %, x1.6, lung`.
pub fn lung_cell(lungs: Option<&LungRecord>) -> String {
    lungs.map_or_else(
        || "none".to_owned(),
        |lungs| {
            format!(
                "{:.0} %, x{:.2}{}",
                100.0 * lungs.share.share,
                lungs.gain,
                if lungs.share.points_at_lung {
                    ", at a lung"
                } else {
                    ""
                }
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_named_after_their_film_with_mask_beside_it_were_not_found() {
        for (mask, film) in [
            ("a_mask", Some("a")),
            ("a-Mask", Some("a")),
            ("Film 3 lung_mask", Some("Film 3")),
            ("mask_a.b", Some("a.b")),
            ("CHNCXR_0001_0_mask", Some("CHNCXR_0001_0")),
            ("unmask", None),
            ("mask", None),
            ("a", None),
        ] {
            assert_eq!(film_of_mask(mask), film, "{mask}");
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["a_mask.png", "b.png", "b_mask.png", "note.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let masks = Masks::of_folder(folder.path()).unwrap();
        assert!(masks.has(Path::new("films/a.jpg")) && !masks.has(Path::new("c.png")));
        assert_eq!(masks.0["b"], folder.path().join("b.png"));
        assert_eq!(masks.0["a"], folder.path().join("a_mask.png"));
    }
}

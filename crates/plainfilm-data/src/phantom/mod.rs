//! Phantoms: invented chest films, drawn from a seed, for trying things without any patient.
//!
//! A phantom looks like a chest X-ray at a glance and is nothing like one in substance: the
//! anatomy is a page of formulas chosen by eye. A model trained on phantoms says nothing about
//! people. Phantoms serve the quickstart, tests and teaching; above all they can be given a
//! *shortcut*: two invented sites whose films differ in shape, border, marker and tone, and a
//! chosen strength with which the site gives the label away.
//!
//! Each film is a pure function of the settings and its index.

mod anatomy;
mod body;
mod film;
mod noise;
mod plan;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use plainfilm_film::files::atomic_write;
use plainfilm_film::radiograph::{Provenance, Radiograph};

use anatomy::Anatomy;
use body::{Body, Opacity};
use noise::Draws;

pub use film::Site;
pub use plan::{LABELS, PlannedFilm};

/// The `Software` text of every phantom's PNG file, by which it can be told from a real film.
pub const SOFTWARE: &str = plainfilm_film::radiograph::PHANTOM_SOFTWARE;

/// The `Comment` text of every phantom's PNG file.
pub const COMMENT: &str = "synthetic, not a patient";

/// What to draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhantomSettings {
    /// How many films, 1 to 1,000,000; half of them `opacity`, half `clear`.
    pub count: usize,
    /// The longer side of a film in pixels, 64 to 4096.
    pub size: usize,
    /// Seed of everything.
    pub seed: u64,
    /// How strongly the site predicts the label, `0.0..=1.0`: the share of site A is
    /// `0.5 + shortcut / 2` among opacity films and `0.5 - shortcut / 2` among clear ones.
    pub shortcut: f64,
}

impl Default for PhantomSettings {
    /// 240 films of 320 pixels, seed 0, no shortcut.
    fn default() -> Self {
        Self {
            count: 240,
            size: 320,
            seed: 0,
            shortcut: 0.0,
        }
    }
}

/// What [`generate`] wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomSummary {
    /// The data set's folder, to be opened as any other.
    pub folder: PathBuf,
    /// Its manifest.
    pub manifest: PathBuf,
    /// Every film, in the manifest's order.
    pub films: Vec<PlannedFilm>,
    /// How many patients were invented.
    pub patients: usize,
}

impl PhantomSummary {
    /// How many films have this label (index into [`LABELS`]) and come from this site.
    pub fn count(&self, label: usize, site: Site) -> usize {
        self.films
            .iter()
            .filter(|film| film.label == label && film.site == site)
            .count()
    }
}

/// Why phantoms could not be drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhantomError {
    /// A setting outside its range.
    #[error("phantom setting `{setting}`: expected {expected}, found {found}")]
    Setting {
        /// The field of [`PhantomSettings`].
        setting: &'static str,
        /// Its range.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// A film was asked for that the set does not have.
    #[error("phantom {index}: expected an index below the count, {count}")]
    Index {
        /// What was asked for.
        index: usize,
        /// [`PhantomSettings::count`].
        count: usize,
    },
    /// Phantoms are never mixed with other files.
    #[error(
        "{}: expected a new or empty folder for phantoms, found files in it\n\
         hint: name another folder, or empty this one", folder.display()
    )]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be written.
    #[error("{}: could not be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

impl PhantomSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`PhantomError::Setting`] names the first setting outside its range.
    pub fn check(&self) -> Result<(), PhantomError> {
        let wrong = |setting, expected, found: String| {
            Err(PhantomError::Setting {
                setting,
                expected,
                found,
            })
        };
        if !(1..=1_000_000).contains(&self.count) {
            return wrong("count", "1 to 1000000 films", self.count.to_string());
        }
        if !(64..=4096).contains(&self.size) {
            return wrong("size", "64 to 4096 pixels", self.size.to_string());
        }
        if !(0.0..=1.0).contains(&self.shortcut) {
            return wrong("shortcut", "0 to 1", self.shortcut.to_string());
        }
        Ok(())
    }

    /// Every film of the set, in drawing order: index `i` here is `draw(settings, i)`.
    ///
    /// # Errors
    /// [`PhantomError::Setting`].
    pub fn films(&self) -> Result<Vec<PlannedFilm>, PhantomError> {
        self.check()?;
        Ok(plan::plan(self))
    }
}

/// Draws film `index` of the set; 8 bits, marked as synthetic in its provenance.
///
/// # Errors
/// [`PhantomError::Setting`], or [`PhantomError::Index`] for an index not below the count.
pub fn draw(settings: &PhantomSettings, index: usize) -> Result<Radiograph, PhantomError> {
    let films = settings.films()?;
    let planned = films.get(index).ok_or(PhantomError::Index {
        index,
        count: settings.count,
    })?;
    let picture = picture(settings, planned, index);
    Ok(Radiograph {
        width: picture.width as u32,
        height: picture.height as u32,
        bit_depth: 8,
        pixels: picture.pixels.into_iter().map(u16::from).collect(),
        provenance: Provenance {
            name: planned.path(),
            format: "png".into(),
            colour: "grey 8-bit".into(),
            orientation: 1,
            synthetic: true,
            coloured_pixels: 0,
            used_bits: 8,
        },
    })
}

/// Film `index` of the set as [`generate`] writes it: a PNG of 8 bits.
///
/// # Errors
/// As [`draw`], and [`PhantomError::Write`] where it cannot be encoded.
pub fn png(settings: &PhantomSettings, index: usize) -> Result<Vec<u8>, PhantomError> {
    let films = settings.films()?;
    let planned = films.get(index).ok_or(PhantomError::Index {
        index,
        count: settings.count,
    })?;
    picture(settings, planned, index)
        .to_png()
        .map_err(|error| PhantomError::Write {
            path: planned.path().into(),
            source: io::Error::other(error),
        })
}

/// Draws a whole set into `folder`: `clear/` and `opacity/` with PNG films, `manifest.csv` and a
/// `README.txt` that says what they are. Films are drawn on all threads of the current rayon pool;
/// the bytes do not depend on how many there are. `progress` is told how many films of how many
/// are written, from any thread.
///
/// # Errors
/// [`PhantomError::NotEmpty`] when `folder` exists and holds anything, [`PhantomError::Setting`],
/// or [`PhantomError::Write`].
pub fn generate(
    settings: &PhantomSettings,
    folder: &Path,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<PhantomSummary, PhantomError> {
    let films = settings.films()?;
    let write_error = |path: &Path| {
        let path = path.to_path_buf();
        move |source| PhantomError::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(write_error(folder))?;
    let mut entries = std::fs::read_dir(folder).map_err(write_error(folder))?;
    if entries.next().is_some() {
        return Err(PhantomError::NotEmpty {
            folder: folder.to_path_buf(),
        });
    }
    for label in LABELS {
        let path = folder.join(label);
        std::fs::create_dir_all(&path).map_err(write_error(&path))?;
    }
    let readme = folder.join("README.txt");
    atomic_write(&readme, readme_text(settings).as_bytes()).map_err(write_error(&readme))?;

    let written = AtomicUsize::new(0);
    films
        .par_iter()
        .enumerate()
        .try_for_each(|(index, planned)| {
            let path = folder.join(planned.path());
            let bytes = picture(settings, planned, index)
                .to_png()
                .map_err(io::Error::other)
                .map_err(write_error(&path))?;
            // Not synced one by one: the manifest, written last, is what makes the set complete.
            std::fs::write(&path, bytes).map_err(write_error(&path))?;
            progress(written.fetch_add(1, Ordering::Relaxed) + 1, films.len());
            Ok(())
        })?;

    let manifest = folder.join("manifest.csv");
    atomic_write(&manifest, manifest_text(&films).as_bytes()).map_err(write_error(&manifest))?;
    Ok(PhantomSummary {
        folder: folder.to_path_buf(),
        manifest,
        patients: films.last().map_or(0, |film| film.patient),
        films,
    })
}

/// A drawn film before it becomes a file.
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

fn picture(settings: &PhantomSettings, planned: &PlannedFilm, index: usize) -> Picture {
    let patient = planned.patient as u64;
    let seed = settings.seed;
    // A patient keeps the same chest, vessels and opacities on every film.
    let anatomy = Anatomy::draw(&mut Draws::new(seed, "anatomy", patient));
    let mut draws = Draws::new(seed, "film", index as u64);
    let breath = anatomy.breathe(draws.between(-1.0, 1.0));
    let opacities = match LABELS[planned.label] {
        "opacity" => Opacity::draw(&anatomy, &mut Draws::new(seed, "opacity", patient)),
        _ => Vec::new(),
    };
    let (width, height) = planned.site.shape(settings.size, &mut draws);
    let mut texture = Draws::new(seed, "texture", patient);
    let body = Body::paint(&breath, &opacities, height as f32, &mut texture);
    let pixels = film::expose(&body, planned.site, (width, height), &mut draws);
    Picture {
        width,
        height,
        pixels,
    }
}

impl Picture {
    fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        encoder.add_text_chunk("Software".into(), SOFTWARE.into())?;
        encoder.add_text_chunk("Comment".into(), COMMENT.into())?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

fn manifest_text(films: &[PlannedFilm]) -> String {
    let mut text = String::from("path,label,patient_id,source,view,sex,age,synthetic\n");
    for film in films {
        text.push_str(&format!(
            "{},{},{},{},PA,,,true\n",
            film.path(),
            LABELS[film.label],
            film.patient_id(),
            film.site.name(),
        ));
    }
    text
}

fn readme_text(settings: &PhantomSettings) -> String {
    format!(
        "These are phantoms: synthetic chest films drawn by plainfilm. No patient is shown here.\n\
         A model trained on them says nothing about people.\n\
         {}\n\n\
         Drawn with: count {}, size {}, seed {}, shortcut {}.\n\
         Each PNG file says so in its text: Software \"{SOFTWARE}\", Comment \"{COMMENT}\".\n\
         manifest.csv: path, label, patient_id, source (site-a or site-b), view, sex and age\n\
         (empty: phantoms have neither), synthetic (true).\n",
        plainfilm_film::NOT_A_MEDICAL_DEVICE,
        settings.count,
        settings.size,
        settings.seed,
        settings.shortcut,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_film::radiograph::Limits;

    fn small() -> PhantomSettings {
        PhantomSettings {
            count: 12,
            size: 96,
            seed: 3,
            shortcut: 0.5,
        }
    }

    #[test]
    fn a_film_is_a_function_of_settings_and_index() {
        let settings = small();
        let film = draw(&settings, 4).unwrap();
        assert_eq!(film, draw(&settings, 4).unwrap());
        assert_ne!(film.pixels, draw(&settings, 5).unwrap().pixels);
        let reseeded = PhantomSettings {
            seed: 4,
            ..settings
        };
        assert_ne!(film.pixels, draw(&reseeded, 4).unwrap().pixels);
        assert!(film.provenance.synthetic);
        assert_eq!(film.pixels.len(), (film.width * film.height) as usize);
        assert!(film.pixels.iter().all(|&pixel| pixel <= 255));
        assert_eq!(film.width.max(film.height), 96);
    }

    #[test]
    fn a_set_is_written_whole_marked_and_the_same_on_any_number_of_threads() {
        let settings = small();
        let folders: Vec<_> = [1, 3]
            .map(|threads| {
                let folder = tempfile::tempdir().unwrap();
                let told = AtomicUsize::new(0);
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                let summary = pool.install(|| {
                    generate(&settings, folder.path(), &|_, total| {
                        assert_eq!(total, 12);
                        told.fetch_add(1, Ordering::Relaxed);
                    })
                });
                let summary = summary.unwrap();
                assert_eq!(told.into_inner(), 12);
                assert_eq!(summary.films.len(), 12);
                assert_eq!(summary.count(1, Site::A) + summary.count(1, Site::B), 6);
                folder
            })
            .into();
        let manifest = std::fs::read_to_string(folders[0].path().join("manifest.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(manifest.as_bytes());
        let mut seen = 0;
        for (index, row) in rows.records().enumerate() {
            let row = row.unwrap();
            assert_eq!(row.get(7), Some("true"));
            let bytes = std::fs::read(folders[0].path().join(&row[0])).unwrap();
            assert_eq!(
                bytes,
                std::fs::read(folders[1].path().join(&row[0])).unwrap()
            );
            let decoder = png::Decoder::new(io::Cursor::new(&bytes));
            let mut reader = decoder.read_info().unwrap();
            let texts: Vec<_> = reader
                .info()
                .uncompressed_latin1_text
                .iter()
                .map(|text| (text.keyword.clone(), text.text.clone()))
                .collect();
            assert_eq!(
                texts,
                [
                    ("Software".into(), SOFTWARE.into()),
                    ("Comment".into(), COMMENT.into())
                ]
            );
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            let drawn = draw(&settings, index).unwrap();
            let decoded =
                plainfilm_film::radiograph::decode(&bytes, &row[0], &Limits::default()).unwrap();
            assert!(decoded.provenance.synthetic && drawn.provenance.synthetic);
            assert!(
                pixels
                    .iter()
                    .zip(&drawn.pixels)
                    .all(|(&a, &b)| u16::from(a) == b)
            );
            seen += 1;
        }
        assert_eq!(seen, 12);
        let readme = std::fs::read_to_string(folders[0].path().join("README.txt")).unwrap();
        assert!(readme.contains("No patient is shown here"));
    }

    #[test]
    fn wrong_settings_and_full_folders_are_refused() {
        for (settings, message) in [
            (
                PhantomSettings {
                    count: 0,
                    ..small()
                },
                "phantom setting `count`: expected 1 to 1000000 films, found 0",
            ),
            (
                PhantomSettings {
                    size: 32,
                    ..small()
                },
                "phantom setting `size`: expected 64 to 4096 pixels, found 32",
            ),
            (
                PhantomSettings {
                    shortcut: f64::NAN,
                    ..small()
                },
                "phantom setting `shortcut`: expected 0 to 1, found NaN",
            ),
        ] {
            assert_eq!(draw(&settings, 0).unwrap_err().to_string(), message);
        }
        assert!(matches!(
            draw(&small(), 12),
            Err(PhantomError::Index {
                index: 12,
                count: 12
            })
        ));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let refused = generate(&small(), folder.path(), &|_, _| {});
        assert!(matches!(refused, Err(PhantomError::NotEmpty { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_labels_differ_inside_the_lungs() {
        // Same settings, so the same chests: a film with opacities is brighter than without.
        let settings = PhantomSettings {
            count: 40,
            size: 96,
            seed: 1,
            shortcut: 0.0,
        };
        let films = settings.films().unwrap();
        for (index, planned) in films.iter().enumerate().filter(|(_, film)| film.label == 1) {
            let clear = PlannedFilm {
                label: 0,
                ..planned.clone()
            };
            let with = picture(&settings, planned, index).pixels;
            let without = picture(&settings, &clear, index).pixels;
            let changed = with
                .iter()
                .zip(&without)
                .filter(|(a, b)| a.abs_diff(**b) > 12)
                .count();
            let share = changed as f64 / with.len() as f64;
            assert!(
                (0.003..0.25).contains(&share),
                "film {index}: {share:.3} of the film changed"
            );
        }
    }
}

//! Who gets which film: labels, sites and patients, balanced exactly rather than by chance.

use super::PhantomSettings;
use super::film::Site;
use super::noise::Draws;

/// Labels in the order of [`PlannedFilm::label`], which is also their alphabetical order.
pub const LABELS: [&str; 2] = ["clear", "opacity"];

/// One film before it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFilm {
    /// Index into [`LABELS`].
    pub label: usize,
    /// The invented site it comes from.
    pub site: Site,
    /// The invented patient, from 1.
    pub patient: usize,
    /// Which film of that patient, from 1.
    pub film: usize,
}

impl PlannedFilm {
    /// The patient's name, such as `phantom-00012`.
    pub fn patient_id(&self) -> String {
        format!("phantom-{:05}", self.patient)
    }

    /// The path in the data set, such as `opacity/phantom-00012-1.png`.
    pub fn path(&self) -> String {
        format!(
            "{}/{}-{}.png",
            LABELS[self.label],
            self.patient_id(),
            self.film
        )
    }
}

/// How many films each patient has, in turn: nine films from five patients.
const FILMS_PER_PATIENT: [usize; 5] = [1, 2, 1, 3, 2];

/// All films of a set, in drawing order.
///
/// Half are `opacity` (the odd one is `clear`). Of the opacity films a share of
/// `0.5 + shortcut / 2` comes from site A, of the clear ones `0.5 - shortcut / 2`, rounded to
/// whole films. A patient has one label and one site, and one to three films. The order of
/// patients is shuffled, so a patient's number says nothing about the label.
pub(super) fn plan(settings: &PhantomSettings) -> Vec<PlannedFilm> {
    let opaque = settings.count / 2;
    let clear = settings.count - opaque;
    let from_a = |films: usize, share: f64| (films as f64 * share).round() as usize;
    let opaque_a = from_a(opaque, 0.5 + settings.shortcut / 2.0);
    let clear_a = from_a(clear, 0.5 - settings.shortcut / 2.0);
    let cells = [
        (1, Site::A, opaque_a),
        (1, Site::B, opaque - opaque_a),
        (0, Site::A, clear_a),
        (0, Site::B, clear - clear_a),
    ];
    let mut patients = Vec::new();
    for (label, site, mut films) in cells {
        for group in FILMS_PER_PATIENT.iter().cycle() {
            let group = (*group).min(films);
            if group == 0 {
                break;
            }
            patients.push((label, site, group));
            films -= group;
        }
    }
    Draws::new(settings.seed, "order", 0).shuffle(&mut patients);
    let mut planned = Vec::with_capacity(settings.count);
    for (number, (label, site, films)) in patients.into_iter().enumerate() {
        planned.extend((1..=films).map(|film| PlannedFilm {
            label,
            site,
            patient: number + 1,
            film,
        }));
    }
    planned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(films: &[PlannedFilm], label: usize, site: Site) -> usize {
        films
            .iter()
            .filter(|film| film.label == label && film.site == site)
            .count()
    }

    #[test]
    fn sites_follow_the_shortcut_exactly() {
        for (films, shortcut, expected) in [
            // opacity from A, opacity from B, clear from A, clear from B
            (240, 0.0, [60, 60, 60, 60]),
            (240, 0.5, [90, 30, 30, 90]),
            (240, 0.9, [114, 6, 6, 114]),
            (240, 1.0, [120, 0, 0, 120]),
            (7, 1.0, [3, 0, 0, 4]),
            (1, 0.0, [0, 0, 1, 0]),
        ] {
            let settings = PhantomSettings {
                count: films,
                shortcut,
                ..Default::default()
            };
            let films = plan(&settings);
            let found = [
                count(&films, 1, Site::A),
                count(&films, 1, Site::B),
                count(&films, 0, Site::A),
                count(&films, 0, Site::B),
            ];
            assert_eq!(found, expected, "shortcut {shortcut}");
        }
    }

    #[test]
    fn patients_have_one_label_one_site_and_up_to_three_films() {
        let films = plan(&PhantomSettings::default());
        let patients = films.last().unwrap().patient;
        assert!(patients < films.len(), "some patients have several films");
        for patient in 1..=patients {
            let own: Vec<_> = films
                .iter()
                .filter(|film| film.patient == patient)
                .collect();
            assert!((1..=3).contains(&own.len()));
            assert!(
                own.iter()
                    .all(|f| f.label == own[0].label && f.site == own[0].site)
            );
        }
        // The order of patients does not give the label away.
        let first_half = &films[..films.len() / 2];
        let opaque = first_half.iter().filter(|film| film.label == 1).count();
        assert!((40..=80).contains(&opaque), "{opaque} of 120");
    }

    #[test]
    fn names_are_clearly_invented() {
        let film = PlannedFilm {
            label: 1,
            site: Site::A,
            patient: 12,
            film: 1,
        };
        assert_eq!(film.path(), "opacity/phantom-00012-1.png");
        assert_eq!(film.patient_id(), "phantom-00012");
    }
}

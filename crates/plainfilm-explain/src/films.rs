//! From decoded films to maps and their share on the lungs, some films at a time.

use rayon::prelude::*;

use super::{Explained, Explainer, LungMask, LungShare, Method, Target, lung_share};
use plainfilm_film::radiograph::{Placement, Plane, Radiograph};
use plainfilm_model::lungs::BundledLungs;

/// A film to explain.
#[derive(Debug, Clone)]
pub struct FilmToExplain {
    /// The film.
    pub film: Radiograph,
    /// Where its lungs are, where somebody has drawn them; else they are looked for.
    pub lungs: Option<LungMask>,
}

/// A film with everything that was found out about it.
#[derive(Debug, Clone)]
pub struct FilmExplanation {
    /// The film.
    pub film: Radiograph,
    /// What of it the network was shown.
    pub placement: Placement,
    /// The same as the network was shown it, before scaling.
    pub plane: Plane,
    /// What the network said, and where it looked.
    pub explained: Explained,
    /// Where the lungs are, where they were drawn or found.
    pub lungs: Option<LungMask>,
    /// How much of each map is on the lungs, in the order of the methods; none where lungs or evidence are.
    pub shares: Vec<Option<LungShare>>,
}

impl Explainer {
    /// Explains films by each of the methods. The results come in the order of the films; a film without
    /// pixels has one line that says so, and so have all where a model that is not ours fails.
    pub fn explain_films(
        &self,
        films: Vec<FilmToExplain>,
        target: Target,
        methods: &[Method],
    ) -> Vec<Result<FilmExplanation, String>> {
        let preprocessing = &self.usage().preprocessing;
        let prepared: Vec<Option<(FilmToExplain, Placement, Plane)>> = films
            .into_par_iter()
            .map(|mut one| {
                let placement = preprocessing.placement(&one.film, &BundledLungs)?;
                let plane = preprocessing.plane_at(&one.film, &placement);
                if one.lungs.is_none() {
                    one.lungs = LungMask::find(&one.film);
                }
                Some((one, placement, plane))
            })
            .collect();
        let planes: Vec<Plane> = prepared
            .iter()
            .flatten()
            .map(|(_, _, plane)| plane.clone())
            .collect();
        let mut explained = match self.explain(&planes, target, methods) {
            Ok(explained) => explained.into_iter(),
            Err(error) => {
                let all = prepared.iter();
                return all.map(|_| Err(error.to_string())).collect();
            }
        };
        prepared
            .into_iter()
            .map(|one| {
                let (FilmToExplain { film, lungs }, placement, plane) =
                    one.ok_or_else(|| "the film has no pixels".to_owned())?;
                let explained = explained.next().expect("one answer for each plane");
                let shares = methods
                    .iter()
                    .zip(&explained.evidence)
                    .map(|(&method, evidence)| {
                        lung_share(method, evidence, &placement, lungs.as_ref()?)
                    })
                    .collect();
                Ok(FilmExplanation {
                    film,
                    placement,
                    plane,
                    explained,
                    lungs,
                    shares,
                })
            })
            .collect()
    }
}

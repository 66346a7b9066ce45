//! Painting one chest: how much each point of the film is shadowed, before exposure.

use super::anatomy::{Anatomy, Side};
use super::noise::{Draws, fractal, step};

/// Attenuation over body coordinates (see [`super::anatomy`]), sampled on a grid.
///
/// 0 is air, about 0.3 aerated lung, about 1 soft tissue; bone lies on top of either.
pub(super) struct Body {
    /// Columns of the grid.
    width: usize,
    /// Rows of the grid.
    height: usize,
    /// Samples per unit.
    scale: f32,
    /// `width * height` attenuations, row by row.
    values: Vec<f32>,
    /// Share of aerated lung at each sample, `0.0..=1.0`.
    air: Vec<f32>,
}

/// The left and upper edges of the grid, in body coordinates.
const LEFT: f32 = -0.75;
const TOP: f32 = -0.12;

/// One soft tissue patch inside a lung.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Opacity {
    /// Middle of the patch.
    pub(super) centre: (f32, f32),
    /// Half-axes across and down.
    pub(super) radii: (f32, f32),
    /// Attenuation added in its densest part.
    pub(super) density: f32,
    /// Seed of its texture.
    pub(super) texture: u32,
}

impl Opacity {
    /// One to three patches somewhere in the lungs, more often low and to the side.
    pub(super) fn draw(anatomy: &Anatomy, draws: &mut Draws) -> Vec<Self> {
        let patches = 1 + draws.below(3);
        // Several patches may be fainter each than a single one.
        let strength = draws.between(0.34, 0.66) / (patches as f32).powf(0.3);
        let first = Side::BOTH[draws.below(2)];
        (0..patches)
            .map(|patch| {
                let other = patch > 0 && draws.chance(0.5);
                let sign = if other { -first.sign() } else { first.sign() };
                let y = anatomy.domes[0] - draws.between(0.06, 0.36);
                let lateral = anatomy.lateral(y);
                let medial = if sign > 0.0 {
                    anatomy.silhouette(Side::Left, y)
                } else {
                    anatomy.silhouette(Side::Right, y)
                };
                let x = medial + (lateral - medial) * draws.between(0.3, 0.78);
                Self {
                    centre: (sign * x, y),
                    radii: (draws.between(0.065, 0.12), draws.between(0.06, 0.13)),
                    density: strength * draws.between(0.85, 1.15),
                    texture: draws.word(),
                }
            })
            .collect()
    }
}

impl Body {
    /// Paints a chest with `scale` samples per unit.
    pub(super) fn paint(
        anatomy: &Anatomy,
        opacities: &[Opacity],
        scale: f32,
        draws: &mut Draws,
    ) -> Self {
        let width = (2.0 * -LEFT * scale).ceil() as usize;
        let height = ((1.12 - TOP) * scale).ceil() as usize;
        let mut body = Self {
            width,
            height,
            scale,
            values: vec![0.0; width * height],
            air: vec![0.0; width * height],
        };
        let lung_texture = draws.word();
        body.soft_tissue_and_lungs(anatomy, lung_texture);
        body.vessels(anatomy, draws);
        body.spine(anatomy);
        for side in Side::BOTH {
            for rib in 0..10 {
                body.rib(anatomy, side, rib);
            }
            body.clavicle(anatomy, side);
            body.breast(anatomy, side);
        }
        for opacity in opacities {
            body.opacity(opacity);
        }
        body
    }

    /// The attenuation at a point, between samples bilinear; 0 outside the grid.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let column = (x - LEFT) * self.scale - 0.5;
        let row = (y - TOP) * self.scale - 0.5;
        if column < 0.0 || row < 0.0 {
            return 0.0;
        }
        let (left, top) = (column as usize, row as usize);
        if left + 1 >= self.width || top + 1 >= self.height {
            return 0.0;
        }
        let (u, v) = (column - left as f32, row - top as f32);
        let corner = top * self.width + left;
        let upper = self.values[corner] * (1.0 - u) + self.values[corner + 1] * u;
        let below = corner + self.width;
        let lower = self.values[below] * (1.0 - u) + self.values[below + 1] * u;
        upper * (1.0 - v) + lower * v
    }

    fn x(&self, column: usize) -> f32 {
        LEFT + (column as f32 + 0.5) / self.scale
    }

    fn y(&self, row: usize) -> f32 {
        TOP + (row as f32 + 0.5) / self.scale
    }

    fn column(&self, x: f32) -> usize {
        (((x - LEFT) * self.scale).max(0.0) as usize).min(self.width)
    }

    fn row(&self, y: f32) -> usize {
        (((y - TOP) * self.scale).max(0.0) as usize).min(self.height)
    }

    /// Adds `density(x, y, air)` to every sample in a rectangle.
    fn add(
        &mut self,
        (left, right): (f32, f32),
        (top, bottom): (f32, f32),
        density: impl Fn(f32, f32, f32) -> f32,
    ) {
        for row in self.row(top)..self.row(bottom) {
            let y = self.y(row);
            for column in self.column(left)..self.column(right) {
                let index = row * self.width + column;
                self.values[index] += density(self.x(column), y, self.air[index]);
            }
        }
    }

    fn soft_tissue_and_lungs(&mut self, anatomy: &Anatomy, texture: u32) {
        let domes: Vec<f32> = (0..self.width)
            .map(|column| {
                let x = self.x(column);
                let side = if x < 0.0 { Side::Right } else { Side::Left };
                anatomy.diaphragm(side, x.abs())
            })
            .collect();
        for row in 0..self.height {
            let y = self.y(row);
            let outline = anatomy.outline(y);
            let (lateral, medial) = (anatomy.lateral(y), anatomy.medial(y));
            let silhouettes = [
                anatomy.silhouette(Side::Right, y),
                anatomy.silhouette(Side::Left, y),
            ];
            let spine = anatomy.spine(y);
            let thickness = anatomy.girth * (0.80 + 0.22 * step(0.55, 0.95, y));
            for (column, &dome) in domes.iter().enumerate() {
                let x = self.x(column);
                let from_spine = (x - spine).abs();
                let inside = step(outline + 0.004, outline - 0.004, x.abs());
                if inside == 0.0 {
                    continue;
                }
                let across = (x / outline).clamp(-1.0, 1.0);
                let tissue = inside * thickness * (1.0 - across.powi(6)).sqrt();

                let mut air = step(medial - 0.006, medial + 0.01, from_spine)
                    * step(lateral + 0.003, lateral - 0.008, from_spine)
                    * step(dome + 0.003, dome - 0.006, y)
                    * step(anatomy.apex - 0.004, anatomy.apex + 0.012, y);
                if air > 0.0 {
                    let reach = silhouettes[usize::from(x > spine)];
                    // A little lung lies behind the heart and is seen through it.
                    let covered = step(reach + 0.006, reach - 0.008, from_spine);
                    air *= 1.0 - covered * (0.80 + 0.15 * step(0.6, 0.2, y));
                    // The lung is thin at its borders and thickest in the middle.
                    let middle = (from_spine / lateral).clamp(0.0, 1.0);
                    let depth = 0.80 + 0.20 * (1.0 - middle.powi(4)).sqrt();
                    let mottle = 0.045 * fractal(texture, x * 26.0, y * 26.0, 4);
                    air *= depth + mottle;
                }
                let trachea = step(0.021, 0.013, (x - spine - 0.004).abs())
                    * step(0.36, 0.32, y)
                    * step(-0.1, 0.0, y);
                let index = row * self.width + column;
                self.air[index] = air;
                self.values[index] = tissue
                    + 0.10 * anatomy.girth * (1.0 - air) * step(0.35, 0.0, from_spine)
                    - 0.60 * anatomy.girth * air
                    - 0.16 * trachea;
            }
        }
        if anatomy.bubble > 0.0 {
            let centre = (0.19, anatomy.domes[1] + 0.035 + anatomy.bubble);
            let radii = (anatomy.bubble * 1.5, anatomy.bubble);
            self.add(
                (centre.0 - radii.0, centre.0 + radii.0),
                (centre.1 - radii.1, centre.1 + radii.1),
                |x, y, air| {
                    let r = ((x - centre.0) / radii.0).hypot((y - centre.1) / radii.1);
                    -0.32 * step(1.0, 0.7, r) * (1.0 - air)
                },
            );
        }
    }

    /// Blood vessels: trees that leave each hilum, branch and thin out.
    fn vessels(&mut self, anatomy: &Anatomy, draws: &mut Draws) {
        for side in Side::BOTH {
            let sign = side.sign();
            let hilum = match side {
                Side::Right => (-(anatomy.mediastinum + 0.025), 0.425),
                Side::Left => (anatomy.mediastinum + 0.03, 0.405),
            };
            self.add(
                (hilum.0 - 0.1, hilum.0 + 0.1),
                (hilum.1 - 0.13, hilum.1 + 0.13),
                |x, y, air| {
                    let r = ((x - hilum.0) / 0.042).powi(2) + ((y - hilum.1) / 0.062).powi(2);
                    0.17 * air * (-r).exp()
                },
            );
            for branch in 0..8 {
                // From steeply up to steeply down, measured from the horizontal.
                let angle = -1.35 + 2.75 * branch as f32 / 7.0 + draws.between(-0.15, 0.15);
                let width = draws.between(0.0055, 0.008);
                // Roots lie along the hilum: from one point they would look like a star.
                let along = 0.055 * angle.sin() + draws.between(-0.015, 0.015);
                let root = (hilum.0 + sign * draws.between(-0.01, 0.02), hilum.1 + along);
                self.vessel(root, sign, angle, 0.085, width, 4, draws);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one branch of a recursive tree")]
    fn vessel(
        &mut self,
        from: (f32, f32),
        sign: f32,
        angle: f32,
        length: f32,
        width: f32,
        generations: u32,
        draws: &mut Draws,
    ) {
        let to = (
            from.0 + sign * length * angle.cos(),
            from.1 + length * angle.sin(),
        );
        self.segment(from, to, width, 0.135 * (width / 0.008).sqrt());
        if generations == 0 {
            return;
        }
        for fork in [-1.0, 1.0] {
            let turned = angle + fork * draws.between(0.08, 0.5);
            let shorter = length * draws.between(0.65, 0.9);
            let thinner = width * draws.between(0.6, 0.8);
            self.vessel(to, sign, turned, shorter, thinner, generations - 1, draws);
        }
    }

    /// A soft stroke that is seen only against air.
    fn segment(&mut self, from: (f32, f32), to: (f32, f32), width: f32, density: f32) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let squared = (dx * dx + dy * dy).max(1e-12);
        let margin = 1.8 * width + 0.5 / self.scale;
        self.add(
            (from.0.min(to.0) - margin, from.0.max(to.0) + margin),
            (from.1.min(to.1) - margin, from.1.max(to.1) + margin),
            |x, y, air| {
                if air < 0.05 {
                    return 0.0;
                }
                let t = (((x - from.0) * dx + (y - from.1) * dy) / squared).clamp(0.0, 1.0);
                let (ox, oy) = (x - from.0 - t * dx, y - from.1 - t * dy);
                let r = (ox * ox + oy * oy) / (width * width);
                density * air * (1.0 - r / 3.2).max(0.0).powi(2)
            },
        );
    }

    fn spine(&mut self, anatomy: &Anatomy) {
        let bone = anatomy.bone;
        let half = 0.042;
        self.add((-0.09, 0.09), (TOP, 1.12), |x, y, _| {
            let d = (x - anatomy.spine(y)).abs();
            let column = step(half + 0.014, half - 0.014, d);
            // Vertebral bodies with disc spaces between them, larger further down.
            let phase = (y / (0.058 + 0.012 * y)).fract();
            let disc = step(0.14, 0.05, phase.min(1.0 - phase));
            let edge = (-((d - half + 0.010) / 0.009).powi(2)).exp();
            let process =
                (-(d / 0.008).powi(2)).exp() * step(0.3, 0.5, phase) * step(0.8, 0.6, phase);
            bone * (column * (0.13 - 0.06 * disc) + 0.035 * edge + 0.05 * process)
        });
    }

    fn rib(&mut self, anatomy: &Anatomy, side: Side, rib: usize) {
        let head = anatomy.apex + 0.035 + anatomy.rib_spacing * rib as f32;
        let lateral = anatomy.lateral(head + 0.08).max(0.16) + 0.012;
        let behind = |ax: f32| anatomy.posterior_rib(rib, ax);
        let in_front = |ax: f32| anatomy.anterior_rib(rib, ax);
        let half = 0.0145 + 0.0007 * rib as f32;
        self.band(side, (0.035, lateral), half, 0.25 * anatomy.bone, behind);
        // The bony front end stops short of the breastbone; the lowest ribs have none in view.
        if rib < 7 {
            let end = lateral * (0.42 + 0.03 * rib as f32);
            self.band(
                side,
                (end, lateral),
                half * 1.15,
                0.10 * anatomy.bone,
                in_front,
            );
        }
    }

    /// A flat tube along `middle(ax)`, with brighter edges where its cortex is seen end-on.
    fn band(
        &mut self,
        side: Side,
        (from, to): (f32, f32),
        half: f32,
        density: f32,
        middle: impl Fn(f32) -> f32,
    ) {
        let (left, right) = match side {
            Side::Right => (-to, -from),
            Side::Left => (from, to),
        };
        for column in self.column(left)..self.column(right) {
            let ax = self.x(column).abs();
            let centre = middle(ax);
            let slope = (middle(ax + 0.004) - middle(ax - 0.004)) / 0.008;
            // Seen along y, a slanted band is thicker than it is across.
            let thick = half * (1.0 + slope * slope).sqrt();
            let ends = step(from, from + 0.03, ax) * step(to, to - 0.008, ax);
            for row in self.row(centre - 1.3 * thick)..self.row(centre + 1.3 * thick) {
                let d = (self.y(row) - centre) / thick;
                let tube = step(1.15, 0.85, d.abs());
                // The lower edge is thin and less sharp than the upper one.
                let upper = (-((d + 0.85) / 0.22).powi(2)).exp();
                let lower = (-((d - 0.85) / 0.22).powi(2)).exp();
                let index = row * self.width + column;
                self.values[index] += density * ends * (0.62 * tube + 0.42 * upper + 0.28 * lower);
            }
        }
    }

    fn clavicle(&mut self, anatomy: &Anatomy, side: Side) {
        let to = anatomy.half_width + 0.04;
        let middle = |ax: f32| {
            let u = (ax - 0.03) / (to - 0.03);
            // Swings down near the breastbone and up again towards the shoulder.
            anatomy.clavicle + 0.055 - 0.125 * u - 0.02 * (2.0 * std::f32::consts::PI * u).sin()
        };
        self.band(side, (0.03, to), 0.0145, 0.21 * anatomy.bone, middle);
        // The shoulder blade: a faint wedge whose medial edge crosses the outer lung.
        let sign = side.sign();
        let bone = anatomy.bone;
        let edge = anatomy.half_width - 0.055;
        let (left, right) = if sign < 0.0 {
            (-0.6, -edge)
        } else {
            (edge, 0.6)
        };
        self.add((left, right), (0.1, 0.5), |x, y, _| {
            let ax = x.abs();
            let border = edge + 0.28 * (y - 0.16);
            let span = step(0.10, 0.24, y) * step(0.46, 0.36, y + 0.9 * (ax - border));
            let plate = step(border, border + 0.012, ax);
            let rim = (-((ax - border - 0.008) / 0.008).powi(2)).exp();
            bone * span * (0.06 * plate + 0.045 * rim)
        });
    }

    fn breast(&mut self, anatomy: &Anatomy, side: Side) {
        if anatomy.breast == 0.0 {
            return;
        }
        let centre = (
            side.sign() * 0.62 * anatomy.half_width,
            anatomy.domes[0] - 0.06,
        );
        let (across, down) = (0.19, 0.15);
        self.add(
            (centre.0 - across, centre.0 + across),
            (centre.1 - down, centre.1 + down),
            |x, y, _| {
                let r = ((x - centre.0) / across).hypot((y - centre.1) / down);
                // Fades upwards, ends in a curved line below.
                let below = step(-0.9, 0.5, (y - centre.1) / down);
                anatomy.breast * step(1.0, 0.93, r) * below
            },
        );
    }

    fn opacity(&mut self, opacity: &Opacity) {
        let ((cx, cy), (rx, ry)) = (opacity.centre, opacity.radii);
        let reach = 1.5;
        self.add(
            (cx - reach * rx, cx + reach * rx),
            (cy - reach * ry, cy + reach * ry),
            |x, y, air| {
                if air < 0.02 {
                    return 0.0;
                }
                let r = ((x - cx) / rx).hypot((y - cy) / ry);
                if r > reach {
                    return 0.0;
                }
                let cloud = fractal(opacity.texture, x * 14.0, y * 14.0, 5);
                // Ragged edges: the noise shifts the border; mottled inside.
                let cover = step(1.25, 0.15, r + 0.75 * cloud) * step(reach, 1.1, r);
                opacity.density * air * cover * (0.85 + 0.35 * cloud)
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(opacities: &[Opacity]) -> Body {
        let anatomy = Anatomy::draw(&mut Draws::new(5, "patient", 1));
        Body::paint(&anatomy, opacities, 160.0, &mut Draws::new(5, "texture", 1))
    }

    #[test]
    fn lungs_are_darker_than_heart_and_air_darker_than_lungs() {
        let body = paint(&[]);
        let (air, lung, heart) = (body.at(0.6, 0.9), body.at(-0.25, 0.5), body.at(0.05, 0.62));
        assert_eq!(air, 0.0);
        assert!(lung > 0.1 && lung < 0.7, "lung {lung}");
        assert!(heart > lung + 0.3, "heart {heart}, lung {lung}");
    }

    #[test]
    fn an_opacity_brightens_its_place_and_nothing_else() {
        let opacity = Opacity {
            centre: (-0.25, 0.5),
            radii: (0.09, 0.09),
            density: 0.5,
            texture: 9,
        };
        let (clear, opaque) = (paint(&[]), paint(&[opacity]));
        let mean = |body: &Body| {
            let mut sum = 0.0;
            for step in 0..100 {
                let (dx, dy) = ((step % 10) as f32 - 4.5, (step / 10) as f32 - 4.5);
                sum += body.at(-0.25 + 0.006 * dx, 0.5 + 0.006 * dy);
            }
            sum / 100.0
        };
        assert!(mean(&opaque) > mean(&clear) + 0.1);
        for point in [(0.25, 0.45), (0.05, 0.62), (-0.25, 0.2)] {
            assert_eq!(opaque.at(point.0, point.1), clear.at(point.0, point.1));
        }
    }
}

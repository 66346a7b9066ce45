//! Ways to look at a film, under which it may equal another.

use super::fingerprint::SIDE;

/// A way to look at a film, under which it may equal another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    /// Left and right are exchanged, before anything else.
    pub(super) mirrored: bool,
    /// Part of the film's width and height that is seen.
    pub(super) zoom: f32,
    /// Degrees by which the film is turned.
    pub(super) turned: f32,
}

/// A map of the square's plane onto itself: `(x, y)` to `(a x + b y + c, d x + e y + f)`, in cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine(pub(super) [f32; 6]);

impl Affine {
    /// Where a cell of the film seen under a view lies in the film itself.
    pub(super) fn of(view: &View) -> Self {
        let (sin, cos) = view.turned.to_radians().sin_cos();
        let (sin, cos) = (sin * view.zoom, cos * view.zoom);
        let middle = (SIDE - 1) as f32 / 2.0;
        let side = if view.mirrored { -1.0 } else { 1.0 };
        Self([
            side * cos,
            side * -sin,
            middle - side * middle * (cos - sin),
            sin,
            cos,
            middle - middle * (sin + cos),
        ])
    }

    pub(super) fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        let [a, b, c, d, e, f] = self.0;
        (a * x + b * y + c, d * x + e * y + f)
    }

    /// Whether it is near enough to a pure view: a copy is not sheared or blown up.
    pub(super) fn is_plausible(&self) -> bool {
        let [a, b, _, d, e, _] = self.0;
        let (across, down) = (a.hypot(d), b.hypot(e));
        let shear = (a * b + d * e).abs() / (across * down);
        (0.7..1.43).contains(&across)
            && (0.7..1.43).contains(&down)
            && (across / down - 1.0).abs() < 0.25
            && shear < 0.15
    }
}

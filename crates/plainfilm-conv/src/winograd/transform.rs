//! The transforms of F(4x4, 3x3), with the interpolation points 0, 1, -1, 2, -2 and infinity
//! (Lavin and Gray 2016, section 4.3), each one line a row of its matrix.

/// Values that are transformed alike: a number, or several side by side.
///
/// Plain loops throughout: `array::from_fn` and `map` stay calls here, with arrays in memory, which
/// makes the transforms several times slower.
pub(crate) type Lanes<const N: usize> = [f32; N];

/// Inputs: `B^T d`, six values to six.
#[inline(always)]
pub(crate) fn input<const N: usize>(d: &[Lanes<N>; 6]) -> [Lanes<N>; 6] {
    let mut out = [[0.0; N]; 6];
    for l in 0..N {
        let (d0, d1, d2, d3, d4, d5) = (d[0][l], d[1][l], d[2][l], d[3][l], d[4][l], d[5][l]);
        let (even, odd) = (d4 - 4.0 * d2, d3 - 4.0 * d1);
        let (close, apart) = (d4 - d2, 2.0 * (d3 - d1));
        out[0][l] = 4.0 * d0 - 5.0 * d2 + d4;
        out[1][l] = even + odd;
        out[2][l] = even - odd;
        out[3][l] = close + apart;
        out[4][l] = close - apart;
        out[5][l] = 4.0 * d1 - 5.0 * d3 + d5;
    }
    out
}

/// Outputs: `A^T m`, six values to four.
#[inline(always)]
pub(crate) fn output<const N: usize>(m: &[Lanes<N>; 6]) -> [Lanes<N>; 4] {
    let mut out = [[0.0; N]; 4];
    for l in 0..N {
        let (sum, difference) = (m[1][l] + m[2][l], m[1][l] - m[2][l]);
        let (far_sum, far_difference) = (m[3][l] + m[4][l], m[3][l] - m[4][l]);
        out[0][l] = m[0][l] + sum + far_sum;
        out[1][l] = difference + 2.0 * far_difference;
        out[2][l] = sum + 4.0 * far_sum;
        out[3][l] = difference + 8.0 * far_difference + m[5][l];
    }
    out
}

/// Gradients of outputs: `A y`, four values to six: the adjoint of [`output`].
#[inline(always)]
pub(crate) fn output_gradient<const N: usize>(y: &[Lanes<N>; 4]) -> [Lanes<N>; 6] {
    let mut out = [[0.0; N]; 6];
    for l in 0..N {
        let (even, odd) = (y[0][l] + y[2][l], y[1][l] + y[3][l]);
        let (far_even, far_odd) = (y[0][l] + 4.0 * y[2][l], 2.0 * y[1][l] + 8.0 * y[3][l]);
        out[0][l] = y[0][l];
        out[1][l] = even + odd;
        out[2][l] = even - odd;
        out[3][l] = far_even + far_odd;
        out[4][l] = far_even - far_odd;
        out[5][l] = y[3][l];
    }
    out
}

/// Kernels: `G g`, three values to six.
#[inline(always)]
pub(crate) fn kernel<const N: usize>(g: &[Lanes<N>; 3]) -> [Lanes<N>; 6] {
    let mut out = [[0.0; N]; 6];
    for l in 0..N {
        let (outer, middle) = (g[0][l] + g[2][l], g[1][l]);
        let (far_outer, far_middle) = (g[0][l] + 4.0 * g[2][l], 2.0 * middle);
        out[0][l] = g[0][l] / 4.0;
        out[1][l] = (outer + middle) / -6.0;
        out[2][l] = (outer - middle) / -6.0;
        out[3][l] = (far_outer + far_middle) / 24.0;
        out[4][l] = (far_outer - far_middle) / 24.0;
        out[5][l] = g[2][l];
    }
    out
}

/// Gradients of kernels: `G^T u`, six values to three: the adjoint of [`kernel`].
#[inline(always)]
pub(crate) fn kernel_gradient<const N: usize>(u: &[Lanes<N>; 6]) -> [Lanes<N>; 3] {
    let mut out = [[0.0; N]; 3];
    for l in 0..N {
        let (sum, difference) = ((u[1][l] + u[2][l]) / -6.0, (u[1][l] - u[2][l]) / -6.0);
        let (far_sum, far_difference) = (u[3][l] + u[4][l], u[3][l] - u[4][l]);
        out[0][l] = u[0][l] / 4.0 + sum + far_sum / 24.0;
        out[1][l] = difference + far_difference / 12.0;
        out[2][l] = sum + far_sum / 6.0 + u[5][l];
    }
    out
}

/// Applies a transform to the rows of a table.
#[inline(always)]
pub(crate) fn along_rows<const I: usize, const K: usize, const O: usize, const N: usize>(
    table: &[[Lanes<N>; K]; I],
    transform: impl Fn(&[Lanes<N>; K]) -> [Lanes<N>; O],
) -> [[Lanes<N>; O]; I] {
    let mut out = [[[0.0; N]; O]; I];
    for (out, row) in out.iter_mut().zip(table) {
        *out = transform(row);
    }
    out
}

/// Applies a transform to the columns of a table.
#[inline(always)]
pub(crate) fn along_columns<const I: usize, const K: usize, const O: usize, const N: usize>(
    table: &[[Lanes<N>; K]; I],
    transform: impl Fn(&[Lanes<N>; I]) -> [Lanes<N>; O],
) -> [[Lanes<N>; K]; O] {
    let mut out = [[[0.0; N]; K]; O];
    for k in 0..K {
        let mut column = [[0.0; N]; I];
        for i in 0..I {
            column[i] = table[i][k];
        }
        let column = transform(&column);
        for o in 0..O {
            out[o][k] = column[o];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::array::from_fn;

    use super::*;

    #[test]
    fn filtering_is_exact_on_small_whole_numbers() {
        let kernels = [[1.0, 2.0, -1.0], [0.0, 3.0, 1.0], [24.0, -12.0, 6.0]];
        let signal = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0];
        for g in kernels {
            let expected: [f32; 4] = from_fn(|i| (0..3).map(|k| signal[i + k] * g[k]).sum());
            let (v, u) = (input(&signal.map(|x| [x])), kernel(&g.map(|x| [x])));
            let found = output(&from_fn(|i| [v[i][0] * u[i][0]])).map(|[y]| y);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }

    #[test]
    fn gradients_are_adjoint() {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let (m, y) = ([1.0, -2.0, 3.0, 0.5, 4.0, -1.0], [2.0, 1.0, -3.0, 0.5]);
        let there = output(&m.map(|x| [x])).map(|[x]| x);
        let back = output_gradient(&y.map(|x| [x])).map(|[x]| x);
        assert_eq!(dot(&there, &y), dot(&m, &back));
        let g = [1.0, 3.0, -2.0];
        let there = kernel(&g.map(|x| [x])).map(|[x]| x);
        let back = kernel_gradient(&m.map(|x| [x])).map(|[x]| x);
        assert!((dot(&there, &m) - dot(&g, &back)).abs() < 1e-5);
    }
}

//! The confusion matrix as a heat map.

use super::canvas::{Anchor, Canvas, Ink, Theme, shortened, text_width};
use plainfilm_figures::ConfusionMatrix;

const WIDTH: f64 = 480.0;
/// From so many labels on, numbers would not be read: cells are a heat map alone.
const MANY: usize = 7;
/// With more columns than this, their names would lie on each other: they are those of the rows.
const MOST_NAMED_COLUMNS: usize = 45;
/// Mistakes that the description names, where there are many labels.
const DESCRIBED: usize = 10;
const TEXT: f64 = 13.0;

/// Rows are the truth, columns the prediction. A cell is the darker, the larger its share of its row;
/// hits and misses have hues of their own, and every cell has its count and share in print. From seven labels on
/// there is no print in the cells, and the description names the commonest mistakes alone.
pub(crate) fn draw(
    theme: Theme,
    title: &str,
    labels: &[String],
    matrix: &ConfusionMatrix,
) -> String {
    let many = labels.len() >= MANY;
    let cell_room = (WIDTH - 16.0 - 34.0 - 120.0 - 10.0) / labels.len() as f64;
    // Names are as large as rows and columns leave them.
    let text = match many {
        true => (cell_room - 0.5).clamp(7.0, TEXT),
        false => TEXT,
    };
    let longest = labels
        .iter()
        .map(|label| text_width(label, text))
        .fold(0.0, f64::max);
    let left = 34.0 + longest.min(120.0) + 10.0;
    let cell = (WIDTH - 16.0 - left) / labels.len() as f64;
    let cell_height = match many {
        true => cell.max(text + 1.0),
        false => cell.min(110.0),
    };
    // Column names that do not fit above each other's cells are turned.
    let turned = longest > cell - 8.0;
    let named = labels.len() <= MOST_NAMED_COLUMNS;
    let upright = many && cell < 16.0;
    let names = if !named {
        20.0
    } else if upright {
        longest.min(120.0) + 12.0
    } else if turned {
        longest.min(120.0) * 0.62 + 22.0
    } else {
        26.0
    };
    let top = 44.0;
    let bottom = top + cell_height * labels.len() as f64;
    let mut canvas = Canvas::new(theme, WIDTH, bottom + names + 24.0);
    let shown_title = shortened(title, 16.0, WIDTH - 24.0);
    canvas.text((16.0, 26.0), 16.0, Ink::Text, Anchor::Start, &shown_title);

    let mut sentences = Vec::new();
    let mut mistakes = Vec::new();
    for (truth, row) in matrix.rows().iter().enumerate() {
        let y = top + truth as f64 * cell_height;
        let support = matrix.support(truth);
        for (predicted, count) in row.iter().enumerate() {
            let x = left + predicted as f64 * cell;
            let share = if support == 0 {
                0.0
            } else {
                *count as f64 / support as f64
            };
            let ink = if truth == predicted {
                Ink::Hit
            } else {
                Ink::Miss
            };
            if many {
                if *count > 0 {
                    canvas.rectangle([x, y, cell, cell_height], ink, 0.12 + 0.83 * share);
                    mistakes.push((*count, truth, predicted));
                }
                continue;
            }
            let inside = [x + 1.0, y + 1.0, cell - 2.0, cell_height - 2.0];
            // Never so dark that the text on it would need another colour.
            canvas.rectangle(inside, ink, 0.05 + 0.55 * share);
            let size = (cell_height * 0.3).min(cell * 0.26).clamp(7.0, 24.0);
            let (middle, centre) = (x + cell / 2.0, y + cell_height / 2.0);
            let with_share = cell_height >= 44.0 && support > 0;
            let baseline = centre + if with_share { 0.0 } else { size * 0.36 };
            canvas.text(
                (middle, baseline),
                size,
                Ink::Text,
                Anchor::Middle,
                &count.to_string(),
            );
            if with_share {
                let share = format!("{:.1} %", share * 100.0);
                let size = (size * 0.6).clamp(9.0, TEXT);
                canvas.text(
                    (middle, centre + size + 6.0),
                    size,
                    Ink::Text,
                    Anchor::Middle,
                    &share,
                );
            }
            if *count > 0 {
                sentences.push(format!(
                    "{count} of {support} {} predicted as {}",
                    labels[truth], labels[predicted]
                ));
            }
        }
        let name = shortened(&labels[truth], text, 120.0);
        let at = (left - 8.0, y + cell_height / 2.0 + 0.35 * text);
        canvas.text(at, text, Ink::Text, Anchor::End, &name);
    }
    if many {
        let whole = [left, top, cell * labels.len() as f64, bottom - top];
        canvas.frame(whole, Ink::Muted, 0.75);
        mistakes.retain(|(_, truth, predicted)| truth != predicted);
        mistakes.sort_by_key(|mistake| std::cmp::Reverse(mistake.0));
        mistakes.truncate(DESCRIBED);
        sentences.extend(mistakes.into_iter().map(|(count, truth, predicted)| {
            let support = matrix.support(truth);
            let (truth, predicted) = (&labels[truth], &labels[predicted]);
            format!("{count} of {support} {truth} predicted as {predicted}")
        }));
    }
    for (predicted, label) in labels.iter().enumerate().filter(|_| named) {
        let middle = left + (predicted as f64 + 0.5) * cell;
        let name = shortened(label, text, 120.0);
        if upright {
            let at = (middle + 0.35 * text, bottom + 6.0);
            canvas.turned_text(at, -90.0, text, Ink::Text, Anchor::End, &name);
        } else if turned {
            let at = (middle + 4.0, bottom + 16.0);
            canvas.turned_text(at, -40.0, text, Ink::Text, Anchor::End, &name);
        } else {
            canvas.text(
                (middle, bottom + 19.0),
                text,
                Ink::Text,
                Anchor::Middle,
                &name,
            );
        }
    }
    let at = (16.0, (top + bottom) / 2.0);
    canvas.turned_text(at, -90.0, TEXT, Ink::Muted, Anchor::Middle, "true label");
    let at = ((left + WIDTH - 16.0) / 2.0, bottom + names + 14.0);
    let below = match (many, named) {
        (false, _) => "predicted label",
        (true, true) => "predicted label; the darker, the larger the share of its row",
        (true, false) => {
            "predicted label, in the order of the rows; the darker, the larger the share"
        }
    };
    canvas.text(at, text.max(11.0), Ink::Muted, Anchor::Middle, below);
    canvas.finish(title, &sentences.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_figures::ScoredFilm;

    #[test]
    fn every_cell_has_its_count_and_share() {
        let film = |truth, first| ScoredFilm::alone("a.png", truth, vec![first, 1.0 - first]);
        let scored = [
            film(0, 0.9),
            film(0, 0.8),
            film(0, 0.7),
            film(0, 0.1),
            film(1, 0.2),
        ];
        let labels = ["Covid-19".to_owned(), "No_findings".to_owned()];
        let matrix = ConfusionMatrix::count(2, &scored);
        let svg = draw(Theme::Paper, "Confusion matrix", &labels, &matrix);
        for text in [
            ">3<",
            ">75.0 %<",
            ">1<",
            ">25.0 %<",
            ">100.0 %<",
            ">0<",
            ">0.0 %<",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(svg.contains("1 of 4 Covid-19 predicted as No_findings"));
    }

    #[test]
    fn labels_without_films_and_many_labels_are_drawn() {
        for count in [1, 2, 6] {
            let labels: Vec<String> = (0..count).map(|index| format!("label {index}")).collect();
            let svg = draw(
                Theme::Page,
                "none",
                &labels,
                &ConfusionMatrix::count(count, &[]),
            );
            assert_eq!(svg.matches(">0</text>").count(), count * count);
            assert!(!svg.contains("NaN"));
        }
    }

    #[test]
    fn many_labels_are_a_heat_map_without_numbers() {
        for (count, names) in [(7, 2 * 7), (40, 2 * 40), (200, 200)] {
            let labels: Vec<String> = (0..count).map(|index| format!("label {index}")).collect();
            let scored: Vec<ScoredFilm> = (0..count * 4)
                .map(|film| {
                    let truth = film / 4;
                    let called = (truth + usize::from(film % 4 == 0)) % count;
                    let mut probabilities = vec![0.0; count];
                    probabilities[called] = 1.0;
                    ScoredFilm::alone(format!("{film}.png"), truth, probabilities)
                })
                .collect();
            let matrix = ConfusionMatrix::count(count, &scored);
            let svg = draw(Theme::Page, "none", &labels, &matrix);
            assert!(!svg.contains(">3</text>") && !svg.contains(" %<") && !svg.contains("NaN"));
            assert_eq!(svg.matches(">label ").count(), names, "{count}");
            let described = svg.matches(" predicted as ").count();
            assert_eq!(described, count.min(DESCRIBED), "{count}");
        }
    }
}

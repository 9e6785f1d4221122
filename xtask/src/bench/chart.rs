//! The ratios as a picture: a bar for each row, on a scale where half and double are equally far from one.

use std::fmt::Write as _;

use super::judge::{Judged, Measured};
use super::report;
use super::scenario::Bound;

const WIDTH: f64 = 1080.0;
/// Where the bars begin; the names stand before it.
const LEFT: f64 = 380.0;
/// Beside the bars stand the ratio and what it is to.
const RIGHT: f64 = 240.0;
const LINE: f64 = 20.0;
const TOP: f64 = 44.0;
/// The end of the scale; its beginning is as far on the other side of one.
const MOST: f64 = 32.0;
/// The marks on the scale.
const MARKS: [(f64, &str); 7] = [
    (1.0 / 32.0, "1/32"),
    (1.0 / 8.0, "1/8"),
    (1.0 / 2.0, "1/2"),
    (1.0, "1"),
    (2.0, "2"),
    (8.0, "8"),
    (32.0, "32"),
];

/// Draws all rows that have a ratio.
pub(super) fn draw(all: &[Measured]) -> String {
    let rows: Vec<(&str, &Judged)> = all
        .iter()
        .flat_map(|measured| {
            let name = measured.name.as_str();
            measured.rows.iter().map(move |judged| (name, judged))
        })
        .filter(|(_, judged)| judged.ratio.is_some())
        .collect();
    let mut drawing = Drawing {
        svg: String::new(),
        y: TOP,
    };
    for (scenario, judged) in &rows {
        drawing.bar(scenario, judged);
    }
    let height = drawing.y + LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"16\" fill=\"#333333\">times the anchor; left of one, ours takes less</text>\n"
    );
    for (mark, name) in MARKS {
        let (x, bottom) = (place(mark), height - LINE);
        let colour = if (mark - 1.0).abs() < f64::EPSILON {
            "#333333"
        } else {
            "#dddddd"
        };
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{colour}\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666666\">{name}</text>",
            TOP - 8.0
        );
    }
    svg.push_str(&drawing.svg);
    svg.push_str("</svg>\n");
    svg
}

struct Drawing {
    svg: String,
    y: f64,
}

impl Drawing {
    fn bar(&mut self, scenario: &str, judged: &Judged) {
        let Some(ratio) = judged.ratio else { return };
        let (one, end) = (place(1.0), place(ratio));
        let (from, width) = (one.min(end), (one - end).abs().max(1.0));
        let colour = if judged.verdict.is_good() {
            "#2f7d4f"
        } else {
            "#b3362b"
        };
        let text = self.y + 13.0;
        let _ = writeln!(
            self.svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\" fill=\"#333333\">{}: {}</text>\
             <rect x=\"{from:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"14\" fill=\"{colour}\"/>",
            LEFT - 10.0,
            escaped(scenario),
            escaped(&judged.row.reading),
            self.y + 2.0
        );
        if let Bound::Ratio(most) = judged.row.bound {
            let x = place(most);
            let _ = writeln!(
                self.svg,
                "<line x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#b3362b\" stroke-width=\"2\"/>",
                self.y,
                self.y + 18.0
            );
        }
        let _ = writeln!(
            self.svg,
            "<text x=\"{}\" y=\"{text}\" fill=\"#333333\">{} {}</text>",
            WIDTH - RIGHT + 14.0,
            report::times(ratio),
            escaped(judged.row.anchor.unwrap_or_default())
        );
        self.y += LINE;
    }
}

/// Where a ratio lies; what is off the scale lies at its end.
fn place(ratio: f64) -> f64 {
    let end = MOST.log2();
    let at = ratio.log2().clamp(-end, end);
    LEFT + (at + end) / (2.0 * end) * (WIDTH - LEFT - RIGHT)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_even_in_both_directions() {
        let (half, one, double) = (place(0.5), place(1.0), place(2.0));
        assert!((one - half - (double - one)).abs() < 1e-9);
        assert!((place(0.0) - LEFT).abs() < 1e-9);
        assert!((place(f64::INFINITY) - (WIDTH - RIGHT)).abs() < 1e-9);
    }
}

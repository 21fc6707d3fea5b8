//! A drawing: what grows with the number of servers, and where it bends.

use super::hours::Hour;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 34.0;
const GOAL: &str = "#c0392b";
const LINE: &str = "#1b6ca8";

/// A number of an hour over the number of servers, on two logarithmic axes.
struct Panel {
    title: &'static str,
    of: fn(&Hour) -> f64,
    /// Smallest and largest power of ten.
    range: (i32, i32),
    goal: Option<f64>,
}

const PANELS: [Panel; 4] = [
    Panel { title: "delta, bytes", of: |hour| hour.delta_bytes as f64, range: (3, 6), goal: None },
    Panel {
        title: "99 % have it after, seconds",
        of: |hour| hour.reached(99),
        range: (-1, 1),
        goal: Some(5.0),
    },
    Panel {
        title: "a server sends on average, B/s",
        of: |hour| hour.average,
        range: (1, 3),
        goal: Some(200.0),
    },
    Panel {
        title: "the busiest sends, B/s",
        of: |hour| hour.busiest_sent,
        range: (1, 4),
        goal: Some(1000.0),
    },
];

/// One panel for each number, one point for each hour, and a line through their means.
pub(crate) fn draw(measured: &[(usize, Vec<Hour>)]) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"780\" height=\"560\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"780\" height=\"560\" \
         fill=\"white\"/>\n",
    );
    for (index, panel) in PANELS.iter().enumerate() {
        let place = (LEFT + (index % 2) as f64 * 380.0, TOP + (index / 2) as f64 * 270.0);
        svg.push_str(&panel.draw(place, measured));
    }
    svg.push_str("</svg>\n");
    svg
}

impl Panel {
    fn draw(&self, (left, top): (f64, f64), measured: &[(usize, Vec<Hour>)]) -> String {
        let counts = || measured.iter().map(|(count, _)| *count as f64);
        let (first, last) = (counts().fold(f64::MAX, f64::min), counts().fold(1.0, f64::max));
        let x = |count: f64| {
            left + (count / first).log10() / (last / first).log10().max(f64::EPSILON) * WIDTH
        };
        let (low, high) = self.range;
        let y =
            |value: f64| top + (f64::from(high) - value.log10()) / f64::from(high - low) * HEIGHT;
        let mut svg = format!(
            "<text x=\"{left}\" y=\"{:.0}\" font-weight=\"bold\">{}</text>\n",
            top - 12.0,
            self.title
        );
        for power in low..=high {
            let at = y(10_f64.powi(power));
            svg.push_str(&format!(
                "<path d=\"M{left} {at:.0} h{WIDTH}\" stroke=\"#ddd\"/><text x=\"{:.0}\" \
                 y=\"{:.0}\" text-anchor=\"end\">{}</text>\n",
                left - 6.0,
                at + 4.0,
                label(power)
            ));
        }
        for count in counts() {
            svg.push_str(&format!(
                "<path d=\"M{:.0} {top} v{HEIGHT}\" stroke=\"#eee\"/><text x=\"{:.0}\" \
                 y=\"{:.0}\" text-anchor=\"middle\">{}</text>\n",
                x(count),
                x(count),
                top + HEIGHT + 18.0,
                short(count)
            ));
        }
        if let Some(goal) = self.goal {
            svg.push_str(&format!(
                "<path d=\"M{left} {:.1} h{WIDTH}\" stroke=\"{GOAL}\" stroke-dasharray=\"6 4\"/>\n",
                y(goal)
            ));
        }
        let mean = |hours: &[Hour]| hours.iter().map(self.of).sum::<f64>() / hours.len() as f64;
        let at = |(count, hours): &(usize, Vec<Hour>)| {
            format!("{:.1},{:.1}", x(*count as f64), y(mean(hours)))
        };
        let line: Vec<_> = measured.iter().map(at).collect();
        svg.push_str(&format!(
            "<polyline fill=\"none\" stroke=\"{LINE}\" stroke-width=\"2\" points=\"{}\"/>\n",
            line.join(" ")
        ));
        for (count, hours) in measured {
            for hour in hours {
                svg.push_str(&format!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{LINE}\"/>\n",
                    x(*count as f64),
                    y((self.of)(hour))
                ));
            }
        }
        svg
    }
}

fn label(power: i32) -> String {
    match power {
        ..0 => format!("{}", 10_f64.powi(power)),
        0..=3 => format!("{}", 10_u64.pow(power.unsigned_abs())),
        _ => format!("{} k", 10_u64.pow(power.unsigned_abs() - 3)),
    }
}

fn short(count: f64) -> String {
    if count < 1000.0 { format!("{count}") } else { format!("{} k", count / 1000.0) }
}

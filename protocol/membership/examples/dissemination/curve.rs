//! A drawing: which share of the servers has the epoch when.

use super::hours::Hour;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 16.0;
const POINTS: usize = 200;
const COLOURS: [&str; 4] = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad"];

/// One line for each number of servers, over the moments at which they got the epoch of the last
/// hour.
pub(crate) fn draw(measured: &[(usize, Vec<Hour>)]) -> String {
    let last =
        |(count, hours): &'_ (usize, Vec<Hour>)| Some((*count, hours.last()?.moments.clone()));
    let curves: Vec<(usize, Vec<u64>)> = measured.iter().filter_map(last).collect();
    let end = curves.iter().filter_map(|(_, moments)| moments.last()).max().copied();
    let seconds = end.unwrap_or(1).div_ceil(1_000_000).max(1);
    let x = |micros: u64| LEFT + micros as f64 / (seconds * 1_000_000) as f64 * WIDTH;
    let y = |share: f64| TOP + (1.0 - share) * HEIGHT;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"384\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"720\" height=\"384\" \
         fill=\"white\"/>\n",
    );
    for second in 0..=seconds {
        let at = x(second * 1_000_000);
        svg.push_str(&format!(
            "<path d=\"M{at:.0} {TOP} v{HEIGHT}\" stroke=\"#ddd\"/>\
             <text x=\"{at:.0}\" y=\"352\" text-anchor=\"middle\">{second} s</text>\n"
        ));
    }
    for percent in [0_u32, 25, 50, 75, 100] {
        let at = y(f64::from(percent) / 100.0);
        svg.push_str(&format!(
            "<path d=\"M{LEFT} {at:.0} h{WIDTH}\" stroke=\"#ddd\"/>\
             <text x=\"42\" y=\"{at:.0}\" text-anchor=\"end\">{percent} %</text>\n"
        ));
    }
    for (index, (count, moments)) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let point = |step: usize| {
            let rank = (moments.len() * step / POINTS).saturating_sub(1);
            let at = if step == 0 { 0 } else { moments[rank] };
            format!("{:.1},{:.1}", x(at), y(step as f64 / POINTS as f64))
        };
        let points: Vec<_> = (0..=POINTS).map(point).collect();
        let row = 375;
        let label = LEFT + 200.0 * index as f64;
        svg.push_str(&format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\n\
             <text x=\"{label:.0}\" y=\"{row}\" fill=\"{colour}\">{count} servers</text>\n",
            points.join(" ")
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

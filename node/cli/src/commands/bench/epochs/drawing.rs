//! A drawing: one end of an epoch on a time line, a lane for each server.

use std::fmt::Write as _;

use quorate_daemon::epochs::steps::{EpochEnd, Step};

use super::change::Change;

/// Pixels.
const WIDTH: i64 = 760;
const LEFT: i64 = 150;
const TOP: i64 = 108;
const MARGIN: i64 = 24;
/// Height of a lane of a member, and of one of another server.
const MEMBER_LANE: i64 = 14;
const OTHER_LANE: i64 = 5;
/// Between two kinds of servers.
const GAP: i64 = 14;

/// A stretch of the work of a member: from one step to another, whichever of these is there.
struct Stretch {
    from: &'static [Step],
    to: &'static [Step],
    colour: &'static str,
    text: &'static str,
}

const STRETCHES: [Stretch; 6] = [
    Stretch {
        from: &[Step::EndVoted],
        to: &[Step::Frozen],
        colour: "#b8c0c8",
        text: "votes, until FREEZE",
    },
    Stretch { from: &[Step::Frozen], to: &[Step::Drawn], colour: "#1b6ca8", text: "BEACON" },
    Stretch {
        from: &[Step::Drawn],
        to: &[Step::Chosen],
        colour: "#e08e2b",
        text: "dealings certified",
    },
    Stretch {
        from: &[Step::Chosen],
        to: &[Step::Done],
        colour: "#2e8b57",
        text: "shares complete, until DONE",
    },
    Stretch {
        from: &[Step::Done],
        to: &[Step::Adopted],
        colour: "#8e44ad",
        text: "header signed, and kept",
    },
    Stretch {
        from: &[Step::Adopted],
        to: &[Step::Vouched],
        colour: "#7fc4c0",
        text: "keys, links, the next replica",
    },
];

/// What a server has to do with the groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Both,
    Old,
    New,
    None,
}

impl Part {
    const ALL: [Self; 4] = [Self::Both, Self::Old, Self::New, Self::None];

    fn of(server: &EpochEnd) -> Self {
        match (server.contains_key(&Step::Frozen), server.contains_key(&Step::Vouched)) {
            (true, true) => Self::Both,
            (true, false) => Self::Old,
            (false, true) => Self::New,
            (false, false) => Self::None,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Both => "old and new group",
            Self::Old => "old group",
            Self::New => "new group",
            Self::None => "other servers",
        }
    }

    const fn lane(self) -> i64 {
        match self {
            Self::Both | Self::Old | Self::New => MEMBER_LANE,
            Self::None => OTHER_LANE,
        }
    }
}

/// Moments on the paper.
struct Scale {
    from: i64,
    to: i64,
}

impl Scale {
    fn of(change: &Change) -> Self {
        let all = change
            .servers
            .iter()
            .flat_map(|server| server.keys().filter_map(|step| change.moment(server, *step)));
        let (mut from, mut to) = (0, 1);
        for moment in all {
            from = from.min(moment);
            to = to.max(moment);
        }
        Self { from, to }
    }

    fn x(&self, moment: i64) -> i64 {
        LEFT + (moment - self.from) * WIDTH / (self.to - self.from).max(1)
    }

    /// Between two lines of the grid: 1, 2 or 5 times a power of ten, at most 14 lines.
    fn grid(&self) -> i64 {
        let mut step = 1_000;
        loop {
            for factor in [1, 2, 5] {
                if (self.to - self.from) / (step * factor) <= 14 {
                    return step * factor;
                }
            }
            step *= 10;
        }
    }
}

struct Drawing<'a> {
    change: &'a Change,
    scale: Scale,
    svg: String,
}

/// The end of an epoch as SVG.
pub(super) fn draw(change: &Change, f_ms: u16) -> String {
    let lanes = lanes(change);
    let bottom = lanes.last().map_or(TOP, |lane| lane.top + lane.part.lane());
    let mut drawing = Drawing { change, scale: Scale::of(change), svg: String::new() };
    drawing.head(bottom + 44, f_ms);
    drawing.grid(bottom);
    for part in Part::ALL {
        drawing.name(part, &lanes);
    }
    for lane in &lanes {
        drawing.lane(lane);
    }
    drawing.ends(bottom);
    drawing.svg.push_str("</svg>\n");
    drawing.svg
}

struct Lane<'a> {
    part: Part,
    server: &'a EpochEnd,
    top: i64,
}

/// Members first, and in each kind those first that had the configuration first.
fn lanes(change: &Change) -> Vec<Lane<'_>> {
    let key = |server: &&EpochEnd| (Part::of(server), server.get(&Step::Adopted).copied());
    let mut servers: Vec<&EpochEnd> = change.servers.iter().collect();
    servers.sort_by_key(key);
    let (mut top, mut before) = (TOP, None);
    let mut lanes = Vec::new();
    for server in servers {
        let part = Part::of(server);
        if before.is_some_and(|before| before != part) {
            top += GAP;
        }
        lanes.push(Lane { part, server, top });
        top += part.lane();
        before = Some(part);
    }
    lanes
}

impl Drawing<'_> {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.svg.write_fmt(text).expect("a string takes everything");
        self.svg.push('\n');
    }

    fn head(&mut self, height: i64, f_ms: u16) {
        let width = LEFT + WIDTH + MARGIN;
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"
        ));
        let (epoch, servers) = (self.change.epoch, self.change.servers.len());
        let members = 3 * f_ms + 1;
        self.put(format_args!(
            "<text x=\"{MARGIN}\" y=\"28\" font-size=\"16\">The end of epoch {epoch}: {servers} \
             server processes on one machine, a membership group of {members} \
             (f_MS = {f_ms})</text>"
        ));
        for (index, stretch) in (0..).zip(&STRETCHES) {
            let Stretch { colour, text, .. } = stretch;
            let (x, y) = (MARGIN + index % 3 * 220, 42 + index / 3 * 20);
            self.put(format_args!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"22\" height=\"11\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"{}\">{text}</text>",
                x + 28,
                y + 10
            ));
        }
        let x = MARGIN + 3 * 220;
        self.put(format_args!(
            "<circle cx=\"{x}\" cy=\"48\" r=\"3\" fill=\"white\" stroke=\"#2e8b57\" \
             stroke-width=\"2\"/><text x=\"{}\" y=\"52\">its share is durable</text>",
            x + 10
        ));
        self.put(format_args!(
            "<path d=\"M{x} 62 v11\" stroke=\"black\" stroke-width=\"2\"/><text x=\"{}\" \
             y=\"72\">has the signed configuration, durably</text>",
            x + 10
        ));
    }

    fn grid(&mut self, bottom: i64) {
        let step = self.scale.grid();
        let first = self.scale.from.div_euclid(step) + 1;
        for line in first..=self.scale.to / step {
            let (x, ms) = (self.scale.x(line * step), line * step / 1_000);
            self.put(format_args!(
                "<path d=\"M{x} {} V{bottom}\" stroke=\"#e4e4e4\"/>\
                 <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{ms}</text>",
                TOP - 4,
                bottom + 16
            ));
        }
        self.put(format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">milliseconds since the \
             first server executed FREEZE</text>",
            LEFT + WIDTH / 2,
            bottom + 34
        ));
    }

    fn name(&mut self, part: Part, lanes: &[Lane<'_>]) {
        let mut of_part = lanes.iter().filter(|lane| lane.part == part);
        let Some(first) = of_part.next() else { return };
        let count = 1 + of_part.count();
        let y = first.top + part.lane().max(10);
        self.put(format_args!(
            "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{} ({count})</text>",
            LEFT - 8,
            part.text()
        ));
    }

    fn first_of(&self, server: &EpochEnd, steps: &[Step]) -> Option<i64> {
        steps.iter().find_map(|step| self.change.moment(server, *step))
    }

    fn lane(&mut self, lane: &Lane<'_>) {
        let (height, middle) = (lane.part.lane(), lane.top + lane.part.lane() / 2);
        for stretch in &STRETCHES {
            let from = self.first_of(lane.server, stretch.from);
            let to = self.first_of(lane.server, stretch.to);
            if let (Some(from), Some(to)) = (from, to) {
                let (from, to) = (self.scale.x(from), self.scale.x(to));
                self.put(format_args!(
                    "<rect x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
                    lane.top + 2,
                    (to - from).max(1),
                    height - 4,
                    stretch.colour
                ));
            }
        }
        if let Some(at) = self.change.moment(lane.server, Step::Completed) {
            let x = self.scale.x(at);
            self.put(format_args!(
                "<circle cx=\"{x}\" cy=\"{middle}\" r=\"3\" fill=\"white\" stroke=\"#2e8b57\" \
                 stroke-width=\"2\"/>"
            ));
        }
        if let Some(at) = self.change.moment(lane.server, Step::Adopted) {
            let x = self.scale.x(at);
            self.put(format_args!(
                "<path d=\"M{x} {} v{}\" stroke=\"black\" stroke-width=\"2\"/>",
                lane.top,
                height - 1
            ));
        }
    }

    /// NEXTEPOCH, and when the last server has the configuration.
    fn ends(&mut self, bottom: i64) {
        let begin = self.scale.x(0);
        let marks = [(begin, String::from("NEXTEPOCH"), "middle")].into_iter();
        let end = self.change.length_micros().map(|length| {
            let text = format!("at all servers: {} ms", length / 1_000);
            (self.scale.x(length), text, "middle")
        });
        for (x, text, anchor) in marks.chain(end) {
            self.put(format_args!(
                "<path d=\"M{x} {} V{bottom}\" stroke=\"#c0392b\" stroke-dasharray=\"4 3\"/>\
                 <text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\" fill=\"#c0392b\">{text}</text>",
                TOP - 6,
                TOP - 10
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Every server has a lane in its place, and every step its place in time.
    use quorate_daemon::epochs::steps::{EpochEnd, Step};

    use super::{Change, draw};

    fn end(steps: &[(Step, u64)]) -> EpochEnd {
        steps.iter().copied().collect()
    }

    #[test]
    fn members_stand_before_others_and_the_last_configuration_ends_it() {
        let member = end(&[(Step::Frozen, 1_000_000), (Step::Adopted, 1_300_000)]);
        let other = end(&[(Step::Adopted, 1_400_000)]);
        let new = end(&[(Step::Adopted, 1_200_000), (Step::Vouched, 1_500_000)]);
        let change = Change { epoch: 3, servers: vec![other, new, member] };
        let svg = draw(&change, 1);
        let place = |text: &str| svg.find(text).unwrap_or_else(|| panic!("{text} is not in {svg}"));
        assert!(place("old group (1)") < place("new group (1)"));
        assert!(place("new group (1)") < place("other servers (1)"));
        assert!(svg.contains("at all servers: 400 ms"));
        // 0.5 s lie over the whole width: NEXTEPOCH at its left end, the end at four fifths.
        assert!(svg.contains("M150 102 V") && svg.contains("M758 102 V"));
        assert!(svg.ends_with("</svg>\n"));
    }
}

//! Metrics of a server as small graphs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::button::capitalized;

/// The size of a graph in its own units.
pub(crate) const WIDTH: f64 = 300.0;
pub(crate) const HEIGHT: f64 = 60.0;

/// The periods that can be read, in seconds, with their labels.
pub(crate) const PERIODS: [(u32, &str); 4] = [
    (3_600, "Last hour"),
    (86_400, "Last day"),
    (604_800, "Last week"),
    (2_592_000, "Last 30 days"),
];

/// The newest metrics of a server.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) start: SystemTime,
    pub(crate) end: SystemTime,
    pub(crate) graphs: Vec<Graph>,
}

/// Lines with a common scale.
#[derive(Debug, PartialEq)]
pub(crate) struct Graph {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    /// Which of the lines it is, such as `read`; empty if there is only one.
    pub(crate) label: String,
    /// The points of an SVG polyline.
    pub(crate) points: String,
    /// The last and the highest value, with their unit.
    pub(crate) now: String,
    pub(crate) max: String,
}

#[derive(Clone, Copy)]
enum Unit {
    Percent,
    BytesPerSecond,
    PerSecond,
    Unknown,
}

impl Metrics {
    /// Reads what a worker has stored; `None` if it is something else.
    pub(crate) fn read(stored: &Value) -> Option<Self> {
        let time = |field: &str| {
            let seconds = stored[field].as_u64()?;
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        };
        let mut grouped = BTreeMap::<_, Vec<_>>::new();
        for (name, samples) in stored["series"].as_object()? {
            let (group, label) = match name.rsplit_once('.') {
                Some((group, label @ ("read" | "write" | "in" | "out"))) => (group, label),
                _ => (&**name, ""),
            };
            let samples: Vec<_> = samples.as_array()?.iter().filter_map(sample).collect();
            if !samples.is_empty() {
                grouped.entry(group).or_default().push((label, samples));
            }
        }
        let graph = |(name, lines): (&str, Vec<_>)| Graph::new(name, &lines);
        Some(Self {
            start: time("start")?,
            end: time("end")?,
            graphs: grouped.into_iter().map(graph).collect(),
        })
    }
}

/// A time and a value, which Hetzner sends as a string.
fn sample(sample: &Value) -> Option<(f64, f64)> {
    let value = &sample[1];
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Some((sample[0].as_f64()?, number)).filter(|(_, value)| value.is_finite())
}

impl Graph {
    fn new(name: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> Self {
        let (title, unit) = described(name);
        let samples = || lines.iter().flat_map(|(_, samples)| samples);
        let highest = samples().fold(0.0, |max: f64, (_, value)| max.max(*value));
        let first = samples().fold(f64::MAX, |min, (at, _)| min.min(*at));
        let last = samples().fold(f64::MIN, |max, (at, _)| max.max(*at));
        let line = |(label, samples): &(&str, Vec<(f64, f64)>)| {
            let mut points = String::new();
            for (at, value) in samples {
                let x = (at - first) / (last - first).max(1.0) * WIDTH;
                // A line at the border would be cut.
                let y = (HEIGHT - 2.0) * (1.0 - value / highest.max(f64::MIN_POSITIVE)) + 1.0;
                let _ = write!(points, "{x:.1},{y:.1} ");
            }
            let max = samples
                .iter()
                .fold(0.0, |max: f64, (_, value)| max.max(*value));
            let now = samples.last().map_or(0.0, |(_, value)| *value);
            Line {
                label: (*label).to_owned(),
                points: points.trim_end().to_owned(),
                now: unit.format(now),
                max: unit.format(max),
            }
        };
        Self {
            title,
            lines: lines.iter().map(line).collect(),
        }
    }
}

/// The title of a graph, and its unit. Only further disks and networks are numbered.
fn described(name: &str) -> (String, Unit) {
    let mut parts = name.split('.');
    let (kind, number, what) = (parts.next(), parts.next(), parts.next());
    let (title, unit) = match (kind, what) {
        (Some("cpu"), _) => ("CPU", Unit::Percent),
        (Some("disk"), Some("bandwidth")) => ("Disk", Unit::BytesPerSecond),
        (Some("disk"), Some("iops")) => ("Disk operations", Unit::PerSecond),
        (Some("network"), Some("bandwidth")) => ("Network", Unit::BytesPerSecond),
        (Some("network"), Some("pps")) => ("Network packets", Unit::PerSecond),
        _ => return (capitalized(name), Unit::Unknown),
    };
    match number {
        None | Some("0") => (title.to_owned(), unit),
        Some(number) => (format!("{title} {number}"), unit),
    }
}

impl Unit {
    fn format(self, value: f64) -> String {
        let (value, prefix) = match self {
            Self::Percent | Self::Unknown => (value, ""),
            _ if value >= 1e9 => (value / 1e9, "G"),
            _ if value >= 1e6 => (value / 1e6, "M"),
            _ if value >= 1e3 => (value / 1e3, "k"),
            _ => (value, ""),
        };
        let unit = match self {
            Self::Percent => "%",
            Self::BytesPerSecond => "B/s",
            Self::PerSecond => "/s",
            Self::Unknown => "",
        };
        let digits = usize::from(value < 10.0);
        format!("{value:.digits$} {prefix}{unit}")
            .trim_end()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn series_become_graphs_with_a_common_scale_and_units() {
        let stored = json!({ "start": 100, "end": 200, "step": 50, "series": {
            "cpu": [[100.0, "5"], [150.0, "20"], [200.0, "10"]],
            "network.0.bandwidth.in": [[100.0, "0"], [200.0, "500"]],
            "network.0.bandwidth.out": [[100.0, 2_000_000], [200.0, 1_000_000]],
            "gpu.heat": [[100.0, "7"], [200.0, "broken"]],
            "disk.1.iops.read": [],
        }});

        let metrics = Metrics::read(&stored).unwrap();

        let titles: Vec<_> = metrics.graphs.iter().map(|graph| &*graph.title).collect();
        assert_eq!(titles, ["CPU", "Gpu.heat", "Network"]);
        let cpu = &metrics.graphs[0].lines[0];
        assert_eq!(cpu.points, "0.0,44.5 150.0,1.0 300.0,30.0");
        assert_eq!((&*cpu.now, &*cpu.max), ("10 %", "20 %"));
        let [incoming, outgoing] = &metrics.graphs[2].lines[..] else {
            panic!("two lines");
        };
        assert_eq!((&*incoming.label, &*incoming.max), ("in", "500 B/s"));
        assert_eq!((&*outgoing.now, &*outgoing.max), ("1.0 MB/s", "2.0 MB/s"));
        assert_eq!(incoming.points, "0.0,59.0 300.0,59.0");
        assert!(Metrics::read(&json!({ "series": 7 })).is_none());
    }
}

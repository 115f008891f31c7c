//! Metrics of a server: curves that depend only on the time and the server's ID.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::errors::ApiError;
use crate::state::Cloud;

/// Returns the names and maxima of the series of a metric type.
fn series(kind: &str) -> Option<&'static [(&'static str, f64)]> {
    match kind {
        "cpu" => Some(&[("cpu", 100.0)]),
        "disk" => Some(&[
            ("disk.0.iops.read", 200.0),
            ("disk.0.iops.write", 300.0),
            ("disk.0.bandwidth.read", 4e6),
            ("disk.0.bandwidth.write", 6e6),
        ]),
        "network" => Some(&[
            ("network.0.pps.in", 500.0),
            ("network.0.pps.out", 400.0),
            ("network.0.bandwidth.in", 5e5),
            ("network.0.bandwidth.out", 4e5),
        ]),
        _ => None,
    }
}

pub(crate) fn get(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = cloud.server(call.id("id")?)?.id;
    let (start, end) = (time(call, "start")?, time(call, "end")?);
    if end <= start {
        return Err(ApiError::invalid("end", "must be after start"));
    }
    let span = (end.as_second() - start.as_second()) as f64;
    let step = match call.query("step") {
        None => (span / 200.0).ceil().max(1.0),
        Some(text) => text
            .parse()
            .ok()
            .filter(|step: &f64| *step >= 1.0 && span / step <= 1000.0)
            .ok_or_else(|| ApiError::invalid("step", "must give at most 1000 points"))?,
    };
    let mut time_series = BTreeMap::new();
    let mut kinds = call
        .query_all("type")
        .flat_map(|kinds| kinds.split(','))
        .peekable();
    if kinds.peek().is_none() {
        return Err(ApiError::invalid(
            "type",
            "Missing data for required field.",
        ));
    }
    for kind in kinds {
        let series = series(kind)
            .ok_or_else(|| ApiError::invalid("type", "must be cpu, disk or network"))?;
        for &(name, height) in series {
            let values = points(start, span, step)
                .map(|time| (time, (wave(time, id) * height).to_string()))
                .collect::<Vec<_>>();
            time_series.insert(name, json!({ "values": values }));
        }
    }
    Answer::ok(&json!({ "metrics": {
        "start": start,
        "end": end,
        "step": step,
        "time_series": time_series,
    }}))
}

fn time(call: &Call, name: &str) -> Result<Timestamp, ApiError> {
    call.query(name)
        .ok_or_else(|| ApiError::invalid(name, "Missing data for required field."))?
        .parse()
        .map_err(|_| ApiError::invalid(name, "must be a time in ISO 8601"))
}

fn points(start: Timestamp, span: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = start.as_second() as f64;
    (0..)
        .map(move |index| f64::from(index) * step)
        .take_while(move |offset| *offset <= span)
        .map(move |offset| first + offset)
}

/// Returns a value between 0 and 1 of a curve with a period of one hour.
fn wave(time: f64, server: u64) -> f64 {
    let phase = server as f64;
    0.5 + 0.5 * (time * std::f64::consts::TAU / 3600.0 + phase).sin()
}

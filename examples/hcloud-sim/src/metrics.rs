//! Metrics of servers and load balancers: curves that depend only on the time and the ID.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::errors::ApiError;
use crate::load_balancers::LoadBalancer;
use crate::resources;
use crate::servers::Server;
use crate::state::Cloud;

/// The names and maxima of the series of a metric type.
type Series = &'static [(&'static str, f64)];

fn server_series(kind: &str) -> Option<Series> {
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

fn load_balancer_series(kind: &str) -> Option<Series> {
    match kind {
        "open_connections" => Some(&[("open_connections", 200.0)]),
        "connections_per_second" => Some(&[("connections_per_second", 50.0)]),
        "requests_per_second" => Some(&[("requests_per_second", 100.0)]),
        "bandwidth" => Some(&[("bandwidth.in", 5e5), ("bandwidth.out", 4e6)]),
        _ => None,
    }
}

pub(crate) fn of_server(cloud: &mut Cloud, call: &Call) -> Reply {
    get(
        resources::id_of::<Server>(cloud, call)?,
        call,
        server_series,
    )
}

pub(crate) fn of_load_balancer(cloud: &mut Cloud, call: &Call) -> Reply {
    get(
        resources::id_of::<LoadBalancer>(cloud, call)?,
        call,
        load_balancer_series,
    )
}

fn get(id: u64, call: &Call, series: fn(&str) -> Option<Series>) -> Reply {
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
    for kind in call.query_all("type").flat_map(|kinds| kinds.split(',')) {
        let series = series(kind)
            .ok_or_else(|| ApiError::invalid("type", format!("'{kind}' is not a metric")))?;
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
    // A plus sign in a query means a space, but is often sent for itself in the offset of a time.
    let text = call.query(name).unwrap_or_default().replace(' ', "+");
    text.parse()
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
fn wave(time: f64, id: u64) -> f64 {
    let phase = id as f64;
    0.5 + 0.5 * (time * std::f64::consts::TAU / 3600.0 + phase).sin()
}

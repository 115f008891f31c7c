//! Time series of metrics.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// A query for metrics of a period.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct MetricsQuery<Metric> {
    /// The metrics; at least one.
    #[serde(rename = "type")]
    pub kind: Vec<Metric>,
    /// The start of the period, at most 30 days ago.
    pub start: Timestamp,
    /// The end of the period.
    pub end: Timestamp,
    /// The interval between samples in seconds; by default, one that gives at most 200 samples.
    pub step: Option<u64>,
}

impl<Metric> MetricsQuery<Metric> {
    /// Creates a query for `kind` from `start` to `end`.
    pub fn new(kind: impl Into<Vec<Metric>>, start: Timestamp, end: Timestamp) -> Self {
        Self {
            kind: kind.into(),
            start,
            end,
            step: None,
        }
    }
}

/// The metrics of a period.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Metrics {
    /// The start of the period.
    pub start: Option<Timestamp>,
    /// The end of the period.
    pub end: Option<Timestamp>,
    /// The interval between samples in seconds; the API may not use the requested one.
    pub step: Option<f64>,
    /// The samples by series, such as `cpu` or `network.0.bandwidth.in`.
    pub time_series: BTreeMap<String, TimeSeries>,
}

impl Metrics {
    /// Returns the samples of one series; empty if the API did not return it.
    pub fn samples(&self, series: &str) -> &[Sample] {
        self.time_series
            .get(series)
            .map_or(&[], |series| series.values.as_slice())
    }
}

/// A time series.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TimeSeries {
    /// The samples, oldest first.
    pub values: Vec<Sample>,
}

/// A sample of a time series.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "(f64, String)", into = "(f64, String)")]
#[non_exhaustive]
pub struct Sample {
    /// The time, in seconds since the Unix epoch.
    pub at: f64,
    /// The value in the API's notation.
    pub value: String,
}

impl Sample {
    /// Returns the value as a number; `None` if it is not a valid number.
    pub fn number(&self) -> Option<f64> {
        self.value.parse().ok()
    }
}

impl From<(f64, String)> for Sample {
    fn from((at, value): (f64, String)) -> Self {
        Self { at, value }
    }
}

impl From<Sample> for (f64, String) {
    fn from(sample: Sample) -> Self {
        (sample.at, sample.value)
    }
}

//! `metrics`: how busy a server was.

use std::ops::RangeInclusive;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Reads metrics of a server, and keeps them for frontends; see
/// [`Frontend::metrics`](crate::Frontend::metrics). Safe to repeat.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Metrics {
    /// `cpu`, `disk` and `network`; all of them if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The period until now, in seconds: from a minute to 30 days; an hour if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "range")]
    pub range: Option<u64>,
    /// The interval between samples, in seconds; if `None`, one that gives at most 200 samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "step")]
    pub step: Option<u64>,
}

impl Metrics {
    pub(super) const DESCRIPTION: Description = Description::new(
        "metrics",
        &[
            Form::new("Read the metrics of a server", Permission::View).arguments(&[
                Argument::optional(
                    "types",
                    ArgumentKind::List,
                    "cpu, disk or network [default: all]",
                    "cpu",
                ),
                Argument::optional(
                    "range",
                    ArgumentKind::Seconds,
                    "Period until now [default: 1h]",
                    "86400",
                ),
                Argument::optional(
                    "step",
                    ArgumentKind::Seconds,
                    "Interval between samples",
                    "600",
                ),
            ]),
        ],
    )
    .phrase("see the metrics of");
}

/// The shortest period: a sample is an average of some seconds.
const MIN_RANGE: u64 = 60;

/// The longest period that the API has samples of: 30 days.
const MAX_RANGE: u64 = 30 * 24 * 3600;

fn range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    limited(deserializer, "range", MIN_RANGE..=MAX_RANGE)
}

fn step<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    limited(deserializer, "step", 1..=MAX_RANGE)
}

fn limited<'de, D: Deserializer<'de>>(
    deserializer: D,
    argument: &str,
    limits: RangeInclusive<u64>,
) -> Result<Option<u64>, D::Error> {
    let seconds = Option::<u64>::deserialize(deserializer)?;
    if let Some(seconds) = seconds.filter(|it| !limits.contains(it)) {
        let (min, max) = limits.into_inner();
        let message = format!("{argument} {seconds}: expected {min} to {max} seconds");
        return Err(D::Error::custom(message));
    }
    Ok(seconds)
}

#[cfg(feature = "worker")]
mod meaning {
    use std::collections::BTreeMap;
    use std::time::{Duration, SystemTime};

    use hcc_store::Attachment;
    use hcloud_api::{ServerMetric, ServerMetricsQuery, Timestamp};
    use serde_json::json;

    use super::{MAX_RANGE, MIN_RANGE, Metrics};
    use crate::operation::{Executed, Execution};
    use crate::{Error, Result};

    const DEFAULT_RANGE: u64 = 3600;

    /// How many samples of a series are kept.
    const MAX_SAMPLES: u64 = 500;

    /// How long metrics are kept.
    const TTL: Duration = Duration::from_secs(24 * 3600);

    impl Metrics {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let range = self
                .range
                .unwrap_or(DEFAULT_RANGE)
                .clamp(MIN_RANGE, MAX_RANGE);
            let end = Timestamp::now();
            let start = end - Duration::from_secs(range);
            let mut query = ServerMetricsQuery::new(self.kinds()?, start, end);
            query.step = self.step.map(|step| step.max(range.div_ceil(MAX_SAMPLES)));
            let metrics = on
                .project
                .api
                .servers()
                .metrics(on.server.id, &query)
                .await?;
            let series = metrics.time_series.iter().map(|(name, series)| {
                let values = series.values.iter();
                let values: Vec<_> = values.map(|it| json!([it.at, it.value])).collect();
                (name.clone(), values)
            });
            let document = json!({
                "start": start.as_second(),
                "end": end.as_second(),
                "step": metrics.step,
                "series": series.collect::<BTreeMap<_, _>>(),
            });
            let until = SystemTime::now() + TTL;
            let store = &on.project.store;
            let name = &on.server.name;
            store
                .attach(Attachment::Metrics, name, &document, until)
                .await?;
            Ok(Executed::default().with_data(document))
        }

        fn kinds(&self) -> Result<Vec<ServerMetric>> {
            let all = [ServerMetric::Cpu, ServerMetric::Disk, ServerMetric::Network];
            if self.types.is_empty() {
                return Ok(all.into());
            }
            let kind = |name: &String| {
                let mut all = all.iter();
                let found = all.find(|kind| kind.as_str() == name).cloned();
                found.ok_or_else(|| Error::InvalidArgument {
                    argument: "metric",
                    value: name.clone(),
                    reason: "expected cpu, disk or network".to_owned(),
                })
            };
            self.types.iter().map(kind).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Verb;

    #[test]
    fn periods_that_make_no_sense_are_refused() {
        let read = |args| Verb::Metrics.operation(&args);
        for (args, reason) in [
            (
                json!({ "range": 0 }),
                "range 0: expected 60 to 2592000 seconds",
            ),
            (
                json!({ "range": 59 }),
                "range 59: expected 60 to 2592000 seconds",
            ),
            (
                json!({ "range": u64::MAX }),
                "expected 60 to 2592000 seconds",
            ),
            (json!({ "range": -5 }), "invalid value: integer `-5`"),
            (
                json!({ "step": 0 }),
                "step 0: expected 1 to 2592000 seconds",
            ),
            (json!({ "step": u64::MAX }), "expected 1 to 2592000 seconds"),
        ] {
            let error = crate::Error::from(read(args).unwrap_err());
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(reason), "{source}");
        }
        for args in [
            json!({}),
            json!({ "range": 60, "step": 1 }),
            json!({ "range": 2_592_000 }),
        ] {
            assert!(read(args).is_ok());
        }
    }
}

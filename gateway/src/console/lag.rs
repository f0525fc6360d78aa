//! How far the read models were behind lately: enough for a chart, forgotten with the node.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;
use voxlog_core::{
    clock::{Clock, Time},
    position::Seq,
};
use voxlog_projections::ReadModel;

use crate::hub::Hub;

/// How often it is measured: one query for all partitions.
pub const EVERY: Duration = Duration::from_secs(5);

/// A quarter of an hour.
const KEPT: usize = 180;

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LagSample {
    /// When.
    pub time: Time,
    /// By how many seqs each partition was behind, in their order.
    pub lag_events: Vec<u64>,
}

/// The last measurements.
#[derive(Debug, Default)]
pub struct Lag(Mutex<VecDeque<LagSample>>);

impl Lag {
    /// The measurements, oldest first. While PostgreSQL was away there are none.
    pub fn samples(&self) -> Vec<LagSample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Measures without end.
    pub(super) async fn measure(&self, hub: &Hub, read: &ReadModel, clock: &dyn Clock) {
        let mut turns = tokio::time::interval(EVERY);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let Ok(checkpoints) = read.checkpoints().await else { continue };
            let behind = |(partition, applied): (_, Seq)| {
                let checkpoint = checkpoints.iter().find(|it| it.partition == partition).map_or(Seq::ZERO, |it| it.seq);
                applied.0.saturating_sub(checkpoint.0)
            };
            let lag_events = hub.applied().into_iter().map(behind).collect();
            self.note(LagSample { time: clock.now(), lag_events });
        }
    }

    fn note(&self, sample: LagSample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back(sample);
        while samples.len() > KEPT {
            samples.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_an_hour_is_kept() {
        let lag = Lag::default();
        for count in 0..500 {
            lag.note(LagSample { time: Time::default(), lag_events: vec![count] });
        }
        let samples = lag.samples();
        assert_eq!((samples.len(), &samples[0].lag_events[..]), (180, &[320][..]));
    }
}

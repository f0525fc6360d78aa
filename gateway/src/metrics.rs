//! What a process measures of itself, in the text format of Prometheus.
//!
//! Names are in base units, counters end in `_total`. No label ever names a room, a user or a message: a label has few
//! values, known beforehand.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests take from a cached read to the longest wait for the log.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to record. A process has one recorder, whatever number of gateways run in it: the first call installs it.
/// Where another library has installed its own, ours stays empty.
pub fn install() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS);
        let recorder = builder.expect("the list of buckets is not empty").build_recorder();
        let handle = recorder.handle();
        match metrics::set_global_recorder(recorder) {
            Ok(()) => describe(),
            Err(error) => tracing::warn!(%error, "metrics go to another recorder"),
        }
        handle
    })
}

/// Everything recorded so far.
pub fn render() -> String {
    let recorder = install();
    recorder.run_upkeep();
    recorder.render()
}

fn describe() {
    metrics::describe_counter!("voxlog_http_requests_total", "Requests answered, by method, route and status");
    metrics::describe_histogram!("voxlog_http_request_seconds", "How long they took, by route");
    metrics::describe_counter!("voxlog_outbox_delivered_total", "Facts of identity that the log has taken");
    metrics::describe_gauge!("voxlog_sessions", "Sessions that have a socket here");
    metrics::describe_counter!("voxlog_presence_records_total", "Records of presence told");
    metrics::describe_counter!(
        "voxlog_ambient_frames_total",
        "Frames of presence, typing and speaking handed to sockets"
    );
    metrics::describe_counter!("voxlog_password_hashes_total", "Passwords hashed, to store or to check them");
}

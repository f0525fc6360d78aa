//! Every frame that a test's client is sent fits its schema, and so does every event in it; what it asked, and got, fits
//! as well.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};
use voxlog_core::testing::faults;

/// Before the op of a frame that a client sends: `error` and `hello` could be of either side.
const ASKED: &str = "asked ";

/// By op, and by type of event.
static SCHEMAS: LazyLock<HashMap<String, Value>> = LazyLock::new(|| {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let folders = [
        (schemas.join("frames/server"), ""),
        (schemas.join("frames/client"), ASKED),
        (schemas.join("events"), "voxlog."),
    ];
    let read = |(folder, prefix): (std::path::PathBuf, &'static str)| {
        let files = fs::read_dir(folder).expect("the schemas of the repository").filter_map(Result::ok);
        files.map(move |file| {
            let name = file.file_name().to_string_lossy().trim_end_matches(".json").to_owned();
            let schema = fs::read(file.path()).expect("a schema");
            (format!("{prefix}{name}"), serde_json::from_slice(&schema).expect("a schema is JSON"))
        })
    };
    folders.into_iter().flat_map(read).collect()
});

/// Frames so far, of which events are not all looked at.
static SEEN: AtomicU64 = AtomicU64::new(0);
const ALL_OF_THE_FIRST: u64 = 2000;
const THEN_ONE_IN: u64 = 50;

/// Holds what was carried out against the schema of its op: whatever a gateway takes, the documents know.
///
/// # Panics
/// When it does not fit.
pub(super) fn check_taken(op: &str, fields: &Value) {
    let mut frame = json!({ "op": op, "id": 1 });
    frame.as_object_mut().into_iter().for_each(|frame| frame.extend(fields.as_object().cloned().unwrap_or_default()));
    let schema = SCHEMAS.get(&format!("{ASKED}{op}")).unwrap_or_else(|| panic!("an op without a schema: {op}"));
    assert_eq!(faults(schema, &frame), Vec::<String>::new(), "{frame}");
}

/// # Panics
/// When it does not.
pub(super) fn check(frame: &Value) {
    let op = frame["op"].as_str().unwrap_or_default();
    // A hundred thousand events take longer to look at than to send.
    let seen = SEEN.fetch_add(1, Ordering::Relaxed);
    if op == "event" && seen > ALL_OF_THE_FIRST && !seen.is_multiple_of(THEN_ONE_IN) {
        return;
    }
    let schema = SCHEMAS.get(op).unwrap_or_else(|| panic!("a frame without a schema: {frame}"));
    assert_eq!(faults(schema, frame), Vec::<String>::new(), "{frame}");
    let page = frame["events"].as_array().into_iter().flatten();
    for event in page.map(|stored| &stored["event"]).chain(frame.get("event")) {
        let kind = event["type"].as_str().unwrap_or_default();
        let schema = SCHEMAS.get(kind).unwrap_or_else(|| panic!("an event without a schema: {event}"));
        assert_eq!(faults(schema, event), Vec::<String>::new(), "{event}");
    }
}

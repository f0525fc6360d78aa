//! A run of the tests: all processes of one nextest run, or one test process alone.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;

use super::guard::{Runner, members_lock};

/// This process's part in its run.
#[derive(Debug)]
pub(super) struct Run {
    dir: PathBuf,
    /// Shared by all members, and let go by the system when they end.
    _member: File,
}

impl Run {
    /// The run of this process. The first member to come makes its directory and starts its guard.
    pub(super) fn join() -> &'static Self {
        static RUN: OnceLock<Run> = OnceLock::new();
        RUN.get_or_init(Self::begin_or_join)
    }

    /// Where the run keeps its servers.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn begin_or_join() -> Self {
        // nextest is the parent of each of its tests and outlives them all. Without it the run is this process.
        let (key, pid) = match env::var("NEXTEST_RUN_ID") {
            Ok(id) => (id, std::os::unix::process::parent_id()),
            Err(_) => (format!("{}-{:016x}", process::id(), rand::random::<u64>()), process::id()),
        };
        let dir = env::temp_dir().join(format!("voxlog-tests-{key}"));
        fs::create_dir_all(&dir).expect("the directory for temporary files is writable");
        // PostgreSQL's own user, when root runs the tests, passes through it.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("the run's directory is ours");
        let member = members_lock(&dir);
        member.lock_shared().expect("the file system has locks");
        start_guard_once(&dir, &Runner::of(pid));
        Self { dir, _member: member }
    }
}

fn start_guard_once(dir: &Path, runner: &Runner) {
    let begun = File::create(dir.join("begin.lock")).expect("the run's directory is writable");
    begun.lock().expect("the file system has locks");
    if Runner::watched_in(dir).is_none() {
        runner.write(dir);
        spawn_guard(dir);
    }
}

#[expect(clippy::zombie_processes, reason = "the guard outlives this process")]
fn spawn_guard(dir: &Path) {
    let program = helper_program();
    Command::new(&program)
        .arg("watch")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Neither Ctrl-C nor nextest's kill of a test's group reaches it.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("can't start {}: {error}; run the tests by cargo", program.display()));
}

/// cargo puts a package's programs one folder above its tests.
fn helper_program() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own file");
    let folder = test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    folder.join(format!("voxlog-guard{}", env::consts::EXE_SUFFIX))
}

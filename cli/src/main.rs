//! The `voxlog` program; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    voxlog::main()
}

//! The real program, built with the tests so that they can spawn and kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    voxlog::main()
}

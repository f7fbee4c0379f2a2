//! The binary: everything is in the library.

use rollout_guard::{Env, ExitCode, run};

fn main() -> ExitCode {
    run(Env::arguments(), &mut Env::of_process())
}

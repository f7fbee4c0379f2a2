//! The binary: everything is in the library.

use rollout_guard::{Env, ExitCode, end_on_panic, run};

fn main() -> ExitCode {
    end_on_panic();
    run(Env::arguments(), &mut Env::of_process())
}

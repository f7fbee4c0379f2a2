//! A rollout that was over before we came: what was applied just before may have changed nothing of it.

use std::time::Duration;

use super::Guard;
use crate::diagnose::wants_of_config;
use crate::model::Rollout;
use crate::observation::Request;
use crate::policy::Policy;
use crate::settle::{Settled, is_untouched};

/// A pass waits this long for what only leads to a warning.
const WITHIN: Duration = Duration::from_secs(2);

impl Guard {
    /// Reads whether the configuration is newer than the pods, where nothing has started any of them since we look.
    pub(super) fn compared_with_config(
        &mut self,
        rollout: &Rollout<'_>,
        settled: Settled,
        policy: &Policy,
        requests: &mut Vec<Request>,
    ) -> Settled {
        if settled != Settled::Settled || policy.instant || !is_untouched(rollout) {
            return settled;
        }
        let now = rollout.now();
        let since = *self.comparing_since.get_or_insert(now);
        let mut open = false;
        for want in wants_of_config(rollout) {
            open |= rollout.store().answer(&want).is_none();
            requests.push(Request::once(want));
        }
        if open && now.saturating_sub(since) < WITHIN {
            return Settled::Waiting {
                until: now + Duration::from_millis(250),
                reason: "the ConfigMaps of its variables to be read".to_owned(),
            };
        }
        settled
    }
}

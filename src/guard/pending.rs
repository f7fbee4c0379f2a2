//! A verdict that is clear waits for what explains it, and for the proof that it still holds.

use std::time::Duration;

use super::{Guard, Outlook};
use crate::model::{Rollout, Store};
use crate::observation::{Request, Want};
use crate::policy::Policy;
use crate::verdict::{Verdict, gone_for};

/// A failure waits this long for evidence that has been asked for.
const EVIDENCE_WITHIN: Duration = Duration::from_secs(3);
/// And this long for a controller that has a new template before it: what came is known then.
const LOOKED_AT_WITHIN: Duration = Duration::from_secs(10);

impl Guard {
    /// A verdict waits for what explains it, and a failure of what is there for the proof that it is still so.
    pub(super) fn waits_for_proof(
        &mut self,
        store: &Store,
        verdict: &Verdict,
        policy: &Policy,
        outlook: &mut Outlook,
    ) -> bool {
        let waits = self.waits_for_evidence(store, verdict, outlook);
        if !policy.proofs || store.now() >= policy.timeout {
            return waits;
        }
        let mut proofs = match (verdict, self.gone_since) {
            (Verdict::NotFound, _) => self.unproved_absence(store, policy.wait_for_create, policy),
            (Verdict::Failed(_), Some(since)) => {
                self.unproved_absence(store, since + gone_for(policy), policy)
            }
            (Verdict::Failed(_), None) => self.unproved_failure(store, policy),
            _ => return waits,
        };
        let proved = proofs.is_empty();
        outlook.requests.append(&mut proofs);
        waits || !proved
    }

    /// A verdict that will be explained waits a moment for logs and events that are on their way.
    fn waits_for_evidence(&mut self, store: &Store, verdict: &Verdict, outlook: &Outlook) -> bool {
        let explained = matches!(
            verdict,
            Verdict::Failed(_) | Verdict::TimedOut(_) | Verdict::NotFound | Verdict::Superseded(_)
        );
        let since = *self.deciding_since.get_or_insert(store.now());
        // What has not been listed yet is not known to be absent: old pods may serve.
        let open = |request: &Request| match &request.want {
            Want::Watch(stream) => {
                store.refused(stream).is_none() && store.sight(stream).is_none_or(|sight| !sight.listed)
            }
            want => store.answer(want).is_none(),
        };
        // Which revision came in place of this one is known once the controller has looked at the new template.
        let newer = store.workload(&self.target.stream).filter(|_| matches!(verdict, Verdict::Superseded(_)));
        let unlooked_at = newer.is_some_and(|workload| !workload.is_observed());
        // The stream of ReplicaSets may be behind that of Deployments.
        let unnamed = newer.is_some_and(|workload| {
            let rollout = Rollout::new(store, workload, self.last.applied.policy.accepted());
            self.template.is_some() && rollout.template_identity().is_none()
        });
        let awaited = unlooked_at || unnamed || outlook.requests.iter().any(open);
        let within = if unlooked_at { LOOKED_AT_WITHIN } else { EVIDENCE_WITHIN };
        explained && awaited && store.now().saturating_sub(since) < within
    }
}

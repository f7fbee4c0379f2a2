//! A case: objects, what happens to them, and what must be said about it.

use serde_json::Value;

use crate::cluster::variable;

/// What a case needs beyond a cluster and an open registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The registry with a password.
    PrivateRegistry,
    /// The program that pushes images, on a node that shares this machine's loopback.
    ClusterProgram,
    /// What kubelet does since Kubernetes 1.35.
    Kubernetes135,
    /// The servers of the suite, which nodes and the API server reach at this machine's addresses.
    Servers,
}

/// Something done to the cluster.
#[derive(Clone)]
pub(crate) enum Step {
    Apply(Vec<Value>),
    /// `kubectl -n NAMESPACE …`.
    Kubectl(Vec<String>),
    /// Waits until the output of `kubectl -n NAMESPACE …` contains the text.
    Until {
        args: Vec<String>,
        contains: String,
    },
    /// Waits until `kubectl -n NAMESPACE …` fails and says the text.
    Refused {
        args: Vec<String>,
        says: String,
    },
    /// Says what the kubelet of a node without a machine would say of the pods with these labels: they are ready.
    Ready(String),
    /// Opens the readiness gate of that name of every pod with the label `app=web`.
    Open(String),
    /// Says that the kubelet of a node without a machine lives.
    Beat(String),
    /// Says what the attacher of a driver without a machine would say: this volume is attached.
    Attached(String),
    /// Applies an object that the other one, `TYPE/NAME`, controls.
    Own {
        owner: &'static str,
        object: Value,
    },
    /// Waits until the binary's progress contains the text. Only in [`Case::during`].
    Seen(&'static str),
    /// Writes an event about the first pod with the label `app=web`, as a component that does not run here would:
    /// component, reason and message.
    Event(&'static str, &'static str, &'static str),
    /// Lets that many seconds pass.
    Pass(u64),
    /// `push NAME:TAG [FROM:TAG]` of the cluster program.
    Push(String),
    /// From now on the registry also answers at `$LATE`, where nothing listened before.
    OpenLateRegistry,
}

/// Standard input of the binary, which then gets `-f -` in place of a target.
#[derive(Clone)]
pub(crate) enum Pipe {
    /// What `kubectl apply -o FORMAT` prints of the objects of the case.
    Apply(&'static str),
    /// The objects of the case are applied; this is piped.
    Text(Value),
}

pub(crate) fn kubectl(args: &str) -> Step {
    Step::Kubectl(words(args))
}

pub(crate) fn apply(object: Value) -> Step {
    Step::Apply(vec![object])
}

/// Until the rollout is complete as kubectl sees it.
pub(crate) fn rolled_out(target: &str) -> Step {
    kubectl(&format!("rollout status {target} --timeout=90s"))
}

pub(crate) fn until(args: &str, contains: &str) -> Step {
    Step::Until { args: words(args), contains: contains.to_owned() }
}

/// Until a pod of this namespace is refused in these words: what refuses it is read by the API server a while after it
/// was made.
pub(crate) fn pods_refused(says: &str) -> Step {
    let args = words("run asks --image=$REGISTRY/busy:1 --restart=Never --dry-run=server");
    Step::Refused { args, says: says.to_owned() }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What must come out, beside the codes that must not and the warnings that must, which are in the `case.toml` of
/// the recording.
#[derive(Clone)]
pub(crate) struct Expect {
    pub(crate) exit_code: i32,
    pub(crate) verdict: &'static str,
    /// `targets[0].reason`.
    pub(crate) reason: &'static str,
    /// `causes[0].code`, where there must be one.
    pub(crate) code: Option<&'static str>,
    /// What the text must contain.
    pub(crate) says: Vec<String>,
    pub(crate) never_says: Vec<String>,
    pub(crate) never_warns: Vec<&'static str>,
    /// JSON pointers into the report and the value there.
    pub(crate) fields: Vec<(&'static str, Value)>,
}

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) family: &'static str,
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) args: Vec<String>,
    pub(crate) timeout: u64,
    /// Done one after the other before the objects are applied.
    pub(crate) before: Vec<Step>,
    /// Objects of the whole cluster, applied before everything else and deleted in the end; their names begin with
    /// `$NS`.
    pub(crate) of_the_cluster: Vec<Value>,
    /// Applied right before the binary starts.
    pub(crate) objects: Vec<Value>,
    /// Done that many seconds after the binary has started.
    pub(crate) during: Vec<(u64, Step)>,
    pub(crate) expect: Expect,
    /// Done in the end, however the case went.
    pub(crate) after: Vec<Step>,
    /// About how many seconds it takes, for the order.
    pub(crate) lasts: u64,
    pub(crate) needs: Vec<Need>,
    pub(crate) pipe: Option<Pipe>,
    /// The arguments choose the target.
    pub(crate) chosen: bool,
    /// Targets after the first; all of them complete.
    pub(crate) others: usize,
    /// Judged by a Job on the cluster, not from here.
    pub(crate) inside: bool,
    /// This machine has the credentials of the registry with a password.
    pub(crate) logged_in: bool,
}

impl Case {
    fn new(family: &'static str, name: &'static str, expect: Expect) -> Self {
        Self {
            family,
            name,
            target: "deploy/web",
            args: Vec::new(),
            timeout: 180,
            before: Vec::new(),
            of_the_cluster: Vec::new(),
            objects: Vec::new(),
            during: Vec::new(),
            after: Vec::new(),
            expect,
            lasts: 30,
            needs: Vec::new(),
            pipe: None,
            chosen: false,
            others: 0,
            inside: false,
            logged_in: false,
        }
    }

    /// A rollout that must fail for this reason.
    pub(crate) fn fails(family: &'static str, name: &'static str, code: &'static str) -> Self {
        Self::new(family, name, Expect::new(1, "failed", code, Some(code)))
    }

    /// A rollout that must pass.
    pub(crate) fn passes(family: &'static str, name: &'static str) -> Self {
        Self::new(family, name, Expect::new(0, "complete", "complete", None))
    }

    /// Anything else: an exit code, a verdict and its reason.
    pub(crate) fn ends(
        family: &'static str,
        name: &'static str,
        exit_code: i32,
        verdict: &'static str,
        reason: &'static str,
    ) -> Self {
        Self::new(family, name, Expect::new(exit_code, verdict, reason, None))
    }

    pub(crate) fn id(&self) -> String {
        format!("{}::{}", self.family, self.name)
    }

    /// `ROLLOUT_GUARD_TEST_PREFIX` keeps two runs on one cluster apart.
    pub(crate) fn namespace(&self) -> String {
        let prefix = variable("ROLLOUT_GUARD_TEST_PREFIX").unwrap_or_else(|| "rg".to_owned());
        format!("{prefix}-{}-{}", self.family, self.name)
    }

    pub(crate) const fn target(mut self, target: &'static str) -> Self {
        self.target = target;
        self
    }

    pub(crate) fn args(mut self, args: &str) -> Self {
        self.args = words(args);
        self
    }

    /// Seconds of `--timeout`.
    pub(crate) const fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = seconds;
        self
    }

    pub(crate) fn before(mut self, step: Step) -> Self {
        self.before.push(step);
        self
    }

    pub(crate) fn object(mut self, object: Value) -> Self {
        self.objects.push(object);
        self
    }

    pub(crate) fn after(mut self, step: Step) -> Self {
        self.after.push(step);
        self
    }

    pub(crate) fn of_the_cluster(mut self, object: Value) -> Self {
        self.of_the_cluster.push(object);
        self
    }

    pub(crate) fn at(mut self, seconds: u64, step: Step) -> Self {
        self.during.push((seconds, step));
        self
    }

    /// Done as soon as the binary's progress contains the text: a fixed second would be a race on a busy machine.
    pub(crate) fn once(self, said: &'static str, step: Step) -> Self {
        self.at(0, Step::Seen(said)).at(0, step)
    }

    pub(crate) const fn lasts(mut self, seconds: u64) -> Self {
        self.lasts = seconds;
        self
    }

    pub(crate) fn pipe(mut self, pipe: Pipe) -> Self {
        self.pipe = Some(pipe);
        self
    }

    /// The target is not named: the arguments choose it.
    pub(crate) const fn chosen(mut self) -> Self {
        self.chosen = true;
        self
    }

    pub(crate) const fn others(mut self, others: usize) -> Self {
        self.others = others;
        self
    }

    pub(crate) fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    pub(crate) const fn logged_in(mut self) -> Self {
        self.logged_in = true;
        self
    }

    pub(crate) const fn inside(mut self) -> Self {
        self.inside = true;
        self
    }

    /// The text contains every one of these.
    pub(crate) fn says(mut self, texts: &[&str]) -> Self {
        self.expect.says.extend(texts.iter().map(|text| (*text).to_owned()));
        self
    }

    pub(crate) fn never_says(mut self, texts: &[&str]) -> Self {
        self.expect.never_says.extend(texts.iter().map(|text| (*text).to_owned()));
        self
    }

    pub(crate) fn never_warns(mut self, codes: &[&'static str]) -> Self {
        self.expect.never_warns.extend(codes);
        self
    }

    /// The first cause has this code although the verdict is not `failed`.
    pub(crate) const fn names(mut self, code: &'static str) -> Self {
        self.expect.code = Some(code);
        self
    }

    /// A field of the report, by JSON pointer.
    pub(crate) fn field(mut self, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.expect.fields.push((pointer, value.into()));
        self
    }
}

impl Expect {
    const fn new(
        exit_code: i32,
        verdict: &'static str,
        reason: &'static str,
        code: Option<&'static str>,
    ) -> Self {
        Self {
            exit_code,
            verdict,
            reason,
            code,
            says: Vec::new(),
            never_says: Vec::new(),
            never_warns: Vec::new(),
            fields: Vec::new(),
        }
    }
}

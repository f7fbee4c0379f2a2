//! Advice that comes before all other: what this rollout changed of the very thing that fails, and how it is set back.

use serde_json::{Map, Value, json};

use super::super::logs::shorten;
use super::super::place::kubectl;
use super::super::{CauseCode, Finding};
use crate::model::{Container, EnvSource, PodSpec, Quantity, Rollout};

/// Characters of a value in a sentence.
const ROOM: usize = 60;

/// What to do, and the command for it.
pub(in crate::diagnose) struct Remedy {
    help: String,
    command: String,
}

impl Remedy {
    /// The finding with this before all other advice.
    pub(in crate::diagnose) fn first(self, finding: Finding) -> Finding {
        finding.with_first(self.help, self.command)
    }
}

/// The container in the template before this rollout and in the newest.
struct Pair<'a> {
    rollout: &'a Rollout<'a>,
    was: &'a Container,
    is: &'a Container,
    is_init: bool,
}

fn pair<'a>(rollout: &'a Rollout<'a>, container: &str) -> Option<Pair<'a>> {
    if !rollout.workload.has_revisions() {
        return None;
    }
    let (old, new): (&PodSpec, &PodSpec) = rollout.templates()?;
    Some(Pair {
        rollout,
        was: old.container(container)?,
        is: new.container(container)?,
        is_init: new.init_containers.iter().any(|init| init.name == container),
    })
}

/// The command line of a container that cannot run it, or the image that it is looked for in.
pub(in crate::diagnose) fn of_command(rollout: &Rollout<'_>, container: &str) -> Option<Remedy> {
    let pair = pair(rollout, container)?;
    pair.command().or_else(|| pair.image())
}

/// The memory limit of a container that was killed for its memory.
pub(in crate::diagnose) fn of_memory_limit(rollout: &Rollout<'_>, container: &str) -> Option<Remedy> {
    let pair = pair(rollout, container)?;
    let limit = |container: &'_ Container| container.resources.limits.get("memory").cloned();
    let is = limit(pair.is)?;
    let Some(was) = limit(pair.was) else {
        let help = format!(
            "this rollout gave container {container} a memory limit ({}), where it had none: raise it, or take it out again",
            is.human()
        );
        return Some(Remedy { help, command: pair.undo() });
    };
    (is.value()? < was.value()?).then(|| Remedy {
        help: format!(
            "this rollout lowered resources.limits.memory of container {container} from {} to {}: set it back",
            was.human(),
            is.human()
        ),
        command: pair.set_resources("limits", "memory", &was),
    })
}

/// What an application that ends by itself most likely ends for: a variable that its log names, or the only thing about
/// the container that this rollout changed.
pub(in crate::diagnose) fn of_application(
    rollout: &Rollout<'_>,
    container: &str,
    log: &[String],
) -> Option<Remedy> {
    let pair = pair(rollout, container)?;
    let variables = pair.variables();
    let names = |line: &String, name: &str| {
        line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == name)
    };
    if let Some(named) = variables.iter().find(|change| log.iter().any(|line| names(line, change.name))) {
        return Some(pair.variable(named, "and its log names it"));
    }
    let others = super::changes(rollout);
    let concerns = |change: &&super::Change| change.container.as_deref().is_none_or(|name| name == container);
    let [_] = others.iter().filter(concerns).collect::<Vec<_>>().as_slice() else { return None };
    pair.command()
        .or_else(|| pair.image())
        .or_else(|| variables.first().map(|change| pair.variable(change, "and nothing else of it")))
}

/// Amounts that this rollout raised, beside a refusal or a lack of them.
pub(in crate::diagnose) fn of_amounts(rollout: &Rollout<'_>, findings: &mut [Finding]) {
    if !rollout.workload.has_revisions() {
        return;
    }
    let Some((_, new)) = rollout.templates() else { return };
    for finding in findings {
        let concerned = matches!(
            finding.code,
            CauseCode::LimitRangeExceeded
                | CauseCode::LimitRangeDefaultConflict
                | CauseCode::QuotaExceeded
                | CauseCode::InsufficientResources
        );
        if !concerned || finding.headline.contains("minimum") {
            continue;
        }
        let raised = new
            .all_containers()
            .filter_map(|container| pair(rollout, &container.name))
            .find_map(|pair| pair.raised(&finding.headline));
        if let Some(remedy) = raised {
            finding.put_first(remedy.help, remedy.command);
        }
    }
}

/// A variable that differs.
struct Variable<'a> {
    name: &'a str,
    verb: &'static str,
    /// Where its value came from, if it was there and no literal.
    was: Option<&'a EnvSource>,
    was_there: bool,
}

impl<'a> Pair<'a> {
    fn command(&self) -> Option<Remedy> {
        let fields =
            [("command", &self.was.command, &self.is.command), ("args", &self.was.args, &self.is.args)];
        let changed: Vec<_> = fields.into_iter().filter(|(_, was, is)| was != is).collect();
        let line = |words: &[String]| {
            if words.is_empty() { "none".to_owned() } else { shorten(&words.join(" "), ROOM) }
        };
        let words: Vec<String> = changed
            .iter()
            .map(|(field, was, is)| {
                format!("{field} of container {} from {} to {}", self.is.name, line(was), line(is))
            })
            .collect();
        let old = changed.iter().map(|(field, was, _)| {
            let value = if was.is_empty() { Value::Null } else { Value::from((*was).clone()) };
            ((*field).to_owned(), value)
        });
        (!changed.is_empty()).then(|| Remedy {
            help: format!("this rollout changed {}: set it back, or correct it", words.join(" and ")),
            command: self.patch(old.collect()),
        })
    }

    fn image(&self) -> Option<Remedy> {
        let (name, target) = (&self.is.name, self.rollout.workload.command_target());
        (self.was.image != self.is.image).then(|| Remedy {
            help: format!(
                "this rollout changed the image of container {name} from {} to {}: what the new one lacks or needs is the likely reason",
                self.was.image, self.is.image
            ),
            command: kubectl(
                self.rollout.namespace(),
                &["set", "image", &target, &format!("{name}={}", self.was.image)],
            ),
        })
    }

    /// Variables by name, those that went first; of literal values nothing is known.
    fn variables(&self) -> Vec<Variable<'a>> {
        let find = |container: &'a Container, name: &str| {
            container.env.iter().find(|variable| variable.name == name)
        };
        let gone = self.was.env.iter().filter(|variable| find(self.is, &variable.name).is_none());
        let gone = gone.map(|variable| Variable {
            name: &variable.name,
            verb: "removed",
            was: variable.value_from.as_ref(),
            was_there: true,
        });
        let others = self.is.env.iter().filter_map(|variable| match find(self.was, &variable.name) {
            None => Some(Variable { name: &variable.name, verb: "added", was: None, was_there: false }),
            Some(was) if was.value_from != variable.value_from => Some(Variable {
                name: &variable.name,
                verb: "changed the source of",
                was: was.value_from.as_ref(),
                was_there: true,
            }),
            Some(_) => None,
        });
        gone.chain(others).collect()
    }

    fn variable(&self, change: &Variable<'_>, why: &str) -> Remedy {
        let (name, target) = (&self.is.name, self.rollout.workload.command_target());
        let help =
            format!("this rollout {} variable {} of container {name}, {why}", change.verb, change.name);
        let set = |assignment: String| {
            kubectl(self.rollout.namespace(), &["set", "env", &target, "-c", name, &assignment])
        };
        let command = match (change.was, change.was_there) {
            (Some(source), _) => match self.variable_of(change.name, source) {
                Some(variable) => self.patch([("env".to_owned(), json!([variable]))].into_iter().collect()),
                None => self.undo(),
            },
            (None, true) => set(format!("{}=VALUE", change.name)),
            (None, false) => set(format!("{}-", change.name)),
        };
        Remedy { help, command }
    }

    /// The variable as it was; what it is now must be taken out by name, because the patch is merged into it.
    fn variable_of(&self, name: &str, was: &EnvSource) -> Option<Value> {
        let mut from = Map::new();
        let key = |name: &str, key: &str| json!({"name": name, "key": key});
        if let Some(map) = &was.config_map_key_ref {
            from.insert("configMapKeyRef".to_owned(), key(&map.name, &map.key));
        } else if let Some(secret) = &was.secret_key_ref {
            from.insert("secretKeyRef".to_owned(), key(&secret.name, &secret.key));
        } else {
            return None;
        }
        let mut variable = Map::new();
        variable.insert("name".to_owned(), name.into());
        if let Some(is) = self.is.env.iter().find(|variable| variable.name == name) {
            match &is.value_from {
                None => {
                    variable.insert("value".to_owned(), Value::Null);
                }
                Some(is) => {
                    for (field, there) in [
                        ("configMapKeyRef", is.config_map_key_ref.is_some()),
                        ("secretKeyRef", is.secret_key_ref.is_some()),
                        ("fileKeyRef", is.file_key_ref.is_some()),
                    ] {
                        if there && !from.contains_key(field) {
                            from.insert(field.to_owned(), Value::Null);
                        }
                    }
                }
            }
        }
        variable.insert("valueFrom".to_owned(), Value::Object(from));
        Some(Value::Object(variable))
    }

    /// The first amount of a resource that a sentence names and that is more than it was.
    fn raised(&self, sentence: &str) -> Option<Remedy> {
        let lists = [
            ("requests", &self.was.resources.requests, &self.is.resources.requests),
            ("limits", &self.was.resources.limits, &self.is.resources.limits),
        ];
        lists.into_iter().find_map(|(list, was, is)| {
            let (resource, was, is) = is.iter().find_map(|(resource, is)| {
                let was = was.get(resource)?;
                (sentence.contains(resource.as_str()) && is.value()? > was.value()?).then_some((resource, was, is))
            })?;
            Some(Remedy {
                help: format!(
                    "this rollout raised resources.{list}.{resource} of container {} from {} to {}: set it back if so much is not needed",
                    self.is.name,
                    was.human(),
                    is.human()
                ),
                command: self.set_resources(list, resource, was),
            })
        })
    }

    fn set_resources(&self, list: &str, resource: &str, amount: &Quantity) -> String {
        let target = self.rollout.workload.command_target();
        kubectl(
            self.rollout.namespace(),
            &[
                "set",
                "resources",
                &target,
                "-c",
                &self.is.name,
                &format!("--{list}={resource}={}", amount.as_str()),
            ],
        )
    }

    /// A strategic merge patch, which finds the container by its name.
    fn patch(&self, fields: Map<String, Value>) -> String {
        let mut container = Map::new();
        container.insert("name".to_owned(), self.is.name.as_str().into());
        container.extend(fields);
        let list = if self.is_init { "initContainers" } else { "containers" };
        let patch = json!({"spec": {"template": {"spec": {list: [container]}}}}).to_string();
        kubectl(self.rollout.namespace(), &["patch", &self.rollout.workload.command_target(), "-p", &patch])
    }

    fn undo(&self) -> String {
        kubectl(self.rollout.namespace(), &["rollout", "undo", &self.rollout.workload.command_target()])
    }
}

#[cfg(test)]
mod tests;

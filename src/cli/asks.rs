//! The flags that let a diagnosis ask others than the cluster's objects.

use clap::Args;

use super::help;
use crate::policy::Asks;

/// Whom a diagnosis may ask.
#[derive(Debug, Args)]
pub(crate) struct AskArguments {
    /// Ask the registry about an image that cannot be pulled
    ///
    /// It tells a missing tag (and names the nearest) from a missing repository, from missing permission. It is asked as
    /// this machine (~/.docker/config.json or as Docker's variables say, with its credential helpers), as the pods' pull
    /// secrets where they may be read, and as anybody. Credentials go to the registry that they are for, over TLS, and
    /// into no report and no recording. Nothing is pulled.
    #[arg(long, help_heading = help::DIAGNOSIS)]
    pub(crate) check_registry: bool,
    /// With --check-registry: this registry may be spoken to without TLS (repeatable)
    ///
    /// As images name it: registry.example:5000. One on this machine need not be named.
    #[arg(long, value_name = "HOST", value_parser = parse_host, help_heading = help::DIAGNOSIS)]
    pub(crate) insecure_registry: Vec<String>,
    /// Where pods are refused, ask the API server what it would refuse next
    ///
    /// It names one reason at a time. With this flag the pod is sent to it again as a dry run, with that reason
    /// corrected, until it has no more to say. Nothing is created; the verb create on pods is needed.
    #[arg(long, help_heading = help::DIAGNOSIS)]
    pub(crate) dry_run_pods: bool,
}

impl AskArguments {
    pub(crate) const fn asks(&self) -> Asks {
        Asks { registry: self.check_registry, dry_run: self.dry_run_pods }
    }
}

/// `HOST` or `HOST:PORT`.
fn parse_host(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
    if text.is_empty() || !text.chars().all(plain) {
        return Err("expected a host as images name it, such as registry.example:5000".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_named_as_images_name_it() {
        assert_eq!(parse_host("registry.example:5000").as_deref(), Ok("registry.example:5000"));
        for wrong in ["", "http://registry.example", "registry.example/shop"] {
            assert!(parse_host(wrong).is_err(), "{wrong}");
        }
    }
}

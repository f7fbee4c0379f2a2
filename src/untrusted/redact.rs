//! Takes secrets out of texts before anybody sees or stores them.
//!
//! Logs of public pipelines are public. What is recognised by its own form (tokens, keys, PEM blocks) goes
//! wherever it stands; what is recognised by its name (`password=…`) only where it looks like a value, since
//! Kubernetes' messages are full of the word secret: `secret "db" not found`, `used: secrets=10`.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::planted::{self, Bug};

use regex::{Captures, Regex};

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// A pattern of the user that is not a regular expression.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the pattern `{pattern}` as a regular expression")]
pub(crate) struct RedactPatternError {
    pattern: String,
    #[source]
    source: regex::Error,
}

/// Shorter texts are no credentials of an API server, and would be found in words.
const SHORTEST_VALUE: usize = 8;

/// Replaces secrets by [`REDACTED`]. Replacing twice is replacing once.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    user: Vec<Regex>,
    /// Secrets by themselves, whatever their form; clones share them.
    values: Arc<RwLock<Vec<String>>>,
}

/// What else must hold for a match of a known pattern to be a secret.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Always,
    /// Not `$TOKEN`, `<token>` or `***`: those stand for a value.
    NotPlaceholder,
    /// Moreover with a digit or a sign in it: prose also follows `password:`.
    LooksRandom,
    /// Not the `name:tag@sha256:…` of an image.
    NotDigest,
}

/// The group that is what goes, of which a pattern has at most one in a match; without one it goes as a whole.
const SECRET_GROUPS: &[&str] = &["secret", "double", "single"];

/// A form of secrets. It is compiled once a text may have it: most texts of a good rollout have none, and all forms
/// together cost more than the rest of a short run.
#[derive(Debug)]
struct Known {
    /// No text without one of these, in any case, has this form.
    needs: &'static [&'static str],
    pattern: &'static str,
    reading: Reading,
    /// `None` inside: not a regular expression, which a test excludes.
    compiled: OnceLock<Option<Regex>>,
}

/// A part of each name that says that a secret follows.
const NAMES: &[&str] = &["passw", "passphrase", "pwd", "secret", "token", "key", "credential", "sig"];

/// They are the letters s and k to a pattern that ignores case, and to nothing else that is asked here.
const FOLDED: [char; 2] = ['\u{17f}', '\u{212a}'];

static KNOWN: [Known; 17] = [
    // PEM blocks: whole, cut off at the end, or cut off at the beginning as the tail of a log is.
    Known::new(
        &["-----begin "],
        r"-----BEGIN [A-Z0-9 ]+-----(?s:.*?)(?:-----END [A-Z0-9 ]+-----|\z)",
        Reading::Always,
    ),
    Known::new(
        &["-----end "],
        r"(?:[A-Za-z0-9+/=]{16,}\n)+[A-Za-z0-9+/=]*\n?-----END [A-Z0-9 ]+-----",
        Reading::Always,
    ),
    // scheme://user:password@host, scheme://token@host, and the form of Go's MySQL driver.
    Known::new(&["://"], r"://[^\s/:@?#]*:(?<secret>[^\s/?#]+)@(?<digest>sha[0-9]+:)?", Reading::NotDigest),
    Known::new(&["://"], r"://(?<secret>[A-Za-z0-9._~%-]{16,})@(?<digest>sha[0-9]+:)?", Reading::NotDigest),
    Known::new(&["@tcp(", "@unix("], r"[A-Za-z0-9_.-]+:(?<secret>[^\s@:/]+)@(?:tcp|unix)\(", Reading::Always),
    // With its scheme; without one only a long value, as registries say `may require authorization: server message`.
    Known::new(
        &["authorization"],
        r#"(?i)authorization["']? *[:=] *["']?(?:bearer|basic|token|negotiate) +(?<secret>[^\s"',]+)"#,
        Reading::NotPlaceholder,
    ),
    Known::new(
        &["authorization"],
        r#"(?i)authorization["']? *[:=] *["']?(?<secret>[A-Za-z0-9._~+/=-]{16,})"#,
        Reading::LooksRandom,
    ),
    Known::new(&["bearer"], r"(?i)\bbearer\s+(?<secret>[A-Za-z0-9._~+/=-]{16,})", Reading::Always),
    // Also glued to what stands before it, as to an escape sequence that was cut off: `\u{1b}[31ghp_…`.
    Known::new(&["eyj"], r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?", Reading::Always),
    Known::new(&["akia", "asia"], r"(?:AKIA|ASIA)[0-9A-Z]{16,}", Reading::Always),
    Known::new(
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "dckr_", "aiza", "hvs."],
        r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_.-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|dckr_[a-z]+_[A-Za-z0-9_-]{10,}|AIza[A-Za-z0-9_-]{35,}|hvs\.[A-Za-z0-9_-]{20,})",
        Reading::Always,
    ),
    // `task_test_…` is no key.
    Known::new(
        &["k_live_", "k_test_"],
        r"(?:\b|[0-9;])(?<secret>[sr]k_(?:live|test)_[A-Za-z0-9]{16,})",
        Reading::Always,
    ),
    // Docker Hub names the account and its token when it limits pulls.
    Known::new(&["limit as "], r"(?i)\blimit as [^\s:]+: (?<secret>\S+)", Reading::Always),
    // name=value, in environments, flags, query strings and connection strings.
    Known::new(
        NAMES,
        r#"(?i)(?:[A-Za-z0-9.-]*[_.-])?(?:password|passwd|passphrase|pwd|secret|token|api_?-?key|apikey|access_?-?key|private_?-?key|secret_?-?key|credentials?|signature|\bsig)["']? *(?:=>? *(?:"(?<double>[^"\n]+)"|'(?<single>[^'\n]+)')|= *(?<secret>[^\s,;&"'=>][^\s,;&"']*))"#,
        Reading::NotPlaceholder,
    ),
    // "name": "value" and 'name': 'value'.
    Known::new(
        NAMES,
        r#"(?i)["'](?:[A-Za-z0-9.-]*[_.-])?(?:[A-Za-z0-9]*(?:password|passwd|passphrase|secret|token|apikey)|api_?-?key|access_?-?key|private_?-?key|secret_?-?key)["'] *: *(?:"(?<double>[^"\n]+)"|'(?<single>[^'\n]+)')"#,
        Reading::NotPlaceholder,
    ),
    // name: value and --name value.
    Known::new(
        &["password", "passwd", "passphrase", "pwd"],
        r#"(?i)(?:[A-Za-z0-9]+[_.-])*\b(?:password|passwd|passphrase|pwd) *: *(?<secret>[^\s,;"']+)"#,
        Reading::LooksRandom,
    ),
    Known::new(
        &["--"],
        r#"(?i)--(?:[a-z]+-)*(?:password|token|secret|api-key)\s+(?<secret>[^\s,;"']+)"#,
        Reading::LooksRandom,
    ),
];

impl Known {
    const fn new(needs: &'static [&'static str], pattern: &'static str, reading: Reading) -> Self {
        Self { needs, pattern, reading, compiled: OnceLock::new() }
    }

    /// `lower`: the text in lower case.
    fn may_be_in(&self, lower: &str) -> bool {
        self.needs.iter().any(|need| lower.contains(need)) || lower.contains(FOLDED)
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(self.pattern).ok()).as_ref()
    }
}

impl Redactor {
    /// What is always redacted, and whatever the user's patterns match.
    ///
    /// # Errors
    /// A pattern is not a regular expression.
    pub(crate) fn new<P: AsRef<str>>(patterns: &[P]) -> Result<Self, RedactPatternError> {
        let compile = |pattern: &str| {
            Regex::new(pattern).map_err(|source| RedactPatternError { pattern: pattern.to_owned(), source })
        };
        let user = patterns.iter().map(|pattern| compile(pattern.as_ref()));
        Ok(Self { user: user.collect::<Result<_, _>>()?, values: Arc::default() })
    }

    /// From now on this value is a secret wherever it stands: a server that repeats our own credentials, in an error or
    /// in a log, must not spread them.
    pub(crate) fn learn(&self, value: &str) {
        let value = value.trim();
        if value.len() < SHORTEST_VALUE || REDACTED.contains(value) {
            return;
        }
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
            // One may contain another.
            values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
    }

    /// The text without secrets. Give it whole: a key may span lines.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut result = Cow::Borrowed(text);
        if planted::is(Bug::Unredacted) {
            return result;
        }
        for value in self.values.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if result.contains(value.as_str()) {
                result = Cow::Owned(result.replace(value.as_str(), REDACTED));
            }
        }
        let lower = text.to_ascii_lowercase();
        // What is put in place of a secret brings no other form about.
        for known in KNOWN.iter().filter(|known| known.may_be_in(&lower)) {
            let Some(regex) = known.regex() else { return Cow::Borrowed(REDACTED) };
            replace(&mut result, regex, |found| known.reading.is_secret(found));
        }
        for regex in &self.user {
            replace(&mut result, regex, |_| true);
        }
        result
    }

    /// The lines of a log without secrets; a key that spans lines becomes one line.
    pub(crate) fn redact_lines(&self, lines: &[String]) -> Vec<String> {
        if lines.is_empty() {
            return Vec::new();
        }
        self.redact(&lines.join("\n")).split('\n').map(str::to_owned).collect()
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("user", &self.user).finish_non_exhaustive()
    }
}

fn replace(text: &mut Cow<'_, str>, regex: &Regex, is_secret: impl Fn(&Captures<'_>) -> bool) {
    let replaced = regex.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get_match();
        let secret = secret_of(found).unwrap_or(whole);
        if secret.is_empty() || !is_secret(found) {
            return whole.as_str().to_owned();
        }
        let start = secret.start() - whole.start();
        let end = secret.end() - whole.start();
        let around = |range| whole.as_str().get::<std::ops::Range<usize>>(range).unwrap_or_default();
        format!("{}{REDACTED}{}", around(0..start), around(end..whole.len()))
    });
    if let Cow::Owned(replaced) = replaced {
        *text = Cow::Owned(replaced);
    }
}

fn secret_of<'t>(found: &Captures<'t>) -> Option<regex::Match<'t>> {
    SECRET_GROUPS.iter().find_map(|group| found.name(group))
}

impl Reading {
    fn is_secret(self, found: &Captures<'_>) -> bool {
        let secret = secret_of(found).map_or("", |secret| secret.as_str());
        match self {
            Self::Always => true,
            Self::NotDigest => found.name("digest").is_none(),
            Self::NotPlaceholder => !is_placeholder(secret),
            Self::LooksRandom => {
                !is_placeholder(secret)
                    && secret.trim_end_matches(['.', ':', ')']).chars().any(|c| !c.is_alphabetic())
            }
        }
    }
}

/// `$TOKEN`, `${TOKEN}`, `$(TOKEN)`, `TOKEN`, `<token>`, `***`, with or without quotes.
fn is_placeholder(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    let is_name =
        |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let variable =
        |open, close| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(is_name);
    value.chars().all(|c| c == '*')
        || matches!(value, "PASSWORD" | "TOKEN" | "SECRET" | "VALUE")
        || variable("$", "")
        || variable("${", "}")
        || variable("$(", ")")
        || (value.starts_with('<') && value.ends_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(text: &str) -> String {
        Redactor::new::<&str>(&[]).unwrap().redact(text).into_owned()
    }

    #[test]
    fn every_known_form_compiles() {
        for known in &KNOWN {
            assert!(known.regex().is_some(), "{}", known.pattern);
        }
    }

    /// All forms, whatever the text looks like.
    fn redact_without_a_look(text: &str) -> String {
        let mut result = Cow::Borrowed(text);
        for known in &KNOWN {
            replace(&mut result, known.regex().unwrap(), |found| known.reading.is_secret(found));
        }
        result.into_owned()
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]

        #[test]
        fn no_secret_is_missed_because_its_form_was_not_looked_for(
            parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..8),
        ) {
            let text = parts.concat();
            proptest::prop_assert_eq!(redact(&text), redact_without_a_look(&text));
        }
    }

    /// What secrets are made of, and what stands between them.
    const PARTS: &[&str] = &[
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----END RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA1234",
        "\n",
        " ",
        "://",
        "user:",
        "hunter2",
        "@db",
        "@tcp(",
        "@unix(",
        "sha256:",
        "Authorization: ",
        "authorization=",
        "BEARER ",
        "Basic ",
        "abcdefghijklmnop0123456789",
        "eyJ",
        ".",
        "AKIA",
        "ASIA",
        "IOSFODNN7EXAMPLE0",
        "ghp_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "dckr_pat_",
        "AIza",
        "hvs.",
        "sk_live_",
        "rk_test_",
        "limit as bob: ",
        "PassWord",
        "PASSWD",
        "passphrase",
        "pwd",
        "secret",
        "TOKEN",
        "api_key",
        "apikey",
        "access-key",
        "private_key",
        "credentials",
        "signature",
        "sig",
        "=",
        ": ",
        "\"",
        "'",
        "--db-",
        "--token ",
        "DB_",
        "pa\u{17f}\u{17f}word",
        "to\u{212a}en",
        "&",
        ",",
        "$(X)",
        "\u{e9}",
    ];

    #[test]
    fn a_learnt_value_is_a_secret_wherever_it_stands_and_for_every_clone() {
        let redactor = Redactor::default();
        let clone = redactor.clone();
        for value in ["opaque-7", "opaque-7-and-more\n", "short", "redacted"] {
            redactor.learn(value);
        }
        let text = "denied xopaque-7x, opaque-7-and-more, short, redacted";
        let shown = "denied x[redacted]x, [redacted], short, redacted";
        assert_eq!(clone.redact(text), shown);
        assert_eq!(clone.redact(shown), shown);
        assert!(!format!("{clone:?}").contains("opaque"));
    }

    #[test]
    fn secrets_go_and_what_names_them_stays() {
        for (text, shown) in [
            ("postgres://app:hunter2@db:5432/shop", "postgres://app:[redacted]@db:5432/shop"),
            ("redis://:p@ss:w@cache", "redis://:[redacted]@cache"),
            ("https://ghxtokenlongenough1@github.com/x", "https://[redacted]@github.com/x"),
            ("app:hunter2@tcp(db:3306)/shop", "app:[redacted]@tcp(db:3306)/shop"),
            ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
            ("got Bearer abcdefghijklmnop.q", "got Bearer [redacted]"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln x", "jwt [redacted] x"),
            ("key AKIAIOSFODNN7EXAMPLE!", "key [redacted]!"),
            ("ghp_abcdefghijklmnopqrst0123", "[redacted]"),
            ("gho_abcdefghijklmnopqrst0123 ghu_abcdefghijklmnopqrst0123", "[redacted] [redacted]"),
            ("ghs_abcdefghijklmnopqrst0123 ghr_abcdefghijklmnopqrst0123", "[redacted] [redacted]"),
            ("github_pat_abcdefghijklmnopqrst0123", "[redacted]"),
            ("glpat-abcdefghijklmnopqrst", "[redacted]"),
            ("xoxb-0123456789ab", "[redacted]"),
            ("dckr_pat_0123456789ab", "[redacted]"),
            ("AIzaabcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"),
            ("hvs.abcdefghijklmnopqrst0123", "[redacted]"),
            ("ASIAIOSFODNN7EXAMPLE", "[redacted]"),
            ("rk_test_0123456789abcdef", "[redacted]"),
            ("[31ghp_abcdefghijklmnopqrst0123 [31sk_live_0123456789abcdef", "[31[redacted] [31[redacted]"),
            ("DB_PASSWORD=hunter2 PORT=80", "DB_PASSWORD=[redacted] PORT=80"),
            ("?token=abc&x=1", "?token=[redacted]&x=1"),
            ("password=\"a b\" user=x", "password=\"[redacted]\" user=x"),
            ("password =   hunter2", "password =   [redacted]"),
            ("\"password\"=>\"hunter2\"", "\"password\"=>\"[redacted]\""),
            ("authorization: 0123456789abcdef01", "authorization: [redacted]"),
            (r#"{"clientSecret": "abc", "user": "x"}"#, r#"{"clientSecret": "[redacted]", "user": "x"}"#),
            ("db password: hunter2", "db password: [redacted]"),
            ("--token s3cr3t --port 80", "--token [redacted] --port 80"),
            (
                "toomanyrequests: You have reached your pull rate limit as 'bob': dckr_jti_abc. More",
                "toomanyrequests: You have reached your pull rate limit as 'bob': [redacted] More",
            ),
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
                "a\n[redacted]\nb",
            ),
            ("a\n-----BEGIN PRIVATE KEY-----\nMIIE", "a\n[redacted]"),
            ("MIIEpAIBAAKCAQEA1234\nabcd==\n-----END PRIVATE KEY-----\nb", "[redacted]\nb"),
        ] {
            assert_eq!(redact(text), shown);
            assert_eq!(redact(shown), shown, "twice is once");
        }
    }

    #[test]
    fn what_kubernetes_says_about_secrets_stays() {
        for text in [
            r#"secret "db" not found"#,
            r#"MountVolume.SetUp failed for volume "db-secret" : secret "db" not found"#,
            "couldn't find key password in Secret shop/db",
            "exceeded quota: q, requested: secrets=1, used: secrets=10, limited: secrets=10",
            r#"Secret shop/db has no key "password": it has user, pass"#,
            "FATAL: password authentication failed for user \"app\"",
            "invalid password: access denied",
            "spec.imagePullSecrets[0].name: regcred",
            "docker-pullable://nginx:1.27@sha256:0123456789abcdef",
            "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file",
            "Www-Authenticate: Bearer realm=\"https://auth.docker.io/token\"",
            "http://10.0.0.1:8080/healthz",
            "run task_test_integrationsuite0",
            "repository does not exist or may require authorization: server message: insufficient_scope: \
             authorization failed",
            "invalid username/password: unauthorized",
            "if token == expected && kind::Secret => next",
            "kubectl create secret docker-registry r --docker-password=PASSWORD",
            "kubectl patch secret db -p '{\"stringData\":{\"password\":\"VALUE\"}}'",
            "kubectl create secret docker-registry regcred --docker-password=\"$TOKEN\" --docker-username=<user>",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn the_users_patterns_are_applied_and_a_bad_one_is_named() {
        let redactor = Redactor::new(&["cust-[0-9]+", "x*"]).unwrap();
        assert_eq!(redactor.redact("order of cust-4711"), "order of [redacted]");
        let error = Redactor::new(&["("]).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the pattern `(` as a regular expression");
    }

    #[test]
    fn a_key_over_several_log_lines_becomes_one_line() {
        let lines = ["a", "-----BEGIN EC PRIVATE KEY-----", "MHcC", "-----END EC PRIVATE KEY-----", "b"];
        let lines: Vec<String> = lines.map(str::to_owned).into();
        assert_eq!(Redactor::new::<&str>(&[]).unwrap().redact_lines(&lines), ["a", "[redacted]", "b"]);
        assert!(Redactor::new::<&str>(&[]).unwrap().redact_lines(&[]).is_empty());
    }
}

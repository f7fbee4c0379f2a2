//! The encoders for values inside the commands that CI systems read from a log.
//!
//! What comes in loses its own commands first ([`super::tokens`]); what is left is written as each system's grammar
//! asks, so that a value can neither end its command nor begin another.

use super::{Redactor, Untrusted, shorten};

impl Untrusted<'_> {
    /// The message of a GitHub workflow command; its lines stay lines.
    pub(crate) fn for_github_message(self, redactor: &Redactor, limit: usize) -> String {
        escape(&self.block(redactor, limit), &[('%', "%25"), ('\r', "%0D"), ('\n', "%0A")])
    }

    /// The value of a property of a GitHub workflow command.
    pub(crate) fn for_github_property(self, redactor: &Redactor, limit: usize) -> String {
        let pairs = [('%', "%25"), ('\r', "%0D"), ('\n', "%0A"), (':', "%3A"), (',', "%2C")];
        escape(&shorten(self.for_terminal(redactor), limit), &pairs)
    }

    /// The message, or the value of a property, of an Azure logging command.
    pub(crate) fn for_azure(self, redactor: &Redactor, limit: usize) -> String {
        let pairs = [('%', "%AZP25"), ('\r', "%0D"), ('\n', "%0A"), (';', "%3B"), (']', "%5D")];
        escape(&self.block(redactor, limit), &pairs)
    }

    /// A value, between single quotes, of a TeamCity service message.
    pub(crate) fn for_teamcity(self, redactor: &Redactor, limit: usize) -> String {
        let pairs = [('|', "||"), ('\'', "|'"), ('\n', "|n"), ('\r', "|r"), ('[', "|["), (']', "|]")];
        escape(&self.block(redactor, limit), &pairs)
    }

    /// The value of a variable in a file of `NAME=value` lines.
    pub(crate) fn for_variable(self, redactor: &Redactor, limit: usize) -> String {
        shorten(self.for_terminal(redactor), limit)
    }

    /// The same for a variable that is passed on: GitLab reads `$NAME`, `${NAME}` and `%NAME%` in it as the value of
    /// another variable, a password too (`raw: false` in `Ci::ParseDotenvArtifactService`).
    pub(crate) fn for_passed_on_variable(self, redactor: &Redactor, limit: usize) -> String {
        let text = break_references(&self.for_variable(redactor, limit), '$', |c| c == '{' || is_of_name(c));
        break_references(&text, '%', is_of_name)
    }

    /// The value of a variable that Azure passes on: `$(name)` in it would be the value of another.
    pub(crate) fn for_azure_variable(self, redactor: &Redactor, limit: usize) -> String {
        break_references(&self.for_azure(redactor, limit), '$', |c| c == '(')
    }

    /// The value of a parameter of TeamCity: `%name%` in it would be the value of another; `%%` is a percent sign.
    pub(crate) fn for_teamcity_parameter(self, redactor: &Redactor, limit: usize) -> String {
        self.for_teamcity(redactor, limit).replace('%', "%%")
    }

    fn block(self, redactor: &Redactor, limit: usize) -> String {
        shorten(self.for_terminal_lines(redactor).join("\n"), limit)
    }
}

/// A visible backslash after each sign that begins a reference to a variable.
fn break_references(text: &str, sign: char, begins_name: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if out.ends_with(sign) && begins_name(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

const fn is_of_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

fn escape(text: &str, pairs: &[(char, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match pairs.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => out.push_str(to),
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grammar_has_its_escapes() {
        let redactor = Redactor::new::<&str>(&[]).unwrap();
        let text = Untrusted::new("50%: a,b;\n'c' [d] |");
        assert_eq!(text.for_github_message(&redactor, 100), "50%25: a,b;%0A'c' [d] |");
        assert_eq!(text.for_github_property(&redactor, 100), "50%25%3A a%2Cb; 'c' [d] |");
        assert_eq!(text.for_azure(&redactor, 100), "50%AZP25: a,b%3B%0A'c' [d%5D |");
        assert_eq!(text.for_teamcity(&redactor, 100), "50%: a,b;|n|'c|' |[d|] ||");
        assert_eq!(text.for_variable(&redactor, 100), "50%: a,b; 'c' [d] |");
    }
    #[test]
    fn a_value_that_is_passed_on_refers_to_no_other_variable() {
        let redactor = Redactor::new::<&str>(&[]).unwrap();
        let text = "$CI_JOB_TOKEN ${A} $(b) %C%, $\u{200b}D $$E at 100% for $5";
        let text = Untrusted::new(text);
        assert_eq!(
            text.for_passed_on_variable(&redactor, 100),
            r"$\CI_JOB_TOKEN $\{A} $(b) %\C%, $\D $$\E at 100% for $\5"
        );
        assert_eq!(
            text.for_azure_variable(&redactor, 100),
            r"$CI_JOB_TOKEN ${A} $\(b) %AZP25C%AZP25, $D $$E at 100%AZP25 for $5"
        );
        assert_eq!(
            text.for_teamcity_parameter(&redactor, 100),
            "$CI_JOB_TOKEN ${A} $(b) %%C%%, $D $$E at 100%% for $5"
        );
    }
}

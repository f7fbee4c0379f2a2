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

    fn block(self, redactor: &Redactor, limit: usize) -> String {
        shorten(self.for_terminal_lines(redactor).join("\n"), limit)
    }
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
}

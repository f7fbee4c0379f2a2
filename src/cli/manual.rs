//! The manual page: one page for the program and all its commands.

use std::io::{self, Write as _};

use clap::Command;
use clap_mangen::Man;

/// The page as roff.
pub(super) fn page(command: Command) -> String {
    let mut roff = Vec::new();
    // Writing to memory does not fail.
    drop(write_page(command, &mut roff));
    String::from_utf8_lossy(&roff).into_owned()
}

fn write_page(command: Command, out: &mut Vec<u8>) -> io::Result<()> {
    let commands: Vec<Command> =
        command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned().collect();
    let page = Man::new(command);
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    for sub in commands {
        writeln!(out, ".SH \"COMMAND {}\"", sub.get_name().to_uppercase())?;
        let name = format!("rollout-guard {}", sub.get_name());
        // The flags of the whole program are described once, below.
        let sub = sub
            .mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
            .disable_help_flag(true)
            .bin_name(name);
        let section = Man::new(sub);
        let mut body = Vec::new();
        section.render_synopsis_section(&mut body)?;
        section.render_description_section(&mut body)?;
        section.render_options_section(&mut body)?;
        section.render_extra_section(&mut body)?;
        // Sections of a command are subsections of the page.
        out.write_all(with_notes(&body).replace(".SH ", ".SS ").as_bytes())?;
    }
    let mut rest = Vec::new();
    page.render_options_section(&mut rest)?;
    page.render_extra_section(&mut rest)?;
    out.write_all(with_notes(&rest).as_bytes())
}

/// Examples and tables, which come last, keep their lines.
fn with_notes(roff: &[u8]) -> String {
    String::from_utf8_lossy(roff).replace(".SH EXTRA\n", ".SH NOTES\n.nf\n") + ".fi\n"
}

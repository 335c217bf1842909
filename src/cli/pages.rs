//! What shells and `man` know of the command: made of the same declarations as its help.

use clap::CommandFactory;

use super::{
    args::{Cli, CompletionArgs},
    exit::{Exit, Failure},
    output,
};

/// Prints a completion script.
pub(super) fn completions(args: &CompletionArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wippy", &mut script);
    print(&script)
}

/// Prints the manual page: all subcommands, one after the other.
pub(super) fn man() -> Result<Exit, Failure> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let failed = |error: std::io::Error| Failure::config(error.to_string());
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(failed)?;
    for subcommand in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        if subcommand.get_name() == "help" {
            continue;
        }
        let man = clap_mangen::Man::new(subcommand.clone());
        page.extend(format!(".SH {}\n", subcommand.get_name().to_uppercase()).into_bytes());
        man.render_description_section(&mut page).map_err(failed)?;
        man.render_synopsis_section(&mut page).map_err(failed)?;
        man.render_options_section(&mut page).map_err(failed)?;
    }
    print(&page)
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    output::result(&String::from_utf8_lossy(text)).map(|()| Exit::Ok)
}

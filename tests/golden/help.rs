//! `tests/golden/help/*.txt` is what `--help` shows.

use crate::assert_file;

#[test]
fn the_help_of_every_command_is_as_reviewed() {
    let mut command = bearward::cli::command().term_width(100);
    command.build();
    check(&mut command, "");
}

fn check(command: &mut clap::Command, parent: &str) {
    let name = if parent.is_empty() { "bearward".to_owned() } else { format!("{parent}-{}", command.get_name()) };
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    assert_file(format!("tests/golden/help/{name}.txt"), &(lines.join("\n") + "\n"));
    for command in command.get_subcommands_mut() {
        check(command, &name);
    }
}

//! `bearward keys list`: the signing keys of policies, as a table.

use std::io::{self, Write};

use crate::operate::signing::Line;

/// What stands over the columns.
const TITLES: [&str; 6] = ["POLICY", "KID", "ALGORITHM", "STATE", "SINCE", "NEXT"];

/// Writes a line for each key, in columns.
pub fn write(keys: &[Line], out: &mut dyn Write) -> io::Result<()> {
    let rows = keys.iter().map(|key| {
        let Line { of, kid, algorithm, state, since, next } = key;
        [of.as_str(), kid, algorithm, state, since, next]
    });
    let rows: Vec<[&str; 6]> = std::iter::once(TITLES).chain(rows).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    for row in &rows {
        let cells = widths.iter().zip(row).map(|(width, cell)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Line, write};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_nothing_follows_the_last() {
        let key = Line { of: "tokens".to_owned(), kid: "k1".to_owned(), state: "Active".to_owned(), ..Line::default() };
        let mut out = Vec::new();
        write(&[key], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "POLICY  KID  ALGORITHM  STATE   SINCE  NEXT\ntokens  k1              Active\n");
    }
}

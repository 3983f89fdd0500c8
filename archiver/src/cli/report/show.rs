//! A report for people.

use strongroom_crypto::time::Instant;

use crate::cli::{Failure, output};
use crate::report::table::{Cell, Column, Stamp, Table};

/// Words shown of a cell that has several.
const WORDS: usize = 3;
/// Width of what is said beside the rows.
const WIDTH: usize = 88;

/// Prints a report: what it is of, its rows, and what is to be said beside them. Columns that say
/// nothing in any row are left out.
pub(super) fn show(table: &Table, stamp: &Stamp) -> Result<(), Failure> {
    output::line(format!("report      {} as of {}", table.report, stamp.as_of))?;
    output::line(format!("archive     {}", stamp.archive))?;
    output::line(match stamp.policy {
        Some((digest, version)) => {
            format!("policy      version {version} in force, sha256:{digest}")
        }
        None => "policy      none in force".to_owned(),
    })?;
    output::line(format!("log         {}", output::counted(stamp.log_size, "entry", "entries")))?;
    let rows = u64::try_from(table.rows.len()).unwrap_or(u64::MAX);
    output::line(format!("rows        {}", output::count(rows)))?;
    if !table.rows.is_empty() {
        output::line("")?;
        lines(table).into_iter().try_for_each(output::line)?;
    }
    output::line("")?;
    for note in &table.notes {
        for (nth, text) in wrapped(note).into_iter().enumerate() {
            let label = if nth == 0 { "note" } else { "" };
            output::line(format!("{label:<12}{text}"))?;
        }
    }
    Ok(())
}

/// A text in lines that can be read.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// A column that is shown.
struct Shown {
    title: String,
    cells: Vec<String>,
    /// Numbers stand to the right.
    number: bool,
}

fn lines(table: &Table) -> Vec<String> {
    let columns = table.columns.iter().enumerate().filter_map(|(nth, column)| {
        let cells: Vec<&Cell> = table.rows.iter().filter_map(|row| row.get(nth)).collect();
        shown(column, &cells)
    });
    let columns: Vec<Shown> = columns.collect();
    let line = |text: &dyn Fn(&Shown) -> String| {
        let parts = columns.iter().map(|column| {
            let width = column.cells.iter().chain([&column.title]).map(|cell| cell.chars().count());
            let (width, text) = (width.max().unwrap_or(0), text(column));
            if column.number { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        parts.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heads = line(&|column| column.title.clone());
    let rows = (0..table.rows.len())
        .map(|row| line(&|column| column.cells.get(row).cloned().unwrap_or_default()));
    [heads].into_iter().chain(rows).collect()
}

fn shown(column: &Column, cells: &[&Cell]) -> Option<Shown> {
    if column.exact || cells.iter().all(|cell| cell.is_empty()) {
        return None;
    }
    Some(Shown {
        title: column.name.to_uppercase().replace('_', " "),
        cells: cells.iter().map(|cell| plain(cell)).collect(),
        number: cells.iter().any(|cell| matches!(cell, Cell::Count(_) | Cell::Amount(_))),
    })
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "-".to_owned(),
        Cell::Text(word) => word.clone(),
        Cell::Count(number) => output::count(*number),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Cell::At(at) => minute(*at),
        Cell::Many(words) if words.is_empty() => "-".to_owned(),
        Cell::Many(words) => {
            let some: Vec<&str> = words.iter().take(WORDS).map(String::as_str).collect();
            let rest = words.len().saturating_sub(WORDS);
            let rest = if rest == 0 { String::new() } else { format!(", and {rest} more") };
            format!("{}{rest}", some.join(", "))
        }
        Cell::Amount(money) => money.to_string(),
    }
}

/// A time to the minute: programs get all of it.
fn minute(at: Instant) -> String {
    let exact = at.to_string();
    exact.get(..16).map_or(exact.clone(), |minute| format!("{}Z", minute.replace('T', " ")))
}

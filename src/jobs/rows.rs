//! The rows of a batch: one recipient each, from a CSV file (RFC 4180).

use std::collections::HashSet;
use std::io::Read;

use csv::StringRecord;
use serde_json::Value;
use thiserror::Error;

use crate::template::merge::Data;

/// The most rows of one batch.
pub const MAX_ROWS: usize = 100_000;

/// The column that names a row's file; without it rows are numbered.
const NAME_COLUMN: &str = "file";

/// Why there are no rows at all.
#[derive(Debug, Error)]
pub enum RowsError {
    /// The file cannot be read, or its first row names no columns.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// It goes on and on.
    #[error("more than {MAX_ROWS} rows")]
    TooMany,
    /// It has nothing but names of columns.
    #[error("no rows")]
    Empty,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place, counted from 1, the names of the columns not counted.
    pub number: usize,
    /// Whom it is about, or what is wrong with it: no other row is worse for it.
    pub recipient: Result<Recipient, String>,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The name of the video's file, without `.mp4`; no two rows have the same.
    pub file: String,
    /// The merge fields.
    pub data: Data,
}

/// Reads all rows. The first row of the file names the merge fields; the column
/// `file` names the videos.
pub fn read(from: impl Read) -> Result<Vec<Row>, RowsError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(from);
    // A byte order mark is part of no name.
    let columns: Vec<String> = reader
        .headers()?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    let mut files = HashSet::new();
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        if index >= MAX_ROWS {
            return Err(RowsError::TooMany);
        }
        let number = index + 1;
        let recipient = match record {
            Ok(record) => recipient(&columns, &record, number, &mut files),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                Err(error.to_string())
            }
            Err(error) => return Err(error.into()),
        };
        rows.push(Row { number, recipient });
    }
    if rows.is_empty() {
        return Err(RowsError::Empty);
    }
    Ok(rows)
}

fn recipient(
    columns: &[String],
    record: &StringRecord,
    number: usize,
    files: &mut HashSet<String>,
) -> Result<Recipient, String> {
    if record.len() != columns.len() {
        let (fields, expected) = (record.len(), columns.len());
        return Err(format!(
            "{fields} fields: expected {expected}, as in the first row"
        ));
    }
    let mut file = format!("{number:06}");
    let mut data = Data::new();
    for (column, value) in columns.iter().zip(record) {
        if column == NAME_COLUMN {
            file = file_name(value).ok_or_else(|| {
                format!("{value:?} is no file name: expected letters, digits, '-', '_' and '.'")
            })?;
        } else {
            data.insert(column.clone(), Value::String(value.to_owned()));
        }
    }
    if !files.insert(file.clone()) {
        return Err(format!("the file name {file:?} is there twice"));
    }
    Ok(Recipient { file, data })
}

fn file_name(value: &str) -> Option<String> {
    let clean = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let value = value.strip_suffix(".mp4").unwrap_or(value);
    (!value.is_empty() && !value.starts_with('.') && value.len() <= 200 && value.chars().all(clean))
        .then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &[u8]) -> Vec<Result<String, String>> {
        let rows = read(text).expect("rows");
        let file = |row: Row| row.recipient.map(|recipient| recipient.file);
        rows.into_iter().map(file).collect()
    }

    #[test]
    fn a_file_name_cannot_leave_the_folder() {
        for (value, expected) in [
            ("ana", Some("ana")),
            ("ana.mp4", Some("ana")),
            ("Zoë_1-2.final", Some("Zoë_1-2.final")),
            ("../ana", None),
            ("a/b", None),
            (".hidden", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(file_name(value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn columns_are_merge_fields_and_rows_without_a_name_are_numbered() {
        let rows = read("\u{feff}name , offer\n Ana ,\"20%, today\"\n".as_bytes()).expect("rows");
        let recipient = rows[0].recipient.as_ref().expect("sound");
        assert_eq!(recipient.file, "000001");
        assert_eq!(recipient.data["name"], "Ana");
        assert_eq!(recipient.data["offer"], "20%, today");
    }

    #[test]
    fn a_row_that_is_wrong_leaves_the_others_alone() {
        let text = b"file,name\na,Ana\nb,Ben,extra\nc\nd,\xff\n../e,Eva\na,Ann\nf,Fay\n";
        let files = files(text);
        assert_eq!((&files[0], &files[6]), (&Ok("a".into()), &Ok("f".into())));
        for (row, reason) in [
            (1, "3 fields: expected 2"),
            (2, "1 fields: expected 2"),
            (3, "UTF-8"),
            (4, "no file name"),
            (5, "there twice"),
        ] {
            let error = files[row].as_ref().expect_err("is wrong");
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn no_rows_and_too_many_rows_are_told() {
        assert!(matches!(read(&b"name\n"[..]), Err(RowsError::Empty)));
        let many = "name\n".to_owned() + &"x\n".repeat(MAX_ROWS + 1);
        assert!(matches!(read(many.as_bytes()), Err(RowsError::TooMany)));
    }
}

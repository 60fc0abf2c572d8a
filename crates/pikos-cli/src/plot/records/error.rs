//! What is wrong with a file of records.

use std::io;

use thiserror::Error;

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum RecordsError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("{0}")]
    Csv(#[from] csv::Error),
    #[error("it is no sound Parquet file: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    #[error(
        "not a file of memory records, CSV or Parquet; to make one: `pikos-run line_memory -o records.csv script.py`"
    )]
    NoRecords,
    #[error(
        "no column {column:?} among {found}: memory records come from `pikos-run line_memory` or `pikos-run function_memory`"
    )]
    Column { column: &'static str, found: String },
    #[error("line {line}: {column} is {value:?}, which is not a number")]
    Number { line: u64, column: String, value: String },
    #[error("column {column:?} has values of another kind than records have, or none in some rows")]
    Kind { column: String },
    #[error("it has no records")]
    Empty,
}

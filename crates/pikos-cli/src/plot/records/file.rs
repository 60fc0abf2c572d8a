//! A file of records, whatever it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::RecordsError;
use super::memory::Memory;
use super::series::Series;
use super::{csv, parquet};

/// What a Parquet file begins with.
const PARQUET: &[u8; 4] = b"PAR1";

/// Reads a file of records; `-` is standard input.
pub fn read(path: &Path, memory: Memory) -> Result<Series, RecordsError> {
    if path == Path::new("-") {
        let mut input = io::stdin().lock();
        let mut start = Vec::new();
        (&mut input).take(PARQUET.len() as u64).read_to_end(&mut start)?;
        if start == PARQUET {
            // What is where stands at its end.
            input.read_to_end(&mut start)?;
            return parquet::read(bytes::Bytes::from(start), memory);
        }
        return csv::read(io::Cursor::new(start).chain(input), memory);
    }
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&mut file).take(PARQUET.len() as u64).read_to_end(&mut start)?;
    if start == PARQUET {
        return parquet::read(file, memory);
    }
    csv::read(io::Cursor::new(start).chain(io::BufReader::with_capacity(1 << 20, file)), memory)
}

//! The profile tables. Knows no Python.

//! From looks to figures: when to look, and what a look counts.

//! How the screen is divided: the state needs it to scroll, the views to draw.

/// Columns and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u16,
    pub height: u16,
}

/// Lines above the body. A low screen has one, so that rows are left.
pub fn header_height(size: Size, is_live: bool) -> u16 {
    match size.height {
        0..10 => 1,
        10..16 => 2,
        _ if is_live => 3,
        _ => 2,
    }
}

/// Lines between header and footer.
pub fn body_height(size: Size, is_live: bool) -> u16 {
    size.height.saturating_sub(header_height(size, is_live) + 1)
}

/// Rows of a table that fills the body under its heading.
pub fn table_rows(size: Size, is_live: bool) -> usize {
    usize::from(body_height(size, is_live).saturating_sub(1))
}

/// Lines of the chart of memory, its axis included: none where there is no room, or nothing to draw.
pub fn chart_height(size: Size, is_live: bool, has_memory: bool) -> u16 {
    let body = body_height(size, is_live);
    match body {
        _ if !has_memory => 0,
        0..14 => 0,
        _ => (body * 2 / 5).min(24),
    }
}

/// Rows of a recorder's table, below the chart and a heading.
pub fn memory_rows(size: Size, is_live: bool, has_memory: bool) -> usize {
    let below = body_height(size, is_live).saturating_sub(chart_height(size, is_live, has_memory));
    usize::from(below.saturating_sub(1))
}

/// Rows of the source around a line, below its figures and a heading.
pub fn line_rows(size: Size, is_live: bool) -> usize {
    usize::from(body_height(size, is_live).saturating_sub(DETAIL_HEAD + 1))
}

/// The first of so many rows, where this line (from 1) is to stand in the middle of the screen.
pub fn centred(line: u32, rows: usize, len: usize) -> usize {
    (line as usize).saturating_sub(1 + rows / 2).min(len.saturating_sub(rows.max(1)))
}

/// Where the panes of one function go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panes {
    /// One at a time, with tabs.
    Single,
    /// Callers and callees above, side by side, the source below.
    Together,
}

/// Lines of the function's own figures, above the panes.
pub const DETAIL_HEAD: u16 = 2;

pub fn panes(size: Size) -> Panes {
    if size.width >= 120 && size.height >= 36 { Panes::Together } else { Panes::Single }
}

/// Lines of a pane, its title included.
pub fn pane_height(size: Size, is_live: bool, is_source: bool) -> u16 {
    let below = body_height(size, is_live).saturating_sub(DETAIL_HEAD);
    match (panes(size), is_source) {
        (Panes::Single, _) => below,
        (Panes::Together, false) => below / 2,
        (Panes::Together, true) => below - below / 2,
    }
}

/// Rows of a pane: its title and its heading are not among them.
pub fn pane_rows(size: Size, is_live: bool) -> usize {
    let pane = pane_height(size, is_live, false).min(pane_height(size, is_live, true));
    usize::from(pane.saturating_sub(2))
}

//! The same drawing as portable network graphics, with twice as many pixels each way.

use resvg::tiny_skia::{Pixmap, Transform};

use super::typeface::Typeface;

const SCALE: f32 = 2.0;

/// The file. None where the drawing has no size: it always has.
pub fn png(svg: &str, typeface: &Typeface) -> Option<Vec<u8>> {
    let tree = typeface.tree(svg)?;
    let size = tree.size().to_int_size().scale_by(SCALE)?;
    let mut pixels = Pixmap::new(size.width(), size.height())?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().ok()
}

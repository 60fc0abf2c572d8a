//! Units that fit.

use pstats_compat::Unit;

/// What times are printed in: the unit in which the greater total has one to three digits before the point.
#[derive(Clone, Copy)]
pub struct Scale {
    factor: f64,
    pub name: Option<&'static str>,
    decimals: usize,
}

impl Scale {
    pub fn of(value: f64, unit: &Unit) -> Self {
        let (factor, name) = match unit {
            Unit::Other(_) => {
                // Instructions are whole; so are most others that are counted.
                let decimals = if value.abs() >= 1000.0 || value.fract() == 0.0 { 0 } else { 3 };
                return Self { factor: 1.0, name: None, decimals };
            }
            Unit::Seconds if value.abs() < 1e-3 && value != 0.0 => (1e6, "µs"),
            Unit::Seconds if value.abs() < 1.0 && value != 0.0 => (1e3, "ms"),
            Unit::Seconds => (1.0, "s"),
        };
        Self { factor, name: Some(name), decimals: 3 }
    }

    /// Without a sign that says nothing, as -0.000 would have.
    pub fn number(self, value: f64, with_sign: bool) -> String {
        let decimals = self.decimals;
        let text = format!("{:+.decimals$}", value * self.factor);
        let is_zero = !text.contains(|c: char| ('1'..='9').contains(&c)) && value.is_finite();
        let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
        match with_sign {
            true if !is_zero => text,
            false if text.starts_with('-') && !is_zero => text,
            _ => digits.to_owned(),
        }
    }
}

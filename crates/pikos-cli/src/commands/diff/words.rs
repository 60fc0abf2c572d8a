//! What is said of a difference, whatever it is written as: amounts in units that fit, and who is to blame.

use pikos_views::printable;
use pstats_compat::details::Detail;
use pstats_compat::diff::{Change, Culprit, Diff, Fate, Growth};
use pstats_compat::report::stdname;
use pstats_compat::{Function, Unit};

use super::scale::Scale;

pub struct Words<'p> {
    unit: &'p Unit,
    by: Option<Detail>,
    /// For columns: one unit for all rows.
    pub scale: Scale,
    /// For that of what the profiles are compared by.
    pub compared: Scale,
}

impl<'p> Words<'p> {
    pub fn new(diff: &Diff<'p>) -> Self {
        let unit = &diff.before.metadata.unit;
        let total = diff.total_before.tottime.max(diff.total_after.tottime);
        let scale = Scale::of(total, unit);
        let figures = diff.changes.iter().map(|change| {
            let (before, after) = change.compared(diff.by);
            before.max(after)
        });
        let compared = match diff.by {
            None => scale,
            Some(_) => Scale::of(figures.fold(0.0, f64::max), unit),
        };
        Self { unit, by: diff.by, scale, compared }
    }

    /// The unit of the columns.
    pub fn unit(&self) -> String {
        match self.unit {
            Unit::Other(unit) => printable(unit).into_owned(),
            Unit::Seconds => self.scale.name.unwrap_or_default().to_owned(),
        }
    }

    /// The unit of what the profiles are compared by.
    pub fn compared_unit(&self) -> String {
        self.compared.name.map_or_else(|| self.unit(), str::to_owned)
    }

    /// What that is.
    pub fn compared_by(&self) -> &'static str {
        self.by.map_or("tottime", Detail::word)
    }

    /// By how much it grew.
    pub fn grown(&self, change: &Change<'_>) -> String {
        let grown = self.signed(change.growth(self.by));
        match self.by {
            None => format!("{grown} of its own"),
            Some(detail) => format!("{} {grown}", detail.word()),
        }
    }

    /// A time in a unit of its own.
    pub fn amount(&self, value: f64) -> String {
        self.with_unit(value, false)
    }

    /// The same with its sign.
    pub fn signed(&self, value: f64) -> String {
        self.with_unit(value, true)
    }

    fn with_unit(&self, value: f64, with_sign: bool) -> String {
        let scale = Scale::of(value, self.unit);
        let number = scale.number(value, with_sign);
        match self.unit {
            Unit::Other(unit) => format!("{number} {}", printable(unit)),
            Unit::Seconds => format!("{number} {}", scale.name.unwrap_or_default()),
        }
    }

    /// From which total to which, by how much.
    pub fn headline(&self, diff: &Diff<'_>) -> String {
        let (before, after) = (diff.total_before.tottime, diff.total_after.tottime);
        let percent = match before > 0.0 {
            true => format!(" ({:+.1} %)", 100.0 * diff.growth() / before),
            false => String::new(),
        };
        let growth = match diff.growth() == 0.0 {
            true => "no change".to_owned(),
            false => format!("{}{percent}", self.signed(diff.growth())),
        };
        format!("{} -> {}: {growth}", self.amount(before), self.amount(after))
    }

    /// How many functions became what.
    pub fn counts(&self, diff: &Diff<'_>) -> String {
        let count = |fate: Fate| diff.changes.iter().filter(|change| change.fate() == fate).count();
        let in_both = |change: &&Change<'_>| change.before.is_some() && change.after.is_some();
        let slower =
            diff.changes.iter().filter(in_both).filter(|change| change.growth(self.by) > 0.0).count();
        let faster =
            diff.changes.iter().filter(in_both).filter(|change| change.growth(self.by) < 0.0).count();
        format!(
            "{slower} slower, {faster} faster, {} new, {} gone, {} did not change beyond noise",
            count(Fate::New),
            count(Fate::Gone),
            diff.unchanged
        )
    }

    /// Whose own time grew most, if anybody's did.
    pub fn slowest(&self, diff: &Diff<'_>) -> Option<String> {
        let culprit = diff.slowest()?;
        Some(format!("slowed down most: {}, {}", self.culprit(&culprit), self.grown(&culprit.change)))
    }

    /// What is beyond the limit.
    pub fn verdict(&self, growth: &Growth<'_>, limit: f64) -> String {
        let (grew, allowed) = (self.amount(growth.amount), self.amount(limit));
        match &growth.culprit {
            Some(culprit) if self.by.is_some() => {
                let (before, after) = culprit.change.compared(self.by);
                format!(
                    "{} of {}: {} -> {}, {grew} longer; the limit is {allowed}",
                    self.compared_by(),
                    self.culprit(culprit),
                    self.amount(before),
                    self.amount(after),
                )
            }
            Some(culprit) if growth.is_whole => format!(
                "slower by {grew}; the limit is {allowed}. Most of it: {}, {} of its own",
                self.culprit(culprit),
                self.signed(culprit.change.tottime())
            ),
            Some(culprit) => {
                format!("{} takes {grew} longer; the limit is {allowed}", self.culprit(culprit))
            }
            None => format!("slower by {grew}; the limit is {allowed}"),
        }
    }

    /// What may still be worth a look where nothing fails, since the total did not grow.
    pub fn although_faster(&self, diff: &Diff<'_>, limit: f64) -> Option<String> {
        let change = diff.greatest_of_both().filter(|change| change.cumtime() > limit)?;
        let culprit = self.culprit(&diff.culprit(change));
        Some(format!("the total did not grow, but {culprit} takes {} longer", self.amount(change.cumtime())))
    }

    fn culprit(&self, culprit: &Culprit<'_>) -> String {
        let function = name(culprit.change.function());
        let new = if culprit.change.fate() == Fate::New { "the new " } else { "" };
        match culprit.caller {
            Some(caller) => format!("{new}{function} (called by {})", name(caller)),
            None => format!("{new}{function}"),
        }
    }
}

/// As pstats prints it. A name may hold control characters, and this goes to a terminal.
pub fn name(function: &Function) -> String {
    printable(&stdname(function)).into_owned()
}

/// What became of a function, if anything, in a word; with its old name where that is another one.
pub fn fate(change: &Change<'_>) -> Option<String> {
    let word = match change.fate() {
        Fate::Same => return None,
        Fate::New => "new",
        Fate::Gone => "gone",
        Fate::Moved => "moved",
        Fate::Renamed => {
            let old = change.before.map(|function| function.display_name().into_owned()).unwrap_or_default();
            return Some(format!("was {}", printable(&old)));
        }
    };
    Some(word.to_owned())
}

/// By which part of itself a time changed; nothing where that says nothing.
pub fn relative(before: f64, change: f64) -> String {
    let percent = 100.0 * change / before;
    match percent.is_finite() && percent.abs() < 999.5 {
        true if percent.abs() < 0.5 => "0%".to_owned(),
        true => format!("{percent:+.0}%"),
        false => String::new(),
    }
}

//! What one node counted in a time, or several nodes together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::class::{Class, MAX_CLASSES};
use super::sketch::{ALL_POINTS, CLASS_POINTS, Sketch, SketchError, Written};
use super::tally::Tally;

/// The counts of some traffic, and what was distinct among its fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// What was counted.
    pub tally: Tally,
    /// The objects that were fetched.
    pub missed: Sketch,
}

impl Figures {
    /// Nothing yet; at most `points` in the sketch.
    pub fn new(points: usize) -> Self {
        Self {
            tally: Tally::default(),
            missed: Sketch::new(points),
        }
    }

    /// Takes in what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.missed.merge(&other.missed);
    }
}

/// All that is known of some time: the whole, and each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Seconds that it covers.
    pub seconds: u64,
    /// All traffic.
    pub all: Figures,
    /// The objects that were asked for, fetched or not.
    pub asked: Sketch,
    /// Each class that had any.
    pub classes: BTreeMap<Class, Figures>,
}

impl Default for Period {
    fn default() -> Self {
        Self {
            seconds: 0,
            all: Figures::new(ALL_POINTS),
            asked: Sketch::new(ALL_POINTS),
            classes: BTreeMap::new(),
        }
    }
}

impl Period {
    /// Takes in what another node counted in about the same time. Classes beyond
    /// [`MAX_CLASSES`] are put together as others.
    pub fn merge(&mut self, other: &Self) {
        self.seconds = self.seconds.max(other.seconds);
        self.all.merge(&other.all);
        self.asked.merge(&other.asked);
        for (class, figures) in &other.classes {
            self.class(class).merge(figures);
        }
    }

    /// The figures of `class`, or of the others if there is no place for it.
    pub(super) fn class(&mut self, class: &Class) -> &mut Figures {
        let known = self.classes.contains_key(class);
        // One place is that of the others, whether they have come yet or not.
        let others = usize::from(self.classes.contains_key(&Class::other()));
        let class = match known || self.classes.len() - others < MAX_CLASSES - 1 {
            true => class.clone(),
            false => Class::other(),
        };
        self.classes
            .entry(class)
            .or_insert_with(|| Figures::new(CLASS_POINTS))
    }
}

/// A [`Period`] as nodes send it to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenPeriod {
    /// Seconds that it covers.
    pub seconds: u64,
    /// All traffic.
    pub all: WrittenFigures,
    /// The objects that were asked for.
    pub asked: Written,
    /// Each class.
    pub classes: Vec<WrittenClass>,
}

/// [`Figures`] as nodes send them to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenFigures {
    /// What was counted.
    pub tally: Tally,
    /// The objects that were fetched.
    pub missed: Written,
}

/// The figures of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenClass {
    /// Which.
    pub class: Class,
    /// What was counted.
    pub figures: WrittenFigures,
}

impl From<&Figures> for WrittenFigures {
    fn from(figures: &Figures) -> Self {
        Self {
            tally: figures.tally,
            missed: Written::from(&figures.missed),
        }
    }
}

impl TryFrom<&WrittenFigures> for Figures {
    type Error = SketchError;

    fn try_from(written: &WrittenFigures) -> Result<Self, SketchError> {
        Ok(Self {
            tally: written.tally,
            missed: Sketch::try_from(&written.missed)?,
        })
    }
}

impl From<&Period> for WrittenPeriod {
    fn from(period: &Period) -> Self {
        let class = |(class, figures): (&Class, &Figures)| WrittenClass {
            class: class.clone(),
            figures: WrittenFigures::from(figures),
        };
        Self {
            seconds: period.seconds,
            all: WrittenFigures::from(&period.all),
            asked: Written::from(&period.asked),
            classes: period.classes.iter().map(class).collect(),
        }
    }
}

impl TryFrom<&WrittenPeriod> for Period {
    type Error = SketchError;

    /// What was sent, bounded as what is counted here: names are cut, classes too many
    /// are put together.
    fn try_from(written: &WrittenPeriod) -> Result<Self, SketchError> {
        let mut period = Self {
            seconds: written.seconds,
            all: Figures::try_from(&written.all)?,
            asked: Sketch::try_from(&written.asked)?,
            classes: BTreeMap::new(),
        };
        for one in &written.classes {
            let class = Class::new(one.class.kind, &one.class.name);
            period
                .class(&class)
                .merge(&Figures::try_from(&one.figures)?);
        }
        Ok(period)
    }
}

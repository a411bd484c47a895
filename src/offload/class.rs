//! Whose traffic it is: the classes that are told apart in reports.

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

/// Classes told apart at a time, the one for all others included. Each takes some
/// 20 KiB, and a label in every metric.
pub const MAX_CLASSES: usize = 16;

/// The longest name of a class, in bytes; what is longer is cut.
pub const MAX_NAME: usize = 64;

/// What kind of thing a class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Videos of a template.
    Template,
    /// A live stream.
    Live,
    /// Files: assets, thumbnails.
    Asset,
    /// What is of no class, or of one too many.
    Other,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Template, Self::Live, Self::Asset, Self::Other];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Live => "live",
            Self::Asset => "asset",
            Self::Other => "other",
        }
    }
}

/// One template, live stream or the like, whose traffic is counted apart; shown as
/// `template/greeting`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Class {
    /// What it is.
    pub kind: Kind,
    /// Which; at most [`MAX_NAME`] bytes.
    pub name: Box<str>,
}

impl Class {
    /// The class of `kind` called `name`.
    pub fn new(kind: Kind, name: &str) -> Self {
        let end = (0..=MAX_NAME.min(name.len()))
            .rev()
            .find(|end| name.is_char_boundary(*end));
        Self {
            kind,
            name: name[..end.unwrap_or(0)].into(),
        }
    }

    /// What is of no class.
    pub fn other() -> Self {
        Self::new(Kind::Other, "")
    }

    /// The class that is shown as `text`, if there is one.
    pub fn named(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        let kind = Kind::ALL.iter().find(|known| known.as_str() == kind)?;
        Some(Self::new(*kind, name))
    }

    /// What is of no class, as those share it who have a class each.
    pub fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Class>> = LazyLock::new(|| Arc::new(Class::other()));
        Arc::clone(&NONE)
    }
}

impl Default for Class {
    fn default() -> Self {
        Self::other()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.name {
            "" => f.write_str(self.kind.as_str()),
            name => write!(f, "{}/{name}", self.kind.as_str()),
        }
    }
}

/// The classes that are told apart now, each with a place. The first is for all
/// others.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    places: Vec<Class>,
}

impl Classes {
    /// The place of all others.
    pub const OTHER: usize = 0;

    pub fn new() -> Self {
        Self {
            places: vec![Class::other()],
        }
    }

    /// The place of `class`. A new one gets a free place, or that of one which is `idle`;
    /// if there is none, it is one of the others. The flag says that the place has changed
    /// hands.
    pub fn place(&mut self, class: &Class, idle: impl Fn(usize) -> bool) -> (usize, bool) {
        if let Some(place) = self.places.iter().position(|known| known == class) {
            return (place, false);
        }
        if self.places.len() < MAX_CLASSES {
            self.places.push(class.clone());
            return (self.places.len() - 1, false);
        }
        match (1..self.places.len()).find(|place| idle(*place)) {
            Some(place) => {
                self.places[place] = class.clone();
                (place, true)
            }
            None => (Self::OTHER, false),
        }
    }

    /// The class at `place`.
    pub fn at(&self, place: usize) -> &Class {
        &self.places[place]
    }

    /// How many places are taken.
    pub fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_too_many_is_counted_with_the_others_until_one_is_idle() {
        let mut classes = Classes::new();
        let class = |at: usize| Class::new(Kind::Live, &format!("camera-{at}"));
        for at in 1..MAX_CLASSES {
            assert_eq!(classes.place(&class(at), |_| false), (at, false));
        }
        assert_eq!(
            classes.place(&class(99), |_| false),
            (Classes::OTHER, false)
        );
        assert_eq!(classes.place(&class(3), |_| false), (3, false));
        assert_eq!(classes.place(&class(99), |place| place == 5), (5, true));
        assert_eq!(classes.place(&class(5), |_| false), (Classes::OTHER, false));
        assert_eq!(classes.at(5).to_string(), "live/camera-99");
        assert_eq!(classes.len(), MAX_CLASSES);
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        let class = Class::new(Kind::Template, &"ü".repeat(50));
        assert_eq!(&*class.name, "ü".repeat(32));
        let odd = Class::new(Kind::Template, &format!("a{}", "ü".repeat(50)));
        assert_eq!(odd.name.len(), 63);
        assert_eq!(Class::other().to_string(), "other");
        for class in [class, odd, Class::other(), Class::new(Kind::Live, "a/b")] {
            assert_eq!(Class::named(&class.to_string()), Some(class));
        }
        assert_eq!(Class::named("nothing/x"), None);
    }
}

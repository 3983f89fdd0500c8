//! Legal holds over a segment: they move no date, and nothing is destroyed while one stands.

use jiff::Timestamp;
use strongroom_crypto::name::HoldId;

/// One hold over the segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// When it was placed.
    pub placed: Timestamp,
    /// When it was released.
    pub released: Option<Timestamp>,
}

/// The holds over a segment at one instant.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holds {
    /// Those that stand, sorted.
    pub standing: Vec<HoldId>,
    /// When the last of the others was released.
    pub last_release: Option<Timestamp>,
}

impl Holds {
    /// What stands of some holds at an instant, and what was released up to then.
    pub fn at(holds: &[Hold], now: Timestamp) -> Self {
        let placed: Vec<&Hold> = holds.iter().filter(|hold| hold.placed <= now).collect();
        let released = |hold: &Hold| hold.released.filter(|released| *released <= now);
        let standing = placed.iter().filter(|hold| released(hold).is_none());
        let mut standing: Vec<HoldId> = standing.map(|hold| hold.id.clone()).collect();
        standing.sort();
        standing.dedup();
        Self { standing, last_release: placed.iter().filter_map(|hold| released(hold)).max() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn holds_are_counted_one_by_one() {
        let hold = |id: &str, placed, released| Hold {
            id: id.parse().unwrap(),
            placed: at(placed),
            released: Some(at(released)),
        };
        let both = [hold("b", 20, 40), hold("a", 10, 30)];
        let at_once = |now| {
            let holds = Holds::at(&both, at(now));
            let standing: Vec<_> = holds.standing.iter().map(ToString::to_string).collect();
            (standing.join(" "), holds.last_release.map(Timestamp::as_second))
        };
        assert_eq!(at_once(9), (String::new(), None));
        assert_eq!(at_once(10), ("a".to_owned(), None));
        assert_eq!(at_once(29), ("a b".to_owned(), None));
        assert_eq!(at_once(30), ("b".to_owned(), Some(30)));
        assert_eq!(at_once(40), (String::new(), Some(40)));
    }
}

//! When things happen, and who is at it: a day with its rhythm, in sessions, with a story in the small hours.

use jiff::civil::Date;

use super::random::Random;
use super::world::World;

const HOUR_US: u64 = 3_600_000_000;
/// How busy each hour (UTC) is: batch work at night, offices from seven on, a dip at noon.
const HOURLY: [u64; 24] = [
    14, 13, 16, 12, 11, 14, 24, 46, 74, 92, 96, 90, 68, 84, 94, 90, 82, 64, 44, 34, 28, 24, 20, 16,
];
/// The busiest hour.
const PEAK: u64 = 96;
/// The story is told where it does not crowd out the day.
const LEAST_EVENTS: usize = 200;
/// Sessions that go on side by side.
const ACTIVE: usize = 32;
/// A session longer than this is over.
const SESSION_US: u64 = 2 * HOUR_US;

/// Writes the times of one day.
#[derive(Debug)]
pub(super) struct Clock {
    date: Date,
    tomorrow: Date,
    /// Seconds since 1970 at midnight.
    midnight: i64,
}

impl Clock {
    pub(super) fn new(date: Date) -> Self {
        let midnight = jiff::tz::Offset::UTC
            .to_timestamp(date.at(0, 0, 0, 0))
            .map_or(0, jiff::Timestamp::as_second);
        // The last day that there is has no tomorrow.
        Self { date, tomorrow: date.tomorrow().unwrap_or(date), midnight }
    }

    pub(super) fn date(&self) -> Date {
        self.date
    }

    /// `2026-11-20T08:00:00Z`, of the day or the day after.
    pub(super) fn seconds(&self, us: u64) -> String {
        let (date, time) = self.split(us);
        format!("{date}T{time}Z")
    }

    /// The same with six digits of a second.
    pub(super) fn micros(&self, us: u64) -> String {
        let (date, time) = self.split(us);
        format!("{date}T{time}.{:06}Z", us % 1_000_000)
    }

    /// `2026-11-20 08:00:00.000 UTC`, as `PostgreSQL`'s log has it.
    pub(super) fn log_millis(&self, us: u64) -> String {
        let (date, time) = self.split(us);
        format!("{date} {time}.{:03} UTC", us / 1_000 % 1_000)
    }

    /// `2026-11-20 08:00:00 UTC`.
    pub(super) fn log_seconds(&self, us: u64) -> String {
        let (date, time) = self.split(us);
        format!("{date} {time} UTC")
    }

    /// Seconds since 1970.
    pub(super) fn epoch(&self, us: u64) -> i64 {
        self.midnight + i64::try_from(us / 1_000_000).unwrap_or(0)
    }

    fn split(&self, us: u64) -> (Date, String) {
        let second = us / 1_000_000;
        let date = if second < 86_400 { self.date } else { self.tomorrow };
        (date, format!("{:02}:{:02}:{:02}", second / 3_600 % 24, second / 60 % 60, second % 60))
    }
}

/// One moment of the day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Moment {
    /// µs since midnight.
    pub(super) us: u64,
    /// The step of the story that happens then.
    pub(super) step: Option<usize>,
}

/// The moments of a day, none before the one that came before it.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    /// Ordinary events, and how many of them are out.
    ordinary: usize,
    done: usize,
    upcoming: Option<u64>,
    /// Seconds since midnight of the story's steps, and the time of the one to come.
    story: &'static [u64],
    step: usize,
    told: Option<u64>,
}

impl Schedule {
    /// Exactly `events` moments; `story` are the seconds since midnight of its steps, ascending.
    pub(super) fn new(random: Random, events: usize, story: &'static [u64]) -> Self {
        let story = if events < LEAST_EVENTS { &[] } else { story };
        let ordinary = events - story.len();
        let mut schedule =
            Self { random, ordinary, done: 0, upcoming: None, story, step: 0, told: None };
        schedule.upcoming = schedule.draw();
        schedule.told = schedule.tell();
        schedule
    }

    /// When within its second the next step of the story happens.
    fn tell(&mut self) -> Option<u64> {
        let second = self.story.get(self.step)?;
        Some(second * 1_000_000 + self.random.below(1_000_000))
    }

    /// The n-th ordinary event falls into the n-th of equal shares of the day's work.
    fn draw(&mut self) -> Option<u64> {
        if self.done == self.ordinary {
            return None;
        }
        let work = HOURLY.iter().sum::<u64>() * HOUR_US;
        let share = u128::try_from(self.done).ok()? * u128::from(work)
            + u128::from(self.random.below(work));
        let mut rest = u64::try_from(share / u128::try_from(self.ordinary).ok()?).ok()?;
        self.done += 1;
        let mut start = 0;
        for weight in HOURLY {
            if rest < weight * HOUR_US {
                return Some(start + rest / weight);
            }
            rest -= weight * HOUR_US;
            start += HOUR_US;
        }
        None
    }
}

impl Iterator for Schedule {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        if let Some(us) =
            self.told.filter(|us| self.upcoming.is_none_or(|upcoming| *us <= upcoming))
        {
            self.step += 1;
            self.told = self.tell();
            return Some(Moment { us, step: Some(self.step - 1) });
        }
        let us = self.upcoming?;
        self.upcoming = self.draw();
        Some(Moment { us, step: None })
    }
}

/// Who does something: a place in the world's lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Actor {
    Person(usize),
    Service(usize),
}

/// A row of events by one actor from one place.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) actor: Actor,
    pub(super) started_us: u64,
    pub(super) ip: String,
    /// What a session is called where it has a name or number: the sources cut from it what they need.
    pub(super) id: u64,
    /// Events so far.
    pub(super) events: u64,
    left: u64,
}

/// The sessions that are open.
#[derive(Debug, Default)]
pub(super) struct Sessions(Vec<Session>);

impl Sessions {
    /// The session that acts at `us`, its own number of events already raised.
    pub(super) fn at(&mut self, us: u64, random: &mut Random, world: &World) -> &Session {
        if self.0.len() < ACTIVE {
            self.0.push(open(us, random, world));
        }
        let index = random.skewed(self.0.len());
        let known = self
            .0
            .get(index)
            .is_some_and(|session| session.left > 0 && us - session.started_us < SESSION_US);
        if !known {
            self.0.remove(index);
            self.0.insert(index, open(us, random, world));
        }
        // INVARIANT: `index` is of a session that was there or took its place.
        #[expect(
            clippy::indexing_slicing,
            reason = "the index was drawn for this list, which did not shrink"
        )]
        let session = &mut self.0[index];
        session.events += 1;
        session.left = session.left.saturating_sub(1);
        session
    }
}

fn open(us: u64, random: &mut Random, world: &World) -> Session {
    let hour = usize::try_from(us / HOUR_US).unwrap_or(0);
    let busy = HOURLY.get(hour).copied().unwrap_or(1);
    let person = random.chance(40 + 760 * busy / PEAK);
    let (actor, ip) = if person {
        let index = random.index(world.people.len());
        let home = world.people.get(index).map_or(String::new(), |person| person.ip.clone());
        let office = format!("10.8.{}.{}", random.below(8), random.between(2, 250));
        (Actor::Person(index), if random.chance(600) { office } else { home })
    } else {
        let index = random.skewed(world.services.len());
        (
            Actor::Service(index),
            world.services.get(index).map_or(String::new(), |service| service.ip.clone()),
        )
    };
    let left = if person { random.between(2, 24) } else { random.between(5, 90) };
    Session { actor, started_us: us, ip, id: random.next(), events: 0, left }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn moments_ascend_and_are_exactly_as_many_as_asked_for() {
        for events in [0, 1, 10, 199, 200, 5_000] {
            let moments: Vec<Moment> =
                Schedule::new(Random::new(3, "t"), events, &[9_600, 9_700, 9_701]).collect();
            assert_eq!(moments.len(), events);
            assert!(moments.is_sorted_by_key(|moment| moment.us));
            assert!(moments.iter().all(|moment| moment.us < 24 * HOUR_US));
            let told = moments.iter().filter(|moment| moment.step.is_some()).count();
            assert_eq!(told, if events < LEAST_EVENTS { 0 } else { 3 });
        }
    }

    #[test]
    fn nights_are_quieter_than_days() {
        let moments: Vec<Moment> = Schedule::new(Random::new(3, "t"), 10_000, &[]).collect();
        let of_hour =
            |hour: u64| moments.iter().filter(|moment| moment.us / HOUR_US == hour).count();
        assert!(of_hour(10) > 5 * of_hour(4));
        assert_eq!(HOURLY.iter().max(), Some(&PEAK));
    }

    #[test]
    fn times_may_reach_into_the_next_day() {
        let clock = Clock::new(date(2026, 12, 31));
        assert_eq!(clock.seconds(86_399_999_999), "2026-12-31T23:59:59Z");
        assert_eq!(clock.micros(86_400_000_001), "2027-01-01T00:00:00.000001Z");
        assert_eq!(clock.log_millis(1_234_567), "2026-12-31 00:00:01.234 UTC");
        assert_eq!(clock.epoch(5_000_000), 1_798_675_205);
    }
}

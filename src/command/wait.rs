//! Waiting for several things at once.
//!
//! There is one command for all that a process can wait for besides an answer, so
//! that a guest which polls ten things makes one wait of them. What is waited for is
//! a set of [`Interest`]s and perhaps a time; the reply says which of them hold.
//!
//! The set allocates nothing: nearly every wait is for a time, for mail, or for both,
//! and waits are as frequent as messages. Its inside is private, so that interests
//! which carry an id can come in without a change for those who make or read sets.

/// Something that a process can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Input can be read, or has ended.
    Stdin,
    /// Mail has been handed in since the step in which the wait began.
    Mail,
}

impl Interest {
    /// All, in the order in which a set lists them.
    pub const ALL: [Interest; 2] = [Interest::Stdin, Interest::Mail];

    const fn bit(self) -> u8 {
        match self {
            Interest::Stdin => 1,
            Interest::Mail => 2,
        }
    }
}

/// A set of interests.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Interests(u8);

impl Interests {
    /// The empty set.
    pub const NONE: Interests = Interests(0);

    /// One interest alone.
    pub const fn of(interest: Interest) -> Interests {
        Interests(interest.bit())
    }

    /// The set with one more, if `wanted`.
    #[must_use]
    pub fn with(self, interest: Interest, wanted: bool) -> Interests {
        if wanted { Interests(self.0 | interest.bit()) } else { self }
    }

    /// Tells whether this one is in it.
    pub fn contains(&self, interest: Interest) -> bool {
        self.0 & interest.bit() != 0
    }

    /// Tells whether all of it is in `other`.
    pub fn is_within(&self, other: &Interests) -> bool {
        self.0 & !other.0 == 0
    }

    /// Tells whether there is none in it.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Those in it, each once.
    pub fn iter(&self) -> impl Iterator<Item = Interest> + use<> {
        let set = self.clone();
        Interest::ALL.into_iter().filter(move |interest| set.contains(*interest))
    }
}

impl From<Interest> for Interests {
    fn from(interest: Interest) -> Interests {
        Interests::of(interest)
    }
}

impl FromIterator<Interest> for Interests {
    fn from_iter<I: IntoIterator<Item = Interest>>(interests: I) -> Interests {
        interests.into_iter().fold(Interests::NONE, |set, one| set.with(one, true))
    }
}

impl std::fmt::Debug for Interests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Waits until one of the given things holds. Answered with
/// [`Reply::Ready`](super::Reply::Ready). Mail may be handed in without being the mail
/// that the program means: then it waits again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Each of these ends the wait.
    pub on: Interests,
    /// So does this time of the monotonic clock. A time that has passed makes the
    /// wait a look.
    pub until: Option<u64>,
}

impl Wait {
    /// A wait for interests, until some time if one is given.
    pub fn new(on: impl Into<Interests>, until: Option<u64>) -> Wait {
        Wait { on: on.into(), until }
    }

    /// A wait for a time of the monotonic clock.
    pub const fn until(time: u64) -> Wait {
        Wait { on: Interests::NONE, until: Some(time) }
    }

    /// Tells whether nothing but mail can end it.
    pub fn is_for_mail_only(&self) -> bool {
        self.until.is_none() && self.on == Interests::of(Interest::Mail)
    }

    /// The name in traces.
    pub fn name(&self) -> &'static str {
        if self.on.contains(Interest::Mail) { "await-mail" } else { "poll" }
    }
}

/// The outcome of a wait: at least one of the things that it was for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ready {
    /// These hold.
    pub on: Interests,
    /// The time has come.
    pub time: bool,
}

impl Ready {
    /// This holds, and the time has not come.
    pub const fn of(interest: Interest) -> Ready {
        Ready { on: Interests::of(interest), time: false }
    }

    /// The time has come, and nothing else.
    pub const TIME: Ready = Ready { on: Interests::NONE, time: true };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_what_was_put_in() {
        let both = Interests::NONE.with(Interest::Mail, true).with(Interest::Stdin, true);
        assert_eq!(both.iter().collect::<Vec<_>>(), Interest::ALL);
        assert_eq!(both.iter().collect::<Interests>(), both);
        let mail = Interests::from(Interest::Mail);
        assert_eq!(mail.iter().collect::<Vec<_>>(), [Interest::Mail]);
        assert_eq!(format!("{mail:?} {:?}", Interests::NONE), "[Mail] []");
        assert_eq!((mail.is_within(&both), both.is_within(&mail)), (true, false));
        assert_eq!(Interests::NONE.with(Interest::Mail, false), Interests::NONE);
    }

    #[test]
    fn each_interest_has_a_bit_of_its_own() {
        let all: Interests = Interest::ALL.into_iter().collect();
        assert_eq!(all.iter().count(), Interest::ALL.len());
    }
}

//! Everything in a simulated run that could have been otherwise.
//!
//! A run asks for choices, each of some [`Choice`] and with some number of options, of
//! which the first is what a machine without load and faults would do: the turn of who
//! has waited longest, a whole slice, no fault. A seed decides how often and how another
//! one is taken. Those that were, the [`Deviation`]s, are all that tells the run from the
//! plain one: given as a script, they make the same run again, and fewer of them a
//! simpler one.

use std::collections::{BTreeMap, BTreeSet};

/// A sort of choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Choice {
    /// Whose turn it is.
    Turn,
    /// How long a turn is.
    Slice,
    /// Others have their turns after a command, or not.
    Break,
    /// The machine stands still until the next timer, or not.
    Stall,
    /// How long a message is under way.
    Delay,
    /// A mailbox is full, or not.
    Full,
    /// A process is killed after its step, or not.
    Kill,
    /// How far the wall clock jumps.
    Jump,
    /// How something with a file fails.
    Fail,
    /// How long something with a file takes.
    Slow,
    /// How much of a file is read or written at once.
    Short,
    /// How much room is left on the disk.
    Disk,
    /// The fate of a connection or a datagram.
    Net,
}

impl Choice {
    /// All sorts, in the order of their declaration.
    pub const ALL: [Choice; 13] = [
        Choice::Turn,
        Choice::Slice,
        Choice::Break,
        Choice::Stall,
        Choice::Delay,
        Choice::Full,
        Choice::Kill,
        Choice::Jump,
        Choice::Fail,
        Choice::Slow,
        Choice::Short,
        Choice::Disk,
        Choice::Net,
    ];

    /// The name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Choice::Turn => "turn",
            Choice::Slice => "slice",
            Choice::Break => "break",
            Choice::Stall => "stall",
            Choice::Delay => "delay",
            Choice::Full => "full",
            Choice::Kill => "kill",
            Choice::Jump => "jump",
            Choice::Fail => "fail",
            Choice::Slow => "slow",
            Choice::Short => "short",
            Choice::Disk => "disk",
            Choice::Net => "net",
        }
    }

    /// True if it is something that goes wrong, and not only the order of what goes well.
    pub fn is_fault(self) -> bool {
        match self {
            Choice::Turn | Choice::Slice | Choice::Break => false,
            Choice::Stall
            | Choice::Delay
            | Choice::Full
            | Choice::Kill
            | Choice::Jump
            | Choice::Fail
            | Choice::Slow
            | Choice::Short
            | Choice::Disk
            | Choice::Net => true,
        }
    }

    /// All faults.
    pub fn faults() -> BTreeSet<Choice> {
        Choice::ALL.into_iter().filter(|choice| choice.is_fault()).collect()
    }
}

/// A choice that was not the first of its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deviation {
    /// Of which sort.
    pub choice: Choice,
    /// How many of this sort there were before.
    pub at: u64,
    /// The option that was taken; never 0.
    pub option: u32,
}

/// Random numbers that are the same for ever: splitmix64.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The numbers of a seed, for a purpose.
    pub fn new(seed: u64, purpose: u64) -> Random {
        let mut random = Random(seed ^ purpose.wrapping_mul(0xd605_bbb5_8c8a_bc03));
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// True once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// How turns are given.
#[derive(Clone, Debug)]
enum Order {
    /// To who has waited longest.
    Fifo,
    /// Once in so many times to anybody.
    Random(u64),
    /// By priorities, which are random and change so many times: what depends on the order
    /// of that many steps is found with a chance that is known (PCT).
    Priorities { of: BTreeMap<u64, u64>, changes: BTreeSet<u64>, lowest: u64 },
}

/// The turns in which the priorities change.
const HORIZON: u64 = 400;

/// Makes the choices of one run.
#[derive(Debug)]
pub(super) struct Choices {
    random: Random,
    order: Order,
    /// Once in how many times each sort deviates; 0 for never.
    rates: [u64; Choice::ALL.len()],
    script: Option<BTreeMap<(Choice, u64), u32>>,
    counts: [u64; Choice::ALL.len()],
    /// No faults any more.
    calm: bool,
    /// No deviation at all any more.
    over: bool,
    pub taken: Vec<Deviation>,
}

impl Choices {
    /// Those of a seed, with these faults or fewer. Seed 0 has no deviation: it is the
    /// plain run.
    pub fn of_seed(seed: u64, faults: &BTreeSet<Choice>) -> Choices {
        let mut random = Random::new(seed, 1);
        let order = match random.below(4) {
            _ if seed == 0 => Order::Fifo,
            0 => Order::Fifo,
            1 | 2 => {
                let often = [1, 2, 5, 20].get(random.below(4) as usize).copied().unwrap_or(1);
                Order::Random(often)
            }
            _ => {
                let depth = random.below(5).saturating_add(1);
                let horizon = [20, 80, HORIZON].get(random.below(3) as usize).copied();
                let mut change = || random.below(horizon.unwrap_or(HORIZON));
                let changes = (0..depth).map(|_| change()).collect();
                Order::Priorities { of: BTreeMap::new(), changes, lowest: u64::MAX >> 1 }
            }
        };
        let mut rates = [0; Choice::ALL.len()];
        for (choice, rate) in Choice::ALL.into_iter().zip(&mut rates) {
            // Drawn in any case, so that a fault that is switched off changes no other.
            let (on, often) = (random.below(2) == 0, 1_u64 << random.below(6));
            // What only changes the order may happen each time.
            let often = if choice.is_fault() { often.saturating_mul(2) } else { often };
            let allowed = match choice {
                Choice::Turn => true,
                Choice::Slice | Choice::Break => true,
                fault => faults.contains(&fault),
            };
            *rate = if on && allowed && seed != 0 { often } else { 0 };
        }
        Choices {
            random,
            order,
            rates,
            script: None,
            counts: [0; Choice::ALL.len()],
            calm: false,
            over: false,
            taken: Vec::new(),
        }
    }

    /// These, and the first option everywhere else.
    pub fn of_script(script: &[Deviation]) -> Choices {
        let script = script.iter().map(|d| ((d.choice, d.at), d.option)).collect();
        let plain = Choices::of_seed(0, &BTreeSet::new());
        Choices { script: Some(script), ..plain }
    }

    /// No more faults.
    pub fn calm(&mut self) {
        self.calm = true;
    }

    pub fn is_calm(&self) -> bool {
        self.calm || self.over
    }

    /// No more deviations.
    pub fn over(&mut self) {
        self.over = true;
    }

    /// One of so many options.
    pub fn pick(&mut self, choice: Choice, options: u32) -> u32 {
        let Some(at) = self.next(choice) else { return 0 };
        if options < 2 {
            return 0;
        }
        let option = match &self.script {
            Some(script) => script.get(&(choice, at)).copied().filter(|n| *n < options),
            None => {
                let rate = self.rates.get(choice as usize).copied().unwrap_or(0);
                let deviates = rate > 0 && self.random.once_in(rate);
                deviates.then(|| {
                    let more = self.random.below(u64::from(options).saturating_sub(1));
                    (more as u32).saturating_add(1)
                })
            }
        };
        self.took(choice, at, option.unwrap_or(0))
    }

    /// One of the tasks that can run, by its place.
    pub fn turn(&mut self, tasks: impl ExactSizeIterator<Item = u64> + Clone) -> usize {
        let Some(at) = self.next(Choice::Turn) else { return 0 };
        let count = tasks.len();
        if count < 2 {
            return 0;
        }
        let place = match (&self.script, &mut self.order) {
            (Some(script), _) => {
                let option = script.get(&(Choice::Turn, at)).copied().unwrap_or(0) as usize;
                if option < count { option } else { 0 }
            }
            (None, Order::Fifo) => 0,
            (None, Order::Random(rate)) => match self.random.once_in(*rate) {
                true => self.random.below(count as u64) as usize,
                false => 0,
            },
            (None, Order::Priorities { of, changes, lowest }) => {
                for task in tasks.clone() {
                    of.entry(task).or_insert_with(|| self.random.next() | 1 << 63);
                }
                let best = |of: &BTreeMap<u64, u64>| {
                    let all = tasks.clone().enumerate();
                    all.max_by_key(|(_, task)| of.get(task).copied().unwrap_or(0))
                };
                let mut first = best(of);
                if changes.contains(&at)
                    && let Some((_, task)) = first
                {
                    *lowest = lowest.saturating_sub(1);
                    of.insert(task, *lowest);
                    first = best(of);
                }
                first.map_or(0, |(place, _)| place)
            }
        };
        self.took(Choice::Turn, at, u32::try_from(place).unwrap_or(0)) as usize
    }

    /// How many of this sort there were before, unless there is nothing to choose.
    fn next(&mut self, choice: Choice) -> Option<u64> {
        if self.over || self.calm && choice.is_fault() {
            return None;
        }
        let count = self.counts.get_mut(choice as usize)?;
        let at = *count;
        *count = count.saturating_add(1);
        Some(at)
    }

    fn took(&mut self, choice: Choice, at: u64, option: u32) -> u32 {
        if option > 0 {
            self.taken.push(Deviation { choice, at, option });
        }
        option
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Choices of all sorts, so many of each.
    fn make(choices: &mut Choices, rounds: u64) -> Vec<u32> {
        let mut made = Vec::new();
        for round in 0..rounds {
            made.push(choices.turn([1, 2, 3, round % 7].into_iter()) as u32);
            for choice in Choice::ALL.into_iter().skip(1) {
                made.push(choices.pick(choice, 5));
            }
        }
        made
    }

    #[test]
    fn a_seed_chooses_the_same_each_time_and_its_deviations_do_too() {
        let faults = Choice::faults();
        let mut different = BTreeSet::new();
        for seed in 0..200 {
            let mut choices = Choices::of_seed(seed, &faults);
            let made = make(&mut choices, 100);
            assert_eq!(make(&mut Choices::of_seed(seed, &faults), 100), made);
            let mut script = Choices::of_script(&choices.taken);
            assert_eq!(make(&mut script, 100), made);
            assert_eq!(script.taken, choices.taken);
            different.insert(made);
        }
        assert!(different.len() > 150, "{}", different.len());
    }

    #[test]
    fn seed_0_is_the_plain_run() {
        let mut choices = Choices::of_seed(0, &Choice::faults());
        assert!(make(&mut choices, 100).iter().all(|option| *option == 0));
    }

    #[test]
    fn what_is_switched_off_does_not_happen_and_changes_no_other() {
        let without: BTreeSet<Choice> =
            Choice::faults().into_iter().filter(|choice| *choice != Choice::Kill).collect();
        let turns = |choices: &Choices| choices.rates;
        for seed in 1..100 {
            let mut choices = Choices::of_seed(seed, &without);
            make(&mut choices, 100);
            assert!(choices.taken.iter().all(|taken| taken.choice != Choice::Kill));
            let mut all = turns(&Choices::of_seed(seed, &Choice::faults()));
            all[Choice::Kill as usize] = 0;
            assert_eq!(turns(&choices), all);
        }
    }

    #[test]
    fn when_it_is_calm_only_the_order_is_chosen() {
        let mut choices = Choices::of_seed(5, &Choice::faults());
        choices.calm();
        make(&mut choices, 200);
        assert!(choices.taken.iter().all(|taken| !taken.choice.is_fault()));
        let mut choices = Choices::of_seed(5, &Choice::faults());
        choices.over();
        make(&mut choices, 200);
        assert_eq!(choices.taken, []);
    }
}

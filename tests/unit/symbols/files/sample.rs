//! Runs jobs.
use std::collections::{HashMap, hash_map::Entry as MapEntry};
use crate::store::*;
use super::Base;

/// How many jobs there may be.
pub const MAX_JOBS: usize = 100;
static mut COUNTER: u32 = 0;

pub type Result<T> = std::result::Result<T, Error>;

/// One piece of work.
#[derive(Debug, Clone)]
#[serde(rename_all = "camelCase")]
pub struct Job<'a, T: Send = ()>
where
    T: Sync,
{
    /// Its name.
    pub name: &'a str,
    #[serde(skip)]
    parents: Vec<Box<Job<'a, T>>>,
}

struct Unit;
pub(crate) struct Pair(pub i32, Point);

#[derive(Debug)]
// How far a job is.
pub enum State {
    New,
    Running { since: Instant },
    /// It ended.
    Done(Outcome),
}

union Bits { int: u32, float: f32 }

/// Runs something.
pub trait Runner: Base + Send {
    const LIMIT: usize = 3;
    type Output;

    fn run(&mut self, job: &Job) -> Self::Output;

    /// Stops.
    fn stop(&self) {
        log::info!("stopped {}", self.name());
    }
}

impl<'a, T: Send> Job<'a, T> {
    pub const DEFAULT: &'static str = "x";

    /** Makes one.
     * More words.
     */
    #[must_use]
    pub async fn new<F>(
        name: &'a str, // its name
        callback: F,
    ) -> Result<Self>
    where
        F: Fn(&str) -> State,
    {
        let parents = Vec::new();
        fn helper(x: i32) -> i32 { x }
        let state = State::Done(Outcome::default());
        const LOCAL: i32 = 1;
        Ok(Self { name, parents: helper(LOCAL).into() })
    }
}

impl fmt::Display for Job<'_, ()> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

impl<T> From<T> for crate::store::Wrapper<T> {
    fn from(value: T) -> Self { Self(value) }
}

pub mod inner {
    use super::*;

    pub fn free(map: &HashMap<String, Pair>) -> Option<&Pair> {
        map.get("x").or_else(|| iter::empty::<Pair>().next())
    }

    mod deeper;
}

/// Makes a vector.
#[macro_export]
macro_rules! my_vec {
    ($($x:expr),*) => { vec![$($x),*] };
}

extern "C" {
    fn external(value: c_int) -> c_int;
}

#[cfg(test)]
mod tests {
    #[test]
    fn works() { assert_eq!(super::inner::free(&map()), None); }
}

//! The state store from the outside: what it answers, and what it makes of the files that it finds.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod equivalence;
#[cfg(test)]
mod large;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod opening;

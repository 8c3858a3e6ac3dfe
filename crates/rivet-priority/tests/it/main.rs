//! The crate as a scheduler uses it: signals in, advice out.

#[cfg(test)]
mod assumptions;
#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod interface;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod support;

//! What was planned, for a person.

mod campaign;
mod difference;
mod evidence;
mod explain;
mod html;
mod paper;
mod pretty;
mod reads;
#[cfg(test)]
pub(crate) mod sample;
mod sheet;
mod view;
mod waterfall;

pub(crate) use paper::{Page, Paper, Tone};
pub(crate) use view::PlanView;

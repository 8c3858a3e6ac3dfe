//! Plans: costs, verdicts, campaigns, and what is made of them.

//! Which rows a run reads, in every mode, whatever happens meanwhile.

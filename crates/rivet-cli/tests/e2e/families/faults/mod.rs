//! Bad input, and servers and networks that fail.

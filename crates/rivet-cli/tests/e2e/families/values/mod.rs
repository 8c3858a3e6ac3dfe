//! Values, as the server itself prints them.

use std::error::Error;
use std::fmt;

/// A text that is none of the words a signal or a class knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    text: String,
    expected: String,
}

impl UnknownWord {
    pub(crate) fn new(text: &str, words: impl IntoIterator<Item = &'static str>) -> Self {
        Self { text: text.to_owned(), expected: quoted(words) }
    }

    /// Returns the words that would have been understood, in backticks, separated by commas.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not known; expected one of {}", self.text, self.expected)
    }
}

impl Error for UnknownWord {}

/// Puts each text in backticks and joins them by commas.
pub(crate) fn quoted<T: fmt::Display>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

/// Declares an enum whose values are words: one spelling for JSON, messages and the command line.
macro_rules! words {
    ($(#[$attribute:meta])* pub enum $name:ident { $($(#[$variant_attribute:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_attribute])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order in which they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the word that stands for this value in JSON and in messages.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let unknown = || $crate::UnknownWord::new(text, Self::ALL.iter().map(|value| value.as_str()));
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(unknown)
            }
        }
    };
}
pub(crate) use words;

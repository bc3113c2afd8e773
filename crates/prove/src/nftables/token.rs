//! The words of a file of nftables, each with its line. Ends of lines are words:
//! they end a rule.

use super::Lost;
use crate::read::form::shown;

/// The most bytes of a file: the rendered one of seven VLANs has 2,500.
const MOST_BYTES: usize = 4 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number, an address, or what stands between them.
    Word(String),
    /// What was in quotes.
    Text(String),
    /// One of `{ } , =`.
    Mark(char),
    /// The end of a line, or `;`.
    End,
}

impl Token {
    /// As a message shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(text) => format!("`{}`", shown(text)),
            Self::Text(text) => format!("\"{}\"", shown(text)),
            Self::Mark(mark) => format!("`{mark}`"),
            Self::End => "the end of the line".to_owned(),
        }
    }
}

/// Reads the words.
pub(super) fn tokens(bytes: &[u8]) -> Result<Vec<(u32, Token)>, Lost> {
    if bytes.len() > MOST_BYTES {
        return Err(Lost::new(1, format!("the file is {} bytes long; {MOST_BYTES} are read", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Lost::new(1, "this is not UTF-8"))?;
    let (mut found, mut line) = (Vec::new(), 1u32);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let token = match letter {
            '\n' => {
                found.push((line, Token::End));
                line = line.saturating_add(1);
                continue;
            }
            ' ' | '\t' => continue,
            '#' => {
                while letters.next_if(|letter| *letter != '\n').is_some() {}
                continue;
            }
            // A line that goes on in the next.
            '\\' if letters.next_if_eq(&'\n').is_some() => {
                line = line.saturating_add(1);
                continue;
            }
            ';' => Token::End,
            '{' | '}' | ',' | '=' => Token::Mark(letter),
            '!' if letters.next_if_eq(&'=').is_some() => Token::Word("!=".to_owned()),
            '"' => {
                let mut text = String::new();
                while let Some(letter) = letters.next_if(|letter| *letter != '"' && *letter != '\n') {
                    text.push(letter);
                }
                if letters.next() != Some('"') {
                    return Err(Lost::new(line, "a quote that does not end in its line"));
                }
                Token::Text(text)
            }
            _ if is_of_word(letter) => {
                let mut word = String::from(letter);
                while let Some(letter) = letters.next_if(|letter| is_of_word(*letter)) {
                    word.push(letter);
                }
                Token::Word(word)
            }
            _ => return Err(Lost::new(line, format!("`{}` is not understood", letter.escape_debug()))),
        };
        found.push((line, token));
    }
    found.push((line, Token::End));
    Ok(found)
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_./:-+@$*".contains(letter)
}

/// What is still to be read.
pub(super) struct Reader {
    tokens: Vec<(u32, Token)>,
    at: usize,
}

impl Reader {
    pub(super) fn new(tokens: Vec<(u32, Token)>) -> Self {
        Self { tokens, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    /// The line of what comes next; the last one behind the end.
    pub(super) fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(line, _)| *line)
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Takes a token, if it is this one.
    pub(super) fn takes(&mut self, token: &Token) -> bool {
        let is_it = self.peek() == Some(token);
        self.at += usize::from(is_it);
        is_it
    }

    pub(super) fn takes_mark(&mut self, mark: char) -> bool {
        self.takes(&Token::Mark(mark))
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.at += usize::from(is_it);
        is_it
    }

    /// Passes over ends of lines.
    pub(super) fn skip_ends(&mut self) {
        while self.takes(&Token::End) {}
    }

    /// What is next is none of what may be here.
    pub(super) fn lost(&self, wanted: &str) -> Lost {
        let next = self.peek().map_or_else(|| "the end of the file".to_owned(), Token::shown);
        Lost::new(self.line(), format!("{next} is not understood: {wanted} may be here"))
    }

    pub(super) fn mark(&mut self, mark: char) -> Result<(), Lost> {
        if self.takes_mark(mark) { Ok(()) } else { Err(self.lost(&format!("`{mark}`"))) }
    }

    pub(super) fn word(&mut self, wanted: &str) -> Result<String, Lost> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.lost(wanted)),
        }
    }

    /// A word or a text in quotes.
    pub(super) fn name(&mut self, wanted: &str) -> Result<String, Lost> {
        if let Some(Token::Text(text)) = self.peek() {
            let text = text.clone();
            self.at += 1;
            return Ok(text);
        }
        self.word(wanted)
    }

    /// The end of a line, or the brace that ends what the line is in.
    pub(super) fn end(&mut self) -> Result<(), Lost> {
        let ends = self.takes(&Token::End) || self.peek() == Some(&Token::Mark('}')) || self.is_done();
        if ends { Ok(()) } else { Err(self.lost("the end of the line")) }
    }

    /// Parts between braces, divided by commas; a comma may stand behind the last.
    pub(super) fn between<T>(&mut self, mut part: impl FnMut(&mut Self) -> Result<T, Lost>) -> Result<Vec<T>, Lost> {
        self.mark('{')?;
        let mut parts = Vec::new();
        self.skip_ends();
        while !self.takes_mark('}') {
            parts.push(part(self)?);
            self.skip_ends();
            if !self.takes_mark(',') {
                self.mark('}')?;
                break;
            }
            self.skip_ends();
        }
        Ok(parts)
    }
}

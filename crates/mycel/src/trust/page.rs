//! A share as its holder gets it: the text of its file, a picture for cameras
//! on the screen, and a page to print.
//!
//! A page is one file without a script or anything from elsewhere, so that a
//! machine without a network shows and prints it.

use crate::failure::Failure;
use custody::share::{SealedShare, Share, Split};
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Words in a row of a page: eight rows of them.
const ROW: usize = 6;
/// Modules that stay white around a picture, as its standard asks for.
const QUIET: usize = 4;
/// Letters in a row of a page, for a share that is sealed.
const LETTERS: usize = 54;

/// A share as it is handed out.
pub(super) enum Handed {
    Plain(Share),
    Sealed(SealedShare),
}

/// What a page says beside the share.
pub(super) struct About<'a> {
    pub(super) planet: &'a str,
    pub(super) holder: Option<&'a str>,
    /// The day of the split.
    pub(super) date: &'a str,
}

impl Handed {
    pub(super) fn number(&self) -> u8 {
        match self {
            Self::Plain(share) => share.number,
            Self::Sealed(share) => share.number,
        }
    }

    fn split(&self) -> &Split {
        match self {
            Self::Plain(share) => &share.split,
            Self::Sealed(share) => &share.split,
        }
    }

    /// What a camera reads.
    pub(super) fn letters(&self) -> Zeroizing<String> {
        match self {
            Self::Plain(share) => share.letters(),
            Self::Sealed(share) => Zeroizing::new(share.letters()),
        }
    }

    fn title(&self) -> String {
        let split = self.split();
        format!("share {} of {}, {} needed, split {}", self.number(), split.of, split.needs, split.epoch)
    }

    /// The text of its file.
    pub(super) fn text(&self, about: &About<'_>) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2_048));
        let holder = about.holder.map(|name| format!(", for {name}")).unwrap_or_default();
        let _ = writeln!(text, "# {}: {}{holder}, {}", about.planet, self.title(), about.date);
        match self {
            Self::Plain(share) => {
                let needs = share.split.needs;
                let _ =
                    writeln!(text, "# Whoever has {needs} of these has every key of the planet. Show it to nobody.");
                for row in share.words().chunks(ROW) {
                    let _ = writeln!(text, "{}", row.join(" "));
                }
            }
            Self::Sealed(share) => {
                let _ = writeln!(text, "# Only its holder's key opens it: mycel trust open-share FILE --key KEYFILE");
                let _ = writeln!(text, "{}", share.letters());
            }
        }
        text
    }

    /// The page to print.
    pub(super) fn page(&self, about: &About<'_>) -> Result<Zeroizing<String>, Failure> {
        let mut page = Zeroizing::new(String::with_capacity(32 << 10));
        let (title, planet) = (escaped(&self.title()), escaped(about.planet));
        let _ =
            write!(page, "{HEAD}<title>{planet}: {title}</title>\n<h1>{planet}</h1>\n<p class=\"what\">{title}</p>\n");
        let holder = about.holder.map(|name| format!("For {}. ", escaped(name))).unwrap_or_default();
        let _ = writeln!(page, "<p>{holder}Made on {}.</p>", escaped(about.date));
        page.push_str(&svg(&self.letters())?);
        match self {
            Self::Plain(share) => words(share, &mut page),
            Self::Sealed(share) => letters(&share.letters(), &mut page),
        }
        page.push_str(&self.advice());
        Ok(page)
    }

    fn advice(&self) -> String {
        let Split { needs, of, epoch, .. } = *self.split();
        let sealed = match self {
            Self::Plain(_) => "Whoever sees this page has your share.",
            Self::Sealed(_) => "It opens with your key file only: keep that too, elsewhere, and do not lose it.",
        };
        format!(
            "<h2>What to do with it</h2>\n<ul>\n<li>Keep it where paper lasts and nobody else looks. {sealed}</li>\n\
             <li>Any {needs} of the {of} shares give back every key of the planet; {} say nothing.</li>\n\
             <li>Bring it when recovery is rehearsed, and tell whoever runs the planet at once when it is lost or was \
             seen.</li>\n<li>Destroy it when you get a share of a later split than {epoch}: shares of different splits \
             do not go together, and an old one still counts among the old ones.</li>\n</ul>\n",
            needs - 1
        )
    }
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n<style>\n\
body{font:11pt/1.5 Georgia,serif;max-width:17cm;margin:1.5cm auto;color:#000;background:#fff}\n\
h1{margin:0;font-size:20pt}h2{font-size:13pt}.what{margin:.2em 0;font-weight:bold}\n\
svg{width:7cm;height:7cm;display:block;margin:.6cm 0}\n\
table{border-collapse:collapse}td{padding:.1cm .35cm .1cm 0;font:11pt Consolas,monospace}\n\
td i{color:#777;font-size:8pt;display:inline-block;width:.55cm;text-align:right;margin-right:.15cm}\n\
pre{font:9pt Consolas,monospace}\n</style>\n";

fn words(share: &Share, page: &mut String) {
    page.push_str("<h2>In words</h2>\n<table>\n");
    for (row, words) in share.words().chunks(ROW).enumerate() {
        page.push_str("<tr>");
        for (at, word) in words.iter().enumerate() {
            let _ = write!(page, "<td><i>{}</i>{word}</td>", row * ROW + at + 1);
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

fn letters(letters: &str, page: &mut String) {
    page.push_str("<h2>In letters</h2>\n<pre>");
    let all: Vec<char> = letters.chars().collect();
    for row in all.chunks(LETTERS) {
        let _ = writeln!(page, "{}", row.iter().collect::<String>());
    }
    page.push_str("</pre>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A picture: how wide, and which modules are dark.
struct Picture {
    width: usize,
    dark: Zeroizing<Vec<bool>>,
}

impl Picture {
    fn new(letters: &str) -> Result<Self, Failure> {
        let told =
            |error| Failure::told(format!("cannot draw the share: {error}"), "report this: a share fits a picture");
        let code = QrCode::with_error_correction_level(letters, EcLevel::M).map_err(told)?;
        let width = code.width();
        let dark = code.into_colors().iter().map(|color| *color == Color::Dark).collect();
        Ok(Self { width, dark: Zeroizing::new(dark) })
    }

    /// Whether a module is dark, counted from the outermost white one.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(QUIET), y.checked_sub(QUIET)) else { return false };
        x < self.width && self.dark.get(y * self.width + x).copied().unwrap_or(false)
    }

    fn size(&self) -> usize {
        self.width + 2 * QUIET
    }
}

fn svg(letters: &str) -> Result<Zeroizing<String>, Failure> {
    let picture = Picture::new(letters)?;
    let size = picture.size();
    let mut svg = Zeroizing::new(String::with_capacity(24 << 10));
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}h-{size}z\"/><path d=\""
    );
    for y in 0..size {
        for x in (0..size).filter(|x| picture.is_dark(*x, y)) {
            let _ = write!(svg, "M{x} {y}h1v1h-1z");
        }
    }
    svg.push_str("\"/></svg>\n");
    Ok(svg)
}

/// The picture in half blocks, light on dark as most screens are: two rows of
/// modules in one of letters.
pub(super) fn blocks(letters: &str) -> Result<Zeroizing<String>, Failure> {
    let picture = Picture::new(letters)?;
    let mut text = Zeroizing::new(String::with_capacity(8 << 10));
    for y in (0..picture.size()).step_by(2) {
        for x in 0..picture.size() {
            let light = (!picture.is_dark(x, y), y + 1 < picture.size() && !picture.is_dark(x, y + 1));
            text.push(match light {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use custody::share::{Given, holder, read, split};
    use trust::Secret;

    fn shares() -> Vec<Handed> {
        let mut shares = split(trust::PlanetId([6; 16]), &Secret::take(&mut [7; 32]), 1, 3, 5).unwrap();
        let sealed = shares.pop().unwrap().seal(holder(&Secret::take(&mut [1; 32])).public()).unwrap();
        shares.into_iter().map(Handed::Plain).chain([Handed::Sealed(sealed)]).collect()
    }

    /// What a camera sees, ten points a module, read by another's program.
    fn seen(size: usize, dark: impl Fn(usize, usize) -> bool) -> String {
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(size * 10, size * 10, |x, y| {
            if dark(x / 10, y / 10) { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_the_page_and_the_screen() {
        for share in shares() {
            let letters = share.letters();
            let about = About { planet: "garden", holder: None, date: "2026-11-21" };
            let page = share.page(&about).unwrap();
            let drawn = page.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
            let modules: std::collections::BTreeSet<(usize, usize)> = drawn
                .split('M')
                .filter_map(|one| one.strip_suffix("h1v1h-1z")?.split_once(' '))
                .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
                .collect();
            let size = Picture::new(&letters).unwrap().size();
            assert_eq!(seen(size, |x, y| modules.contains(&(x, y))), **letters);
            let screen = blocks(&letters).unwrap();
            let rows: Vec<Vec<char>> = screen.lines().map(|line| line.chars().collect()).collect();
            let dark = |x: usize, y: usize| matches!((rows[y / 2][x], y % 2), (' ', _) | ('▀', 1) | ('▄', 0));
            assert_eq!(seen(size, dark), **letters);
            match (read(&letters).unwrap(), &share) {
                (Given::Plain(found), Handed::Plain(share)) => assert_eq!(found, *share),
                (Given::Sealed(found), Handed::Sealed(share)) => assert_eq!(found, *share),
                _ => panic!("one is sealed and the other is not"),
            }
        }
    }

    #[test]
    fn a_file_is_read_back_and_a_page_escapes_its_names() {
        let about = About { planet: "a<b", holder: Some("<script>"), date: "2026-11-21" };
        for share in shares() {
            let text = share.text(&about);
            assert!(read(&text).is_ok(), "{}", *text);
            let page = share.page(&about).unwrap();
            assert!(!page.contains("<script>") && page.contains("a&lt;b"));
            if let Handed::Plain(share) = &share {
                assert!(share.words().iter().all(|word| page.contains(&format!("</i>{word}</td>"))));
            }
        }
    }
}

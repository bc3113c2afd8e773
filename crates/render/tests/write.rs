//! Rendered files on a real disk: what differs is told, what somebody edited
//! stays, nothing outside is touched, and whatever ends a write leaves files
//! whole.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use planet::plan::Plan;
use planet::{Planet, Tables};
use render::write::{Differs, Done, Rendered, WriteError, compare, write};
use render::{Scene, Tree, render, targets};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

const GARDEN: &str = include_str!("../../../planets/garden.toml");

/// A planet whose every file says `word` somewhere, or depends on it.
fn text(word: &str) -> String {
    GARDEN.replace("a planet to try things on", word)
}

fn tree(text: &str, names: &[&str], regions: &[&str]) -> (Planet, Tree) {
    let planet = planet::parse(text.as_bytes()).0.unwrap();
    let plan = Plan::new(&planet, &Tables::builtin()).unwrap();
    let scene = Scene::new((&planet, text), &plan, ("mycel:0.1.0", "0.1.0")).unwrap();
    let chosen: Vec<_> = targets::ALL.iter().copied().filter(|t| names.is_empty() || names.contains(&t.name)).collect();
    let tree = render(&scene, &chosen, regions).unwrap();
    drop(scene);
    (planet, tree)
}

fn with<T>(text: &str, names: &[&str], regions: &[&str], run: impl FnOnce(&Rendered<'_>) -> T) -> T {
    let (_, tree) = tree(text, names, regions);
    let targets = (!names.is_empty()).then_some(names);
    run(&Rendered { planet: "garden", digest: [7; 32], program: "0.1.0", tree: &tree, targets, regions })
}

fn put(folder: &Path, word: &str, force: bool) -> Result<Done, WriteError> {
    with(&text(word), &[], &[], |rendered| write(folder, rendered, force))
}

fn differs(folder: &Path, word: &str) -> Vec<(String, Differs)> {
    with(&text(word), &[], &[], |rendered| compare(folder, rendered)).unwrap()
}

/// Every file below a folder, with what is in it.
fn all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder).unwrap().display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_written_is_there_and_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/b");
    assert!(differs(&out, "one").iter().all(|(_, how)| *how == Differs::Missing));
    assert!(!out.exists());
    let done = put(&out, "one", false).unwrap();
    assert!(done.written.len() > 20 && done.removed.is_empty() && done.same == 0);
    assert_eq!(differs(&out, "one"), []);
    let (files, before) = (all(&out), fs::metadata(out.join("mycel.json")).unwrap().modified().unwrap());
    assert_eq!(put(&out, "one", false).unwrap(), Done { same: done.written.len(), ..Done::default() });
    assert_eq!((all(&out), fs::metadata(out.join("mycel.json")).unwrap().modified().unwrap()), (files, before));
}

#[test]
fn what_differs_is_told_by_how() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    put(out, "one", false).unwrap();
    fs::remove_file(out.join("compose/na/.env")).unwrap();
    fs::write(out.join("compose/eu/.env"), "X=1\n").unwrap();
    fs::write(out.join("compose/eu/mine"), "").unwrap();
    let told = differs(out, "two");
    let how = |path: &str| told.iter().find(|(at, _)| at == path).map(|(_, how)| *how);
    assert_eq!(how("compose/na/.env"), Some(Differs::Missing));
    assert_eq!(how("compose/eu/.env"), Some(Differs::Edited));
    assert_eq!(how("compose/eu/mine"), Some(Differs::Unexpected));
    assert_eq!(how("compose/ap/planet.toml"), Some(Differs::Outdated));
    assert_eq!(how("compose/ap/.env"), None);
    let (_, only) = tree(&text("one"), &["compose"], &[]);
    let all_targets =
        Rendered { planet: "garden", digest: [7; 32], program: "0.1.0", tree: &only, targets: None, regions: &[] };
    let leftover = compare(out, &all_targets).unwrap();
    assert!(leftover.contains(&("machine/compose.yaml".to_owned(), Differs::Leftover)));
}

#[test]
fn what_somebody_edited_is_not_overwritten_and_nothing_else_is_either() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    put(out, "one", false).unwrap();
    fs::write(out.join("compose/eu/.env"), "X=1\n").unwrap();
    let before = all(out);
    let refused = put(out, "two", false).unwrap_err();
    assert!(matches!(&refused, WriteError::Edited(paths) if *paths == ["compose/eu/.env"]), "{refused}");
    assert_eq!(all(out), before);
    put(out, "two", true).unwrap();
    assert_eq!(differs(out, "two"), []);
    // A file that was there before anything was rendered is somebody's as well.
    let other = tempfile::tempdir().unwrap();
    fs::create_dir_all(other.path().join("machine")).unwrap();
    fs::write(other.path().join("machine/compose.yaml"), "mine\n").unwrap();
    assert!(matches!(put(other.path(), "one", false), Err(WriteError::Edited(_))));
    assert_eq!(all(other.path()), [("machine/compose.yaml".to_owned(), b"mine\n".to_vec())]);
}

#[test]
fn what_is_not_rendered_any_more_goes_and_what_was_not_asked_for_stays() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    put(out, "one", false).unwrap();
    let ask = |names: &[&str], regions: &[&str], text: &str| {
        with(text, names, regions, |rendered| write(out, rendered, false)).unwrap()
    };
    assert_eq!(ask(&["compose"], &["na"], &text("one")).removed, [""; 0]);
    assert_eq!(ask(&["compose"], &["na"], &text("two")).written, ["compose/na/planet.toml"]);
    assert!(out.join("kubernetes/eu/4-host.yaml").exists());
    // A region less.
    let less = text("two");
    let (head, tail) = (less.find("[[region]]\nid = \"ap\"").unwrap(), less.find("[enrol]").unwrap());
    let less = format!("{}{}", &less[..head], &less[tail..]);
    let removed = ask(&[], &[], &less).removed;
    assert!(removed.contains(&"kubernetes/ap/4-host.yaml".to_owned()), "{removed:?}");
    assert!(!out.join("kubernetes/ap").exists() && !out.join("compose/ap").exists());
    assert!(with(&less, &[], &[], |rendered| compare(out, rendered)).unwrap().is_empty());
}

#[test]
fn nothing_is_written_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (out, outside) = (folder.path().join("out"), folder.path().join("outside"));
    put(&out, "one", false).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "mine").unwrap();
    let link = out.join("compose/na/.env");
    fs::remove_file(&link).unwrap();
    symlink(outside.join("file"), &link).unwrap();
    assert!(matches!(put(&out, "one", false), Err(WriteError::Edited(_))));
    // When it is forced, the link is replaced and not what it leads to.
    put(&out, "one", true).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    // A folder that is a link is not gone into, by force neither.
    fs::rename(out.join("compose/eu"), folder.path().join("eu")).unwrap();
    symlink(&outside, out.join("compose/eu")).unwrap();
    assert!(put(&out, "two", false).is_err() && put(&out, "two", true).is_err());
    // The drafts have a folder, and that is none of somebody else's either.
    fs::remove_file(out.join("compose/eu")).unwrap();
    symlink(&outside, out.join(".mycel-new")).unwrap();
    assert!(matches!(put(&out, "two", true), Err(WriteError::Io { .. })));
    assert_eq!(all(&outside), [("file".to_owned(), b"mine".to_vec())]);
}

#[test]
fn a_manifest_that_leads_outside_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (out, outside) = (folder.path().join("out"), folder.path().join("file"));
    put(&out, "one", false).unwrap();
    fs::write(&outside, "mine").unwrap();
    let manifest = out.join("mycel.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("compose/na/.env", "compose/../../file");
    fs::write(&manifest, text).unwrap();
    let refused = put(&out, "one", false).unwrap_err();
    assert!(refused.to_string().contains("is no path in this folder"), "{refused}");
    put(&out, "one", true).unwrap();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
}

/// A write that ends between two files leaves some new and some old, and the next
/// one takes none of them for edited: whichever planet it is of.
#[test]
fn a_write_that_is_cut_short_leaves_nothing_that_looks_edited() {
    for stopped_at in ["compose/ap/planet.toml", "kubernetes/eu/2-config.yaml", "machine/planet.toml"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        put(out, "one", false).unwrap();
        // No file takes the place of a folder.
        fs::remove_file(out.join(stopped_at)).unwrap();
        fs::create_dir(out.join(stopped_at)).unwrap();
        assert!(matches!(put(out, "two", true), Err(WriteError::Io { .. })), "{stopped_at}");
        fs::remove_dir(out.join(stopped_at)).unwrap();
        put(out, "three", false).unwrap();
        assert_eq!(differs(out, "three"), []);
        assert!(!fs::read_to_string(out.join("mycel.json")).unwrap().contains("before"));
    }
}

#[test]
fn drafts_that_a_kill_left_go_with_the_next_write() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "one", false).unwrap();
    let drafts = folder.path().join(".mycel-new");
    fs::create_dir(&drafts).unwrap();
    fs::write(drafts.join("0"), "half").unwrap();
    assert_eq!(put(folder.path(), "one", false).unwrap().written, [""; 0]);
    assert!(!drafts.exists());
}

#[test]
fn two_do_not_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "one", false).unwrap();
    let held = fs::File::open(folder.path()).unwrap();
    held.lock().unwrap();
    assert!(matches!(put(folder.path(), "two", false), Err(WriteError::Busy)));
    drop(held);
    put(folder.path(), "two", false).unwrap();
}

/// A folder that cannot be written to leaves every old file, and says why.
#[test]
fn a_folder_that_cannot_be_written_to_keeps_what_it_has() {
    if is_root() {
        eprintln!("SKIPPED: root may write anywhere");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "one", false).unwrap();
    let before = all(folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let refused = put(folder.path(), "two", false);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(refused, Err(WriteError::Io { .. })));
    assert_eq!(all(folder.path()), before);
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

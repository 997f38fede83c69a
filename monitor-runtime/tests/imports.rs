//! Imports run downwards: no file of a crate wants, by way of others, one that wants it; nor does a room (a folder, or
//! a file beside `lib.rs`), but for its doors, the `pub use` that hand on what another room has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Which modules want which. A module is named by its path, `["anomaly", "detector"]`; `lib.rs` by none.
type Graph = BTreeMap<Module, BTreeSet<Module>>;
type Module = Vec<String>;

/// What a crate's files say.
#[derive(Default)]
struct House {
    /// What each file names of its crate, apart from what it hands on.
    named: BTreeMap<Module, BTreeSet<Vec<String>>>,
    /// What each file hands on, by the name it has there.
    doors: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
}

impl House {
    fn of(source: &Path) -> House {
        let mut house = House::default();
        house.read_folder(source, &[]);
        house
    }

    fn read_folder(&mut self, folder: &Path, module: &[String]) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            let of_tests = name == "tests" || name.ends_with("_tests") || name == "expansions";
            let mut inner = module.to_vec();
            if !matches!(name.as_str(), "lib" | "main" | "mod") {
                inner.push(name);
            }
            if of_tests {
                continue;
            }
            if path.is_dir() {
                self.read_folder(&path, &inner);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                self.named.entry(inner.clone()).or_default();
                self.read(tokens, &inner, &mut Vec::new());
            }
        }
    }

    /// Reads what stands in a file, `within` modules of the file's own.
    fn read(&mut self, tokens: TokenStream, file: &[String], within: &mut Vec<String>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, word: &str| matches!(tokens.get(at), Some(TokenTree::Ident(found)) if found == word);
        let punct =
            |at: usize, char: char| matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == char);
        let mut only_for_tests = false;
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Punct(hash) if hash.as_char() == '#' => {
                    let attribute = tokens.get(at + 1).map(ToString::to_string).unwrap_or_default();
                    only_for_tests |= attribute.starts_with("[cfg") && attribute.contains("test");
                    at += 1;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                        (tokens.get(at + 1), tokens.get(at + 2))
                    {
                        if !only_for_tests {
                            within.push(name.to_string());
                            self.read(body.stream(), file, within);
                            within.pop();
                        }
                        at += 2;
                    }
                    only_for_tests = false;
                }
                // What a macro writes is written elsewhere.
                TokenTree::Ident(word) if word == "use" && !punct(at + 1, '$') => {
                    let end = (at..tokens.len()).find(|at| punct(*at, ';')).unwrap_or(tokens.len());
                    let public = is(at.wrapping_sub(1), "pub")
                        || at > 1 && is(at - 2, "pub") && matches!(&tokens[at - 1], TokenTree::Group(_));
                    if !only_for_tests {
                        for (path, name) in tree(&tokens[at + 1..end], &[]) {
                            self.found(path, public.then_some(name), file, within);
                        }
                    }
                    only_for_tests = false;
                    at = end;
                }
                // A path; of what is no module of this crate, the file itself is taken to have it.
                TokenTree::Ident(word)
                    if punct(at + 1, ':')
                        && punct(at + 2, ':')
                        && !punct(at.wrapping_sub(1), '$')
                        && !punct(at.wrapping_sub(1), ':') =>
                {
                    let mut path = vec![word.to_string()];
                    while let (true, true, Some(TokenTree::Ident(next))) =
                        (punct(at + 1, ':'), punct(at + 2, ':'), tokens.get(at + 3))
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    self.found(path, None, file, within);
                }
                TokenTree::Group(group) => {
                    if !(only_for_tests && group.delimiter() == Delimiter::Brace) {
                        self.read(group.stream(), file, within);
                    }
                    only_for_tests &= group.delimiter() != Delimiter::Brace;
                }
                TokenTree::Punct(end) if end.as_char() == ';' => only_for_tests = false,
                _ => {}
            }
            at += 1;
        }
    }

    fn found(&mut self, path: Vec<String>, door: Option<String>, file: &[String], within: &[String]) {
        let mut path = path.into_iter().peekable();
        let mut full: Vec<String> = file.iter().chain(within).cloned().collect();
        match path.peek().map(String::as_str) {
            Some("crate") => {
                path.next();
                full.clear();
            }
            Some("self") => drop(path.next()),
            Some("super") => {
                while path.next_if(|step| step == "super").is_some() {
                    full.pop();
                }
            }
            // Another crate, or a module of this one by its bare name.
            _ => {}
        }
        full.extend(path);
        match door {
            Some(name) if within.is_empty() => drop(self.doors.entry(file.to_vec()).or_default().insert(name, full)),
            Some(_) => {}
            None => drop(self.named.entry(file.to_vec()).or_default().insert(full)),
        }
    }

    /// The file that has what a path names, behind whichever doors.
    fn behind(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|length| self.named.contains_key(&path[..*length])).unwrap_or(0);
            let (module, rest) = path.split_at(length);
            match rest.first().and_then(|name| self.doors.get(module)?.get(name)) {
                Some(door) => path = door.iter().chain(&rest[1..]).cloned().collect(),
                None => return module.to_vec(),
            }
        }
        panic!("{path:?} stands behind a circle of doors")
    }

    fn graph(&self) -> Graph {
        let wanted = |file: &Module, paths: &BTreeSet<Vec<String>>| {
            paths.iter().map(|path| self.behind(path)).filter(|wanted| wanted != file && !wanted.is_empty()).collect()
        };
        self.named.iter().map(|(file, paths)| (file.clone(), wanted(file, paths))).collect()
    }
}

/// The paths of a `use`, each with the name that it gets.
fn tree(tokens: &[TokenTree], before: &[String]) -> Vec<(Vec<String>, String)> {
    let mut path = before.to_vec();
    let mut alias = None;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "as" => alias = tokens.get(at + 1).map(ToString::to_string),
            TokenTree::Ident(word) if alias.is_none() && (word != "self" || path.is_empty()) => {
                path.push(word.to_string())
            }
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let branches = inner.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ','));
                return branches.filter(|branch| !branch.is_empty()).flat_map(|branch| tree(branch, &path)).collect();
            }
            _ => {}
        }
    }
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    vec![(path, name)]
}

/// Everything that can be reached from a module.
fn reached(graph: &Graph, from: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = graph.get(from).into_iter().flatten().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module.clone()) {
            open.extend(graph.get(module).into_iter().flatten());
        }
    }
    reached
}

/// Who wants itself by way of others, and whom it wants of them.
fn circles(graph: &Graph) -> Vec<String> {
    let all: BTreeMap<&Module, BTreeSet<Module>> =
        graph.keys().map(|module| (module, reached(graph, module))).collect();
    let in_circle = |module: &Module| all.get(module).is_some_and(|reached| reached.contains(module));
    let wants = |module: &Module| {
        let wanted =
            graph[module].iter().filter(|wanted| all.get(wanted).is_some_and(|reached| reached.contains(module)));
        wanted.map(|wanted| wanted.join("::")).collect::<Vec<_>>().join(", ")
    };
    graph
        .keys()
        .filter(|module| in_circle(module))
        .map(|module| format!("{} wants {}", module.join("::"), wants(module)))
        .collect()
}

fn rooms(graph: &Graph) -> Graph {
    let mut rooms = Graph::new();
    for (module, wanted) in graph.iter().filter(|(module, _)| !module.is_empty()) {
        let room = vec![module[0].clone()];
        let others = wanted.iter().map(|wanted| vec![wanted[0].clone()]).filter(|wanted| *wanted != room);
        rooms.entry(room.clone()).or_default().extend(others.collect::<Vec<_>>());
    }
    rooms
}

#[test]
fn no_file_and_no_room_wants_itself_by_way_of_others() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for name in ["monitor-runtime", "monitor-macros", "demo-app"] {
        let source = project.join(name).join("src");
        // A crate that was taken out of the project stands alone.
        if source.exists() {
            let graph = House::of(&source).graph();
            assert!(graph.values().any(|wanted| !wanted.is_empty()), "{name}: nothing wants anything");
            found.extend(circles(&graph).into_iter().map(|circle| format!("{name}: {circle}")));
            found.extend(circles(&rooms(&graph)).into_iter().map(|circle| format!("{name}, rooms: {circle}")));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

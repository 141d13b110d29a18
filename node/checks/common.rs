//! What most programs ask of the standard library, compiled once: its generic code for everyday types.
//!
//! Without optimisation the compiler takes instances of generic code from crates that it links, where they are the same
//! as those it would make. A batch of rows that links this crate makes only those that no other row has. Nothing here
//! is ever called, and there is no trait and no `impl`, so no row can see a difference.
//!
//! An instance here costs each build some 4 µs, wanted or not, and saves it 0.2 ms where it is wanted. So what stands
//! here must be wanted by one build in thirty, and brings its own callees along: a call that looks harmless may be forty
//! instances for each of twelve types. What rows of several sources never asked for has been taken out again.
#![allow(clippy::all, unused)]

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::rc::{Rc, Weak};
use std::sync::{mpsc, Arc, Mutex, RwLock};

fn debug<T: Debug>(value: &T) {
    format!("{:?}", value);
}

fn compare<A: Debug + PartialEq<B>, B: Debug>(a: A, b: B) {
    assert_eq!(a, b);
    assert_ne!(a, b);
    a == b;
}

fn same<T: Debug + PartialEq + Clone>(value: T) {
    compare(value.clone(), value.clone());
    compare(Some(value.clone()), Some(value.clone()));
    compare(Ok::<T, String>(value.clone()), Ok(value.clone()));
    compare(vec![value.clone()], vec![value]);
}

fn order<T: Ord + Clone>(mut items: Vec<T>, item: T) {
    items.sort();
    items.sort_unstable();
    items.iter().max();
    items.iter().min();
    item.clone().cmp(&item);
    item.clone().max(item.clone());
    item.clone().min(item.clone());
    let mut heap = BinaryHeap::from(items.clone());
    heap.push(item.clone());
    heap.pop();
}

fn arrays<T: Debug + PartialEq + Clone>(items: Vec<T>, array: [T; 0]) {
    macro_rules! of {
        ($($n:literal)*) => {$(
            let array: [T; $n] = items.clone().try_into().unwrap_or_else(|_| panic!());
            assert_eq!(items, array);
            compare(array.clone(), array.clone());
            format!("{array:?}");
            Vec::from(array.clone());
            array.to_vec();
            for item in &array {}
            for item in array {}
        )*};
    }
    of!(1 2 3 4 5 6);
    assert_eq!(items, array);
}

fn option<T: Debug + Clone + PartialEq>(value: Option<T>) -> Option<T> {
    value.clone().unwrap();
    value.clone().expect("");
    value.clone().ok_or("");
    value.clone().ok_or(String::new());
    value.clone().unwrap_or(value.clone()?);
    value.as_ref();
    value.clone().as_mut();
    value.clone().take();
    value.clone().or(value.clone());
    value.as_ref().cloned();
    value.is_some() && value.is_none();
    debug(&value);
    drop(value.clone());
    value
}

fn result<T: Debug + Clone, E: Debug + Clone>(value: Result<T, E>) -> Result<T, E> {
    value.clone().unwrap();
    value.clone().expect("");
    value.clone().ok();
    value.is_ok() || value.is_err();
    debug(&value);
    if value.is_ok() {
        value.clone().unwrap_err();
    }
    let taken = value.clone()?;
    drop(value);
    Ok(taken)
}

fn lists<T: Clone>(mut items: Vec<T>, item: T) {
    items.push(item.clone());
    items.pop();
    items.len();
    items.is_empty();
    items.as_slice();
    items.first();
    items.last();
    items.get(0);
    (&items[0], &items[..1], &items[1..], &items[0..1], &items[..]);
    items[0] = item.clone();
    items.swap(0, 1);
    items.to_vec();
    items.extend_from_slice(&[item.clone()]);
    for item in &items {}
    for item in &mut items {}
    for item in items.clone() {}
    for (index, item) in items.iter().enumerate() {}
    items.iter().cloned().collect::<Vec<T>>();
    items.iter().collect::<Vec<&T>>();
    vec![item; 2];
    Vec::<T>::with_capacity(1);
}

fn items<T: Debug + Clone + PartialEq>(mut items: Vec<T>, item: T) {
    lists(items.clone(), item.clone());
    lists(vec![items.clone()], items.clone());
    items.insert(0, item.clone());
    items.remove(0);
    items.truncate(1);
    items.clear();
    items.extend(items.clone());
    items.extend(items.clone().iter().cloned());
    items.extend(Some(item.clone()));
    items.drain(..).next();
    items.dedup();
    items.reverse();
    items.contains(&item);
    items.last_mut();
    items.get_mut(0);
    items.get(0..1);
    items.split_at(1);
    items.split_first();
    for (index, item) in items.iter_mut().enumerate() {}
    for (index, item) in items.clone().into_iter().enumerate() {}
    for item in items.iter().rev() {}
    for item in items.iter().skip(1) {}
    for item in items.iter().take(1) {}
    for item in items.chunks(1) {}
    for item in items.windows(1) {}
    for (a, b) in items.iter().zip(&items) {}
    items.iter().count();
    items.iter().nth(1);
    items.clone().into_iter().rev().collect::<Vec<T>>();
    let mut peek = items.iter().peekable();
    while let Some(item) = peek.next() {
        peek.peek();
    }
    let mut queue = VecDeque::from(items.clone());
    queue.push_back(item.clone());
    queue.push_front(item.clone());
    queue.pop_front();
    queue.pop_back();
    queue.front();
    queue.len();
    debug(&items);
    debug(&&items[..]);
    option(items.first());
    option(Some(items.clone()));
    std::mem::swap(&mut item.clone(), &mut item.clone());
    std::mem::take(&mut items);
    std::mem::replace(&mut items, Vec::new());
    drop(Box::new(item));
}

fn holders<T: Debug + Clone + PartialEq>(item: T) {
    let shared = Rc::new(item.clone());
    Rc::strong_count(&Rc::clone(&shared));
    let cell = Rc::new(RefCell::new(item.clone()));
    *cell.borrow_mut() = item.clone();
    cell.borrow().clone();
    let lock = Arc::new(Mutex::new(item.clone()));
    *Arc::clone(&lock).lock().unwrap() = item;
}

fn channel<T: Debug>(item: T) {
    let (sender, receiver) = mpsc::channel();
    sender.clone().send(item).unwrap();
    receiver.recv().unwrap();
    for item in receiver {}
}

macro_rules! maps {
    ($name:ident: $map:ident) => {
        fn $name<K: Debug + Clone + Hash + Ord, V: Debug + Clone + PartialEq + Default>(key: K, value: V) {
            let mut map = $map::new();
            map.insert(key.clone(), value.clone());
            *map.entry(key.clone()).or_insert(value.clone()) = value.clone();
            *map.entry(key.clone()).or_default() = value.clone();
            map.get(&key).cloned();
            map.get_mut(&key);
            map.remove(&key);
            map.contains_key(&key);
            map[&key].clone();
            map.len();
            map.is_empty();
            map.keys().next();
            map.values().next();
            for (key, value) in &map {}
            for (key, value) in map.clone() {}
            debug(&map);
            compare(map.clone(), map);
        }
    };
}
maps!(hash_map: HashMap);
maps!(tree_map: BTreeMap);

macro_rules! sets {
    ($name:ident: $set:ident) => {
        fn $name<K: Debug + Clone + Hash + Ord>(key: K) {
            let mut set = $set::new();
            set.insert(key.clone());
            set.contains(&key);
            set.remove(&key);
            set.len();
            set.iter().next();
            for key in &set {}
            vec![key.clone()].into_iter().collect::<$set<K>>();
            debug(&set);
            compare(set.clone(), set);
        }
    };
}
sets!(hash_set: HashSet);
sets!(tree_set: BTreeSet);

fn pairs<K: Debug + Clone + PartialEq, V: Debug + Clone + PartialEq>(key: K, value: V) {
    let pair = (key, value);
    let mut pairs = vec![pair.clone()];
    same(pair.clone());
    pairs.push(pair.clone());
    for (a, b) in &pairs {}
    for (a, b) in pairs.clone() {}
    pairs.iter().next();
    (&pairs[0], pairs.len(), pairs.first());
    assert_eq!(pairs, [pair.clone()]);
    assert_eq!(pairs, [pair.clone(), pair.clone()]);
    debug(&pairs);
    option(Some(pair));
}

macro_rules! everyday {
    ($($name:ident: $type:ty,)*) => {$(
        pub fn $name(item: $type, list: Vec<$type>) {
            format!("{}", item);
            item.to_string();
            debug(&item);
            same(item.clone());
            arrays(list.clone(), []);
            option(Some(item.clone()));
            result::<$type, String>(Ok(item.clone()));
            result::<Vec<$type>, String>(Ok(list.clone()));
            items(list.clone(), item);
            compare(&list[..], &list[..]);
            compare(Some(list.clone()), Some(list));
        }
    )*};
}
everyday! {
    of_i32: i32, of_u32: u32, of_u64: u64, of_usize: usize, of_u8: u8, of_char: char, of_string: String,
}

macro_rules! occasional {
    ($($name:ident: $type:ty,)*) => {$(
        pub fn $name(item: $type, list: Vec<$type>) {
            item.to_string();
            debug(&item);
            same(item.clone());
            lists(list.clone(), item.clone());
            arrays(list.clone(), []);
            option(Some(item));
            debug(&list);
        }
    )*};
}
occasional! { of_i64: i64, of_f64: f64, of_bool: bool, }

macro_rules! ordered {
    ($($name:ident: $type:ty,)*) => {$(
        pub fn $name(item: $type, list: Vec<$type>) {
            order(list, item.clone());
            hash_set(item.clone());
            tree_set(item);
        }
    )*};
}
ordered! { ordered_i32: i32, ordered_u32: u32, ordered_u64: u64, ordered_usize: usize, ordered_char: char, }

macro_rules! paired {
    ($($name:ident: $key:ty => $value:ty,)*) => {$(
        pub fn $name(key: $key, value: $value) {
            pairs(key.clone(), value.clone());
            hash_map(key.clone(), value.clone());
            tree_map(key, value);
        }
    )*};
}
paired! {
    map_string_i32: String => i32, map_string_u32: String => u32, map_string_usize: String => usize,
    map_string_string: String => String, map_char_usize: char => usize, map_i32_i32: i32 => i32,
    map_u32_u32: u32 => u32, map_usize_usize: usize => usize, map_u64_u64: u64 => u64,
}

macro_rules! numbers {
    ($($name:ident: $type:ty,)*) => {$(
        pub fn $name(item: $type, mut list: Vec<$type>, text: &str) {
            text.parse::<$type>().unwrap();
            result(text.parse::<$type>());
            list.iter().sum::<$type>();
            list.iter().copied().sum::<$type>();
            list.iter().product::<$type>();
            list.clone().into_iter().sum::<$type>();
            list.iter().copied().collect::<Vec<$type>>();
            list.get(0).copied();
            list.first().copied().unwrap_or_default();
            list.iter().copied().next();
            format!("{item:>3} {item:?} {}", item);
        }
    )*};
}
numbers! {
    parse_i32: i32, parse_u32: u32, parse_i64: i64, parse_u64: u64, parse_usize: usize, parse_u8: u8, parse_f64: f64,
}

macro_rules! ranges {
    ($($name:ident: $type:ty,)*) => {$(
        pub fn $name(a: $type, b: $type) {
            for i in a..b {}
            for i in a..=b {}
            for i in (a..b).rev() {}
            for i in (a..=b).rev() {}
            for i in (a..b).step_by(2) {}
            (a..b).collect::<Vec<$type>>();
            (a..=b).collect::<Vec<$type>>();
            (a..b).sum::<$type>();
            (a..=b).sum::<$type>();
            (a..=b).product::<$type>();
            (a..b).contains(&a);
            (a..=b).contains(&a);
        }
    )*};
}
ranges! { range_i32: i32, range_u32: u32, range_u64: u64, range_usize: usize, range_u8: u8, }

pub fn of_str<'a>(text: &'a str, list: Vec<&'a str>) {
    same(text);
    arrays(list.clone(), []);
    option(Some(text));
    items(list.clone(), text);
    order(list.clone(), text);
    hash_set(text);
    tree_set(text);
    pairs(text, text);
    pairs(text, 0i32);
    hash_map(text, 0i32);
    hash_map(text, 0u32);
    hash_map(text, 0usize);
    hash_map(text, text);
    tree_map(text, 0i32);
    tree_map(text, 0u32);
    tree_map(text, 0usize);
    tree_map(text, text);
    hash_set(String::new());
    tree_set(String::new());
    result::<&str, String>(Ok(text));
    result::<String, &str>(Ok(String::new()));
    result::<(), String>(Ok(()));
    result::<(), &str>(Ok(()));
    result::<i32, &str>(Ok(0));
    list.join("");
    list.concat();
    compare(list, vec![String::new()]);
}

pub fn held(text: String) {
    holders(0i32);
    holders(0usize);
    holders(vec![0i32]);
    holders(text.clone());
    holders(vec![text]);
    channel(0i32);
    channel(0u32);
    channel(0u64);
    channel(0usize);
    channel(String::new());
    std::thread::spawn(move || {}).join().unwrap();
}

pub fn strings(mut owned: String, text: &str, list: Vec<String>) {
    list.join(", ");
    list.concat();
    compare(owned.clone(), text);
    compare(text, owned.clone());
    compare(owned.as_str(), text);
    compare(list.clone(), vec![text]);
    compare(list.clone(), [text]);
    compare(list.clone(), [text, text]);
    compare(list, [text, text, text]);
    compare(Some(owned.as_str()), Some(text));
    owned.as_str() == text || owned == text || text == owned;
    macro_rules! patterns {
        ($($pattern:expr),*) => {$(
            text.split($pattern).collect::<Vec<&str>>();
            for part in text.split($pattern) {}
            text.splitn(2, $pattern).next();
            text.split_once($pattern);
            text.contains($pattern);
            text.starts_with($pattern);
            text.ends_with($pattern);
            text.find($pattern);
            text.replace($pattern, "");
            text.strip_prefix($pattern);
            text.strip_suffix($pattern);
            text.trim_end_matches($pattern);
        )*};
    }
    patterns!('a', "a", char::is_whitespace);
    text.rfind('a');
    text.trim_matches('a');
    text.trim_start_matches('a');
    text.rsplit_once('a');
    text.matches("a").count();
    text.split_whitespace().collect::<Vec<&str>>();
    text.split_whitespace().count();
    text.lines().collect::<Vec<&str>>();
    text.lines().enumerate().next();
    text.chars().collect::<Vec<char>>();
    text.chars().collect::<String>();
    text.chars().rev().collect::<String>();
    text.chars().count();
    text.chars().enumerate().next();
    text.chars().peekable().peek();
    text.chars().nth(1);
    text.chars().last();
    text.chars().skip(1).next();
    text.chars().zip(text.chars()).next();
    text.char_indices().next();
    text.char_indices().peekable().peek();
    text.bytes().next();
    text.bytes().rev().next();
    text.bytes().collect::<Vec<u8>>();
    text.as_bytes().to_vec();
    (&text[1..], &text[..1], &text[1..2], &owned[1..], &owned[..]);
    text.get(1..);
    text.get(..1);
    text.repeat(2);
    text.to_string();
    text.to_owned();
    String::from(text);
    Into::<String>::into(text);
    owned.push_str(text);
    owned.push('a');
    owned.extend(text.chars());
    owned.clone() + text;
    owned.insert(0, 'a');
    owned.as_bytes();
    vec!['a'].into_iter().collect::<String>();
    vec!['a'].iter().collect::<String>();
    vec!['a'].iter().rev().collect::<String>();
    vec![owned.clone()].into_iter().collect::<String>();
    vec![text].iter().copied().collect::<Vec<&str>>();
    vec![text].iter().map(ToString::to_string).collect::<Vec<String>>();
    vec![text].into_iter().map(String::from).collect::<Vec<String>>();
    Cow::Borrowed(text).into_owned();
    Cow::from(text).to_string();
    let error: Box<dyn std::error::Error> = text.into();
    error.to_string();
    let error: Box<dyn std::error::Error> = owned.clone().into();
    debug(&error);
    use std::fmt::Write;
    write!(owned, "{text}").unwrap();
    writeln!(owned, "{text}").unwrap();
}

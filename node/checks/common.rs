//! What most programs ask of the standard library, compiled once: its generic code for everyday types.
//!
//! Without optimisation the compiler takes instances of generic code from crates that it links, where they are the same
//! as those it would make. A batch of rows that links this crate makes only those that no other row has. Nothing here
//! is ever called, and there is no trait and no `impl`, so no row can see a difference.
#![allow(clippy::all, unused)]

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::rc::{Rc, Weak};
use std::sync::{mpsc, Arc, Mutex, RwLock};

fn debug<T: Debug>(value: &T) {
    format!("{:?} {:#?}", value, value);
    format!("{:?}", &value);
}

fn compare<A: Debug + PartialEq<B>, B: Debug>(a: A, b: B) {
    assert_eq!(a, b);
    assert_eq!(&a, &b);
    assert_ne!(a, b);
    assert_eq!(a, b, "{}", 1);
    a == b || a != b;
}

fn same<T: Debug + PartialEq + Clone>(value: T) {
    compare(value.clone(), value.clone());
    compare(Some(value.clone()), Some(value.clone()));
    compare(Some(&value), Some(&value));
    compare(Ok::<T, String>(value.clone()), Ok(value.clone()));
    compare(vec![value.clone()], vec![value]);
}

fn order<T: Ord + Clone>(mut items: Vec<T>, item: T) {
    items.sort();
    items.sort_unstable();
    items.binary_search(&item).is_ok();
    items.iter().max();
    items.iter().min();
    items.iter().cloned().max();
    items.iter().cloned().min();
    item.clone().cmp(&item);
    item.clone().max(item.clone());
    item.clone().min(item.clone());
    Some(item.clone()).cmp(&None);
    let mut heap = BinaryHeap::from(items.clone());
    heap.push(item.clone());
    heap.pop();
    heap.peek();
    let mut reversed = BinaryHeap::new();
    reversed.push(std::cmp::Reverse(item));
    reversed.pop();
}

fn arrays<T: Debug + PartialEq + Clone>(items: Vec<T>, item: T) {
    macro_rules! of {
        ($($n:literal)*) => {$(
            let array: [T; $n] = std::array::from_fn(|_| item.clone());
            assert_eq!(items, array);
            assert_eq!(items, array.clone());
            assert_eq!(&items[..], &array[..]);
            assert_eq!(&items[..], array);
            assert_eq!(array, array);
            format!("{array:?}");
            array.iter().next();
            Vec::from(array.clone());
            array.to_vec();
            for item in &array {}
            for item in array.clone() {}
            array.into_iter().collect::<Vec<T>>();
        )*};
    }
    of!(0 1 2 3 4 5 6);
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
    value.clone().replace(value.clone()?);
    value.clone().or(value.clone()).xor(None);
    value.clone().into_iter().next();
    value.iter().next();
    value.as_ref().cloned();
    value.is_some() && value.is_none();
    debug(&value);
    value.clone().zip(value.clone());
    let mut slot = value.clone();
    slot.insert(value.clone()?);
    drop(slot);
    value
}

fn result<T: Debug + Clone, E: Debug + Clone>(value: Result<T, E>) -> Result<T, E> {
    value.clone().unwrap();
    value.clone().expect("");
    value.clone().ok();
    value.clone().err();
    value.is_ok() || value.is_err();
    value.as_ref().ok();
    debug(&value);
    if value.is_ok() {
        value.clone().unwrap_err();
    }
    let taken = value.clone()?;
    drop(value);
    Ok(taken)
}

fn items<T: Debug + Clone + PartialEq>(mut items: Vec<T>, item: T) {
    items.push(item.clone());
    items.pop();
    items.insert(0, item.clone());
    items.remove(0);
    items.swap_remove(0);
    items.truncate(1);
    items.clear();
    items.reserve(1);
    items.resize(1, item.clone());
    items.append(&mut vec![item.clone(); 2]);
    items.extend(vec![item.clone()]);
    items.extend_from_slice(&[item.clone()]);
    items.extend(items.clone().iter().cloned());
    items.extend(Some(item.clone()));
    items.drain(..).next();
    items.split_off(1);
    items.dedup();
    items.reverse();
    items.swap(0, 1);
    items.contains(&item);
    items.starts_with(&[item.clone()]);
    items.first();
    items.last();
    items.last_mut();
    items.get(0);
    items.get_mut(0);
    items.get(0..1);
    (&items[0], &items[..1], &items[1..], &items[0..1], &items[..]);
    items[0] = item.clone();
    items.is_empty();
    items.len();
    items.capacity();
    items.as_slice();
    items.as_mut_slice();
    items.to_vec();
    items.split_at(1);
    items.split_at_mut(1);
    items.split_first();
    items.split_last();
    items.rotate_left(1);
    items.fill(item.clone());
    items.iter().next_back();
    for item in &items {}
    for item in &mut items {}
    for item in items.clone() {}
    for (index, item) in items.iter().enumerate() {}
    for (index, item) in items.iter_mut().enumerate() {}
    for (index, item) in items.clone().into_iter().enumerate() {}
    for item in items.iter().rev() {}
    for item in items.iter().skip(1) {}
    for item in items.iter().take(1) {}
    for item in items.chunks(1) {}
    for item in items.windows(1) {}
    for (a, b) in items.iter().zip(&items) {}
    for (a, b) in items.iter().zip(items.iter().skip(1)) {}
    for item in items.iter().chain(&items) {}
    for item in items.iter().cloned() {}
    for item in items.drain(..) {}
    items.iter().count();
    items.iter().last();
    items.iter().nth(1);
    items.iter().len();
    items.clone().into_iter().last();
    items.clone().into_iter().nth(1);
    items.clone().into_iter().rev().collect::<Vec<T>>();
    items.iter().cloned().collect::<Vec<T>>();
    items.iter().collect::<Vec<&T>>();
    items.iter().rev().cloned().collect::<Vec<T>>();
    items.iter().cloned().rev().collect::<Vec<T>>();
    items.iter().skip(1).cloned().collect::<Vec<T>>();
    items.iter().take(1).cloned().collect::<Vec<T>>();
    items.iter().enumerate().collect::<Vec<(usize, &T)>>();
    items.iter().zip(&items).collect::<Vec<(&T, &T)>>();
    items.iter().cloned().collect::<VecDeque<T>>();
    items.clone().into_iter().collect::<VecDeque<T>>();
    items.clone().into_boxed_slice();
    let mut peek = items.iter().peekable();
    while let Some(item) = peek.next() {
        peek.peek();
    }
    let mut peek = items.clone().into_iter().peekable();
    while let Some(item) = peek.next() {
        peek.peek();
        peek.next_if_eq(&item);
    }
    let mut all = Vec::with_capacity(1);
    all.push(items.clone());
    all.push(Vec::new());
    all.concat();
    for inner in &all {
        for item in inner {}
    }
    all.iter().flatten().next();
    all[0].push(item.clone());
    all[0][0] = item.clone();
    debug(&all);
    compare(all.clone(), all.clone());
    let mut queue = VecDeque::from(items.clone());
    queue.push_back(item.clone());
    queue.push_front(item.clone());
    queue.pop_front();
    queue.pop_back();
    queue.front();
    queue.back();
    queue.iter().next();
    queue.clear();
    queue.get(0);
    queue.extend(items.clone());
    queue.into_iter().collect::<Vec<T>>();
    debug(&items);
    debug(&&items[..]);
    option(Some(item.clone()));
    option(items.first());
    option(Some(items.clone()));
    std::mem::swap(&mut items.clone(), &mut items);
    std::mem::take(&mut items);
    std::mem::replace(&mut items, Vec::new());
    items.clone_from(&vec![item.clone()]);
    std::iter::once(item.clone()).next();
    std::iter::repeat(item.clone()).take(1).collect::<Vec<T>>();
    vec![Some(item.clone()); 1];
    vec![vec![item.clone(); 1]; 1];
    Rc::new(RefCell::new(items.clone())).borrow_mut().push(item.clone());
    drop(Box::new(item));
}

fn holders<T: Debug + Clone + PartialEq>(item: T) {
    let shared = Rc::new(item.clone());
    Rc::strong_count(&Rc::clone(&shared));
    Rc::downgrade(&shared).upgrade();
    let cell = Rc::new(RefCell::new(item.clone()));
    *cell.borrow_mut() = item.clone();
    cell.borrow().clone();
    Rc::downgrade(&cell).upgrade();
    RefCell::new(item.clone()).into_inner();
    let lock = Arc::new(Mutex::new(item.clone()));
    *Arc::clone(&lock).lock().unwrap() = item.clone();
    lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Arc::strong_count(&Arc::new(item.clone()));
    let (sender, receiver) = mpsc::channel();
    sender.clone().send(item.clone()).unwrap();
    receiver.recv().unwrap();
    receiver.try_recv().unwrap();
    for item in receiver {}
    debug(&Box::new(item));
}

fn maps<K: Debug + Clone + Hash + Ord, V: Debug + Clone + PartialEq + Default>(key: K, value: V) {
    let mut map = HashMap::new();
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
    map.values_mut().next();
    map.iter().next();
    map.keys().cloned().collect::<Vec<K>>();
    map.values().cloned().collect::<Vec<V>>();
    map.clone().into_iter().collect::<Vec<(K, V)>>();
    vec![(key.clone(), value.clone())].into_iter().collect::<HashMap<K, V>>();
    for (key, value) in &map {}
    for (key, value) in &mut map {}
    for (key, value) in map.clone() {}
    HashMap::from([(key.clone(), value.clone())]);
    HashMap::<K, V>::with_capacity(1);
    map.extend(Some((key.clone(), value.clone())));
    map.clear();
    debug(&map);
    compare(map.clone(), map);
    let mut map = BTreeMap::new();
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
    map.first_key_value();
    map.last_key_value();
    map.pop_first();
    map.keys().next();
    map.values().next();
    map.iter().next();
    map.iter().next_back();
    map.keys().cloned().collect::<Vec<K>>();
    map.values().cloned().collect::<Vec<V>>();
    map.clone().into_iter().collect::<Vec<(K, V)>>();
    for (key, value) in &map {}
    for (key, value) in &mut map {}
    for (key, value) in map.clone() {}
    map.extend(Some((key.clone(), value.clone())));
    debug(&map);
    compare(map.clone(), map);
    same((key.clone(), value.clone()));
    items_of_pairs(vec![(key, value)]);
}

fn items_of_pairs<K: Debug + Clone + PartialEq, V: Debug + Clone + PartialEq>(mut pairs: Vec<(K, V)>) {
    let pair = pairs[0].clone();
    pairs.push(pair.clone());
    pairs.pop();
    for (a, b) in &pairs {}
    for (a, b) in pairs.clone() {}
    pairs.iter().cloned().unzip::<K, V, Vec<K>, Vec<V>>();
    pairs.clone().into_iter().unzip::<K, V, Vec<K>, Vec<V>>();
    pairs.iter().next();
    pairs.clone().into_iter().next();
    pairs.first().cloned();
    pairs.to_vec();
    assert_eq!(pairs, [pair.clone()]);
    assert_eq!(pairs, [pair.clone(), pair.clone()]);
    assert_eq!(pairs, vec![pair.clone()]);
    debug(&pairs);
    debug(&Some(pair));
}

fn sets<K: Debug + Clone + Hash + Ord>(key: K) {
    let mut set = HashSet::new();
    set.insert(key.clone());
    set.contains(&key);
    set.remove(&key);
    set.len();
    set.is_empty();
    set.iter().next();
    set.get(&key);
    set.union(&set).cloned().collect::<HashSet<K>>();
    set.is_subset(&set);
    for key in &set {}
    set.clone().into_iter().collect::<Vec<K>>();
    vec![key.clone()].into_iter().collect::<HashSet<K>>();
    HashSet::from([key.clone()]);
    set.extend(Some(key.clone()));
    debug(&set);
    compare(set.clone(), set);
    let mut set = BTreeSet::new();
    set.insert(key.clone());
    set.contains(&key);
    set.remove(&key);
    set.len();
    set.iter().next();
    set.first();
    set.last();
    set.pop_first();
    for key in &set {}
    set.iter().cloned().collect::<Vec<K>>();
    set.clone().into_iter().collect::<Vec<K>>();
    vec![key.clone()].into_iter().collect::<BTreeSet<K>>();
    BTreeSet::from([key.clone()]);
    set.extend(Some(key));
    debug(&set);
    compare(set.clone(), set);
}

macro_rules! everyday {
    ($name:ident: $type:ty) => {
        pub fn $name(item: $type, list: Vec<$type>) {
            format!("{}", item);
            item.to_string();
            debug(&item);
            same(item.clone());
            arrays(list.clone(), item.clone());
            option(Some(item.clone()));
            result::<$type, String>(Ok(item.clone()));
            result::<Vec<$type>, String>(Ok(list.clone()));
            items(list.clone(), item.clone());
            holders(item.clone());
            compare(&list[..], &list[..]);
            compare(Some(list.clone()), Some(list.clone()));
            compare(Ok::<_, String>(list.clone()), Ok(list.clone()));
            Some(item.clone()).into_iter().chain(None).collect::<Vec<$type>>();
        }
    };
}

macro_rules! ordered {
    ($name:ident: $type:ty) => {
        pub fn $name(item: $type, list: Vec<$type>) {
            order(list.clone(), item.clone());
            sets(item.clone());
            same((item.clone(), item));
        }
    };
}

macro_rules! mapped {
    ($($name:ident: $key:ty => $value:ty,)*) => {$(
        pub fn $name(key: $key, value: $value) {
            maps(key, value);
        }
    )*};
}
mapped! {
    map_string_i32: String => i32, map_string_u32: String => u32, map_string_usize: String => usize,
    map_string_string: String => String, map_string_vec: String => Vec<String>,
    map_char_usize: char => usize, map_char_u32: char => u32,
    map_i32_i32: i32 => i32, map_i32_usize: i32 => usize, map_u32_u32: u32 => u32, map_u32_string: u32 => String,
    map_usize_usize: usize => usize, map_u64_u64: u64 => u64, map_u8_usize: u8 => usize,
}

macro_rules! numbers {
    ($($name:ident $parse:ident: $type:ty,)*) => {$(
        pub fn $parse(item: $type, mut list: Vec<$type>, text: &str) {
            text.parse::<$type>().unwrap();
            result(text.parse::<$type>());
            list.iter().sum::<$type>();
            list.iter().copied().sum::<$type>();
            list.iter().product::<$type>();
            list.clone().into_iter().sum::<$type>();
            list.iter().copied().collect::<Vec<$type>>();
            list.get(0).copied();
            list.first().copied().unwrap_or_default();
            list.iter().copied().rev().collect::<Vec<$type>>();
            list.extend([item]);
            list.last().copied();
            format!("{item:>3} {item:?} {}", item);
        }
        everyday!($name: $type);
    )*};
}

numbers! {
    of_i32 parse_i32: i32, of_u32 parse_u32: u32, of_i64 parse_i64: i64, of_u64 parse_u64: u64,
    of_usize parse_usize: usize, of_u8 parse_u8: u8, of_f64 parse_f64: f64, of_u16 parse_u16: u16,
}
everyday!(of_char: char);
everyday!(of_bool: bool);
everyday!(of_string: String);

macro_rules! ranges {
    ($($name:ident: $type:ty,)*) => {$(
        pub fn $name(a: $type, b: $type) {
            for i in a..b {}
            for i in a..=b {}
            for i in (a..b).rev() {}
            for i in (a..=b).rev() {}
            for i in (a..b).step_by(2) {}
            for i in (a..=b).step_by(2) {}
            (a..b).collect::<Vec<$type>>();
            (a..=b).collect::<Vec<$type>>();
            (a..b).sum::<$type>();
            (a..=b).sum::<$type>();
            (a..=b).product::<$type>();
            (a..b).contains(&a);
            (a..=b).contains(&a);
            (a..b).zip(a..b).next();
            (a..).next();
        }
    )*};
}
ranges! { range_i32: i32, range_u32: u32, range_i64: i64, range_u64: u64, range_usize: usize, range_u8: u8, }
ordered!(ordered_i32: i32);
ordered!(ordered_u32: u32);
ordered!(ordered_u64: u64);
ordered!(ordered_usize: usize);
ordered!(ordered_char: char);
ordered!(ordered_string: String);

pub fn of_str<'a>(text: &'a str, list: Vec<&'a str>) {
    same(text);
    arrays(list.clone(), text);
    option(Some(text));
    items(list.clone(), text);
    holders(text);
    order(list.clone(), text);
    sets(text);
    maps::<&str, i32>(text, 0);
    maps::<&str, u32>(text, 0);
    maps::<&str, usize>(text, 0);
    maps::<&str, String>(text, String::new());
    maps::<&str, &str>(text, text);
    maps::<&str, Vec<&str>>(text, Vec::new());
    result::<&str, String>(Ok(text));
    result::<String, &str>(Ok(String::new()));
    result::<(), String>(Ok(()));
    result::<(), &str>(Ok(()));
    result::<i32, &str>(Ok(0));
    list.join("");
    list.concat();
    list.contains(&text);
    compare(list, vec![String::new()]);
}

pub fn strings(mut owned: String, text: &str, list: Vec<String>) {
    list.join(", ");
    list.concat();
    compare(owned.clone(), text);
    compare(text, owned.clone());
    compare(owned.as_str(), text);
    compare(&owned, text);
    compare(list.clone(), vec![text]);
    compare(list.clone(), [text]);
    compare(list.clone(), [text, text]);
    compare(list, [text, text, text]);
    compare(Some(owned.clone()), Some(text.to_string()));
    compare(Some(owned.as_str()), Some(text));
    owned.as_str() == text || owned == text || text == owned;
    macro_rules! patterns {
        ($($pattern:expr),*) => {$(
            text.split($pattern).collect::<Vec<&str>>();
            text.split($pattern).next();
            for part in text.split($pattern) {}
            text.splitn(2, $pattern).collect::<Vec<&str>>();
            text.split_once($pattern);
            text.contains($pattern);
            text.starts_with($pattern);
            text.ends_with($pattern);
            text.find($pattern);
            text.rfind($pattern);
            text.replace($pattern, "");
            text.strip_prefix($pattern);
            text.strip_suffix($pattern);
            text.trim_start_matches($pattern);
            text.trim_end_matches($pattern);
            text.matches($pattern).count();
        )*};
    }
    patterns!('a', "a", &owned, char::is_whitespace, ['a', 'b']);
    text.trim_matches('a');
    text.rsplit('a').next();
    text.rsplit_once('a');
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
    owned.extend(vec!['a']);
    owned.clone() + text;
    owned.insert(0, 'a');
    owned.as_bytes();
    owned.drain(..).next();
    vec!['a'].into_iter().collect::<String>();
    vec!['a'].iter().collect::<String>();
    vec!['a'].iter().rev().collect::<String>();
    vec![text].into_iter().collect::<String>();
    vec![owned.clone()].into_iter().collect::<String>();
    vec![text].iter().copied().collect::<Vec<&str>>();
    vec![text].iter().map(ToString::to_string).collect::<Vec<String>>();
    vec![text].into_iter().map(String::from).collect::<Vec<String>>();
    Cow::Borrowed(text).into_owned();
    Cow::from(text).to_string();
    debug(&Cow::from(text));
    let error: Box<dyn std::error::Error> = text.into();
    error.to_string();
    let error: Box<dyn std::error::Error> = owned.clone().into();
    debug(&error);
    use std::fmt::Write;
    write!(owned, "{text}").unwrap();
    writeln!(owned, "{text}").unwrap();
    std::env::args().collect::<Vec<String>>();
    std::thread::spawn(move || {}).join().unwrap();
}

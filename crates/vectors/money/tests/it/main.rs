//! Tests of the money room.

mod screen_formats;
mod screen_lists;
mod screen_names;

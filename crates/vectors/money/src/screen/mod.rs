//! Names and addresses against lists of sanctioned and labelled parties. Never reads a file.

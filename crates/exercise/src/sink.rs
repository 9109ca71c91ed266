//! Where evidence goes: files by name, bytes in order.
//!
//! The room itself opens no file. Whoever calls it brings a [`Sink`], which writes to disk, into an archive, or counts.

use crate::ExerciseError;

/// Takes the files of an exercise, one after the other.
pub trait Sink {
    /// Starts a file; the one before it is complete. `path` is relative, with `/`, and never leaves the folder.
    fn begin(&mut self, path: &str) -> std::io::Result<()>;

    /// Adds bytes to the file begun last. Pieces end anywhere; their borders mean nothing.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()>;
}

/// Text handed to a sink at once; what is held in memory of a file.
const PIECE: usize = 64 * 1024;

/// Lines into the files of a sink, counted.
pub(crate) struct Files<'s> {
    sink: &'s mut dyn Sink,
    folder: String,
    file: String,
    held: String,
    record: u64,
    total: u64,
}

impl<'s> Files<'s> {
    /// Files below `folder`, which is empty or ends with `/`.
    pub fn new(sink: &'s mut dyn Sink, folder: String) -> Files<'s> {
        Files { sink, folder, file: String::new(), held: String::new(), record: 0, total: 0 }
    }

    /// Records written to all files.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Starts a file and gives its whole path.
    pub fn begin(&mut self, file: &str) -> Result<String, ExerciseError> {
        self.flush()?;
        self.file = format!("{}{file}", self.folder);
        self.record = 0;
        self.sink
            .begin(&self.file)
            .map_err(|source| ExerciseError::Sink { file: self.file.clone(), source })?;
        Ok(self.file.clone())
    }

    /// Adds a line and gives its number; the first is 1.
    pub fn line(&mut self, text: &str) -> Result<u64, ExerciseError> {
        self.held.push_str(text);
        self.held.push('\n');
        self.record += 1;
        self.total += 1;
        if self.held.len() >= PIECE {
            self.flush()?;
        }
        Ok(self.record)
    }

    /// Adds bytes of a format that has no lines, and says how many records they hold.
    pub fn bytes(&mut self, bytes: &[u8], records: u64) -> Result<(), ExerciseError> {
        self.flush()?;
        self.record += records;
        self.total += records;
        let done = if bytes.is_empty() { Ok(()) } else { self.sink.append(bytes) };
        done.map_err(|source| ExerciseError::Sink { file: self.file.clone(), source })
    }

    /// Hands over what is held.
    pub fn flush(&mut self) -> Result<(), ExerciseError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let done = self.sink.append(self.held.as_bytes());
        self.held.clear();
        done.map_err(|source| ExerciseError::Sink { file: self.file.clone(), source })
    }
}

//! Integration tests of the room: one binary.

mod evtx;
mod evtx_oracle;

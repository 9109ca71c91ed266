//! Integration tests of the room: one binary.

mod evtx;
mod evtx_binxml;
mod evtx_damage;
mod evtx_fuzz;
mod evtx_oracle;

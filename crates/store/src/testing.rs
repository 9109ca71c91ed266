//! For tests of what is not the lake's: a file that stands in the lake becomes a segment of the case.
//!
//! What this module never does: look at the file.

use crate::case::Parts;
use crate::{Case, Inner, Result, custody, db};

impl Case {
    /// Puts a file that stands in the lake into the case: hash and size of it and of its index.
    #[doc(hidden)]
    pub fn put_segment(
        &mut self,
        run: i64,
        file: &str,
        rows: i64,
        (sha256, bytes): (&str, i64),
        (index_sha256, index_bytes): (&str, i64),
    ) -> Result<()> {
        let Parts { conn, runtime, dir } = self.parts()?;
        let work = async {
            let mut tx = db::begin(conn).await?;
            let id: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM segment")
                .fetch_one(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO segment (id, tbl, file, rows, bytes, index_bytes, untimed, sha256, index_sha256,
                     first_seq, last_seq, created_run, columns)
                 VALUES ($1, 'windows_sysmon', $2, $3, $4, $5, 0, $6, $7, $1, $1, $8, '[]')",
            )
            .bind(id)
            .bind(file)
            .bind(rows)
            .bind(bytes)
            .bind(index_bytes)
            .bind(sha256)
            .bind(index_sha256)
            .bind(run)
            .execute(&mut *tx)
            .await?;
            custody::append_segment(&mut tx, run, file, (sha256, bytes), (index_sha256, index_bytes)).await?;
            tx.commit().await?;
            Ok(())
        };
        runtime.block_on(work).map_err(|e: Inner| e.of(dir))
    }
}

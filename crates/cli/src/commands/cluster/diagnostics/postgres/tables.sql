-- The largest tables of this database.
SELECT schemaname::text AS schema, relname::text AS name, pg_total_relation_size(relid) AS bytes,
       n_live_tup AS rows_about, n_dead_tup AS dead_rows_about
FROM pg_stat_user_tables ORDER BY 3 DESC, 1, 2 LIMIT 20

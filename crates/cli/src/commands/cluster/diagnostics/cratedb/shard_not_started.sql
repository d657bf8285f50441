-- Shards that do not run, and why.
SELECT table_schema, table_name, partition_ident, shard_id, "primary", current_state, explanation
FROM sys.allocations WHERE current_state <> 'STARTED'
ORDER BY "primary" DESC, table_schema, table_name, partition_ident, shard_id LIMIT 100

-- The shards with the most operations that are in the log alone.
SELECT schema_name, table_name, partition_ident, id, node['name'] AS node,
       translog_stats['uncommitted_operations'] AS operations, translog_stats['uncommitted_size'] AS bytes
FROM sys.shards WHERE translog_stats['uncommitted_operations'] > 0
ORDER BY bytes DESC, schema_name, table_name, id LIMIT 20

-- The shards whose copies are furthest apart, by operations that not all of them have.
SELECT schema_name, table_name, partition_ident, id,
       seq_no_stats['max_seq_no'] - seq_no_stats['global_checkpoint'] AS delta
FROM sys.shards WHERE "primary" AND seq_no_stats['max_seq_no'] > seq_no_stats['global_checkpoint']
ORDER BY delta DESC, schema_name, table_name, id LIMIT 10

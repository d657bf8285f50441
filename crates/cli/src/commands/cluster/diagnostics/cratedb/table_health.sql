-- Tables and partitions that are not well, the worst first.
SELECT table_schema, table_name, partition_ident, health, missing_shards, underreplicated_shards
FROM sys.health WHERE health <> 'GREEN' ORDER BY severity DESC, table_schema, table_name, partition_ident LIMIT 100

-- Shards that are on their way, and how far they are.
SELECT schema_name, table_name, partition_ident, id, node['name'] AS node, routing_state, recovery['stage'] AS stage,
       recovery['size']['percent'] AS percent, recovery['size']['used'] AS bytes
FROM sys.shards WHERE routing_state IN ('INITIALIZING', 'RELOCATING')
ORDER BY percent, schema_name, table_name, id LIMIT 100

-- What each table has on each node, the largest first.
SELECT schema_name, table_name, node['name'] AS node, count(*) AS shards, sum(num_docs) AS docs, sum(size) AS bytes
FROM sys.shards WHERE routing_state IN ('STARTED', 'RELOCATING')
GROUP BY schema_name, table_name, node['name'] ORDER BY bytes DESC, schema_name, table_name, node LIMIT 100

-- What each node has.
SELECT node['name'] AS node, count(*) AS shards, count(*) FILTER (WHERE "primary") AS primaries,
       sum(num_docs) AS docs, sum(size) AS bytes
FROM sys.shards WHERE routing_state IN ('STARTED', 'RELOCATING') GROUP BY node['name'] ORDER BY shards DESC, node

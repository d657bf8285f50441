-- How many shards and partitions each table has, those with the most first.
SELECT schema_name, table_name, count(*) AS shards, count(*) FILTER (WHERE "primary") AS primaries,
       count(DISTINCT partition_ident) AS partitions
FROM sys.shards GROUP BY schema_name, table_name ORDER BY shards DESC, schema_name, table_name LIMIT 100

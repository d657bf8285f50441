-- Tables and partitions by their health, the worst first.
SELECT health, severity, count(*) AS tables, sum(missing_shards) AS missing_shards,
       sum(underreplicated_shards) AS underreplicated_shards
FROM sys.health GROUP BY health, severity ORDER BY severity DESC

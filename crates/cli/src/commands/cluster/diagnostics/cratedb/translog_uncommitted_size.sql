-- How much is in the logs alone.
SELECT sum(translog_stats['uncommitted_operations']) AS operations, sum(translog_stats['uncommitted_size']) AS bytes
FROM sys.shards

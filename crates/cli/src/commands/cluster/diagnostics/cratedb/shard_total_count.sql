-- How many shards there are, copies included.
SELECT count(*) AS shards FROM sys.shards
